"""Which names may share an object with the value of an expression: alias, view, container and part."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from nbdeploy.analysis.imported import BUILTINS, Imported
from nbdeploy.analysis.knowledge import Callee
from nbdeploy.analysis.scopes import Scopes
from nbdeploy.analysis.summary import Functions
from nbdeploy.analysis.targets import given_to, plain_targets

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
    """Answers for one statement, at a place inside its scopes."""

    def __init__(self, imported: Imported, functions: Functions, scopes: Scopes) -> None:
        self.imported = imported
        self.functions = functions
        self.scopes = scopes

    def shares(self, name: str, value: ast.expr) -> Iterator[Share]:
        """Return what `name` shares after it was bound to the value."""
        same, held = self._ties(value)
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

    def reachable(self, value: ast.expr) -> frozenset[str]:
        """Return the names whose objects can be had from the value."""
        same, held = self._ties(value)
        return same | held

    def _ties(self, value: ast.expr) -> Ties:
        """Return the names whose object the value may be, or be a part or a view of, and those whose it may hold."""
        match value:
            case ast.Name(id=name):
                return self._own(name), _NONE
            case ast.Attribute() | ast.Subscript():
                return self.reachable(value.value), _NONE
            case ast.Call():
                return self._call(value)
            case ast.IfExp():
                return _merged([self._ties(value.body), self._ties(value.orelse)])
            case ast.BoolOp():
                return _merged([self._ties(each) for each in value.values])
            case ast.Starred() | ast.NamedExpr() | ast.Await():
                return self._ties(value.value)
            case ast.Lambda():
                return frozenset({CODE}), _NONE
            case ast.GeneratorExp():  # runs when it is gone through
                return frozenset({CODE}), self._held(value)
            case _:
                return _NONE, self._held(value)

    def _held(self, value: ast.expr) -> frozenset[str]:
        match value:
            case ast.Tuple() | ast.List() | ast.Set():
                return self._any(value.elts)
            case ast.Dict():
                return self._any([*value.values, *(each for each in value.keys if each is not None)])
            case ast.BinOp() if self.imported.known.operators_hold or _joins(value):
                return self._any([value.left, value.right])  # the sum of two lists holds the items of both
            case ast.UnaryOp() if self.imported.known.operators_hold:
                return self.reachable(value.operand)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return self._comprehension([value.elt], value.generators)
            case ast.DictComp():
                return self._comprehension([value.key, value.value], value.generators)
            case _:
                return _NONE

    def _comprehension(self, items: list[ast.expr], generators: list[ast.comprehension]) -> frozenset[str]:
        own = {name for each in generators for name in plain_targets(each.target)}
        return self._any([*items, *(each.iter for each in generators)]) - own

    def _any(self, values: Iterable[ast.expr]) -> frozenset[str]:
        return _NONE.union(*(self.reachable(each) for each in values))

    def _own(self, name: str) -> frozenset[str]:
        found = self.scopes.outer([name]) - self.imported.modules
        return frozenset(found - BUILTINS | (found & self.imported.bound))

    def _given(self, call: ast.Call) -> frozenset[str]:
        return self._any(given_to(call))

    def _call(self, call: ast.Call) -> Ties:
        callee = self.imported.callee(call)
        if callee.origin is not None:
            return self._of_function(call, callee)
        if isinstance(call.func, ast.Attribute):
            return self._of_method(call, call.func, callee)
        if isinstance(call.func, ast.Name) and call.func.id in self.scopes.outer([call.func.id]):
            return self._of_own(call, call.func.id)
        return self._given(call) | self.reachable(call.func), _NONE

    def _of_own(self, call: ast.Call, name: str) -> Ties:
        """A function of the notebook answers with what its body says; with anything that it is given if it is not known."""
        summary = self.functions.of(call)
        if summary is None or summary.answers is None:
            return self._given(call) | {name}, _NONE
        outer = summary.answers - summary.all_parameters
        if CODE in outer:  # a function made inside keeps what its maker was given
            return self._given(call) | (outer - {CODE}) | {name}, _NONE
        parameters = frozenset(summary.answers & summary.all_parameters)
        own = frozenset({name}) if parameters & summary.with_default else _NONE  # a list as default lives on in it
        return self._any(summary.given(call, parameters)) | own | {each for each in outer if self._own(each)}, _NONE

    def _of_method(self, call: ast.Call, function: ast.Attribute, callee: Callee) -> Ties:
        if callee.answer == "fresh":
            return _NONE, _NONE
        receiver = self.reachable(function.value)
        if callee.trains:
            return receiver, _NONE
        given = self._given(call)
        return (_NONE, receiver | given) if callee.answer == "shallow" else (receiver, given)

    def _of_function(self, call: ast.Call, callee: Callee) -> Ties:
        """A class keeps what it is made of, and so do some functions; others answer with a view."""
        if callee.answer == "fresh":
            return _NONE, _NONE
        holds = callee.answer == "shallow" or (callee.answer is None and callee.makes_object)
        return (_NONE, self._given(call)) if holds else (self._given(call), _NONE)


_NONE: frozenset[str] = frozenset()
Ties = tuple[frozenset[str], frozenset[str]]
"""What a value may be (or be a part of), and what it may hold."""


_JOINING = ast.Add | ast.BitOr


def _joins(value: ast.BinOp) -> bool:
    """Tell whether the value may be a list that holds the items of both: a sum of two, or many times the same."""
    return isinstance(value.op, _JOINING) or _is_list(value.left) or _is_list(value.right)


def _is_list(node: ast.expr) -> bool:
    return isinstance(node, ast.List | ast.Tuple)


def _merged(ties: Iterable[Ties]) -> Ties:
    both = list(ties)
    return _NONE.union(*(same for same, _ in both)), _NONE.union(*(held for _, held in both))
