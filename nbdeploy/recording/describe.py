"""What a value looks like: its kind, shape and columns, as the analysis and the contract want them.

Looking is cheap, fails on nothing, and imports no library: a value of pandas can only be there if pandas is.
"""

from __future__ import annotations

import sys
from typing import Any

from nbdeploy.analysis.values import ColumnSpec, Kind, Schema
from nbdeploy.recording.digest import digest

__all__ = ["describe", "digest"]

SCALARS = (bool, int, float, complex, str, bytes, type(None))
DATA_MODULES = frozenset({"numpy", "datetime", "decimal", "pandas", "torch", "uuid"})
"""Libraries whose values may stand as items of a list or as fields of a record."""


def describe(value: object) -> Schema:
    """Describe a value over all of its rows. What can't be looked into is an object of its type."""
    try:
        return _array_like(value) or _builtin(value) or _object(value)
    except Exception:
        return _object(value)


def _object(value: object) -> Schema:
    return Schema(kind=Kind.OBJECT, type=_type_name(value))


def _type_name(value: object) -> str:
    return _class_name(type(value))


def _class_name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _array_like(value: Any) -> Schema | None:
    return _pandas(value) or _numpy(value) or _sparse(value) or _torch(value)


def _builtin(value: Any) -> Schema | None:
    if isinstance(value, SCALARS):
        return Schema(kind=Kind.SCALAR, type=_type_name(value), rows=1)
    if isinstance(value, dict):
        return Schema(kind=Kind.RECORD, type=_type_name(value), rows=1) if _is_record(value) else None
    if isinstance(value, list | tuple):
        kinds = set(map(type, value))
        if all(_is_item(kind) for kind in kinds) and all(_is_record(each) for each in value if dict in kinds):
            only = kinds.pop() if len(kinds) == 1 else None
            return Schema(
                kind=Kind.LIST, type=_type_name(value), rows=len(value), dtype=_class_name(only) if only else None
            )
    return None


def _is_item(kind: type) -> bool:
    """Say whether values of a class are data of their own: numbers, texts, dates, rows, but not models."""
    return issubclass(kind, (*SCALARS, list, tuple, dict)) or kind.__module__ in DATA_MODULES


def _is_record(value: Any) -> bool:
    if not isinstance(value, dict):
        return True
    return all(isinstance(key, str) for key in value) and all(_is_item(type(each)) for each in value.values())


def _pandas(value: Any) -> Schema | None:
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(value, pandas.DataFrame | pandas.Series):
        return None
    if isinstance(value, pandas.Series):
        return Schema(
            kind=Kind.SERIES,
            type="pandas.Series",
            rows=len(value),
            shape=(len(value),),
            dtype=_dtype(value),
            columns=(_column(value.name if value.name is not None else 0, value),),
            name=None if value.name is None else str(value.name),
        )
    return Schema(
        kind=Kind.TABLE,
        type="pandas.DataFrame",
        rows=len(value),
        shape=tuple(value.shape),
        columns=tuple(_column(label, value.iloc[:, place]) for place, label in enumerate(value.columns)),
    )


def _column(label: Any, values: Any) -> ColumnSpec:
    categories = values.cat.categories.tolist() if str(values.dtype) == "category" else ()
    return ColumnSpec(
        name=int(label) if isinstance(label, int) or type(label).__module__ == "numpy" else str(label),
        dtype=_dtype(values),
        nullable=bool(values.isna().any()),
        categories=tuple(each if type(each) in (str, int, float, bool) else str(each) for each in categories),
    )


def _dtype(values: Any) -> str:
    return str(values.dtype)


def _numpy(value: Any) -> Schema | None:
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray | numpy.generic):
        return None
    if value.ndim == 0:
        return Schema(kind=Kind.SCALAR, type=_type_name(value), rows=1, shape=(), dtype=str(value.dtype))
    return Schema(
        kind=Kind.ARRAY,
        type=_type_name(value),
        rows=len(value),
        shape=tuple(value.shape),
        dtype=str(value.dtype),
    )


def _sparse(value: Any) -> Schema | None:
    sparse = sys.modules.get("scipy.sparse")
    if sparse is None or not sparse.issparse(value):
        return None
    shape = tuple(int(each) for each in value.shape)
    return Schema(kind=Kind.SPARSE, type=_type_name(value), rows=shape[0], shape=shape, dtype=str(value.dtype))


def _torch(value: Any) -> Schema | None:
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        return None
    shape = tuple(int(each) for each in value.shape)
    return Schema(
        kind=Kind.TENSOR if shape else Kind.SCALAR,
        type="torch.Tensor",
        rows=shape[0] if shape else 1,
        shape=shape,
        dtype=str(value.dtype),
    )
