"""What a client of `reviews` sends and gets, in JSON and as data.

In the notebook the input was a list, str,
the output a numpy.ndarray of shape (150,), object.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

MAX_PROBLEMS = 20  # named in one answer
NEVER_MISSING = "null, and this field was never missing in the data"
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


def _check(values: list[Any], column: Column, fault: Fault, types: set[type], expected: str) -> bool:
    """Whether all values are of these types; names each that is not. One pass in C where all is well."""
    accepted = types | {type(None)} if column.nullable or not column.required else types
    if set(map(type, values)) <= accepted:
        return True
    for position, value in enumerate(values):
        if type(value) not in accepted:
            fault(position, f"{_shown(value)} is not {expected}" if value is not None else NEVER_MISSING)
    return False


def strings(values: list[Any], column: Column, fault: Fault) -> list[Any]:
    """Read texts into a list."""
    _check(values, column, fault, {str}, "a text")
    return values


ITEM = Column("input", "str", strings)
ROW_SHAPE: tuple[int, ...] = ()  # of one row


def parse_input(value: list[Any]) -> list[Any]:
    """Check the items of the list that `predict` takes. Raises BadRequest."""
    problems = Problems()
    _check_list(value)
    found = ITEM.read(value, ITEM, lambda at, message: problems.add(at, None, message))
    problems.stop_if_any()
    return found if isinstance(found, list) else found.tolist()


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
