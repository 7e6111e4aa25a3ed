"""Compare what a service answered with what it should have: JSON values on both sides."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from nbdeploy.packaging.tolerance import STRICT, Tolerance

__all__ = ["Comparison", "compared", "same", "shown"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was seen so far: rows compared, the largest difference of two numbers, rows that differ, the first one."""

    rows: int = 0
    largest: float = 0.0
    mismatches: int = 0
    first: str = ""
    tolerance: Tolerance = STRICT


@dataclass(slots=True)
class _Difference:
    """The largest difference of two numbers inside one answer, and what it may be."""

    tolerance: Tolerance
    largest: float = field(default=0.0)


def compared(seen: Comparison, got: Any, wanted: Any) -> Comparison:
    """Add the comparison of one request's predictions to what was seen."""
    if not isinstance(wanted, list) or not isinstance(got, list) or len(got) != len(wanted):
        whole = isinstance(got, list) and isinstance(wanted, list)
        lengths = f"{len(wanted)} predictions expected, got {len(got)}" if whole else None
        got, wanted = [got], [wanted]
        if lengths:
            rows = seen.rows + len(wanted[0])
            return replace(seen, rows=rows, mismatches=seen.mismatches + len(wanted[0]), first=seen.first or lengths)
    difference = _Difference(seen.tolerance)
    wrong = [index for index, (a, b) in enumerate(zip(got, wanted, strict=True)) if not _same(a, b, difference)]
    first = seen.first
    if wrong and not first:
        at = wrong[0]
        first = f"the first is row {seen.rows + at}: expected {shown(wanted[at])}, got {shown(got[at])}"
    return Comparison(
        rows=seen.rows + len(wanted),
        largest=max(seen.largest, difference.largest),
        mismatches=seen.mismatches + len(wrong),
        first=first,
        tolerance=seen.tolerance,
    )


def same(got: Any, wanted: Any, tolerance: Tolerance = STRICT) -> bool:
    """Tell whether two answers are the same: fractions within the tolerance, all else equal, NaN is null."""
    return _same(got, wanted, _Difference(tolerance))


def shown(value: Any) -> str:
    """Return a JSON value as a text of at most 300 characters."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 300 else text[:297] + "..."


def _same(got: Any, wanted: Any, difference: _Difference) -> bool:
    if isinstance(wanted, float) and wanted != wanted:  # NaN travels as null
        return got is None
    if isinstance(got, list) and isinstance(wanted, list | tuple):
        return len(got) == len(wanted) and all(_same(a, b, difference) for a, b in zip(got, wanted, strict=True))
    if isinstance(got, dict) and isinstance(wanted, dict):
        return got.keys() == wanted.keys() and all(_same(got[key], wanted[key], difference) for key in wanted)
    if float in {type(got), type(wanted)} and _is_number(got) and _is_number(wanted):
        return _close(float(got), float(wanted), difference)
    return type(got) is type(wanted) and bool(got == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _close(got: float, wanted: float, difference: _Difference) -> bool:
    if got == wanted:
        return True
    difference.largest = max(difference.largest, abs(got - wanted))
    return abs(got - wanted) <= max(difference.tolerance.absolute, difference.tolerance.relative * abs(wanted))
