"""What a call of one of the notebook's functions does, and what it answers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

__all__ = ["Functions", "Summary"]


@dataclass(frozen=True, slots=True)
class Summary:
    """`parameters` (by name) whose object a call may change, those that it `surely` does, as far as is known; globals that it
    `changes` in place or `rebinds`.

    `hands` are the parameters that it hands on, with the names of the functions that it hands them to; `keeps` are pairs of
    a parameter and another that its object may hold afterwards; `with_default` those that an object of the function's own
    stands in for; `methods` the names of the functions of a class. `answers` are
    parameters and globals that the answer may be or hold, CODE for a function made inside; None: it may be anything.
    """

    parameters: frozenset[str] = frozenset()
    surely: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    all_parameters: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    rebinds: frozenset[str] = frozenset()
    hands: frozenset[tuple[str, str]] = frozenset()
    keeps: frozenset[tuple[str, str]] = frozenset()
    with_default: frozenset[str] = frozenset()
    answers: frozenset[str] | None = None
    is_generator: bool = False
    methods: frozenset[str] = frozenset()

    def given(self, call: ast.Call, parameters: frozenset[str]) -> Iterator[ast.expr]:
        """Yield the arguments of a call that may be taken by these parameters."""
        for position, argument in enumerate(call.args):
            beyond = position >= len(self.order) or isinstance(argument, ast.Starred)
            if (beyond and parameters) or (not beyond and self.order[position] in parameters):
                yield argument
        for each in call.keywords:
            if each.arg in parameters or (each.arg not in self.order and parameters):
                yield each.value


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions that names are known to mean at one moment of the notebook."""

    summaries: Mapping[str, Summary] = field(default_factory=dict)

    def of(self, call: ast.Call) -> Summary | None:
        return self.summaries.get(call.func.id) if isinstance(call.func, ast.Name) else None

    def changed_arguments(self, call: ast.Call) -> Iterator[ast.expr]:
        """Yield the argument expressions of a call whose objects the function may change."""
        summary = self.of(call)
        if summary is not None and isinstance(call.func, ast.Name):
            yield from summary.given(call, self._changed(call.func.id))

    def surely_changed(self, call: ast.Call) -> Iterator[ast.expr]:
        """Yield those of them that it is known to change."""
        summary = self.of(call)
        if summary is not None:
            yield from summary.given(call, summary.surely)

    def kept_arguments(self, call: ast.Call) -> Iterator[tuple[ast.expr, ast.expr]]:
        """Yield pairs of argument expressions: what the one holds may hold the other after the call."""
        summary = self.of(call)
        if summary is None or not isinstance(call.func, ast.Name):
            return
        changed = self._changed(call.func.id)
        handed = {parameter for parameter, _ in summary.hands}
        pairs = {*summary.keeps, *((one, other) for one in changed & handed for other in handed - {one})}
        for one, other in pairs:
            for holder in summary.given(call, frozenset({one})):
                yield from ((holder, each) for each in summary.given(call, frozenset({other})))

    def _changed(self, name: str) -> frozenset[str]:
        summary = self.summaries[name]
        handed = {parameter for parameter, callee in summary.hands if self._changes_any(callee)}
        return summary.parameters | handed

    def _changes_any(self, name: str) -> bool:
        """Tell whether the function, or one that it hands a parameter on to, changes one of its parameters."""
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            each = waiting.pop()
            summary = self.summaries.get(each)
            if summary is None or each in seen:
                continue
            if summary.parameters:
                return True
            seen.add(each)
            waiting += [callee for _, callee in summary.hands]
        return False
