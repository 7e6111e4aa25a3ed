"""Apply the edits of diagnostics to the sources of cells: values in, values out; no file is touched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from nbdeploy.analysis.lines import python_lines
from nbdeploy.errors import Diagnostic, Edit, NewCell

__all__ = ["apply_edits", "compatible_edits", "edited_cells"]


def compatible_edits(diagnostics: Iterable[Diagnostic]) -> tuple[Edit | NewCell, ...]:
    """Return the edits of the diagnostics, without those of a diagnostic that would overlap with an earlier one's."""
    taken: dict[Edit | NewCell, None] = {}
    for each in diagnostics:
        own = [edit for edit in each.edits if edit not in taken]
        if not any(_overlap(new, old) for new in own for old in taken):
            taken |= dict.fromkeys(own)
    return tuple(taken)


def edited_cells(sources: Sequence[str], edits: Iterable[Edit | NewCell]) -> list[tuple[int | None, str]]:
    """Return the cells in their new order: the index that each had, None for a new one, and its source.

    Raises ValueError where two edits overlap or one lies outside its cell.
    """
    edits = tuple(dict.fromkeys(edits))
    found: list[tuple[int | None, str]] = []
    for index, source in enumerate(sources):
        found += [(None, each.source) for each in edits if isinstance(each, NewCell) and each.before == index]
        found.append((index, _edited(source, [e for e in edits if isinstance(e, Edit) and e.cell == index])))
    return found


def apply_edits(sources: Sequence[str], edits: Iterable[Edit | NewCell]) -> list[str]:
    """Return the sources of all cells after the edits, new cells among them. Raises as `edited_cells`."""
    return [source for _, source in edited_cells(sources, edits)]


def _edited(source: str, edits: list[Edit]) -> str:
    spans = sorted(
        (_offset(source, e.line, e.column), _offset(source, e.end_line, e.end_column), e.text) for e in edits
    )
    for (_, end, _), (start, _, _) in pairwise(spans):
        if start < end:
            raise ValueError("two edits overlap")
    for start, end, text in reversed(spans):
        source = source[:start] + text + source[end:]
    return source


def _offset(source: str, line: int, column: int) -> int:
    lines = python_lines(source) or [""]
    if not 1 <= line <= len(lines) or not 0 <= column <= len(lines[line - 1]):
        raise ValueError(f"line {line}, column {column} is outside the cell")
    return sum(len(each) for each in lines[: line - 1]) + column


def _overlap(new: Edit | NewCell, old: Edit | NewCell) -> bool:
    if isinstance(new, NewCell) or isinstance(old, NewCell) or new.cell != old.cell:
        return False
    start, end = (new.line, new.column), (new.end_line, new.end_column)
    other, other_end = (old.line, old.column), (old.end_line, old.end_column)
    return start == other or (start < other_end and other < end)
