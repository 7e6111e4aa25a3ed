"""The form of an input, in plain data that is stored with the model, so that it can be given back its types there."""

from __future__ import annotations

from typing import Any

__all__ = ["as_plain", "form_of", "sample"]


def form_of(value: Any) -> dict[str, Any]:
    """Describe `value`: its kind (table, series, array, tensor, sparse, list, other) and a table's columns."""
    import numpy
    import pandas

    if isinstance(value, pandas.DataFrame):
        named = all(isinstance(each, (str, int, numpy.integer)) for each in value.columns) and value.columns.is_unique
        return {"kind": "table", "columns": [_column(value[each]) for each in value.columns]} if named else _OTHER
    if isinstance(value, pandas.Series):
        name = value.name if isinstance(value.name, (str, int)) else None
        return {"kind": "series", "name": name, "columns": [_column(value.rename(name if name is not None else 0))]}
    if isinstance(value, numpy.ndarray):
        return {"kind": "array"} if value.ndim else _OTHER
    if type(value).__module__ == "torch" and hasattr(value, "detach"):
        return {"kind": "tensor"} if value.ndim else _OTHER
    if type(value).__module__.startswith("scipy.sparse"):
        return {"kind": "sparse"}
    plain = isinstance(value, list) and value and all(isinstance(each, (str, int, float)) for each in value)
    return {"kind": "list"} if plain else _OTHER


_OTHER: dict[str, Any] = {"kind": "other"}


def as_plain(value: Any) -> Any:
    """The same rows as a value that MLflow knows: a tensor as an array, a series as a table, tuples as lists."""
    import pandas

    if hasattr(value, "detach") and hasattr(value, "numpy"):
        return value.detach().cpu().numpy()
    if isinstance(value, pandas.Series):
        return value.to_frame()
    return list(value) if isinstance(value, tuple) else value


def sample(value: Any, rows: int) -> Any:
    """The first `rows` rows of `value` as MLflow stores an example, None for a value that has no rows."""
    return None if form_of(value)["kind"] == "other" else as_plain(value)[:rows]


def _column(series: Any) -> dict[str, Any]:
    """One column in types that YAML and JSON know."""
    name = series.name if isinstance(series.name, str) else int(series.name)
    column: dict[str, Any] = {"name": name, "dtype": str(series.dtype)}
    if column["dtype"] == "category":
        column["categories"] = series.cat.categories.tolist()
        column["ordered"] = bool(series.cat.ordered)
    return column
