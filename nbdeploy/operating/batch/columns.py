"""Python values as columns of Arrow, and columns as they are kept beside the predictions.

A column whose values are of no one type that Arrow has is a column of texts of JSON: its field says `content: json`. The texts
of CSV say `content: csv`. The package's `tables.py` knows both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["as_column", "field_for", "holds_json", "kept"]

JSON = {b"content": b"json"}
EXACT: Mapping[str, set[type]] = {"int64": {int}, "double": {int, float}, "bool": {bool}, "string": {str}}


def holds_json(field: pa.Field) -> bool:
    return (field.metadata or {}).get(b"content") == b"json"


def field_for(name: str, values: list[Any]) -> pa.Field:
    """Return the field that such values have."""
    import pyarrow as pa

    kinds = set(map(type, values)) - {type(None)}
    types = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    if kinds == {int, float}:
        return pa.field(name, pa.float64())
    if len(kinds) == 1 and (only := kinds.pop()) in types:
        return pa.field(name, types[only])
    try:
        found = pa.array(values).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        found = pa.null()
    plain = not pa.types.is_null(found) and not pa.types.is_nested(found)
    return pa.field(name, found) if plain else pa.field(name, pa.string(), metadata=JSON)


def as_column(values: list[Any], field: pa.Field) -> tuple[pa.Array, pa.Field]:
    """Return the values as a column of the field, as texts of JSON where one of them does not fit it exactly."""
    import pyarrow as pa

    exact = EXACT.get(str(field.type))
    if not holds_json(field) and (exact is None or {*map(type, values)} <= {*exact, type(None)}):
        try:
            return pa.array(values, field.type), field
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass
    texts = [None if each is None else json.dumps(each, ensure_ascii=False, default=str) for each in values]
    return pa.array(texts, pa.string()), pa.field(field.name, pa.string(), metadata=JSON)


def kept(array: pa.Array, found: pa.Field, wanted: pa.Field, rows: Iterable[int]) -> pa.Array:
    """Return a column as its field was at the beginning. Raises UsageError (NBD645): a value does not fit it."""
    import pyarrow as pa

    try:
        if holds_json(found) and not holds_json(wanted):
            return pa.array([None if each is None else json.loads(each) for each in array.to_pylist()], wanted.type)
        return array if array.type == wanted.type else array.cast(wanted.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as problem:
        first, last = min(rows, default=0), max(rows, default=0)
        raise UsageError(
            Diagnostic(
                code="NBD645",
                message=f"column {wanted.name!r} began as {wanted.type}, and in rows {first} to {last} has a value that is"
                f" none: {str(problem).splitlines()[0][:200]}",
                fix="leave that column out of the output: --keep with the names of those that you want",
            )
        ) from None
