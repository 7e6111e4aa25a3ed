"""Edits at nodes: where a node stands in the cell's own source, and what is put there."""

from __future__ import annotations

import ast

from nbdeploy.analysis.lines import python_lines
from nbdeploy.analysis.rules.survey import Survey
from nbdeploy.analysis.targets import given_to
from nbdeploy.errors import Edit

__all__ = ["argument_added", "replaced", "text_of"]


def replaced(survey: Survey, cell: int, node: ast.AST, text: str) -> Edit | None:
    """Return the edit that puts `text` in place of a node; None where IPython syntax or an indented cell moves positions."""
    place = _place(survey, cell, node)
    return Edit(cell, *place, text) if place else None


def argument_added(survey: Survey, cell: int, call: ast.Call, argument: str) -> Edit | None:
    """Return the edit that adds a last argument to a call, behind a trailing comma if there is one."""
    place = _place(survey, cell, call)
    if place is None:
        return None
    line, column = place[2], place[3] - 1
    given = given_to(call)
    if not given:
        return Edit(cell, line, column, line, column, argument)
    last = _place(survey, cell, max(given, key=lambda each: (each.end_lineno or 0, each.end_col_offset or 0)))
    if last is None:
        return None
    end_line, end_column = last[2], last[3]
    between = _between(survey, cell, (end_line, end_column), (line, column))
    rest = between.strip()
    if rest == "" and not isinstance(given[-1], ast.GeneratorExp):
        return Edit(cell, end_line, end_column, end_line, end_column, f", {argument}")
    if rest == ",":
        end_line, end_column = _after_comma(between, end_line, end_column)
        return Edit(cell, end_line, end_column, end_line, end_column, f" {argument}")
    if rest and not rest.strip(")"):  # the last argument stands in parentheses of its own: `f((a))`
        return Edit(cell, line, column, line, column, f", {argument}")
    return None  # comments


def text_of(survey: Survey, cell: int, node: ast.AST) -> str | None:
    """Return the text of a node in the cell's own source; None where positions can't be trusted."""
    place = _place(survey, cell, node)
    return _between(survey, cell, place[:2], place[2:]) if place else None


def _place(survey: Survey, cell: int, node: ast.AST) -> tuple[int, int, int, int] | None:
    line, end_line = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
    code = survey.program.notebook.cells[cell].code
    if line is None or end_line is None or code is None:
        return None
    source = _lines(survey.program.notebook.cells[cell].source)
    python = python_lines(code.python)
    if source[line - 1 : end_line] != [each.rstrip("\r\n") for each in python[line - 1 : end_line]]:
        return None
    column, end_column = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 0)
    return line, _characters(source[line - 1], column), end_line, _characters(source[end_line - 1], end_column)


def _lines(source: str) -> list[str]:
    return [each.rstrip("\r\n") for each in python_lines(source)]


def _characters(line: str, column: int) -> int:
    return len(line.encode()[:column].decode(errors="ignore"))


def _between(survey: Survey, cell: int, start: tuple[int, int], end: tuple[int, int]) -> str:
    lines = _lines(survey.program.notebook.cells[cell].source)[start[0] - 1 : end[0]]
    lines[-1] = lines[-1][: end[1]]
    lines[0] = lines[0][start[1] :]
    return "\n".join(lines)


def _after_comma(between: str, line: int, column: int) -> tuple[int, int]:
    before = between[: between.index(",") + 1]
    rows = before.count("\n")
    return (line + rows, len(before.rpartition("\n")[2])) if rows else (line, column + len(before))
