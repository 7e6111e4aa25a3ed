"""Which names may share an object with the value of an expression: alias, view, container and part."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple

from nbdeploy.analysis.imported import BUILTINS, Imported
from nbdeploy.analysis.summary import Functions
from nbdeploy.analysis.targets import plain_targets, root_name

__all__ = ["CODE", "How", "Share", "Sharing"]


CODE = "<code>"
"""The pseudo-name of the lambdas and functions that a statement itself makes."""


class How(Enum):
    """The one name is the object of the other, is a part of it (or a view, or itself), holds it, or copies what holds it."""

    IS = "is"
    PART = "part"
    HOLDS = "holds"
    COPY = "copy"


class Share(NamedTuple):
    """How an object of `name` may have to do with that of `other` after the statement."""

    name: str
    other: str
    how: How


class Sharing:
    """Answers for one statement; `is_local` tells names that are none of the notebook's: a comprehension's own."""

    def __init__(self, imported: Imported, functions: Functions, is_local: Callable[[str], bool]) -> None:
        self.imported = imported
        self.functions = functions
        self.is_local = is_local

    def shares(self, name: str, value: ast.expr) -> Iterator[Share]:
        """Return what `name` shares after it was bound to the value."""
        same, held = self._same(value), self._held(value)
        how = How.IS if isinstance(value, ast.Name | ast.Lambda) else How.PART
        yield from (Share(name, each, how) for each in same)
        holds = How.COPY if self._copies(value) else How.HOLDS
        yield from (Share(name, each, holds) for each in held - same)

    def _copies(self, value: ast.expr) -> bool:
        """`df.copy()`, `loss * 2` of torch: what it shares with the operands depends on what these are."""
        if isinstance(value, ast.UnaryOp) or (isinstance(value, ast.BinOp) and not _is_list(value.left)):
            return not (isinstance(value, ast.BinOp) and _is_list(value.right))
        if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute) or value.args:
            return False
        return self.imported.origin(value.func) is None and value.func.attr in self.imported.known.shallow_methods

    def parts(self, name: str, value: ast.expr) -> Iterator[Share]:
        """Return what `name` shares after it was bound to an item of the value."""
        yield from (Share(name, each, How.PART) for each in self.reachable(value))

    def puts(self, name: str, value: ast.expr) -> Iterator[Share]:
        """Return what `name` shares after the value was put into what it holds."""
        yield from (Share(name, each, How.HOLDS) for each in self.reachable(value))

    def _same(self, value: ast.expr) -> frozenset[str]:
        """Return the names whose object the value may be, or be a part or a view of."""
        match value:
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._own(root_name(value)) or self._through_call(value)
            case ast.Call():
                return self._call(value)[0]
            case ast.IfExp():
                return self._same(value.body) | self._same(value.orelse)
            case ast.BoolOp():
                return frozenset(name for each in value.values for name in self._same(each))
            case ast.Starred() | ast.NamedExpr() | ast.Await():
                return self._same(value.value)
            case ast.Lambda():
                return frozenset({CODE})
            case _:
                return frozenset()

    def _held(self, value: ast.expr) -> frozenset[str]:
        """Return the names whose object the value may hold."""
        match value:
            case ast.Call():
                return self._call(value)[1]
            case ast.Tuple() | ast.List() | ast.Set():
                return self._any(value.elts)
            case ast.Dict():
                return self._any([*value.values, *(each for each in value.keys if each is not None)])
            case ast.IfExp():
                return self._held(value.body) | self._held(value.orelse)
            case ast.BoolOp():
                return frozenset(name for each in value.values for name in self._held(each))
            case ast.BinOp() if self.imported.known.operators_hold or _is_list(value.left) or _is_list(value.right):
                return self._any([value.left, value.right])  # the sum of two lists holds the items of both
            case ast.UnaryOp() if self.imported.known.operators_hold:
                return self._any([value.operand])
            case ast.Starred() | ast.NamedExpr() | ast.Await():
                return self._held(value.value)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return self._comprehension([value.elt], value.generators)
            case ast.DictComp():
                return self._comprehension([value.key, value.value], value.generators)
            case _:
                return frozenset()

    def _comprehension(self, items: list[ast.expr], generators: list[ast.comprehension]) -> frozenset[str]:
        own = {name for each in generators for name in plain_targets(each.target)}
        return self._any([*items, *(each.iter for each in generators)]) - own

    def _any(self, values: list[ast.expr]) -> frozenset[str]:
        return frozenset(name for each in values for name in self._same(each) | self._held(each))

    def reachable(self, value: ast.expr) -> frozenset[str]:
        """Return the names whose objects can be had from the value."""
        return self._same(value) | self._held(value)

    def _own(self, name: str | None) -> frozenset[str]:
        if name is None or name in self.imported.modules or self.is_local(name):
            return _NONE
        if name in BUILTINS and name not in self.imported.bound:
            return _NONE
        return frozenset({name})

    def _through_call(self, value: ast.expr) -> frozenset[str]:
        while isinstance(value, ast.Attribute | ast.Subscript):
            value = value.value
        return self.reachable(value) if isinstance(value, ast.Call) else _NONE

    def _call(self, call: ast.Call) -> tuple[frozenset[str], frozenset[str]]:
        """Return the names that the answer of a call may be, and those that it may hold."""
        given = self._any([*call.args, *(keyword.value for keyword in call.keywords)])
        origin = self.imported.origin(call.func)
        if origin is not None:
            return self._of_function(origin, given)
        if isinstance(call.func, ast.Attribute):
            return self._of_method(call.func, given)
        if isinstance(call.func, ast.Name) and not self.is_local(call.func.id):
            return self._of_own(call, call.func.id, given)
        return given, _NONE

    def _of_own(self, call: ast.Call, name: str, given: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
        """A function of the notebook answers with what its body says; with anything that it is given if it is not known."""
        summary = self.functions.of(call)
        if summary is None or summary.answers is None:
            return given | {name}, _NONE
        parameters = frozenset(summary.answers & summary.all_parameters)
        answered = self._any(list(summary.given(call, parameters)))
        outer = summary.answers - summary.all_parameters
        if CODE in outer:  # a function made inside keeps what its maker was given
            return given | (outer - {CODE}) | {name}, _NONE
        return answered | frozenset(each for each in outer if self._own(each)), _NONE

    def _of_method(self, function: ast.Attribute, given: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
        known, method = self.imported.known, function.attr
        receiver = self.reachable(function.value)
        if method in known.fresh_methods or method in known.fresh_answer_methods:
            return _NONE, _NONE
        if method in known.shallow_methods:
            return _NONE, receiver | given
        if method in known.training_methods:
            return receiver, _NONE
        return receiver, given

    def _of_function(self, origin: str, given: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
        """A class keeps what it is made of, and so do some functions; others answer with a view."""
        answer = self.imported.known.answer_of(origin)
        if answer == "fresh":
            return _NONE, _NONE
        if answer == "view":
            return given, _NONE
        if answer == "shallow" or origin.rpartition(".")[2][:1].isupper():
            return _NONE, given
        return given, _NONE


def _is_list(node: ast.expr) -> bool:
    return isinstance(node, ast.List | ast.Tuple)


_NONE: frozenset[str] = frozenset()
