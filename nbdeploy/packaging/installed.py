"""What is installed in this environment: distributions, the modules that they bring, what they require."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from importlib.metadata import Distribution

__all__ = ["Closure", "Installed", "closure_of", "installed", "owners"]

Origin = Literal["index", "archive", "source", "editable"]
"""Where it came from: a package index, the file or address of an archive, a folder or repository, a working copy."""


@dataclass(frozen=True, slots=True)
class Installed:
    """One installed distribution. `name` is normalised; `modules` are the top-level names that can be imported.

    `sha256` is the digest of the archive where the installer noted it; `project` the folder of an editable install.
    """

    name: str
    version: str
    modules: frozenset[str]
    files: frozenset[str]  # of packages that several distributions share (`google`): their second level
    origin: Origin
    sha256: str
    project: Path | None
    distribution: Distribution

    @property
    def requires(self) -> tuple[str, ...]:
        return tuple(self.distribution.requires or ())

    @property
    def size(self) -> int:
        """Bytes of its files, as its installer has noted them; compiled Python is not among them."""
        import csv

        rows = csv.reader((self.distribution.read_text("RECORD") or "").splitlines())
        return sum(int(row[2]) for row in rows if len(row) > 2 and row[2].isdigit())


@dataclass(frozen=True, slots=True)
class Closure:
    """Distributions and all that they require, as far as it is installed.

    `missing` names what is required but not installed, `conflicts` what is installed in a version that is excluded.
    """

    members: tuple[Installed, ...]
    missing: tuple[str, ...]
    conflicts: tuple[str, ...]


def installed() -> Mapping[str, Installed]:
    """Give every installed distribution by normalised name; read once, and again after something was installed."""
    return _installed(tuple(_stamp(entry) for entry in sys.path))


def owners(module: str) -> tuple[Installed, ...]:
    """Find the distributions that provide `module` (`sklearn`, `google.protobuf`), none for the stdlib and local files.

    A top-level name that several distributions share gives all of them, unless the dotted name tells them apart.
    """
    top, _, rest = module.partition(".")
    found = tuple(each for each in installed().values() if top in each.modules)
    if len(found) > 1 and rest:
        second = f"{top}/{rest.partition('.')[0]}"
        found = tuple(each for each in found if second in each.files) or found
    return found or tuple(_editable_owner(top))


def closure_of(roots: Iterable[tuple[str, frozenset[str]]], python_version: str) -> Closure:
    """Follow the requirements of `roots` (normalised name and extras) through the installed metadata.

    Markers are evaluated for `python_version` on this platform.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    known, environment = installed(), _environment(python_version)
    queue = list(roots)
    seen: dict[str, frozenset[str] | None] = {}
    missing: set[str] = set()
    conflicts: set[str] = set()
    while queue:
        name, extras = queue.pop()
        before = seen.get(name)
        if before is not None and extras <= before:
            continue
        seen[name] = extras = extras | (before or frozenset())
        for text in known[name].requires:
            requirement = Requirement(text)
            if not _applies(requirement, extras, environment):
                continue
            wanted = canonicalize_name(requirement.name)
            if wanted not in known:
                missing.add(f"{wanted} (for {name})")
                continue
            if not requirement.specifier.contains(known[wanted].version, prereleases=True):
                conflicts.add(f"{name} asks for {wanted}{requirement.specifier}, installed is {known[wanted].version}")
            queue.append((wanted, frozenset(requirement.extras)))
    return Closure(tuple(known[name] for name in sorted(seen)), tuple(sorted(missing)), tuple(sorted(conflicts)))


def _applies(requirement: object, extras: frozenset[str], environment: dict[str, str]) -> bool:
    marker = getattr(requirement, "marker", None)
    if marker is None:
        return True
    return any(marker.evaluate({**environment, "extra": extra}) for extra in (extras or {""}) | {""})


def _environment(python_version: str) -> dict[str, str]:
    from packaging.markers import default_environment

    environment = {key: str(value) for key, value in default_environment().items()}
    short = ".".join(python_version.split(".")[:2])
    if short != environment["python_version"]:
        full = python_version if python_version.count(".") > 1 else f"{short}.0"
        environment.update(python_version=short, python_full_version=full)
    return environment


def _stamp(entry: str) -> tuple[str, int]:
    try:
        return entry, Path(entry or ".").stat().st_mtime_ns
    except OSError:
        return entry, 0


@lru_cache(maxsize=4)
def _installed(path: tuple[tuple[str, int], ...]) -> Mapping[str, Installed]:
    from importlib.metadata import distributions

    from packaging.utils import canonicalize_name

    found: dict[str, Installed] = {}
    for distribution in distributions(path=[entry for entry, _ in path]):
        metadata = distribution.metadata
        name = metadata["Name"] if metadata is not None else None
        if name and (key := canonicalize_name(name)) not in found:  # the first on the path is the one that is imported
            found[key] = _described(key, metadata["Version"], distribution)
    return found


def _described(name: str, version: str, distribution: Distribution) -> Installed:
    modules, files = _provided(distribution)
    origin, sha256, project = _origin(distribution)
    return Installed(name, version, modules, files, origin, sha256, project, distribution)


def _provided(distribution: Distribution) -> tuple[frozenset[str], frozenset[str]]:
    """The top-level modules, extension modules too (`packages_distributions` of Python 3.11 leaves those out)."""
    modules: set[str] = set()
    second: set[str] = set()
    for parts in _module_files(distribution):
        top = parts[0] if len(parts) > 1 else _module_name(parts[0])
        if top and "." not in top:
            modules.add(top)
            if len(parts) > 1:
                second.add(f"{top}/{parts[1] if len(parts) > 2 else _module_name(parts[1])}")
    modules.update((distribution.read_text("top_level.txt") or "").split())
    return frozenset(each for each in modules if "/" not in each and "-" not in each), frozenset(second)


def _module_files(distribution: Distribution) -> Iterator[list[str]]:
    record = distribution.read_text("RECORD")
    if record:  # read as text: `distribution.files` takes ten times as long
        paths = [line.split(",", 1)[0].strip('"') for line in record.splitlines()]
    else:
        paths = [str(each) for each in distribution.files or ()]
    for path in paths:
        if path.endswith((".py", ".so", ".pyd", ".dylib")) and not path.startswith(("..", "/")):
            yield path.split("/")


def _module_name(file: str) -> str:
    return file.split(".", 1)[0]


def _origin(distribution: Distribution) -> tuple[Origin, str, Path | None]:
    import json

    text = distribution.read_text("direct_url.json")
    if not text:
        project = _development_folder(distribution)
        return ("editable" if project else "index"), "", project
    told = json.loads(text)
    if told.get("dir_info", {}).get("editable"):
        return "editable", "", _local_path(told["url"])
    if "archive_info" in told:
        archive = told["archive_info"]
        old_style = str(archive.get("hash", "")).removeprefix("sha256=")
        return "archive", str((archive.get("hashes") or {}).get("sha256", old_style)), None
    return "source", "", None


def _development_folder(distribution: Distribution) -> Path | None:
    """The folder of a `setup.py develop`: its metadata lies beside the sources."""
    folder = Path(str(distribution.locate_file("")))
    beside = distribution.read_text("RECORD") is None and distribution.read_text("PKG-INFO") is not None
    return folder if beside and any((folder / each).is_file() for each in ("setup.py", "pyproject.toml")) else None


def _local_path(url: str) -> Path:
    from urllib.parse import unquote, urlsplit
    from urllib.request import url2pathname

    return Path(url2pathname(unquote(urlsplit(url).path))).resolve()


def _editable_owner(top: str) -> Iterator[Installed]:
    """An editable install lists no modules: its distribution is the one whose project holds the module's file."""
    from importlib.util import find_spec

    projects = [each for each in installed().values() if each.project is not None]
    if not projects:
        return
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    for place in (Path(each).resolve() for each in places if each):
        for each in projects:
            if each.project is not None and place.is_relative_to(each.project):
                yield each
                return
