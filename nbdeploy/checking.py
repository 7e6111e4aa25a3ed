"""Look at a notebook without running it: `nbdeploy check` and `nbdeploy slice`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.serving import check_roles
from nbdeploy.analysis.slicing import Target
from nbdeploy.analysis.slicing import slice_for as program_slice
from nbdeploy.errors import Diagnostic, NbdeployError, Severity, UsageError
from nbdeploy.reading import open_notebook
from nbdeploy.suggestions import did_you_mean

__all__ = ["CheckResult", "SliceResult", "check", "slice_for"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a look at one notebook found: diagnostics, and for each code cell its role and names."""

    path: str
    diagnostics: tuple[Diagnostic, ...]
    cells: tuple[dict[str, Any], ...] = ()

    @property
    def ok(self) -> bool:
        return all(each.severity is not Severity.ERROR for each in self.diagnostics)

    def as_json(self) -> dict[str, Any]:
        found = [each.as_json() for each in self.diagnostics]
        return {"path": self.path, "ok": self.ok, "diagnostics": found, "cells": list(self.cells)}


def check(path: Path) -> CheckResult:
    """Check one notebook; it is never run, and what can't be read is a diagnostic."""
    try:
        program = open_notebook(path)
    except NbdeployError as problem:
        return CheckResult(str(path), problem.diagnostics)
    return CheckResult(str(path), tuple(_findings(program)), tuple(_cells(program)))


def _findings(program: Program) -> Iterator[Diagnostic]:
    yield from program.notebook.diagnostics
    try:
        check_roles(program)
    except NbdeployError as problem:
        yield from problem.in_notebook(program.notebook.path).diagnostics


def _cells(program: Program) -> Iterator[dict[str, Any]]:
    for cell in program.notebook.code_cells:
        own = [each for each in program.statements if each.cell == cell.index]
        defs: set[str] = set()
        refs: set[str] = set()
        for each in own:
            refs |= (each.effects.refs | each.effects.late) - defs
            defs |= each.effects.defs
        role = str(cell.role) if cell.role is not None else None
        yield {"index": cell.index, "role": role, "defs": sorted(defs), "refs": sorted(refs)}


@dataclass(frozen=True, slots=True)
class SliceResult:
    """The smallest program of a notebook that makes a name."""

    name: str
    code: str
    statements: tuple[Statement, ...]

    def as_json(self) -> dict[str, Any]:
        places = [{"cell": each.cell, "line": each.line, "end_line": each.end_line} for each in self.statements]
        return {"name": self.name, "code": self.code, "statements": places}


def slice_for(path: Path, name: str, cell: int | None = None) -> SliceResult:
    """Return the statements that make `name` as it stands after cell `cell` (default: at the end)."""
    program = open_notebook(path)
    upto = [each.index for each in program.statements if cell is None or each.cell <= cell]
    end = max(upto, default=-1) + 1
    defined = {each for statement in program.statements[:end] for each in statement.effects.defs}
    if name not in defined:
        raise UsageError(
            Diagnostic(
                code="NBD711",
                notebook=str(path),
                message=f"no cell{'' if cell is None else f' up to {cell}'} makes {name!r}{did_you_mean(name, defined)}",
                fix="name a variable that the notebook assigns",
            )
        )
    found = program_slice(program, [Target(name, end)])
    return SliceResult(name, _code(found.statements), found.statements)


def _code(statements: tuple[Statement, ...]) -> str:
    lines: list[str] = []
    cell = None
    for each in statements:
        if each.cell != cell:
            cell = each.cell
            lines += ["", f"# cell {cell}"] if lines else [f"# cell {cell}"]
        lines.append(each.source)
    return "\n".join(lines) + "\n"
