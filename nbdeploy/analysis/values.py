"""What is known of a value without holding it: its kind, its shape, its columns.

The recorder describes every value that it sees in the kernel with these, so that the analysis, which is pure, can decide
about data frames without importing pandas.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["ColumnSpec", "Kind", "Schema"]


class Kind(StrEnum):
    """How a value is sent and compared."""

    TABLE = "table"  # a pandas DataFrame: rows are records
    SERIES = "series"  # a pandas Series
    ARRAY = "array"  # a numpy array of one dimension or more
    TENSOR = "tensor"  # a torch tensor of one dimension or more
    SPARSE = "sparse"  # a scipy sparse matrix or array
    LIST = "list"  # a list or tuple of numbers, texts, lists or records
    RECORD = "record"  # one dict: a single request
    SCALAR = "scalar"  # one number, text, bool or None, a numpy scalar, a zero-dimensional array
    OBJECT = "object"  # anything else: a model, a function, a module


ROW_KINDS = frozenset({Kind.TABLE, Kind.SERIES, Kind.ARRAY, Kind.TENSOR, Kind.SPARSE, Kind.LIST})


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column of a table (or the only one of a series), as observed over all recorded rows.

    `name` is the column's own label: a text, or the integer that pandas holds (JSON keys are texts: `key` is what a client
    writes). `dtype` is the text of the pandas dtype (`int64`, `float64`, `bool`, `str`, `object`, `category`,
    `datetime64[ns]`, ...). `nullable` says whether a missing value was seen. A column that is not `required` may be left
    out of a request: the answer does not depend on it.
    """

    name: str | int
    dtype: str
    nullable: bool = False
    required: bool = True
    categories: tuple[Any, ...] = ()

    @property
    def key(self) -> str:
        return str(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The observed form of a value.

    `type` is the qualified name of its class (`pandas.DataFrame`, `numpy.ndarray`, `list`). `rows` counts its rows: the
    length of a table, series, array, tensor, sparse matrix or list, 1 for a record or a scalar, None for an object.
    `shape` is set where the value has one; `dtype` for arrays, tensors, series and numpy scalars, and for a list whose
    items are of one type, that type (`str`, `int`, `float`, `list`, `dict`).
    """

    kind: Kind
    type: str
    rows: int | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    columns: tuple[ColumnSpec, ...] = ()
    name: str | None = None  # a series' own name

    def __str__(self) -> str:
        if self.shape is not None:
            return f"{self.type} {self.shape}"
        return f"{self.type} of {self.rows}" if self.kind is Kind.LIST else self.type

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": str(self.kind),
            "type": self.type,
            "rows": self.rows,
            "shape": list(self.shape) if self.shape is not None else None,
            "dtype": self.dtype,
            "name": self.name,
            "columns": [
                {
                    "name": column.name,
                    "dtype": column.dtype,
                    "nullable": column.nullable,
                    "required": column.required,
                    "categories": list(column.categories),
                }
                for column in self.columns
            ],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Schema:
        return cls(
            kind=Kind(data["kind"]),
            type=data["type"],
            rows=data["rows"],
            shape=tuple(data["shape"]) if data["shape"] is not None else None,
            dtype=data["dtype"],
            name=data.get("name"),
            columns=tuple(ColumnSpec(**{**each, "categories": tuple(each["categories"])}) for each in data["columns"]),
        )
