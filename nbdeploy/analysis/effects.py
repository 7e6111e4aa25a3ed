"""What one statement does to the names of the notebook.

Reads, binds, changes in place, may share objects between names. What a comprehension, a lambda, a function or a class binds
inside itself is not a name of the notebook. Bodies of functions read their globals when they are called, not when they are
defined: those reads are `late`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nbdeploy.analysis.display import is_display
from nbdeploy.analysis.targets import bound_by_import, plain_targets
from nbdeploy.analysis.visitor import AMBIENT_STATE, EVERYTHING, FILES, TrainingCall, Visitor

__all__ = ["AMBIENT_STATE", "EVERYTHING", "FILES", "Effects", "TrainingCall", "effects_of"]


@dataclass(frozen=True, slots=True)
class Effects:
    """What a statement does. All sets hold top-level names of the notebook (and the pseudo-names of `visitor`).

    `defs` are bound; of these `kills` are certainly bound anew, whatever branch is taken. `refs` are read while the
    statement runs; `late` when a function that it defines is called. `mutates` are changed in place, as far as is known;
    `may_change` besides by calls that nobody knows. `aliases` are pairs of names that may share an object afterwards.
    """

    defs: frozenset[str] = frozenset()
    kills: frozenset[str] = frozenset()
    refs: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()
    mutates: frozenset[str] = frozenset()
    may_change: frozenset[str] = frozenset()
    aliases: frozenset[tuple[str, str]] = frozenset()
    calls: frozenset[str] = frozenset()
    trains: tuple[TrainingCall, ...] = ()
    display: bool = False


def effects_of(
    statement: ast.stmt,
    modules: frozenset[str] = frozenset(),
    displays: frozenset[str] = frozenset(),
    *,
    shown: bool = False,
) -> Effects:
    """Return the effects of a top-level statement.

    `modules` are the names bound by imports anywhere in the notebook, `displays` those of them that only show things.
    `shown` says that the statement ends its cell, so that the value of an expression is displayed, not thrown away.
    """
    visitor = Visitor(modules, displays)
    if isinstance(statement, ast.Expr) and shown:
        visitor.visit(statement.value)
    else:
        visitor.visit(statement)
    visitor.refs -= frozenset(_bound_first(statement)) - visitor.mutates
    return Effects(
        defs=frozenset(visitor.defs),
        kills=_kills(statement) & frozenset(visitor.defs),
        refs=frozenset(visitor.refs),
        late=frozenset(visitor.late),
        mutates=frozenset(visitor.mutates),
        may_change=frozenset(visitor.may_change),
        aliases=frozenset(visitor.aliases),
        calls=frozenset(visitor.calls),
        trains=tuple(visitor.trains),
        display=is_display(statement, displays),
    )


def _bound_first(statement: ast.stmt) -> Iterator[str]:
    """Names that a loop or a `with` certainly binds before its own body reads them."""
    if isinstance(statement, ast.For | ast.AsyncFor):
        targets = set(plain_targets(statement.target))
        read_by_iterable = {each.id for each in ast.walk(statement.iter) if isinstance(each, ast.Name)}
        yield from targets - read_by_iterable
        yield from _bound_in(statement.body, read_by_iterable)
    elif isinstance(statement, ast.With | ast.AsyncWith):
        entered = {name for item in statement.items if item.optional_vars for name in plain_targets(item.optional_vars)}
        read = {
            each.id for item in statement.items for each in ast.walk(item.context_expr) if isinstance(each, ast.Name)
        }
        yield from entered - read
        yield from _bound_in(statement.body, read)


def _bound_in(body: list[ast.stmt], read: set[str]) -> Iterator[str]:
    bound: set[str] = set()
    for each in body:
        effects = effects_of(each)
        read |= effects.refs - bound
        fresh = effects.kills - read
        bound |= fresh
        yield from fresh


def _kills(statement: ast.stmt) -> frozenset[str]:
    """Names that are certainly bound by the statement, whatever happens in it."""
    match statement:
        case ast.Assign(targets=targets):
            return frozenset(name for target in targets for name in plain_targets(target))
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            return frozenset({name})
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return frozenset({statement.name})
        case ast.Import() | ast.ImportFrom():
            return frozenset(bound_by_import(statement))
        case ast.With() | ast.AsyncWith():
            # only what is entered: a context manager may swallow an error half-way through the body
            return frozenset(
                name for item in statement.items if item.optional_vars for name in plain_targets(item.optional_vars)
            )
        case ast.If(body=body, orelse=orelse) if orelse:
            return frozenset(n for s in body for n in _kills(s)) & frozenset(n for s in orelse for n in _kills(s))
        case ast.Delete(targets=targets):
            return frozenset(name for target in targets for name in plain_targets(target))
        case _:
            return frozenset()
