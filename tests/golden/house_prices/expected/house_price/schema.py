"""What a client of `house_price` sends and gets, in JSON and as data.

In the notebook the input was a numpy.ndarray of shape (300, 7), float64,
the output a numpy.ndarray of shape (300,), float64.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

MAX_PROBLEMS = 20  # named in one answer
NEVER_MISSING = "null, and this field was never missing in the data"
NOT_FINITE = "NaN, Infinity and numbers beyond 1.8e308 are not JSON; a missing number is null"
FLOATS = frozenset({"float16", "float32", "float64"})
INFINITIES = {"Infinity": math.inf, "-Infinity": -math.inf}
JSON_TYPES: dict[str, dict[str, Any]] = {
    "integers": {"type": "integer"},
    "floats": {"type": "number"},
    "booleans": {"type": "boolean"},
    "strings": {"type": "string"},
    "texts": {"type": "string"},
    "datetimes": {"type": "string", "format": "date-time"},
    "durations": {"type": "string", "format": "duration"},
    "lists": {"type": "array", "items": {}},
    "records": {"type": "object"},
}
Fault = Callable[[int, str], None]  # takes the position of a value and what is wrong with it


class BadRequest(ValueError):
    """The request can't be answered as it is. `problems` tells row, field and fault of each, up to `MAX_PROBLEMS`."""

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        self.problems = problems
        super().__init__("; ".join(_sentence(problem) for problem in problems))


class Problems:
    """Collects the faults of one request, so that a client learns all of them at once."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def add(self, row: int | None, field: str | None, message: str) -> None:
        self.found.append({"row": row, "field": field, "message": message})
        if len(self.found) >= MAX_PROBLEMS:
            self.stop_if_any()

    def stop_if_any(self) -> None:
        if self.found:
            raise BadRequest(self.found)


class Column(NamedTuple):
    """One field: its label in the data, its dtype there, and the function below that reads it from JSON."""

    label: str | int
    dtype: str
    read: Callable[[list[Any], Column, Fault], Any]
    nullable: bool = False
    required: bool = True
    categories: tuple[Any, ...] = ()

    @property
    def key(self) -> str:
        """The field's name in JSON, whose keys are texts."""
        return str(self.label)


def _sentence(problem: dict[str, Any]) -> str:
    row = f"row {problem['row']}" if problem["row"] is not None else ""
    field = f"field {problem['field']!r}" if problem["field"] is not None else ""
    where = ", ".join(part for part in (row, field) if part)
    return f"{where}: {problem['message']}" if where else str(problem["message"])


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _check_numbers(values: list[Any], fault: Fault) -> bool:
    """Whether all numbers, at any depth, are JSON: NaN, Infinity and 1e400 are not. Names each value that has them."""
    if {float, list, dict}.isdisjoint(set(map(type, values))):
        return True
    wrong = [position for position, value in enumerate(values) if not _is_finite(value)]
    for position in wrong:
        fault(position, NOT_FINITE)
    return not wrong


def _is_finite(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_finite, value))
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return not isinstance(value, float) or math.isfinite(value)


def _check(values: list[Any], column: Column, fault: Fault, types: set[type], expected: str) -> bool:
    """Whether all values are of these types; names each that is not. One pass in C where all is well."""
    accepted = types | {type(None)} if column.nullable or not column.required else types
    if set(map(type, values)) <= accepted:
        return True
    for position, value in enumerate(values):
        if type(value) not in accepted:
            fault(position, f"{_shown(value)} is not {expected}" if value is not None else NEVER_MISSING)
    return False


def floats(values: list[Any], column: Column, fault: Fault) -> Any:
    """Read numbers; null is a missing one. JSON lacks the infinities: they are the texts "Infinity" and "-Infinity"."""
    numbers = bare(values)
    if numbers is None:
        sent = values
        if not set(map(type, values)) <= {int, float}:
            values = [INFINITIES.get(value, value) if type(value) is str else value for value in values]
            if not _check(values, column, fault, {int, float}, "a number"):
                return None
        try:
            numbers = np.array(values, np.float64)  # None becomes NaN
        except OverflowError:
            for position, value in enumerate(values):
                if type(value) is int and abs(value) > 1.7976931348623157e308:
                    fault(position, "the number is too large")
            return None
        if not np.isfinite(numbers).all() and not _check_numbers(sent, fault):
            return None
    if column.dtype == "float64":
        return numbers
    with np.errstate(over="ignore"):
        return numbers.astype(column.dtype) if column.dtype in FLOATS else pd.array(values, dtype=column.dtype)


def bare(values: list[Any]) -> np.ndarray | None:
    """Finite numbers and nothing else, without a look at each; None: that has to be taken."""
    try:
        numbers = np.frombuffer(array("d", values), np.float64)  # a text, null or a list makes none
    except (OverflowError, TypeError, ValueError):
        return None
    types = set(map(type, values)) if len(values) < 200 else _types_of_zeros_and_ones(values, numbers)
    return None if bool in types or not np.isfinite(numbers).all() else numbers


def _types_of_zeros_and_ones(values: list[Any], numbers: np.ndarray) -> set[type]:
    """The types that a truth value could hide among: it is 0.0 or 1.0 by now."""
    return {type(values[at]) for at in np.flatnonzero((numbers == 0) | (numbers == 1)).tolist()}


ITEM = Column("input", "float64", floats, nullable=True)
DTYPE = np.dtype("float64")
ROW_SHAPE: tuple[int, ...] = (7,)  # of one row


def parse_input(value: list[Any]) -> np.ndarray:
    """Turn the nested lists of a request into the array that `predict` takes. Raises BadRequest."""
    problems = Problems()
    flat = _flatten(value, problems)
    size = math.prod(ROW_SHAPE)
    found = ITEM.read(flat, ITEM, lambda at, message: problems.add(at // size, _place(at % size), message))
    problems.stop_if_any()
    return np.asarray(found, DTYPE).reshape(len(value), *ROW_SHAPE)


def _flatten(value: Any, problems: Problems) -> list[Any]:
    """The numbers of all rows, one after the other; each row must have the shape that the data had."""
    _check_list(value)
    flat = value
    for size in ROW_SHAPE:
        if not (set(map(type, flat)) <= {list} and set(map(len, flat)) <= {size}):
            break
        flat = list(chain.from_iterable(flat))
    else:
        return flat
    for index, row in enumerate(value):
        fault = _misshapen(row, ROW_SHAPE)
        if fault:
            problems.add(index, None, f"{fault}; the shape of a row is {ROW_SHAPE}")
    raise BadRequest(problems.found)


def _misshapen(item: Any, shape: tuple[int, ...]) -> str:
    if not shape:
        return ""
    if not isinstance(item, list):
        return f"{_shown(item)} is not a list"
    if len(item) != shape[0]:
        return f"{len(item)} items where {shape[0]} are needed"
    return next((fault for each in item if (fault := _misshapen(each, shape[1:]))), "") if shape[1:] else ""


def _place(offset: int) -> str | None:
    """The indices inside a row, as a client writes them."""
    if not ROW_SHAPE:
        return None
    return "".join(f"[{index}]" for index in np.unravel_index(offset, ROW_SHAPE))


def _check_list(value: Any) -> None:
    if not isinstance(value, list):
        raise BadRequest([{"row": None, "field": None, "message": f"input must be a list, not {_shown(value)}"}])


def rows_of(value: Any) -> int | None:
    """How many rows a value has; None where it is one thing, such as a number, a text or a record."""
    shape = getattr(value, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else None
    return len(value) if isinstance(value, list | tuple) else None


def answer(output: Any) -> Any:
    """Turn what `predict` returned into JSON values, every bit of a float kept.

    NaN, None and NaT become null, the infinities the texts "Infinity" and "-Infinity"; times are ISO 8601; a data frame
    is a list of records. Raises TypeError: the output holds something that JSON can't say.
    """
    if output is None or isinstance(output, str | int):  # bool is an int
        return str(output) if isinstance(output, str) else output
    if isinstance(output, float):
        return _finite(float(output))
    if isinstance(output, dict):
        return {str(key): answer(value) for key, value in output.items()}
    if isinstance(output, list | tuple):
        return [answer(value) for value in output]
    if isinstance(output, np.ndarray | np.generic):
        return _answer_array(output)
    return _answer_other(output)


def _finite(number: float) -> float | str | None:
    if math.isfinite(number):
        return number
    return None if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _answer_array(array: Any) -> Any:
    if array.dtype.kind == "M":
        return _without_nat(np.datetime_as_string(array).tolist())
    if array.dtype.kind == "f":
        numbers = array.astype(np.float64)
        return numbers.tolist() if np.isfinite(numbers).all() else answer(numbers.tolist())
    return array.tolist() if array.dtype.kind in "iubU" else answer(array.tolist())


def _without_nat(written: Any) -> Any:
    if isinstance(written, list):
        return [_without_nat(each) for each in written]
    return None if written == "NaT" else written


def _answer_other(output: Any) -> Any:
    """Answer for what is known by its methods: tensors, sparse matrices, dates, pandas' own missing value."""
    if hasattr(output, "detach"):
        tensor = output.detach().cpu()
        return answer((tensor.double() if tensor.is_floating_point() else tensor).numpy())
    if hasattr(output, "toarray"):
        return answer(output.toarray())
    if hasattr(output, "isoformat"):
        return None if type(output).__name__ == "NaTType" else output.isoformat()
    if type(output).__name__ == "NAType":
        return None
    if hasattr(output, "tolist"):
        return answer(output.tolist())
    raise TypeError(f"an output of type {type(output).__name__} can't be sent as JSON")


def input_schema() -> dict[str, Any]:
    """What `input` takes, as JSON schema, for the service's documentation."""
    found = _schema_of(ITEM)
    for size in reversed(ROW_SHAPE):
        found = {"type": "array", "items": found, "minItems": size, "maxItems": size}
    return {"type": "array", "items": found}


def _schema_of(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = dict(JSON_TYPES.get(column.read.__name__, {}))
    missing = column.nullable or not column.required
    if column.categories:
        found["enum"] = [*column.categories, *([None] if missing else [])]
    if missing:
        found["nullable"] = True
    return found
