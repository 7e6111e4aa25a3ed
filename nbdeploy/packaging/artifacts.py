"""The exported package's `artifacts.py`, which reads the stored values without nbdeploy, and their manifest."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbdeploy.recording.formats import FORMATS, loader_source, saver_source, suffix

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["ONNX", "ArtifactEntry", "artifacts_module", "manifest"]

MANIFEST_VERSION = 1
ONNX = "onnx"
"""The format of converted models; it is none of the recording's."""
BUILDING = frozenset({"skops", "torch"})
"""The formats whose files name types to be built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactEntry:
    """A stored value of the package: where it lies, how it is read, what it is, and the cell that made it.

    `type_name` is its class as it is written in an annotation; `type_import` is the line that brings that name in for
    the type checker, None for builtins. `cell` is 0-based, `line` 1-based.
    """

    name: str
    file: str
    format: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""
    size: int = 0
    type_name: str = "Any"
    type_import: str | None = None
    cell: int | None = None
    line: int | None = None
    saved_as: str = ""
    saved_arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def saving(self) -> str:
        """The format that a new value is written in: an ONNX file is made by nbdeploy alone, from a recorded one."""
        return self.saved_as or self.format

    @property
    def trusted(self) -> tuple[str, ...]:
        """The types beyond plain data and the library's own that the native file holds."""
        return tuple((self.saved_arguments if self.saved_as else self.arguments).get("trusted", ()))


def manifest(entries: Iterable[ArtifactEntry]) -> str:
    """Write the manifest: for every artifact its file, format, load arguments, sha256, bytes and origin, as JSON."""
    artifacts = {
        each.name: {
            "file": each.file,
            "format": each.format,
            "arguments": dict(each.arguments),
            "sha256": each.sha256,
            "size": each.size,
            "type": each.type_name,
            "cell": each.cell,
            "line": each.line,
        }
        for each in entries
    }
    return json.dumps({"version": MANIFEST_VERSION, "artifacts": artifacts}, indent=2) + "\n"


def artifacts_module(entries: Sequence[ArtifactEntry], *, module: str) -> str:
    """Write the text of `artifacts.py` for the package `module`."""
    used = [name for name in FORMATS if name in {name for each in entries for name in (each.format, each.saving)}]
    converted = any(each.format == ONNX for each in entries)
    parts = (
        _HEADER.format(
            typing="TYPE_CHECKING, Any" if any(each.type_import for each in entries) else "Any",
            own="\nfrom .onnx_models import OnnxModel, load_onnx\n" if converted else "",
            type_imports=_type_imports(entries),
            exported=_list(sorted(["ArtifactProblem", "save", *(each.name for each in entries)], key=_export_order)),
            variable=f"{module.upper()}_ARTIFACTS",
            version=MANIFEST_VERSION,
        ),
        loader_source(used) + "\n\n" + saver_source(used) if used else "",
        _table(entries, used, converted=converted),
        _loading(used, converted=converted),
        "\n".join(_entry_line(each) for each in entries),
    )
    return "\n\n".join(part.strip("\n") + "\n" for part in parts if part.strip())


def _export_order(name: str) -> tuple[int, str]:
    """Sort as ruff does: constants, then classes, then the rest."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def _type_imports(entries: Sequence[ArtifactEntry]) -> str:
    lines = sorted({f"    {each.type_import}\n" for each in entries if each.type_import})
    return f"\nif TYPE_CHECKING:\n{''.join(lines)}" if lines else ""


def _list(names: Sequence[str]) -> str:
    return "[\n" + "".join(f'    "{name}",\n' for name in names) + "]"


def _table(entries: Sequence[ArtifactEntry], used: Sequence[str], *, converted: bool) -> str:
    formats = "".join(f'    "{each.name}": "{each.saving}",\n' for each in entries)
    rows = "".join(f'    "{name}": (load_{name}, save_{name}, "{suffix(name)}"),\n' for name in used)
    rows += f'    "{ONNX}": (load_onnx, None, ".onnx"),\n' if converted else ""
    kept = (
        "a new value of each artifact is kept in; ONNX files are made of recorded ones"
        if converted
        else ("each artifact is kept in")
    )
    return f"""
FORMATS: dict[str, tuple[Any, Any, str]] = {{{_body(rows)}}}
\"\"\"How a file of each format is read and written, and how its name ends.\"\"\"

FORMAT_OF: dict[str, str] = {{{_body(formats)}}}
\"\"\"The format that {kept}.\"\"\"
{_trusted(entries, used)}"""


def _trusted(entries: Sequence[ArtifactEntry], used: Sequence[str]) -> str:
    """Write what the code trusts of files that build types by their names: a manifest can only say less."""
    if not BUILDING.intersection(used):
        return ""
    rows = "".join(_trust_of(each) for each in entries if each.trusted)
    return f"""
TRUSTED: dict[str, set[str]] = {{{_body(rows)}}}
\"\"\"The types that reading an artifact may build, beyond plain data and the library's own; a manifest can't add any.\"\"\"
"""


def _trust_of(entry: ArtifactEntry) -> str:
    types = "".join(f'        "{each}",\n' for each in sorted(entry.trusted))
    return f'    "{entry.name}": {{\n{types}    }},\n'


def _loading(used: Sequence[str], *, converted: bool) -> str:
    other = 'not in {FORMAT_OF[name], "onnx"}' if converted else "!= FORMAT_OF[name]"
    trust = _CHECK_TRUST if BUILDING.intersection(used) else ""
    return _FOOTER.replace("is OTHER", other).replace("    TRUST\n", trust)


def _body(rows: str) -> str:
    return f"\n{rows}" if rows else ""


def _entry_line(entry: ArtifactEntry) -> str:
    origin = f"  # cell {entry.cell}" if entry.cell is not None else ""
    return f'{entry.name}: {entry.type_name} = _load("{entry.name}"){origin}'


_HEADER = '''
"""The fitted objects of the notebook, read from files on import.

`manifest.json` beside the files says of each its format and its sha256. A file is opened only if it is the one that was
recorded; what it may contain beyond plain data is listed there as `trusted`.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import {typing}
{own}{type_imports}
__all__ = {exported}

FOLDER = Path(os.environ.get("{variable}") or Path(__file__).resolve().parent.parent / "artifacts")
"""Where the files are; the environment variable {variable} names another folder."""

MANIFEST_VERSION = {version}


class ArtifactProblem(RuntimeError):
    """A file is missing, is not the one that was recorded, or is described in a way that this code does not know."""


def _manifest(folder: Path) -> dict[str, Any]:
    """Read what is known of the files in a folder."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise ArtifactProblem(f"{{path}} is missing: {{folder}} is not a folder of artifacts")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content.get("version") != MANIFEST_VERSION:
        raise ArtifactProblem(f"{{path}} has version {{content.get('version')}}, this code reads {{MANIFEST_VERSION}}")
    return content


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
'''

_CHECK_TRUST = """\
    foreign = set(entry["arguments"].get("trusted", ())) - TRUSTED.get(name, set())
    if foreign:
        raise ArtifactProblem(f"{path} would build {', '.join(sorted(foreign))}, which TRUSTED does not name")
"""

_FOOTER = '''
def _load(name: str) -> Any:
    """Read one artifact after its file was found to be the recorded one."""
    entry = _manifest(FOLDER)["artifacts"].get(name)
    if entry is None:
        raise ArtifactProblem(f"{FOLDER / 'manifest.json'} knows no artifact {name!r}")
    path = FOLDER / entry["file"]
    if not path.is_file():
        raise ArtifactProblem(f"{path} is missing; artifact {name!r} was recorded in it")
    found = _sha256(path)
    if found != entry["sha256"]:
        raise ArtifactProblem(f"{path} was changed: its sha256 is {found}, recorded was {entry['sha256']}")
    if entry["format"] is OTHER:
        raise ArtifactProblem(f"{path} is in the format {entry['format']}; {name!r} is kept as {FORMAT_OF[name]}")
    TRUST
    load = FORMATS[entry["format"]][0]
    return load(path, **entry["arguments"])


def save(name: str, value: object, folder: Path) -> None:
    """Write a new value of an artifact, and its line in the manifest of that folder: both whole or not at all."""
    _, write, suffix = FORMATS[FORMAT_OF[name]]
    folder.mkdir(parents=True, exist_ok=True)
    partial, path = folder / f".{name}.partial{suffix}", folder / f"{name}{suffix}"
    try:
        arguments = write(value, partial)
        entry: dict[str, Any] = {"format": FORMAT_OF[name], "arguments": arguments, "sha256": _sha256(partial)}
        entry |= {"file": path.name, "size": partial.stat().st_size, "type": type(value).__qualname__}
        known = (folder / "manifest.json").is_file()
        content: dict[str, Any] = _manifest(folder) if known else {"version": MANIFEST_VERSION, "artifacts": {}}
        content["artifacts"][name] = content["artifacts"].get(name, {}) | entry
        text = json.dumps(content, indent=2) + "\\n"
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    partial = folder / ".manifest.partial.json"
    partial.write_text(text, encoding="utf-8")
    partial.replace(folder / "manifest.json")
'''
