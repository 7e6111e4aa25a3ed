"""Rows of values, whatever holds them: taking some, and finding those of one value in another."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Sequence
from typing import Any

__all__ = ["positions_of", "take_rows"]


def take_rows(value: Any, positions: Sequence[int]) -> Any:
    """Return the rows at `positions`, in that order, in a value of the same kind."""
    chosen = list(positions)
    if hasattr(value, "iloc"):
        return value.iloc[chosen]
    if isinstance(value, list | tuple):
        return type(value)(value[each] for each in chosen)
    return value[chosen]


def positions_of(part: Any, whole: Any) -> list[int] | None:
    """Return for each row of `part` the position of the row of `whole` that it is, or None where one is not in it.

    Frames are matched by their index first, as `train_test_split` keeps it, then by content. Equal rows take the first
    position that is still free, then the first.
    """
    found = _by_index(part, whole)
    if found is not None:
        return found
    left, right = _row_keys(part), _row_keys(whole)
    if left is None or right is None:
        return None
    places: dict[bytes, deque[int]] = {}
    for position, key in enumerate(right):
        places.setdefault(key, deque()).append(position)
    positions = []
    for key in left:
        free = places.get(key)
        if free is None:
            return None
        positions.append(free[0] if len(free) == 1 else free.popleft())
    return positions


def _by_index(part: Any, whole: Any) -> list[int] | None:
    if not (hasattr(part, "iloc") and hasattr(whole, "iloc") and type(part) is type(whole)):
        return None
    if not whole.index.is_unique or not part.index.isin(whole.index).all():
        return None
    if hasattr(part, "columns") and list(part.columns) != list(whole.columns):
        return None
    positions = whole.index.get_indexer(part.index)
    return positions.tolist() if whole.iloc[positions].equals(part) else None


def _row_keys(value: Any) -> list[bytes] | None:
    """Return bytes for each row that are equal for equal rows, or None for a value without rows."""
    array = _as_array(value)
    if array is None:
        return None
    flat = array.reshape(len(array), -1)
    if array.dtype.kind in "biuf":
        numbers = flat.astype("float64")
        numbers[numbers == 0] = 0.0  # -0.0
        return [row.tobytes() for row in numbers]
    return [pickle.dumps(tuple(row), protocol=5) for row in flat.tolist()]


def _as_array(value: Any) -> Any:
    import numpy

    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if hasattr(value, "toarray"):
        value = value.toarray()
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if isinstance(value, list | tuple):
        try:
            value = numpy.asarray(value)
        except ValueError:
            value = numpy.fromiter(value, dtype=object, count=len(value))
    return value if isinstance(value, numpy.ndarray) and value.ndim >= 1 else None
