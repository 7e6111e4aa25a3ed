"""What calling a function of the notebook does to the notebook: to its arguments, and to globals."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from nbdeploy.analysis import knowledge as known
from nbdeploy.analysis.targets import argument_names, plain_targets
from nbdeploy.analysis.visitor import Scope, Visitor, declared_outer, local_names

__all__ = ["Summary", "changed_arguments", "summary_of"]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Summary:
    """`parameters` (by name) whose object a call may change; globals that it `changes` in place or `rebinds`."""

    parameters: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    changes: frozenset[str] = frozenset()
    rebinds: frozenset[str] = frozenset()


def summary_of(node: ast.stmt, modules: frozenset[str]) -> Summary:
    """Return the summary of a function, a class (any of its methods may be called), or a lambda with a name."""
    if isinstance(node, ast.ClassDef):
        inner = [summary_of(each, modules) for each in node.body if isinstance(each, FunctionNode)]
        changes = frozenset(name for each in inner for name in each.changes)
        return Summary(changes=changes, rebinds=frozenset(name for each in inner for name in each.rebinds))
    if isinstance(node, FunctionNode):
        names = argument_names(node.args) | local_names(node.body)
        body: list[ast.stmt] = node.body
        arguments = node.args
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
        names, arguments = argument_names(node.value.args), node.value.args
        body = [ast.Expr(node.value.body)]
    else:
        return Summary()
    outer = declared_outer(node)
    visitor = Visitor(modules, frozenset())
    visitor.scopes.append(Scope(names - outer))
    for each in body:
        visitor.visit(each)
    order = tuple(each.arg for each in (*arguments.posonlyargs, *arguments.args))
    changed = _changed_parameters(body, argument_names(arguments))
    own = (
        _names_of(node) if changed & _with_default(arguments) else frozenset()
    )  # a list as default lives in the function
    return Summary(
        parameters=changed,
        order=order,
        changes=frozenset(visitor.mutates | _kept(visitor)) | own,
        rebinds=frozenset(visitor.defs & outer),
    )


def _names_of(node: ast.stmt) -> frozenset[str]:
    if isinstance(node, FunctionNode):
        return frozenset({node.name})
    return frozenset(name for each in getattr(node, "targets", []) for name in plain_targets(each))


def _with_default(arguments: ast.arguments) -> frozenset[str]:
    """Return the parameters whose default is an object that can change."""
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(reversed(positional), reversed(arguments.defaults), strict=False)]
    pairs += [(each, value) for each, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value]
    return frozenset(each.arg for each, value in pairs if not isinstance(value, ast.Constant))


def _kept(visitor: Visitor) -> set[str]:
    return {name for name in visitor.may_change if name not in visitor.calls}


def _changed_parameters(body: list[ast.stmt], parameters: set[str]) -> frozenset[str]:
    visitor = Visitor(frozenset(), frozenset())
    for each in body:
        visitor.visit(each)
    shared = {name: {name} for name in parameters}
    for left, right in visitor.aliases:
        for group in shared.values():
            if {left, right} & group:
                group |= {left, right}
    rebound = _rebound_first(body, parameters)
    return frozenset(name for name in parameters - rebound if shared[name] & visitor.mutates)


def _rebound_first(body: list[ast.stmt], parameters: set[str]) -> frozenset[str]:
    """Parameters that the first statements bind to a copy of themselves: `df = df.copy()`."""
    found = set()
    for each in body:
        match each:
            case ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Attribute(attr=method))) if (
                name in parameters and method in known.FRESH_METHODS
            ):
                found.add(name)
            case _:
                break
    return frozenset(found)


def changed_arguments(call: ast.Call, summary: Summary) -> list[ast.expr]:
    """Return the argument expressions of a call whose objects the function may change."""
    found: list[ast.expr] = []
    for position, argument in enumerate(call.args):
        beyond = position >= len(summary.order) or isinstance(argument, ast.Starred)
        if (beyond and summary.parameters) or (not beyond and summary.order[position] in summary.parameters):
            found.append(argument)
    found += [each.value for each in call.keywords if each.arg in summary.parameters]
    return found
