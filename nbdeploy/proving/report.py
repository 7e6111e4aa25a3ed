"""The report of a deploy as one value: what was proven, of what, with which figures. Rendering is `report_page.py`'s."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.analysis.serving import Storage
from nbdeploy.packaging.symbols import name_symbols
from nbdeploy.proving.verdict import GATES

if TYPE_CHECKING:
    from nbdeploy.analysis.serving import Frozen
    from nbdeploy.errors import Diagnostic
    from nbdeploy.packaging.package import Package
    from nbdeploy.proving.prove import Proven
    from nbdeploy.recording.recording import Recording

__all__ = ["Data", "Form", "FrozenValue", "Report", "ServedCell", "report_of", "whole_proof"]

SHORT = 300  # characters of a constant


@dataclass(frozen=True, slots=True)
class ServedCell:
    """What of one cell runs for every request, and the names whose frozen values it reads."""

    cell: int
    role: str
    code: str
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FrozenValue:
    """A value of the notebook's run that is served as it was: a file of so many `bytes`, or a constant written as code."""

    name: str
    kept_as: str
    type: str
    made_in_cell: int | None = None
    literal: str = ""
    file: str = ""
    format: str = ""
    bytes: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """An input or output: the notebook's variable, its class, rows of the recording, and columns as name and dtype."""

    name: str
    type: str
    rows: int | None
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Data:
    """Data that the notebook read: rows and columns are counts, `sha256` is that of its content."""

    name: str
    rows: int | None
    columns: int | None
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One deploy, as it is told to people and to programs.

    `gates` are all ten, as JSON values; one that was not asked is skipped and says why. `seconds` are those of the stages.
    `packages` are versions of what the package imports itself, of the `locked` ones that its lock holds. `places` say where
    things are. `stopped_by` is the gate that ended the deploy; "" where nothing did. `contacts` are who is called for a fault
    of the `system` or of the `model`.
    """

    name: str
    version: str
    notebook: str
    made: str
    python: str
    platform: str
    gates: tuple[Mapping[str, Any], ...]
    path: tuple[ServedCell, ...] = ()
    frozen: tuple[FrozenValue, ...] = ()
    input: Form
    output: Form
    bindings: Mapping[str, str] = field(default_factory=dict)
    data: tuple[Data, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    locked: int = 0
    hashed: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    diagnostics: tuple[Mapping[str, Any], ...] = ()
    stopped_by: str = ""
    contacts: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"report": 1, **asdict(self)}


def report_of(
    proven: Proven,
    recording: Recording,
    *,
    seconds: Mapping[str, float],
    places: Mapping[str, str],
    diagnostics: tuple[Diagnostic, ...] = (),
) -> Report:
    """Gather what is to be told of a proven package."""
    path, package = recording.path, proven.package
    return Report(
        name=package.name,
        version=package.version,
        notebook=_notebook(recording),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        python=platform.python_version(),
        platform=platform.platform(),
        gates=whole_proof(proven.proof.as_json()),
        path=tuple(_served(recording)),
        frozen=tuple(_frozen(recording, package)),
        input=_form(path.input.name, package.input),
        output=_form(path.output.label, package.output),
        bindings=dict(path.bindings),
        data=tuple(_data(recording)),
        metrics=dict(recording.metrics),
        packages=_packages(package),
        locked=len(package.lock.pins),
        hashed=package.lock.hashed,
        seconds=dict(seconds),
        places=dict(places),
        diagnostics=tuple(each.as_json() for each in diagnostics),
        contacts=recording.program.notebook.settings.contacts,
    )


def whole_proof(gates: list[dict[str, Any]], why: str = "") -> tuple[Mapping[str, Any], ...]:
    """Return all ten gates: those that are not there were not asked."""
    known = {each["name"]: each for each in gates}
    failed = next((each["name"] for each in gates if each["verdict"] == "fail"), "")
    reason = why or (f"not asked: {failed} failed" if failed else "not asked: there is no Bento")
    skipped = {"verdict": "skip", "reason": reason, "figures": {}}
    return tuple(known.get(gate, {"name": gate, **skipped}) for gate in GATES)


def _notebook(recording: Recording) -> str:
    return Path(recording.program.notebook.path).name


def _served(recording: Recording) -> Iterator[ServedCell]:
    path = recording.path
    cells: dict[int, list[Any]] = {}
    for each in path.served:
        cells.setdefault(each.original.cell, []).append(each)
    for cell, statements in cells.items():
        reads = [
            value.name
            for each in statements
            for value in path.frozen.get(each.original.place, ())
            if value.storage is not Storage.IMPORT
        ]
        code = "\n".join(each.statement.source for each in statements)
        yield ServedCell(cell, str(statements[0].original.role or ""), code, tuple(dict.fromkeys(reads)))
    output = path.output
    if output.expression is not None and output.statement.cell not in cells:
        yield ServedCell(output.statement.cell, "predict", output.label, ())


def _frozen(recording: Recording, package: Package) -> Iterator[FrozenValue]:
    manifest: Mapping[str, Any] = json.loads(package.texts["artifacts/manifest.json"])["artifacts"]
    symbols = name_symbols(recording.path.values())
    for each in recording.path.values():
        if each.storage is Storage.IMPORT:
            continue
        cell = _cell_of(recording, each)
        if each.storage is not Storage.ARTIFACT:
            type_name = each.observation.schema.type.removeprefix("builtins.")
            literal = (each.observation.literal or "") if each.storage is Storage.CONSTANT else ""
            yield FrozenValue(each.name, str(each.storage), type_name, cell, literal[:SHORT])
            continue
        entry = manifest[symbols.home(each)[1]]
        yield FrozenValue(
            name=each.name,
            kept_as=str(each.storage),
            type=_public(each.observation.schema.type),
            made_in_cell=cell,
            file=f"artifacts/{entry['file']}",
            format=entry["format"],
            bytes=entry["size"],
            sha256=entry["sha256"],
        )


def _public(type_name: str) -> str:
    *modules, name = type_name.removeprefix("builtins.").split(".")
    return ".".join([*(each for each in modules if not each.startswith("_")), name])


def _cell_of(recording: Recording, value: Frozen) -> int | None:
    made = value.definition or recording.program.definition_of(value.name, value.reader)
    return made.cell if made else None


def _form(name: str, schema: Any) -> Form:
    columns = tuple((str(each.name), each.dtype) for each in schema.columns)
    return Form(name, str(schema), schema.rows, columns or ((("", schema.dtype),) if schema.dtype else ()))


def _data(recording: Recording) -> Iterator[Data]:
    observation, example = recording.path.input.observation, recording.example
    yield Data(
        recording.path.input.name,
        observation.schema.rows,
        len(observation.schema.columns) or None,
        observation.digest or example.whole_input.sha256,
    )


def _packages(package: Package) -> dict[str, str]:
    """Return the requirements that the package imports itself, as its pyproject.toml pins them."""
    import tomllib

    pinned = tomllib.loads(package.texts["pyproject.toml"])["project"]["dependencies"]
    return dict(each.split("==", 1) for each in pinned if "==" in each)
