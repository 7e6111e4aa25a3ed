"""What differs between two versions, part by part. Pure but for the files of the two packages, which are read."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nbdeploy.notebook.settings import LIMITS
from nbdeploy.operating.versions import Version
from nbdeploy.proving.locked import pinned

__all__ = [
    "Change",
    "FileChange",
    "artifacts",
    "code",
    "constants",
    "data",
    "environment",
    "figures",
    "form",
    "metrics",
]

STAGES = ("preprocess.py", "predict.py", "train.py", "functions.py", "definitions.py")
"""What the notebook's own code becomes, in the order in which it is read; all else comes from nbdeploy's templates."""
CELL = re.compile(r"(# |, as )cells? \d+(?:(?:, | and )\d+)*")
"""Where emitted lines come from: a cell that is put in above others changes all their numbers, and nothing else."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that has another value; None where it is not there."""

    name: str
    before: Any
    after: Any

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file of code that differs: lines that came and went, and the unified diff of it. Numbers of cells do not count."""

    path: str
    added: int
    removed: int
    patch: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def code(one: Version, other: Version) -> tuple[FileChange, ...]:
    """Compare the code that serves and trains; constants are compared as values."""
    before, after = _sources(one), _sources(other)
    paths = sorted({*before, *after}, key=_rank)
    changed = (_file_change(path, before.get(path, ""), after.get(path, "")) for path in paths)
    return tuple(each for each in changed if each is not None)


def constants(one: Version, other: Version) -> tuple[Change, ...]:
    return _changes(_constants(one), _constants(other))


def artifacts(one: Version, other: Version) -> tuple[Change, ...]:
    """Compare the fitted objects by their digests."""
    return _changes(_artifacts(one), _artifacts(other))


def environment(one: Version, other: Version) -> tuple[Change, ...]:
    """Compare the pinned requirements, and Python."""
    return _changes(_pins(one), _pins(other))


def form(one: Version, other: Version) -> tuple[Change, ...]:
    """Compare what a request and an answer look like."""
    return _changes(_form(one), _form(other))


def data(one: Version, other: Version) -> tuple[Change, ...]:
    """Compare what the notebook was run on: rows, columns, content."""
    return _changes(_data(one), _data(other))


def metrics(one: Version, other: Version) -> tuple[Change, ...]:
    return _changes(_metrics(one), _metrics(other))


def figures(one: Version, other: Version) -> tuple[Change, ...]:
    """Compare what the gate `budget` measured: two measurements, so small differences say nothing."""
    return _changes(_measured(one), _measured(other))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    names = dict.fromkeys((*before, *after))
    return tuple(
        Change(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    )


# code -------------------------------------------------------------------------------------------------------------------


def _sources(version: Version) -> dict[str, str]:
    """Return the emitted sources by their paths in the package."""
    module = version.contract.module
    files = {f"{module}/{path.name}": path for path in (version.folder / module).glob("*.py")}
    files |= {"service.py": version.folder / "service.py"}
    found = {name: path for name, path in files.items() if path.name != "constants.py" and path.is_file()}
    return {name: path.read_text("utf-8") for name, path in found.items()}


def _rank(path: str) -> tuple[int, str]:
    name = Path(path).name
    return (STAGES.index(name) if name in STAGES else len(STAGES)), path


def _file_change(path: str, before: str, after: str) -> FileChange | None:
    old, new = _without_cells(before), _without_cells(after)
    lines = list(difflib.unified_diff(old, new, path, path, lineterm=""))
    body = lines[2:]
    added = sum(line.startswith("+") for line in body)
    removed = sum(line.startswith("-") for line in body)
    return FileChange(path, added, removed, "\n".join(lines)) if lines else None


def _without_cells(source: str) -> list[str]:
    return [CELL.sub(r"\1cell", line) for line in source.splitlines()]


# the rest ---------------------------------------------------------------------------------------------------------------


def _constants(version: Version) -> dict[str, str]:
    file = version.folder / version.contract.module / "constants.py"
    tree = ast.parse(file.read_text("utf-8")) if file.is_file() else ast.Module([], [])
    return dict(_assigned(tree))


def _assigned(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from ((target.id, ast.unparse(node.value)) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, ast.unparse(node.value)


def _artifacts(version: Version) -> dict[str, dict[str, Any]]:
    known: Mapping[str, Any] = version.stated.get("model", {}).get("artifacts", {})
    return {name: {key: each.get(key) for key in ("type", "format", "size", "sha256")} for name, each in known.items()}


def _pins(version: Version) -> dict[str, str]:
    python = version.report.get("python")
    return ({"python": python} if python else {}) | pinned(version.folder / "requirements.lock")


def _form(version: Version) -> dict[str, str]:
    found = {}
    for part in ("input", "output"):
        stated = version.stated[part]
        found[part] = str(stated["type"])
        for each in stated["columns"]:
            left_out = "" if each.get("required", True) else ", may be left out"
            found[f"{part}.{each['name']}"] = (
                f"{each['dtype']}{', may be null' if each.get('nullable') else ''}{left_out}"
            )
    return found


def _data(version: Version) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in version.report.get("data", ()):
        found |= {
            f"{each['name']} {key}": each[key] for key in ("rows", "columns", "sha256") if each.get(key) is not None
        }
    labels = version.contract.labels.get("rows_sha256")
    return found | ({"labelled rows sha256": labels} if labels else {})


def _metrics(version: Version) -> dict[str, float]:
    metric = version.contract.metric
    own = {str(metric["name"]): metric["value"]} if metric.get("value") is not None and "name" in metric else {}
    return own | dict(version.report.get("metrics", {}))


def _measured(version: Version) -> dict[str, float]:
    figures = version.figures("budget")
    return {name: figures[name] for name in LIMITS if name in figures}
