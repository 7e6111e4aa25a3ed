"""The smallest part of some rows that still fails: delta debugging, for the standard library alone.

Read by `probe.py` as a file beside it, in the process of the exported package.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

__all__ = ["smallest"]


def smallest(rows: Sequence[int], fails: Callable[[list[int]], bool], may_ask: Callable[[], bool]) -> list[int]:
    """Return a part of `rows`, in their order, that fails, and from which no row can be left out.

    `rows` as a whole fail. Where `may_ask` says no more, the smallest part so far is returned.
    """
    found, pieces = list(rows), 2
    while len(found) > 1 and may_ask():
        part = _failing_part(found, pieces, fails, may_ask)
        if part is not None:
            pieces = 2 if len(part) <= -(-len(found) // pieces) else max(pieces - 1, 2)
            found = part
        elif pieces >= len(found):
            break
        else:
            pieces = min(2 * pieces, len(found))
    return found


def _failing_part(
    rows: list[int], pieces: int, fails: Callable[[list[int]], bool], may_ask: Callable[[], bool]
) -> list[int] | None:
    """Try each of the pieces, then all rows without each of them."""
    bounds = [len(rows) * each // pieces for each in range(pieces + 1)]
    spans = [(start, end) for start, end in itertools.pairwise(bounds) if start < end]
    parts = [rows[start:end] for start, end in spans]
    if pieces > 2:
        parts += [rows[:start] + rows[end:] for start, end in spans]
    return next((part for part in parts if may_ask() and fails(part)), None)
