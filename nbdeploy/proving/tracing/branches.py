"""Functions of one row's values, with branches, for all rows at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbdeploy.proving.tracing.untraceable import refuse

if TYPE_CHECKING:
    from nbdeploy.proving.tracing.tensor import Tensor

__all__ = ["branched", "decided"]

MOST_PATHS = 64  # through a function


@dataclass(slots=True)
class _Way:
    """The way that one run of a function takes: `taken` decides its first branches, the next ones are true."""

    taken: list[bool]
    conditions: list[Tensor] = field(default_factory=list)


_ways: list[_Way] = []  # of the functions that are running, the innermost last


def decided(condition: Tensor) -> bool:
    """Return which way a branch of the running function goes."""
    if not _ways or condition.kind != "bool":
        refuse("it decides for all rows at once")
    way = _ways[-1]
    way.conditions.append(condition)
    place = len(way.conditions) - 1
    return way.taken[place] if place < len(way.taken) else True


def branched(some: Tensor, function: Callable[..., Any], *given: Any, **options: Any) -> Tensor:
    """Return what a function of one row's values answers for all rows: each way through its branches is taken once.

    `some` is any of the tensors.
    """
    left = [MOST_PATHS]

    def answer(taken: list[bool]) -> Any:
        left[0] -= 1
        if left[0] < 0:
            refuse(f"a function has more than {MOST_PATHS} ways through it")
        _ways.append(_Way(taken))
        try:
            found = function(*given, **options)
        finally:
            conditions = _ways.pop().conditions
        for place in range(len(conditions) - 1, len(taken) - 1, -1):
            found = conditions[place].choose(found, answer([*taken, *[True] * (place - len(taken)), False]))
        return found

    return some.operand(answer([]))
