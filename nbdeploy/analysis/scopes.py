"""Which names a function, a class or a comprehension has for itself."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nbdeploy.analysis.targets import argument_names, bound_by_import
from nbdeploy.analysis.walking import children, walk

__all__ = ["Scope", "Scopes", "annotations_of", "declared_outer", "defaults_of", "function_scope", "local_names"]


@dataclass
class Scope:
    """The names that a function, lambda, class or comprehension binds for itself."""

    names: set[str] = field(default_factory=set)
    late: bool = False  # a function body: its reads happen when it is called
    is_class: bool = False  # its names are no scope for the functions inside
    outer: set[str] = field(default_factory=set)  # declared global or nonlocal
    at_once: bool = False  # a comprehension, a lambda that a call is given: what it changes changes now
    items_of: set[str] = field(default_factory=set)  # of such a one: names whose objects or items its own may be


class Scopes(list[Scope]):
    """The scopes around a place in a statement, the innermost last."""

    def is_local(self, name: str) -> bool:
        for scope in self:
            if name in scope.names and name not in scope.outer and (not scope.is_class or scope is self[-1]):
                return True
        return False

    def outer(self, names: Iterable[str]) -> set[str]:
        """Return the names of the notebook behind names: a comprehension's own are items of what it goes through."""
        if not self:
            return set(names)
        found = set()
        for name in names:
            holder = next((scope for scope in reversed(self) if name in scope.names), None)
            if holder is not None and holder.at_once:
                found |= holder.items_of
            elif not self.is_local(name):
                found.add(name)
        return found


def defaults_of(arguments: ast.arguments) -> Iterator[ast.expr]:
    yield from arguments.defaults
    yield from (each for each in arguments.kw_defaults if each is not None)


def annotations_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
    yield from (each.annotation for each in every if each is not None and each.annotation is not None)
    if node.returns is not None:
        yield node.returns


def function_scope(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Scope:
    return Scope(argument_names(node.args) | local_names(node.body), late=True, outer=declared_outer(node))


def declared_outer(node: ast.AST) -> set[str]:
    """Return the names that a function's body declares global."""
    return {name for each in walk(node) if isinstance(each, ast.Global) for name in each.names}


def local_names(body: Iterable[ast.stmt]) -> set[str]:
    """Return the names bound directly in the body of a function or class (not in functions nested in it)."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        kind = type(node)
        if kind is ast.Name:
            if type(node.ctx) is not ast.Load:  # type: ignore[attr-defined]
                found.add(node.id)  # type: ignore[attr-defined]
        elif kind in _SCOPES:
            found |= _bound_outside(node)
        else:
            if kind in _BINDING:
                found |= _bound_by_itself(node)
            waiting += children(node)
    return found


_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, *_COMPREHENSIONS}
_BINDING = {ast.Import, ast.ImportFrom, ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping}


def _bound_outside(node: ast.AST) -> set[str]:
    """Return what a scope binds in the one around it."""
    if isinstance(node, _COMPREHENSIONS):
        return {each.target.id for each in walk(node) if isinstance(each, ast.NamedExpr)}
    return set() if isinstance(node, ast.Lambda) else {node.name}  # type: ignore[attr-defined]


def _bound_by_itself(node: ast.AST) -> set[str]:
    match node:
        case ast.Import() | ast.ImportFrom():
            return set(bound_by_import(node))
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return {name}
        case ast.MatchMapping(rest=str(name)):
            return {name}
        case _:
            return set()
