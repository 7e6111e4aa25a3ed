"""Tables of values of all rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.lib.mixins import NDArrayOperatorsMixin

from nbdeploy.packaging.onnx_graph import GraphWriter
from nbdeploy.proving.tracing.arrays import beside
from nbdeploy.proving.tracing.branches import branched
from nbdeploy.proving.tracing.tensor import Tensor
from nbdeploy.proving.tracing.untraceable import Untold, refuse

__all__ = ["Frame"]


class Frame(Untold, NDArrayOperatorsMixin):
    """A table: its columns by label, in order."""

    def __init__(self, graph: GraphWriter, columns: Mapping[Any, Callable[[], Tensor] | Tensor]) -> None:
        self._graph, self._columns = graph, dict(columns)

    __hash__ = Untold.__hash__

    def _column(self, label: Any) -> Tensor:
        if label not in self._columns:
            refuse(f"there is no column {label!r}")
        found = self._columns[label]
        return found if isinstance(found, Tensor) else found()

    def _with(self, columns: Mapping[Any, Any]) -> Frame:
        return Frame(self._graph, columns)

    def _each(self, function: Callable[[Any, Tensor], Any]) -> Frame:
        return self._with({label: function(label, self._column(label)) for label in self._columns})

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("_columns", ()):
            return self._column(name)
        return super().__getattr__(name)

    def __contains__(self, label: Any) -> bool:
        return label in self._columns

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, list) or type(key).__name__ in {"Index", "ndarray"}:
            labels = list(key)
            unknown = [each for each in labels if each not in self._columns]
            if unknown:
                refuse(f"there is no column {unknown[0]!r}")
            return self._with({each: self._columns[each] for each in labels})
        if isinstance(key, Tensor | Frame | slice):
            refuse("it picks rows")
        return self._column(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, list):
            given = value._columns.values() if isinstance(value, Frame) else [value] * len(key)
            for label, each in zip(key, given, strict=True):
                self[label] = each
            return
        if isinstance(key, Tensor):
            refuse("it changes some rows")
        self._columns[key] = value if isinstance(value, Tensor) or callable(value) else self._alike(value)

    def _alike(self, value: Any) -> Any:
        """Return a column of one value."""
        if value is None:
            return lambda: refuse("it reads a column of missing values")
        some = next((each for each in self._columns.values() if isinstance(each, Tensor)), None) or next(
            each() for each in self._columns.values() if not isinstance(each, Tensor)
        )
        return some._ufunc("equal", some, some).choose(value, value)

    @property
    def columns(self) -> Any:
        import pandas as pd

        return pd.Index(list(self._columns))

    @columns.setter
    def columns(self, labels: Any) -> None:
        self._columns = dict(zip(list(labels), self._columns.values(), strict=True))

    @property
    def index(self) -> None:
        return None

    @property
    def values(self) -> Tensor:
        return self.to_numpy()

    @property
    def loc(self) -> _Located:
        return _Located(self)

    @property
    def iloc(self) -> _Located:
        return _Located(self, by_place=True)

    def to_numpy(self, dtype: Any = None, **_: Any) -> Tensor:
        found = beside(self._column(each) for each in self._columns)
        return found if dtype is None else found.astype(dtype)

    def copy(self, *_: Any, **__: Any) -> Frame:
        return self._with(self._columns)

    def reset_index(self, *_: Any, drop: bool = False, **__: Any) -> Frame:
        return self.copy() if drop else refuse("it makes a column of the rows' numbers")

    def drop(self, labels: Any = None, axis: Any = 0, columns: Any = None, errors: str = "", **options: Any) -> Any:
        wanted = columns if columns is not None else labels
        if columns is None and axis not in {1, "columns"}:
            refuse("it drops rows")
        gone = [wanted] if isinstance(wanted, str | int) else list(wanted)
        left = {label: each for label, each in self._columns.items() if label not in gone}
        return self._in_place(left, options)

    def _in_place(self, columns: dict[Any, Any], options: Mapping[str, Any]) -> Frame | None:
        if options.get("inplace"):
            self._columns = columns
            return None
        return self._with(columns)

    def pop(self, label: Any) -> Tensor:
        found = self._column(label)
        del self._columns[label]
        return found

    def __delitem__(self, label: Any) -> None:
        del self._columns[label]

    def rename(self, columns: Any = None, **options: Any) -> Any:
        if columns is None:
            refuse("it names rows")
        named = columns if callable(columns) else lambda label: columns.get(label, label)
        return self._in_place({named(label): each for label, each in self._columns.items()}, options)

    def assign(self, **new: Any) -> Frame:
        found = self.copy()
        for label, value in new.items():
            found[label] = value(found) if callable(value) else value
        return found

    def fillna(self, value: Any, **options: Any) -> Any:
        table = dict(value) if isinstance(value, Mapping) or hasattr(value, "items") else None
        filled = {
            label: self._column(label).fillna(value if table is None else table[label])
            if table is None or label in table
            else each
            for label, each in self._columns.items()
        }
        return self._in_place(filled, options)

    def astype(self, dtype: Any, **_: Any) -> Frame:
        wanted = dtype if isinstance(dtype, Mapping) else dict.fromkeys(self._columns, dtype)
        return self._with(
            {n: self._column(n).astype(wanted[n]) if n in wanted else each for n, each in self._columns.items()}
        )

    def reindex(self, labels: Any = None, columns: Any = None, fill_value: Any = None, **_: Any) -> Frame:
        if columns is None:
            refuse("it orders rows")
        return self._with(
            {each: self._columns[each] if each in self._columns else self._alike(fill_value) for each in columns}
        )

    def apply(self, function: Callable[[Any], Any], axis: Any = 0, **options: Any) -> Any:
        if axis not in {1, "columns"}:
            return self._each(lambda _, column: function(column))
        return branched(self._some(), function, self, **options)

    def _some(self) -> Tensor:
        return self._column(next(iter(self._columns)))

    def replace(self, table: Any, value: Any = None, **_: Any) -> Frame:
        return self._each(lambda _, column: column.replace(table, value))

    def isna(self) -> Frame:
        return self._each(lambda _, column: column.isna())

    isnull = isna

    def clip(self, lower: Any = None, upper: Any = None, **_: Any) -> Frame:
        return self._each(lambda _, column: column.clip(lower, upper))

    def sum(self, axis: Any = 0, **_: Any) -> Tensor:
        return self.to_numpy().sum(axis)

    def mean(self, axis: Any = 0, **_: Any) -> Tensor:
        return self.to_numpy().mean(axis)

    def max(self, axis: Any = 0, **_: Any) -> Tensor:
        return self.to_numpy().max(axis)

    def min(self, axis: Any = 0, **_: Any) -> Tensor:
        return self.to_numpy().min(axis)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            refuse(f"`{ufunc.__name__}.{method}` over the rows has no form in a graph")

        def operand(value: Any, label: Any) -> Any:
            if isinstance(value, Frame):
                return value._column(label)
            if isinstance(value, Tensor):
                refuse("it puts a table and a column together")
            return value[label] if hasattr(value, "index") and hasattr(value, "items") else value

        return self._each(lambda label, _: ufunc(*(operand(each, label) for each in inputs)))


class _Located(Untold):
    """`frame.loc[:, labels]` and `frame.iloc[:, places]`."""

    def __init__(self, frame: Frame, by_place: bool = False) -> None:
        self._frame, self._by_place = frame, by_place

    def _labels(self, key: Any) -> Any:
        if not isinstance(key, tuple) or key[0] != slice(None):
            refuse("it picks rows")
        labels = list(self._frame._columns)
        if self._by_place:
            return labels[key[1]] if isinstance(key[1], int | slice) else [labels[each] for each in key[1]]
        if isinstance(key[1], slice):
            ends = [labels.index(each) if each is not None else None for each in (key[1].start, key[1].stop)]
            return labels[ends[0] : None if ends[1] is None else ends[1] + 1]
        return key[1]

    def __getitem__(self, key: Any) -> Any:
        return self._frame[self._labels(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, tuple) and isinstance(key[0], Tensor) and isinstance(key[1], str | int):
            old = self._frame._column(key[1])
            self._frame[key[1]] = key[0].choose(value, old)
            return
        self._frame[self._labels(key)] = value
