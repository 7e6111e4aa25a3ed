"""Where the user's installer looks for packages: what pip was told, in the words of uv, unless uv was told itself."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["search_places", "wheels_on_disk"]

_WORDS = (("index-url", "UV_DEFAULT_INDEX"), ("extra-index-url", "UV_INDEX"), ("find-links", "UV_FIND_LINKS"))


def search_places() -> dict[str, str]:
    """Give settings for uv's environment that make it look where pip looks (uv reads no settings of pip)."""
    configured = _configured()
    places = {}
    for pip, uv in _WORDS:
        told = os.environ.get(f"PIP_{pip.upper().replace('-', '_')}") or configured.get(pip, "")
        if told and uv not in os.environ:
            places[uv] = "\n".join(told.split()) if uv == "UV_DEFAULT_INDEX" else " ".join(told.split())
    if "UV_FIND_LINKS" in places:
        places["UV_FIND_LINKS"] = ",".join(places["UV_FIND_LINKS"].split())
    return places


def wheels_on_disk(pins: Sequence[str], places: Mapping[str, str]) -> dict[str, list[str]]:
    """Hash the wheels of `pins` that lie in local folders: uv gives no hashes for those."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    found: dict[str, list[str]] = {}
    for wheel in _local_wheels(places.get("UV_FIND_LINKS") or os.environ.get("UV_FIND_LINKS", "")):
        try:
            name, version, _, _ = parse_wheel_filename(wheel.name)
        except InvalidWheelFilename:
            continue
        if (pin := f"{name}=={version}") in pins:
            with wheel.open("rb") as file:
                found.setdefault(pin, []).append(hashlib.file_digest(file, "sha256").hexdigest())
    return found


def _local_wheels(links: str) -> Iterator[Path]:
    for link in links.split(","):
        folder = Path(link.strip().removeprefix("file://")).expanduser()
        if link.strip() and folder.is_dir():
            yield from sorted(folder.glob("*.whl"))


def _configured() -> dict[str, str]:
    """Read pip's configuration files, the later ones winning: the machine's, the user's, the environment's."""
    from configparser import ConfigParser, Error

    parser = ConfigParser(interpolation=None)
    try:
        parser.read([each for each in _files() if each != os.devnull], encoding="utf-8")
    except (Error, OSError, UnicodeDecodeError):
        return {}
    sections = [dict(parser[each]) for each in ("global", "install") if parser.has_section(each)]
    return {key: value for section in sections for key, value in section.items()}


def _files() -> Iterator[str]:
    from platformdirs import site_config_path, user_config_path

    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    if os.environ.get("PIP_CONFIG_FILE") == os.devnull:
        return
    yield f"/etc/{name}"
    yield str(site_config_path("pip", appauthor=False) / name)
    yield str(Path("~", "pip" if sys.platform == "win32" else ".pip", name).expanduser())
    yield str(user_config_path("pip", appauthor=False, roaming=True) / name)
    yield str(Path(sys.prefix, name))
    if os.environ.get("PIP_CONFIG_FILE"):
        yield os.environ["PIP_CONFIG_FILE"]
