"""numpy and pandas for code that is traced: a few functions take what stands for rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nbdeploy.proving.tracing.frame import Frame
from nbdeploy.proving.tracing.tensor import Tensor
from nbdeploy.proving.tracing.untraceable import refuse

__all__ = ["Numpy", "Pandas"]


class _Instead:
    """A module in which some functions take rows that nobody has sent yet; all others are its own."""

    def __init__(self, module: Any, own: Mapping[str, Callable[..., Any]]) -> None:
        self._module, self._own = module, own

    def __getattr__(self, name: str) -> Any:
        theirs = getattr(self._module, name)
        if name not in self._own:
            return theirs

        def either(*given: Any, **options: Any) -> Any:
            parts = [part for each in given for part in (each.values() if isinstance(each, dict) else _parts(each))]
            traced = any(isinstance(each, Tensor | Frame) for each in parts)
            return (self._own[name] if traced else theirs)(*given, **options)

        return either


def _parts(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _array(value: Any, dtype: Any = None, **_: Any) -> Tensor:
    if isinstance(value, list | tuple):
        refuse("it makes an array of lists of rows")
    found = value.to_numpy() if isinstance(value, Frame) else value
    return found if dtype is None else found.astype(dtype)


class Numpy(_Instead):
    """numpy, whose `asarray` and `array` leave what stands for rows as it is."""

    def __init__(self) -> None:
        import numpy as np

        super().__init__(np, {"asarray": _array, "array": _array, "asanyarray": _array})


def _frame(data: Any = None, index: Any = None, columns: Any = None, **_: Any) -> Frame:
    if isinstance(data, Frame):
        return data[list(columns)] if columns is not None else data.copy()
    if isinstance(data, Tensor):
        width = data.width or 1
        labels = list(range(width)) if columns is None else list(columns)
        matrix = data._like(data.tensor, data.kind, width)
        return Frame(data.graph, {label: matrix[:, place] for place, label in enumerate(labels)})
    if not isinstance(data, dict):
        refuse("it makes a table of rows")
    first = next(each for each in data.values() if isinstance(each, Tensor))
    frame = Frame(first.graph, {})
    frame._columns["first"] = first
    made = {label: each if isinstance(each, Tensor) else frame._alike(each) for label, each in data.items()}
    return Frame(first.graph, {label: made[label] for label in (columns if columns is not None else made)})


def _series(data: Any = None, *_: Any, dtype: Any = None, **__: Any) -> Any:
    return data if dtype is None else data.astype(dtype)


def _concat(values: Any, axis: Any = 0, **_: Any) -> Frame:
    if axis not in {1, "columns"} or not all(isinstance(each, Frame) for each in values):
        refuse("it puts rows below rows")
    return Frame(values[0]._graph, {label: each for frame in values for label, each in frame._columns.items()})


class Pandas(_Instead):
    """pandas, whose constructors and a few functions take what stands for rows."""

    def __init__(self) -> None:
        import pandas as pd

        own: dict[str, Callable[..., Any]] = {"DataFrame": _frame, "Series": _series, "concat": _concat}
        own |= {name: lambda value: value.isna() for name in ("isna", "isnull")}
        own |= {name: lambda value: value.notna() for name in ("notna", "notnull")}
        super().__init__(pd, own)
