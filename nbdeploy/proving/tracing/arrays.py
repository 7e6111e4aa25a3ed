"""Functions of numpy that take values of all rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbdeploy.proving.tracing.tensor import Tensor
from nbdeploy.proving.tracing.untraceable import Untold, refuse

__all__ = ["beside"]


def beside(values: Iterable[Any]) -> Tensor:
    """Put columns and matrices beside each other."""
    parts = [each.to_numpy() if isinstance(each, Untold) else each for each in values]
    if not all(isinstance(each, Tensor) for each in parts):
        refuse("it puts rows and values of other rows together")
    first, kinds = parts[0], {each.kind for each in parts}
    if len(kinds) > 1:
        parts = [each.as_kind("double" if "double" in kinds else "int64") for each in parts]
    width = sum(each.width or 1 for each in parts)
    tensor = parts[0].tensor if len(parts) == 1 else first.graph.node("Concat", *(p.tensor for p in parts), axis=1)
    return Tensor(first.graph, tensor, parts[0].kind, width)


def _concatenated(values: Iterable[Any], axis: int = 0, **_: Any) -> Tensor:
    return beside(values) if axis in {1, -1} else refuse("it puts rows below rows")


def _stacked(values: Iterable[Any], axis: int = 0, **_: Any) -> Tensor:
    values = list(values)
    single = all(isinstance(each, Tensor) and each.width is None for each in values)
    return beside(values) if axis in {1, -1} and single else refuse("it puts rows below rows")


def _hstack(values: Iterable[Any], **_: Any) -> Tensor:
    values = list(values)
    if any(isinstance(each, Tensor) and each.width is None for each in values):
        refuse("it puts columns one after the other")
    return beside(values)


def _select(conditions: list[Any], choices: list[Any], default: Any = 0) -> Any:
    found = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        found = condition.choose(choice, found)
    return found


def _where(condition: Tensor, *values: Any) -> Tensor:
    return condition.choose(*values) if len(values) == 2 else refuse("it asks in which rows something holds")


Tensor.functions |= {
    "where": _where,
    "select": _select,
    "column_stack": lambda values: beside(values),
    "hstack": _hstack,
    "stack": _stacked,
    "concatenate": _concatenated,
    "clip": lambda values, low=None, high=None, **_: values.clip(low, high),
    "argmax": lambda values, axis=None, **_: values.argmax(axis),
    "sum": lambda values, axis=None, **_: values.sum(axis),
    "mean": lambda values, axis=None, **_: values.mean(axis),
    "amax": lambda values, axis=None, **_: values.max(axis),
    "max": lambda values, axis=None, **_: values.max(axis),
    "min": lambda values, axis=None, **_: values.min(axis),
    "ravel": lambda values, **_: values.ravel(),
    "reshape": lambda values, shape, **_: values.reshape(shape),
    "squeeze": lambda values, **_: values,
    "isin": lambda values, table, **_: values.isin(table),
    "nan_to_num": lambda values, nan=0.0, **_: values.fillna(nan),
}
