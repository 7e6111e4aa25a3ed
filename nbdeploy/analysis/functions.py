"""What calling a function of the notebook does to the notebook: to its arguments, and to globals."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace

from nbdeploy.analysis.imported import Imported
from nbdeploy.analysis.scopes import Scope, local_names
from nbdeploy.analysis.sharing import CODE, How, Share
from nbdeploy.analysis.statement import Statement
from nbdeploy.analysis.summary import Summary
from nbdeploy.analysis.targets import argument_names, given_to, roots
from nbdeploy.analysis.visitor import Visitor
from nbdeploy.analysis.walking import children, outside_code, walk

__all__ = ["summaries_of", "summary_of"]

FunctionDef = ast.FunctionDef | ast.AsyncFunctionDef
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def summaries_of(statements: Iterable[Statement]) -> dict[int, Summary]:
    """Return, by the index of the statement that makes them, what calls of the notebook's functions do.

    A parameter that is handed on to a function which changes its own is changed: the least solution over the call graph,
    in which a name stands for all functions that it ever means.
    """
    found = {each.index: each.summary for each in statements if each.summary is not None}
    named = [(each.effects.defs, found[each.index]) for each in statements if each.index in found]
    changing = {name for names, summary in named if summary.parameters for name in names}
    growing = True
    while growing:
        growing = False
        for each in statements:
            summary = found.get(each.index)
            handed = {name for name, callee in summary.hands if callee in changing} if summary else set()
            if summary and not handed <= summary.parameters:
                found[each.index] = replace(summary, parameters=summary.parameters | handed)
                growing |= not each.effects.defs <= changing
                changing |= each.effects.defs
    return found


def summary_of(node: ast.AST, imported: Imported) -> Summary:
    """Return what calling any of the functions does that the node is or holds: a class's methods, lambdas in a table."""
    if isinstance(node, FunctionNode):
        return _summary_of_function(node, imported)
    if isinstance(node, ast.GeneratorExp):
        return _summary_of_generator(node, imported)
    inner = [_of_method(each, imported) for each in _functions_in(node)]
    if len(inner) == 1 and not isinstance(node, ast.ClassDef):
        return inner[0]
    return Summary(
        parameters=frozenset(name for each in inner for name in each.parameters),
        surely=frozenset(name for each in inner for name in each.surely),
        changes=frozenset(name for each in inner for name in each.changes),
        rebinds=frozenset(name for each in inner for name in each.rebinds),
        hands=frozenset(pair for each in inner for pair in each.hands),
        is_generator=any(each.is_generator for each in inner) and not isinstance(node, ast.ClassDef),
        methods=frozenset(each.name for each in _functions_in(node) if isinstance(each, FunctionDef)),
    )


def _of_method(node: ast.AST, imported: Imported) -> Summary:
    """Return the summary of a function, of a class's beginning without its object: nothing else knows that yet."""
    found = summary_of(node, imported)
    if isinstance(node, FunctionDef) and node.name == "__init__":
        return replace(found, parameters=found.parameters - set(found.order[:1]))
    return found


def _summary_of_generator(node: ast.GeneratorExp, imported: Imported) -> Summary:
    visitor = Visitor(imported, inside=True)
    visitor.visit(node)
    return Summary(changes=frozenset(_changed_by(visitor)), is_generator=True)


def _changed_by(visitor: Visitor) -> set[str]:
    """Return what the visited code changes or may change; calling a function changes it no further than its summary says."""
    return visitor.mutates | (visitor.may_change - visitor.calls)


def _functions_in(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the outermost functions inside a node."""
    for each in children(node):
        if isinstance(each, FunctionNode | ast.GeneratorExp):
            yield each
        else:
            yield from _functions_in(each)


def _summary_of_function(node: FunctionDef | ast.Lambda, imported: Imported) -> Summary:
    body: list[ast.stmt] = [ast.Expr(node.body)] if isinstance(node, ast.Lambda) else node.body
    parameters, local = argument_names(node.args), local_names(body)
    every = [*walk(*body)]
    outer = {name for each in every if isinstance(each, ast.Global) for name in each.names}
    names = parameters | local
    visitor = Visitor(imported, inside=True)
    visitor.scopes.append(Scope(names - outer))
    for each in body:
        visitor.visit(each)
    inner = _inner(body, imported)
    changing = _changed_by(inner)
    changeable = parameters - _rebound_first(body, parameters, imported)
    reached = _reached_by_changes(inner, changing)
    changed = frozenset(reached & changeable)
    with_default = _with_default(node.args)
    yields = any(isinstance(each, ast.Yield | ast.YieldFrom) for each in every)
    own = {node.name} if not isinstance(node, ast.Lambda) and changed & with_default else set()
    globals_changed = reached - (names - outer) - {CODE}
    return Summary(
        parameters=changed,
        surely=frozenset(_reached_by_changes(inner, inner.mutates) & changeable),
        order=tuple(each.arg for each in (*node.args.posonlyargs, *node.args.args)),
        all_parameters=frozenset(parameters),
        # a list as default lives on
        changes=frozenset(_changed_by(visitor) | own | globals_changed),
        rebinds=frozenset(visitor.defs & outer),
        hands=frozenset(_handed_on(every, parameters)),
        keeps=frozenset(_kept(inner, changed, parameters)),
        with_default=with_default,
        answers=None if yields or isinstance(node, ast.AsyncFunctionDef) else _answers(inner, node, local - parameters),
        is_generator=yields,
    )


def _inner(body: list[ast.stmt], imported: Imported) -> Visitor:
    """Visit the body as if its own names were a notebook's."""
    visitor = Visitor(imported, inside=True)
    for each in body:
        visitor.visit(each)
    return visitor


def _answers(visitor: Visitor, node: FunctionDef | ast.Lambda, own: set[str]) -> frozenset[str]:
    """Return the names whose objects the answer may be or hold, through all the names inside."""
    if isinstance(node, ast.Lambda):
        found = visitor.reachable(node.body)
    else:
        returned = [
            each.value for each in outside_code(node) if isinstance(each, ast.Return) and each.value is not None
        ]
        found = {name for each in returned for name in visitor.reachable(each)}
    growing = True
    while growing:
        more = {pair.other for pair in visitor.aliases if pair.name in found} - found
        found |= more
        growing = bool(more)
    return frozenset(found - own)


def _with_default(arguments: ast.arguments) -> frozenset[str]:
    """Return the parameters whose default is an object that can change."""
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(reversed(positional), reversed(arguments.defaults), strict=False)]
    pairs += [(each, value) for each, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value]
    return frozenset(each.arg for each, value in pairs if not isinstance(value, ast.Constant))


def _reached_by_changes(visitor: Visitor, changed: Iterable[str]) -> set[str]:
    """Return the names inside a function, and the globals, whose objects change with those that are changed."""
    return {name for each in changed for name in _reachable_from(each, visitor.aliases, deeply=each in visitor.deeply)}


def _kept(visitor: Visitor, changed: frozenset[str], parameters: set[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of a changed parameter and another that its object may hold afterwards."""
    inside = parameters | visitor.defs
    for one in changed:
        same = {name for name in inside if one in _reachable_from(name, visitor.aliases, deeply=False)}
        held = {other for name in same for other in _reachable_from(name, visitor.aliases, deeply=True)}
        yield from ((one, other) for other in held & parameters - {one})


def _reachable_from(name: str, aliases: Iterable[Share], *, deeply: bool) -> set[str]:
    """Return the names whose objects are changed with those of `name`."""
    found, waiting = {name}, [name]
    while waiting:
        each = waiting.pop()
        others = {pair.other for pair in aliases if pair.name == each and (deeply or pair.how in {How.IS, How.PART})}
        waiting += others - found
        found |= others
    return found


def _handed_on(nodes: Iterable[ast.AST], parameters: set[str]) -> Iterator[tuple[str, str]]:
    for call in nodes:
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            for argument in given_to(call):
                yield from ((name, call.func.id) for name in roots(argument) & parameters)


def _rebound_first(body: list[ast.stmt], parameters: set[str], imported: Imported) -> frozenset[str]:
    """Parameters that the first statements bind to a copy of themselves: `df = df.copy()`."""
    found = set()
    for each in body:
        match each:
            case ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Attribute(attr=method))) if (
                name in parameters and (method in imported.known.fresh_methods or method == "copy")
            ):
                found.add(name)
            case _:
                break
    return frozenset(found)
