"""Look at a notebook without running it: `nbdeploy check` and `nbdeploy slice`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nbdeploy.analysis.explanation import CellPart, Explanation, explain
from nbdeploy.analysis.presumption import Presumption, Said
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.serving import check_roles
from nbdeploy.analysis.slice_text import slice_text
from nbdeploy.analysis.slicing import Target
from nbdeploy.analysis.slicing import slice_for as program_slice
from nbdeploy.errors import Diagnostic, NbdeployError, Severity, UsageError
from nbdeploy.reading import open_notebook, open_unsaved, without_collecting
from nbdeploy.suggestions import did_you_mean

if TYPE_CHECKING:
    from nbdeploy.errors import Edit, NewCell

__all__ = ["CheckResult", "SliceResult", "check", "fixed_copy", "slice_for"]

DEBUG = "NBDEPLOY_DEBUG"
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a look at one notebook found: diagnostics, and the part that each code cell plays.

    `explanation` is None where the notebook can't be read; `sources` are the texts of all its cells.
    """

    path: str
    diagnostics: tuple[Diagnostic, ...]
    explanation: Explanation | None = None
    sources: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return all(each.severity is not Severity.ERROR for each in self.diagnostics)

    @property
    def cells(self) -> tuple[dict[str, Any], ...]:
        """The code cells as JSON values."""
        return tuple(_cell_json(each) for each in self.explanation.cells) if self.explanation else ()

    def as_json(self) -> dict[str, Any]:
        found = [each.as_json() for each in self.diagnostics]
        answer = {"path": self.path, "ok": self.ok, "diagnostics": found, "cells": list(self.cells)}
        return {**answer, **_service_json(self.explanation or Explanation((), ()))}


def check(
    path: Path,
    *,
    text: str | None = None,
    input: str | None = None,
    output: str | None = None,
    bind: Mapping[str, str] | None = None,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> CheckResult:
    """Check one notebook; it is never run, and what can't be read is a diagnostic.

    `text` is the notebook's JSON where an editor holds what the file does not have yet; then no module is imported either
    (see `open_unsaved`). `input`, `output` and `bind` are as in a deploy: without them the likeliest are presumed. `select` and
    `ignore` are codes or beginnings of codes (`NBD1`): only the selected diagnostics that are not ignored are told.
    """
    wanted, unwanted = tuple(select) or ("",), tuple(ignore)
    result = _checked(path, text, Said(input, output, bind or {}))
    told = (each for each in result.diagnostics if each.code.startswith(wanted) and not each.code.startswith(unwanted))
    return replace(result, diagnostics=tuple(told))


@without_collecting()
def _checked(path: Path, text: str | None, said: Said) -> CheckResult:
    problems: list[Diagnostic] = []
    try:
        program = _guarded(lambda: open_notebook(path) if text is None else open_unsaved(text, path), problems)
    except NbdeployError as problem:
        return CheckResult(str(path), problem.diagnostics)
    if program is None:
        return CheckResult(str(path), _placed(problems, path))
    from nbdeploy.analysis.rules import findings

    presumption = Presumption(program, said)
    found = [
        *program.notebook.diagnostics,
        *_roles(program, problems),
        *(_guarded(lambda: findings(program, presumption), problems) or ()),
    ]
    explanation = _guarded(lambda: explain(program, said, presumption), problems)
    sources = tuple(each.source for each in program.notebook.cells)
    return CheckResult(str(path), _placed([*found, *problems], path), explanation, sources)


def _roles(program: Program, problems: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    try:
        _guarded(lambda: check_roles(program), problems)
    except NbdeployError as problem:
        return problem.diagnostics
    return ()


def _guarded(step: Callable[[], Found], problems: list[Diagnostic]) -> Found | None:
    """Take one step of the analysis; a fault of nbdeploy itself becomes a diagnostic, and the other steps go on."""
    try:
        return step()
    except NbdeployError:
        raise
    except Exception as error:
        if os.environ.get(DEBUG):
            import traceback

            traceback.print_exception(error, file=sys.stderr)
        problems.append(_own_fault(error))
        return None


def _own_fault(error: Exception) -> Diagnostic:
    import traceback

    frames = [each for each in traceback.extract_tb(error.__traceback__) if "nbdeploy" in each.filename]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split())[:200]
    return Diagnostic(
        code="NBD199",
        message=f"nbdeploy itself failed while it analysed this notebook: {type(error).__name__}: {text}{where};"
        " what it would have found is not told",
        fix=f"please report it, with the notebook if you may; {DEBUG}=1 shows the traceback",
    )


def _placed(diagnostics: Iterable[Diagnostic], path: Path) -> tuple[Diagnostic, ...]:
    """Name the notebook, drop what two parts of the analysis have both found, and order by place."""
    unique = {(each.code, each.cell, each.line, each.message): each for each in reversed([*diagnostics])}
    placed = [replace(each, notebook=each.notebook or str(path)) for each in unique.values()]
    return tuple(sorted(placed, key=_order))


def _order(diagnostic: Diagnostic) -> tuple[int, int, str, str]:
    cell = -1 if diagnostic.cell is None else diagnostic.cell
    return cell, diagnostic.line or 0, diagnostic.code, diagnostic.message


# JSON ----------------------------------------------------------------------------------------------------------------


def _cell_json(cell: CellPart) -> dict[str, Any]:
    return {
        "index": cell.index,
        "role": str(cell.role) if cell.role is not None else None,
        "defs": list(cell.defs),
        "refs": list(cell.refs),
        "part": str(cell.part) if cell.part is not None else None,
        "why": cell.why,
        "statements": [
            {"line": each.line, "end_line": each.end_line, "part": str(each.part) if each.part is not None else None}
            for each in cell.statements
        ],
    }


def _service_json(explanation: Explanation) -> dict[str, Any]:
    return {
        "flow": [{"from": each.source, "to": each.target, "names": list(each.names)} for each in explanation.flow],
        "input": explanation.input,
        "output": explanation.output,
        "bindings": dict(explanation.bindings),
        "frozen": dict(explanation.frozen),
        "assumed": list(explanation.assumed),
        "proposals": [{"cell": each.cell, "role": str(each.role), "why": each.why} for each in explanation.proposals],
    }


# the copy with the fixes ---------------------------------------------------------------------------------------------


def fixed_copy(result: CheckResult, target: Path) -> tuple[Diagnostic, ...]:
    """Write a copy of a checked notebook with all machine-applicable fixes; return the diagnostics that it mends.

    The user's file stays as it is. The outputs in the copy are those of the old code.
    """
    import json

    from nbdeploy.analysis.rules.edits import compatible_edits, edited_cells

    edits = compatible_edits(result.diagnostics)
    document = json.loads(Path(result.path).read_text(encoding="utf-8-sig"))
    sources = edited_cells(result.sources, edits)
    document["cells"] = list(_with_sources(document, sources))
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_bytes(_encoded(json.dumps(document, ensure_ascii=False, indent=1)))
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return tuple(each for each in result.diagnostics if each.edits and _made(each.edits, edits))


def _encoded(text: str) -> bytes:
    """Return JSON as UTF-8; half characters, which UTF-8 does not have, as JSON's own escapes."""
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", f"{text}\n").encode()


def _made(wanted: Sequence[Edit | NewCell], edits: Sequence[Edit | NewCell]) -> bool:
    return all(each in edits for each in wanted)


def _with_sources(document: Mapping[str, Any], sources: Sequence[tuple[int | None, str]]) -> Iterator[dict[str, Any]]:
    """Yield the cells with their new sources; what did not change stays as it was written."""
    named = any("id" in each for each in document["cells"])
    for number, (index, source) in enumerate(sources):
        if index is None:
            own = {"id": f"nbdeploy-{number}"} if named else {}
            yield {"cell_type": "code", "execution_count": None, **own, "metadata": {}, "outputs": [], "source": source}
            continue
        cell = document["cells"][index]
        old = cell.get("source", "")
        text = "".join(old) if isinstance(old, list) else old
        yield (
            cell
            if text == source
            else {**cell, "source": source.splitlines(keepends=True) if isinstance(old, list) else source}
        )


# slice ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SliceResult:
    """The smallest program of a notebook that makes a name. `of` counts the notebook's statements."""

    name: str
    code: str
    statements: tuple[Statement, ...]
    of: int = 0

    def as_json(self) -> dict[str, Any]:
        places = [{"cell": each.cell, "line": each.line, "end_line": each.end_line} for each in self.statements]
        return {"name": self.name, "code": self.code, "statements": places, "of": self.of}


def slice_for(path: Path, name: str, cell: int | None = None) -> SliceResult:
    """Return the statements that make `name` as it stands after cell `cell` (default: at the end)."""
    program = open_notebook(path)
    last = len(program.notebook.cells) - 1
    if cell is not None and not 0 <= cell <= last:
        raise _no_such_cell(path, cell, last)
    end = sum(1 for each in program.statements if cell is None or each.cell <= cell)
    makers: dict[str, int] = {}
    for each in program.statements:
        for made in each.effects.defs:
            makers.setdefault(made, each.cell)
    defined = {made for each in program.statements[:end] for made in each.effects.defs}
    if name not in defined:
        raise _no_such_name(path, name, cell, defined, makers)
    found = program_slice(program, [Target(name, end)])
    return SliceResult(name, slice_text(program, found), found.statements, len(program.statements))


def _no_such_cell(path: Path, cell: int, last: int) -> UsageError:
    return UsageError(
        Diagnostic(
            code="NBD711",
            notebook=str(path),
            message=f"there is no cell {cell}: the cells are 0 to {last}, text cells counted",
            fix="`nbdeploy check` lists the cells with their numbers",
        )
    )


def _no_such_name(path: Path, name: str, cell: int | None, defined: set[str], makers: Mapping[str, int]) -> UsageError:
    root = name.partition(".")[0].partition("[")[0]
    upto = "" if cell is None else f" up to {cell}"
    message, fix = (
        f"no cell{upto} makes {name!r}{did_you_mean(name, defined)}",
        "name a variable that the notebook assigns",
    )
    if root != name and root in defined:
        message, fix = f"{name!r} is a part of {root!r}, and a slice is made for a variable", f"say --for {root}"
    elif name in makers:
        message, fix = (
            f"{name!r} is first made in cell {makers[name]}, after cell {cell}",
            f"say --cell {makers[name]} or later",
        )
    return UsageError(Diagnostic(code="NBD711", notebook=str(path), message=message, fix=fix))
