"""Compare two answers row by row. Also emitted, as it stands, into the tests of exported packages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import ne
from typing import Any

__all__ = ["ATOL", "RTOL", "Comparison", "assert_same", "compare", "rows_of"]

RTOL = 1e-9
ATOL = 1e-12


@dataclass(frozen=True)
class Comparison:
    """How two answers compare: rows, rows that differ, the largest difference of two numbers, the first row that differs."""

    rows: int
    mismatches: int
    largest: float
    first: str = ""

    @property
    def same(self) -> bool:
        return not self.mismatches and not self.first


def compare(expected: Any, actual: Any, *, rtol: float = RTOL, atol: float = ATOL) -> Comparison:
    """Compare numbers with a fraction within the tolerance, everything else exactly; missing values equal one another."""
    form, other = _form(expected), _form(actual)
    left, right = rows_of(expected), rows_of(actual)
    if form != other:
        return Comparison(len(left), len(left), math.nan, f"expected {form}, got {other}")
    if len(left) != len(right):
        return Comparison(len(left), len(left), math.nan, f"expected {len(left)} rows, got {len(right)}")
    mismatches, largest, first = 0, 0.0, ""
    for number, (wanted, got) in enumerate(zip(left, right, strict=True)):
        difference = _difference(wanted, got, rtol, atol)
        if difference is None:
            mismatches += 1
            first = first or f"row {number}: expected {_short(wanted)}, got {_short(got)}"
        else:
            largest = max(largest, difference)
    return Comparison(len(left), mismatches, largest, first)


def assert_same(actual: Any, expected: Any) -> None:
    """Fail with the first row that differs."""
    found = compare(expected, actual)
    assert found.same, f"{found.mismatches} of {found.rows} rows differ; {found.first}"


def rows_of(value: Any) -> list[Any]:
    """Return the rows of a frame, series, array, tensor, sparse matrix or list; one value is one row."""
    if hasattr(value, "itertuples"):
        return list(value.itertuples(index=False, name=None))
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    if hasattr(value, "toarray"):
        value = value.toarray()
    if isinstance(value, dict | str | bytes):
        return [value]
    plain = value.tolist() if hasattr(value, "tolist") else value
    return list(plain) if isinstance(plain, list | tuple) else [plain]


def _form(value: Any) -> str:
    """What kind of answer it is: type, columns, dtype, but not how many rows."""
    name = f"{type(value).__module__.split('.')[0]}.{type(value).__qualname__}"
    if hasattr(value, "columns"):
        return f"{name} with columns {[str(each) for each in value.columns]}"
    if hasattr(value, "dtype"):
        width = tuple(value.shape[1:]) if hasattr(value, "shape") else ()
        kind = (
            "text" if getattr(value.dtype, "kind", "") == "U" else value.dtype
        )  # "<U2" is as wide as its longest text
        return f"{name} of {kind}" + (f", {width} a row" if width else "")
    return name


def _difference(wanted: Any, got: Any, rtol: float, atol: float) -> float | None:
    """Return the largest difference of two numbers in a row, or None where the rows are not the same."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        return None if wanted.keys() != got.keys() else _worst([(wanted[k], got[k]) for k in wanted], rtol, atol)
    if isinstance(wanted, list | tuple) and isinstance(got, list | tuple):
        return None if len(wanted) != len(got) else _worst(list(zip(wanted, got, strict=True)), rtol, atol)
    if _missing(wanted) or _missing(got):
        return 0.0 if _missing(wanted) and _missing(got) else None
    if isinstance(wanted, float) and isinstance(got, float):
        return (
            abs(wanted - got)
            if math.isclose(wanted, got, rel_tol=rtol, abs_tol=atol) and not math.isinf(wanted)
            else (0.0 if wanted == got else None)
        )
    return 0.0 if type(wanted) is type(got) and wanted == got else None


def _worst(pairs: list[tuple[Any, Any]], rtol: float, atol: float) -> float | None:
    worst = 0.0
    for wanted, got in pairs:
        difference = _difference(wanted, got, rtol, atol)
        if difference is None:
            return None
        worst = max(worst, difference)
    return worst


def _missing(value: Any) -> bool:
    if value is None:
        return True
    try:
        return bool(ne(value, value))  # NaN is not equal to itself
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
