"""Arrow record batches in, predictions out: what a batch job and `churn` have in common.

A row is read by the rules of `schema.py`, and refused in the same words.
Columns are found by their names; others are passed over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .predict import predict
from .schema import COLUMNS, FLOATS, REQUIRED, BadRequest, Column, answer, rows_of

SYSTEM_FAULTS = (ImportError, MemoryError, OSError, RuntimeError, SystemError)  # no row is to blame
CONTENT = b"content"  # metadata of a column whose texts stand for other values: CSV or JSON
CSV = b"csv"
JSON = b"json"
MISSING = pa.array(  # in CSV, as pandas has it
    ["", "#N/A", "#N/A N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]
)
CSV_TYPES = {"floats": pa.float64(), "integers": pa.int64(), "booleans": pa.bool_()}
INTEGERS = {
    str(each): each
    for each in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
}
ANSWER = pa.schema(
    [
        pa.field("churn_probability", pa.float64()),
        pa.field("call", pa.string()),
    ]
)


class Scored(NamedTuple):
    """The predictions of the rows that could be answered, in their order, and what is wrong with the others.

    A problem has `row` (from 0), `field` and `message`, as one of `BadRequest`.
    """

    predictions: pa.RecordBatch
    problems: list[dict[str, Any]]


def score(batch: pa.RecordBatch) -> Scored:
    """Predict for each row of a batch.

    Raises BadRequest: a column that is needed is not there. Raises RuntimeError: the model did not answer row by row.
    """
    value, problems = read(batch)
    found, rows = problems, np.arange(batch.num_rows)
    while found:  # without the rows at fault others may come to light
        good = np.setdiff1d(np.arange(batch.num_rows), [problem["row"] for problem in found])
        batch, rows = batch.take(pa.array(good)), rows[good]
        value, found = read(batch)
        problems += _placed(found, rows)
    answered, refused = _predict(batch, value, 0)
    problems += _placed(refused, rows)
    predictions = pa.Table.from_batches(answered, ANSWER).combine_chunks().to_batches()
    empty = pa.record_batch([pa.array([], field.type) for field in ANSWER], schema=ANSWER)
    return Scored(predictions[0] if predictions else empty, sorted(problems, key=lambda problem: problem["row"]))


def _placed(problems: list[dict[str, Any]], rows: np.ndarray) -> list[dict[str, Any]]:
    return [{**problem, "row": int(rows[problem["row"]])} for problem in problems]


def _predict(batch: pa.RecordBatch, value: Any, first: int) -> tuple[list[pa.RecordBatch], list[dict[str, Any]]]:
    """Answer all rows at once; where the model refuses, half of them at a time, until the rows at fault are found."""
    if batch.num_rows == 0:
        return [], []
    try:
        output = predict(value)
    except Exception as error:  # of this very input, whatever library raised it
        if isinstance(error, SYSTEM_FAULTS):
            raise
        if batch.num_rows == 1:
            message = f"the model can't answer this input: {type(error).__name__}: {error}"
            return [], [{"row": first, "field": None, "message": message}]
    else:
        return [answers(output, batch.num_rows)], []
    half = batch.num_rows // 2
    left, right = batch.slice(0, half), batch.slice(half)
    answered, problems = _predict(left, read(left)[0], first)
    rest, more = _predict(right, read(right)[0], first + half)
    return answered + rest, problems + more


def read(batch: pa.RecordBatch) -> tuple[pd.DataFrame | None, list[dict[str, Any]]]:
    """Return the data frame that `predict` takes, None where there are problems, and these.

    Raises BadRequest: a column that is needed is not there.
    """
    names = set(batch.schema.names)
    lost = [{"row": None, "field": key, "message": "missing field"} for key in sorted(REQUIRED - names)]
    if lost:
        raise BadRequest(lost)
    problems: list[dict[str, Any]] = []
    data = {
        column.label: _column(batch, batch.schema.get_field_index(column.key), column, column.key, problems)
        for column in COLUMNS
    }
    return None if problems else pd.DataFrame(data), problems


def _problem(row: int, field: str | None, message: str) -> dict[str, Any]:
    return {"row": row, "field": field, "message": message}


def _values(batch: pa.RecordBatch, at: int) -> tuple[pa.Array, bytes]:
    """Return a column and what its texts stand for; nothing but missing values where there is none."""
    if at < 0:
        return pa.nulls(batch.num_rows), b""
    array, content = batch.column(at), (batch.schema.field(at).metadata or {}).get(CONTENT, b"")
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return _without_missing(array) if content == CSV else array, content


def _column(batch: pa.RecordBatch, at: int, column: Column, field: str | None, problems: list[dict[str, Any]]) -> Any:
    """Read a column as a whole where Arrow shows that nothing is wrong, else value by value, as `schema.py` does."""
    array, content = _values(batch, at)
    found = _quickly(array, content, column)
    if found is not None:
        return found
    fault = problems.append
    values = _plain(array, content, column)
    return column.read(values, column, lambda row, message: fault(_problem(row, field, message)))


def _quickly(array: pa.Array, content: bytes, column: Column) -> Any:
    """Return the column if that needs no look at each value, else None."""
    read = QUICK.get(column.read.__name__)
    if read is None or content == JSON:
        return None
    return read(_numbers(array, column) if content == CSV else array, column)


def _numbers(array: pa.Array, column: Column) -> pa.Array:
    """Return what the texts of a column of CSV stand for, if that is so for all of them."""
    wanted = CSV_TYPES.get(column.read.__name__)
    try:
        return pc.utf8_trim_whitespace(array).cast(wanted) if wanted else array
    except pa.ArrowInvalid:
        return array


def _without_missing(array: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_in(array, value_set=MISSING), pa.scalar(None, array.type), array)


def _plain(array: pa.Array, content: bytes, column: Column) -> list[Any]:
    """Return the values as JSON would bring them."""
    values = array.to_pylist()
    if content == JSON:
        return [None if value is None else json.loads(value) for value in values]
    if content == CSV and (column.read.__name__ in CSV_TYPES or {float, int} & set(map(type, column.categories))):
        return [None if value is None else _json(_of_text(value)) for value in values]
    return [_json(value) for value in values]


def _json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, timedelta):
        return f"PT{value.total_seconds():.6f}S"
    if isinstance(value, list | tuple):
        return [_json(each) for each in value]
    if isinstance(value, dict):
        return {key: _json(each) for key, each in value.items()}
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _of_text(text: str) -> Any:
    """Return the number or truth value that a text of CSV stands for; any other text as it is."""
    plain = text.strip().lower()
    if plain in {"true", "false"}:
        return plain == "true"
    for number in (int, float) if plain and "_" not in plain else ():
        try:
            return number(plain)
        except ValueError:
            continue
    return text


def _may_lack(column: Column) -> bool:
    return column.nullable or not column.required


def _floats(array: pa.Array, column: Column) -> Any:
    kind = array.type
    numeric = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    if not numeric or column.dtype not in FLOATS:
        return None
    numbers = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if not _may_lack(column) and np.isnan(numbers).any():
        return None
    with np.errstate(over="ignore"):
        return numbers.astype(column.dtype)


def _integers(array: pa.Array, column: Column) -> Any:
    if not pa.types.is_integer(array.type) or array.null_count or column.dtype not in INTEGERS:
        return None
    try:
        return array.cast(INTEGERS[column.dtype]).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:  # out of range
        return None


def _texts(array: pa.Array, column: Column) -> Any:
    text = pa.types.is_string(array.type) or pa.types.is_large_string(array.type)
    if not text or (array.null_count and not _may_lack(column)):
        return None
    return pd.api.types.pandas_dtype(column.dtype).__from_arrow__(array)


def answers(output: pd.DataFrame, rows: int) -> pa.RecordBatch:
    """Turn what `predict` returned for that many rows into a batch. Missing values are null."""
    _check_rows(output, rows)
    columns = [output.iloc[:, position] for position in range(output.shape[1])]
    arrays = [_arrow(column, field.type) for column, field in zip(columns, ANSWER, strict=True)]
    return pa.record_batch(arrays, schema=ANSWER)


def _check_rows(output: Any, rows: int) -> None:
    if rows_of(output) != rows:
        raise RuntimeError(f"{rows} rows were asked, {rows_of(output)} answered: none can be trusted")


def _arrow(values: Any, kind: pa.DataType) -> pa.Array:
    """Return values as Arrow; in a column of texts, what is no text is written as JSON."""
    try:
        found = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # of several types
        found = None
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    if found is not None and pa.types.is_dictionary(found.type):
        found = found.dictionary_decode()
    text = found is not None and (pa.types.is_string(found.type) or pa.types.is_large_string(found.type))
    if pa.types.is_string(kind) and not text:
        plain = [answer(value) for value in values]
        return pa.array([each if each is None or isinstance(each, str) else json.dumps(each) for each in plain], kind)
    return pa.array(values, kind, from_pandas=True) if found is None else found.cast(kind)


QUICK: dict[str, Callable[[pa.Array, Column], Any]] = {
    "floats": _floats,
    "integers": _integers,
    "texts": _texts,
}
