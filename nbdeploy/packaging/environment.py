"""The lock: every distribution that the exported package needs, at the version that made the recording, with hashes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbdeploy.errors import Diagnostic, EnvironmentProblem
from nbdeploy.packaging.installed import Closure, Installed, closure_of, installed, owners
from nbdeploy.packaging.search_places import search_places, wheels_on_disk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Lock", "hashes_in", "lock"]

LOOK_UP_SECONDS = 90.0
_UNREACHED = "the package index could not be reached"
Hashes = dict[str, list[str]]  # "name==version" -> sha256 digests, of the wheels for every platform


@dataclass(frozen=True, slots=True)
class Lock:
    """Exact requirements. `pins` maps normalised names to versions; `text` is the file `requirements.lock`.

    `hashed` tells whether every pin carries its hashes; where not, `reason` tells why. `imports` are the top-level
    names that these distributions provide: nothing else but the standard library is there to import.
    `local` are roots that belong to no distribution, or to the user's own editable one: their source must be taken
    along. `built` are pins that no index gives to anybody else: they were built from a folder or a repository. `missing`
    and `conflicts` tell what is wrong with the environment by its own metadata.
    """

    text: str
    pins: Mapping[str, str]
    hashed: bool
    reason: str
    imports: frozenset[str]
    local: tuple[str, ...] = ()
    built: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def lock(roots: Iterable[str], *, python_version: str, timeout: float = LOOK_UP_SECONDS) -> Lock:
    """Pin what `roots` (import names such as `sklearn`, or distribution names) need, as it is installed here.

    Names of the standard library are left out. The hashes are looked up with uv within `timeout` seconds and kept in
    the data folder; without an answer the pins come without hashes. Raises EnvironmentProblem (NBD620) without uv.
    """
    starts, local = _distributions(roots)
    closure = closure_of(((each, frozenset()) for each in starts), python_version)
    editable = frozenset(each.name for each in closure.members if each.origin == "editable")
    members = tuple(each for each in closure.members if each.name not in editable)
    hashes, reason = _hashes(members, python_version, timeout)
    return Lock(
        text=_text(members, hashes if not reason else {}, python_version, reason),
        pins={each.name: each.version for each in members},
        hashed=not reason,
        reason=reason,
        imports=frozenset().union(*(each.modules for each in members)),
        local=tuple(sorted(local | _modules_of(closure, editable))),
        built=_built(members),
        missing=closure.missing,
        conflicts=closure.conflicts,
    )


def _distributions(roots: Iterable[str]) -> tuple[set[str], set[str]]:
    """The names of the distributions to start from, and the roots that are nobody's."""
    from packaging.utils import canonicalize_name

    starts: set[str] = set()
    local: set[str] = set()
    for root in roots:
        top = root.partition(".")[0]
        if top in sys.stdlib_module_names or top == "__main__":
            continue
        found = owners(root)
        if found:
            starts.update(each.name for each in found)
            local.update(top for each in found if each.origin == "editable")
        elif (name := canonicalize_name(root)) in installed():
            starts.add(name)
        else:
            local.add(top)
    return starts, local


def _modules_of(closure: Closure, names: frozenset[str]) -> set[str]:
    return {
        module for each in closure.members if each.name in names for module in each.modules if module.isidentifier()
    }


def _text(members: Sequence[Installed], hashes: Hashes, python_version: str, reason: str) -> str:
    lines = [f"# Everything that this package needs, as it was installed when it was made (Python {python_version})."]
    if reason:
        lines += ["# Without hashes: " + reason, "#     pip install -r requirements.lock"]
    else:
        lines += ["#     pip install --require-hashes -r requirements.lock"]
    for each in members:
        pin = _pin(each)
        lines.append(" \\\n    ".join([pin, *(f"--hash=sha256:{digest}" for digest in hashes.get(pin, ()))]))
    return "\n".join(lines) + "\n"


def _pin(each: Installed) -> str:
    return f"{each.name}=={each.version}"


def _hashes(members: Sequence[Installed], python_version: str, timeout: float) -> tuple[Hashes, str]:
    """The hashes of every member, or the reason why some have none."""
    built = _built(members)
    if built:
        return {}, f"{_listed(built)} was built from a folder or a repository, not installed from an index"
    noted = {_pin(each): [each.sha256] for each in members if each.origin == "archive" and each.sha256}
    sought = [_pin(each) for each in members if _pin(each) not in noted]
    cached = _cached()
    unknown = [pin for pin in sought if pin not in cached]
    if unknown:
        answer, reason = _look_up(unknown, python_version, timeout)
        if reason:
            return {}, reason
        cached = cached | answer
        _keep(cached)
    return {pin: cached[pin] for pin in sought} | noted, ""


def _built(members: Sequence[Installed]) -> tuple[str, ...]:
    return tuple(_pin(each) for each in members if each.origin == "source")


def _look_up(pins: Sequence[str], python_version: str, timeout: float) -> tuple[Hashes, str]:
    """Ask the main index, which has the wheels for every platform; then, for what it lacks, the user's other places."""
    places = search_places()
    main = {key: value for key, value in places.items() if key == "UV_DEFAULT_INDEX"}
    found, reason = _ask(pins, python_version, timeout, main)
    if reason == _UNREACHED:
        found, reason = _ask(pins, python_version, timeout, main, "--offline")  # what uv itself remembers
        return found, _UNREACHED if reason else ""
    if reason and places != main:
        found, reason = _ask(pins, python_version, timeout, places)
    return found, reason


def _ask(
    pins: Sequence[str], python_version: str, timeout: float, places: Mapping[str, str], *options: str
) -> tuple[Hashes, str]:
    command = [_uv(), "pip", "compile", "-", "--generate-hashes", "--no-deps", "--no-header", "--no-annotate"]
    command += ["--python", sys.executable, "--python-version", python_version]
    command += ["--quiet", "--color", "never", "--no-progress", *options]
    if "UV_FIND_LINKS" in places or "UV_INDEX" in places:
        command += ["--index-strategy", "unsafe-best-match"]  # what pip does with more than one index
    try:
        done = subprocess.run(
            command,
            input="\n".join(pins),
            env={**os.environ, **places},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}, f"the package index did not answer within {timeout:g} s"
    if done.returncode != 0:
        return {}, _why_not(done.stderr, pins)
    found = hashes_in(done.stdout)
    found |= wheels_on_disk([pin for pin in pins if not found.get(pin)], places)
    silent = [pin for pin in pins if not found.get(pin)]
    return (found, "") if not silent else ({}, f"the package index gives no hash for {_listed(silent)}")


def _uv() -> str:
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        message = f"the program uv, which looks up the hashes of requirements, is missing: {error}"
        raise EnvironmentProblem(Diagnostic(code="NBD620", message=message, fix="pip install uv")) from error


def hashes_in(output: str) -> Hashes:
    """Read requirements as uv and `lock` write them: a pin, then its sha256 digests on lines that continue it."""
    found: Hashes = {}
    for line in output.replace("\\\n", " ").splitlines():
        words = line.split()
        if words and not words[0].startswith(("#", "-")):
            prefix = "--hash=sha256:"
            found[words[0]] = sorted(word.removeprefix(prefix) for word in words[1:] if word.startswith(prefix))
    return found


def _why_not(said: str, pins: Sequence[str]) -> str:
    text = " ".join(re.sub(r"\w+://\S+", "the package index", said).replace("│", " ").split())
    absent = [pin for pin in pins if _is_absent(pin, text)]
    labelled = [pin for pin in pins if "+" in pin]
    if absent or (labelled and "no version" in text):
        return f"the package index has no {_listed(absent or labelled)}: a local build?"
    if re.search(r"dns error|[Cc]onnect|timed out|network|offline|tunnel|Failed to fetch", text):
        return _UNREACHED
    return "uv could not look them up: " + text[:300]


def _is_absent(pin: str, text: str) -> bool:
    name = pin.partition("==")[0]
    return bool(re.search(rf"no version of {re.escape(pin)}(?![\w.])|\b{re.escape(name)} was not found", text))


def _listed(pins: Sequence[str]) -> str:
    return ", ".join(pins[:5]) + (f" and {len(pins) - 5} more" if len(pins) > 5 else "")


def _cache_file() -> Path:
    from nbdeploy.home import data_folder

    told = sorted((key, value) for key, value in (os.environ | search_places()).items() if re.match("UV_.*INDEX", key))
    folder = data_folder() / "locks"
    folder.mkdir(exist_ok=True)
    return folder / f"hashes-{hashlib.sha256(repr(told).encode()).hexdigest()[:12]}.json"  # another index, other files


def _cached() -> Hashes:
    try:
        data = json.loads(_cache_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(pin): list(digests) for pin, digests in data.items()} if isinstance(data, dict) else {}


def _keep(hashes: Hashes) -> None:
    from nbdeploy.home import write_atomically

    write_atomically(_cache_file(), json.dumps(hashes, indent=0, sort_keys=True))
