"""Walks over syntax trees, several times as fast as those of `ast`: the analysis is made of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["children", "outside_code", "walk"]

# Fields that hold no node which binds, reads or runs anything: texts, numbers, operators.
_PLAIN = {
    "arg", "asname", "attr", "conversion", "ctx", "id", "is_async", "kind", "kwd_attrs", "level", "module", "name", "op", "ops",
    "rest", "simple", "tag", "type_comment", "type_ignores",
}  # fmt: skip
_OF_CONSTANTS = {ast.Constant, ast.Global, ast.Nonlocal, ast.MatchSingleton, ast.alias}
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {
    kind: () if kind in _OF_CONSTANTS else tuple(each for each in kind._fields if each not in _PLAIN)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}
# A type parameter of PEP 695 and an except handler have a `name` that is a text; nothing has a `name` that is a node.


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes directly below, in the order of the source; operators, and `Load` and its like, are left out."""
    found: list[ast.AST] = []
    for field in _FIELDS[type(node)]:
        value = getattr(node, field, None)
        if value.__class__ is list:
            found += value
        elif value is not None:
            found.append(value)
    return found if None not in found else [each for each in found if each is not None]  # `{**rest}` has a key None


_CODE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def outside_code(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the node and all below it but functions, lambdas and classes defined inside, in no particular order."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [each for each in children(node) if not isinstance(each, _CODE)]


def walk(*nodes: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes and all below them, in no particular order."""
    waiting: list[ast.AST | None] = list(nodes)
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        yield node
        for field in _FIELDS[type(node)]:
            value = getattr(node, field, None)
            if value.__class__ is list:
                waiting += value
            elif value is not None:
                waiting.append(value)
