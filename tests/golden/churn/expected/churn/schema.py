"""What a client of `churn` sends and gets, in JSON and as data.

In the notebook the input was a pandas.DataFrame of shape (1500, 11),
the output a pandas.DataFrame of shape (375, 2).
"""

from __future__ import annotations

import difflib
import math
from array import array
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

MAX_PROBLEMS = 20  # named in one answer
NEVER_MISSING = "null, and this field was never missing in the data"
NOT_FINITE = "NaN, Infinity and numbers beyond 1.8e308 are not JSON; a missing number is null"
FLOATS = frozenset({"float16", "float32", "float64"})
EXACT = 2**53  # whole numbers up to here are floats, each another one
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


def integers(values: list[Any], column: Column, fault: Fault) -> Any:
    """Read whole numbers; 3.0 is one, 3.5 is not, and neither is a float that other whole numbers round to as well."""
    if float in set(map(type, values)):
        large = [i for i, value in enumerate(values) if type(value) is float and EXACT < abs(value) < math.inf]
        for position in large:
            shown = _shown(values[position])
            fault(position, f"{shown} is out of the range of {column.dtype}, or not surely what was meant")
        if large:
            return None
        values = [int(value) if type(value) is float and value.is_integer() else value for value in values]
    if not _check(values, column, fault, {int}, "a whole number"):
        return None
    limits = np.iinfo(column.dtype.split("[")[0].lower())
    outside = [i for i, value in enumerate(values) if value is not None and not limits.min <= value <= limits.max]
    for position in outside:
        fault(position, f"{_shown(values[position])} is out of the range of {column.dtype}")
    if outside or np.dtype(limits.dtype).name != column.dtype:
        return None if outside else pd.array(values, dtype=column.dtype)
    return np.array(values, np.float64 if None in values else column.dtype)


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


def texts(values: list[Any], column: Column, fault: Fault) -> Any:
    """Read texts; null is a missing one."""
    return pd.array(values, dtype=column.dtype) if _check(values, column, fault, {str}, "a text") else None


COLUMNS: tuple[Column, ...] = (
    Column("customer_id", "str", texts, required=False),
    Column("signup_date", "str", texts),
    Column("age", "float64", floats, nullable=True),
    Column("contract", "str", texts),
    Column("internet_service", "str", texts, nullable=True),
    Column("payment_method", "str", texts, nullable=True),
    Column("autopay", "str", texts),
    Column("monthly_charges", "float64", floats, nullable=True),
    Column("total_charges", "str", texts),
    Column("support_calls", "int64", integers),
    Column("churned", "str", texts, required=False),
)
KEYS = frozenset(column.key for column in COLUMNS)
REQUIRED = frozenset(column.key for column in COLUMNS if column.required)


def parse_rows(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Turn the records of a request into the data frame that `predict` takes, in the notebook's column order.

    Raises BadRequest: a field is unknown, missing, null or of a wrong type.
    """
    problems = Problems()
    regular = _check_records(rows, problems)
    data = {column.label: _read_column(rows, column, regular, problems) for column in COLUMNS}
    problems.stop_if_any()
    return pd.DataFrame(data)


def _check_records(rows: Any, problems: Problems) -> bool:
    """Name unknown and missing fields. True where every record has exactly the known ones."""
    if not isinstance(rows, list):
        message = f"rows must be a list of records, not {_shown(rows)}"
        raise BadRequest([{"row": None, "field": None, "message": message}])
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            problems.add(index, None, f"{_shown(row)} is not a record, that is, an object of field names and values")
    problems.stop_if_any()
    if all(row.keys() == KEYS for row in rows):
        return True
    for index, row in enumerate(rows):
        for key in row.keys() - KEYS:
            problems.add(index, _cut(key), "unknown field" + _similar(key))
        for key in sorted(REQUIRED - row.keys()):
            problems.add(index, key, "missing field")
    return False


def _cut(key: str) -> str:
    return key if len(key) <= 100 else key[:97] + "..."


def _similar(key: str) -> str:
    if len(key) > 100:  # nobody's slip of the finger, and long to compare
        return ""
    close = difflib.get_close_matches(key, KEYS, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _read_column(rows: list[dict[str, Any]], column: Column, regular: bool, problems: Problems) -> Any:
    key = column.key
    if regular or not column.required:
        return column.read([row.get(key) for row in rows], column, lambda at, message: problems.add(at, key, message))
    present = [index for index, row in enumerate(rows) if key in row]
    values = [rows[index][key] for index in present]
    return column.read(values, column, lambda at, message: problems.add(present[at], key, message))


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
    return _answer_pandas(output)


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


def _answer_pandas(output: Any) -> Any:
    """A series is a list; a data frame is a list of records."""
    if isinstance(output, pd.DataFrame):
        keys = [str(label) for label in output.columns]
        columns = [_answer_pandas(output.iloc[:, position]) for position in range(len(keys))]
        return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]
    if isinstance(output, pd.Series | pd.Index):
        simple = isinstance(output.dtype, np.dtype) and output.dtype.kind in "iubf"
        return _answer_array(output.to_numpy()) if simple else [answer(value) for value in output]
    return _answer_other(output)


def input_schema() -> dict[str, Any]:
    """What `rows` takes, as JSON schema, for the service's documentation."""
    return {"type": "array", "items": schema_of_record()}


def schema_of_record() -> dict[str, Any]:
    """What a record takes, as JSON schema, for the service's documentation."""
    fields = {column.key: _schema_of(column) for column in COLUMNS}
    return {"type": "object", "required": sorted(REQUIRED), "properties": fields, "additionalProperties": not KEYS}


def _schema_of(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = dict(JSON_TYPES.get(column.read.__name__, {}))
    missing = column.nullable or not column.required
    if column.categories:
        found["enum"] = [*column.categories, *([None] if missing else [])]
    if missing:
        found["nullable"] = True
    return found
