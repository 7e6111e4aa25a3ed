"""Is the notebook on disk what was run? A deploy reads the file, so an edit that was never saved would be left out."""

from __future__ import annotations

from difflib import SequenceMatcher, unified_diff
from typing import TYPE_CHECKING

from nbdeploy.errors import Diagnostic, Severity
from nbdeploy.frontends.running import DEPLOY_LINE, INJECTED, Ran, normal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nbdeploy.notebook.cells import Cell, Notebook

__all__ = ["stale_cells"]

SIMILAR = 0.6  # of 1: less alike than this, two texts are taken for different cells
MAX_COMPARED = 4_000  # characters: the time grows with their square, and data is pasted into cells
MAX_DIFF = 12  # lines
MAX_QUOTED = 3
SAVE = "save the notebook (Ctrl-S) and deploy again"
TAGGED = frozenset({"preprocess", "predict", "test"})


def stale_cells(notebook: Notebook, runs: Sequence[Ran]) -> list[Diagnostic]:
    """Return what differs between the file and what its kernel ran, in the order of the file.

    NBD702 (warning): a cell's last run is not what the file holds, or a cell with a role is missing there. NBD703
    (info): other code that ran is not in the file. NBD704 (info): a cell with a role never ran in this kernel.
    """
    relevant = [each for each in runs if not DEPLOY_LINE.search(each.source) and not each.source.startswith(INJECTED)]
    last, lost = matched(notebook, relevant)
    return [
        *(differs(cell, last[cell.index]) for cell in notebook.code_cells if edited(cell, last.get(cell.index))),
        *(unsaved(each) for each in lost if each.role),
        *not_in_file([each for each in lost if not each.role and is_python(each.source)]),
        *(never_ran(cell) for cell in notebook.code_cells if str(cell.role) in TAGGED and cell.index not in last),
    ]


def matched(notebook: Notebook, runs: Iterable[Ran]) -> tuple[dict[int, Ran], list[Ran]]:
    """Return each cell's last run by the cell's index, and the latest versions of what belongs to no cell."""
    runs = list(runs)
    cells = notebook.code_cells
    ids = {cell.id: cell for cell in cells if cell.id}
    ids_kept = any(each.cell_id in ids for each in runs)  # before nbformat 4.5 a file keeps no ids
    last: dict[int, Ran] = {}
    lost: list[Ran] = []
    for ran in runs:
        known = ids.get(ran.cell_id) if ran.cell_id else None
        cell = known or same(ran, cells) or (None if ran.cell_id and ids_kept else most_alike(ran, cells))
        if cell is not None:
            last[cell.index] = ran
        else:
            lost = [*(each for each in lost if not later_version(each, ran)), ran]
    return last, lost


def same(ran: Ran, cells: Iterable[Cell]) -> Cell | None:
    return next((cell for cell in cells if normal(cell.source) == normal(ran.source)), None)


def most_alike(ran: Ran, cells: Iterable[Cell]) -> Cell | None:
    likeness, _, cell = max(
        ((alike(ran.source, each.source), -each.index, each) for each in cells), default=(0, 0, None)
    )
    return cell if likeness >= SIMILAR else None


def alike(one: str, other: str) -> float:
    """Return how alike two texts are, 0 to 1; 0 as soon as they can't reach what counts as similar."""
    matcher = SequenceMatcher(None, normal(one)[:MAX_COMPARED], normal(other)[:MAX_COMPARED], autojunk=False)
    if matcher.real_quick_ratio() < SIMILAR or matcher.quick_ratio() < SIMILAR:
        return 0.0
    return matcher.ratio()


def later_version(earlier: Ran, later: Ran) -> bool:
    if earlier.cell_id and later.cell_id:
        return earlier.cell_id == later.cell_id
    return alike(earlier.source, later.source) >= SIMILAR


def edited(cell: Cell, ran: Ran | None) -> bool:
    return ran is not None and normal(ran.source) != normal(cell.source)


def is_python(source: str) -> bool:
    """Return whether more than IPython's own lines (`%load_ext`, `!pip`, `df?`) are in the text."""
    lines = [line.strip() for line in source.splitlines()]
    return any(line and line[0] not in "%!?#" and not line.endswith("?") for line in lines)


def differs(cell: Cell, ran: Ran) -> Diagnostic:
    message = f"cell {cell.index} on disk differs from what you ran:\n{difference(cell.source, ran.source)}"
    return Diagnostic(code="NBD702", message=message, fix=SAVE, severity=Severity.WARNING, cell=cell.index)


def difference(on_disk: str, ran: str) -> str:
    before, after = normal(on_disk).splitlines(), normal(ran).splitlines()
    lines = list(unified_diff(before, after, "on disk", "what you ran", lineterm="", n=0))
    rest = len(lines) - MAX_DIFF
    return "\n".join([*lines[:MAX_DIFF], *([f"... {rest} more lines"] if rest > 0 else [])])


def unsaved(ran: Ran) -> Diagnostic:
    message = f"the %%{ran.role} cell that you ran is not in the file: {quoted(ran.source)}"
    return Diagnostic(code="NBD702", message=message, fix=SAVE, severity=Severity.WARNING)


def not_in_file(lost: Sequence[Ran]) -> list[Diagnostic]:
    """Return one note about all that ran and is not in the file: scratch work, as a rule."""
    if not lost:
        return []
    shown = ", ".join(quoted(each.source) for each in lost[-MAX_QUOTED:])
    more = f" and {len(lost) - MAX_QUOTED} more" if len(lost) > MAX_QUOTED else ""
    message = f"code that ran in this kernel is not in the file: {shown}{more}"
    fix = "nothing, if it was scratch work; what the service needs has to stand in a cell of the saved notebook"
    return [Diagnostic(code="NBD703", message=message, fix=fix, severity=Severity.INFO)]


def never_ran(cell: Cell) -> Diagnostic:
    message = f"the {cell.role} cell {cell.index} of the file never ran in this kernel"
    fix = "run it to see what it does; the deploy runs the whole file in a fresh kernel anyway"
    return Diagnostic(code="NBD704", message=message, fix=fix, severity=Severity.INFO, cell=cell.index)


def quoted(source: str) -> str:
    first, *more = [line for line in normal(source).splitlines() if not line.startswith("%%")] or [""]
    return f"`{first[:60]}{' ...' if more or len(first) > 60 else ''}`"
