"""What the rules find in a notebook written in a test."""

from __future__ import annotations

from nbdeploy.analysis.rules import findings
from nbdeploy.analysis.rules.edits import apply_edits, compatible_edits
from nbdeploy.errors import Diagnostic
from tests.analysis.notebooks import program_of

__all__ = ["Cell", "codes", "fixed", "found", "only", "places"]

Cell = str | tuple[str | None, str]


def found(*cells: Cell) -> tuple[Diagnostic, ...]:
    return findings(program_of(*cells))


def codes(*cells: Cell) -> list[str]:
    return sorted(each.code for each in found(*cells))


def only(code: str, *cells: Cell) -> list[Diagnostic]:
    return [each for each in found(*cells) if each.code == code]


def places(code: str, *cells: Cell) -> list[tuple[int | None, int | None]]:
    return [(each.cell, each.line) for each in only(code, *cells)]


def fixed(*cells: Cell) -> list[str]:
    """Return the cells' sources after all edits that the findings carry."""
    program = program_of(*cells)
    sources = [each.source for each in program.notebook.cells]
    return apply_edits(sources, compatible_edits(findings(program)))
