"""What one statement does to the names of the notebook.

Reads, binds, changes in place, may share objects between names. What a comprehension, a lambda, a function or a class binds
inside itself is not a name of the notebook. Bodies of functions read their globals when they are called, not when they are
defined: those reads are `late`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nbdeploy.analysis.calls import LibraryCalls
from nbdeploy.analysis.display import is_display
from nbdeploy.analysis.imported import Imported
from nbdeploy.analysis.sharing import Share
from nbdeploy.analysis.summary import Functions
from nbdeploy.analysis.targets import parts_imported, plain_targets
from nbdeploy.analysis.visitor import TrainingCall, Visitor
from nbdeploy.analysis.walking import walk

__all__ = ["Effects", "TrainingCall", "effects_of"]


@dataclass(frozen=True, slots=True)
class Effects:
    """What a statement does. All sets hold top-level names of the notebook (and pseudo-names: seeds, files, options).

    `defs` are bound; of these `kills` are certainly bound anew, whatever branch is taken. `refs` are read while the
    statement runs; `late` when a function that it defines is called. `mutates` are changed in place, as far as is known,
    of these `shallow` only in what they hold themselves; `may_change` besides by calls that nobody knows. `aliases` tell
    which names share objects afterwards. `calls` are called by name, `handed` given to calls of the notebook's own code or
    of methods that nobody knows, `offered` to functions of libraries, which may call them; `bound_methods` are such as are
    given themselves (`each(rows, seen.append)`), `asked` those whose methods are called; `seeds` are streams of random
    numbers that are set anew; `works` are those that may be put to work, so that they draw random numbers if they are of
    that kind. `consumable` are bound to what changes when it is only used: iterators, generators of random numbers.
    """

    defs: frozenset[str] = frozenset()
    kills: frozenset[str] = frozenset()
    refs: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()
    mutates: frozenset[str] = frozenset()
    shallow: frozenset[str] = frozenset()
    may_change: frozenset[str] = frozenset()
    aliases: frozenset[Share] = frozenset()
    calls: frozenset[str] = frozenset()
    handed: frozenset[str] = frozenset()
    offered: frozenset[str] = frozenset()
    bound_methods: frozenset[tuple[str, str]] = frozenset()
    asked: frozenset[str] = frozenset()
    seeds: frozenset[str] = frozenset()
    works: frozenset[str] = frozenset()
    consumable: frozenset[str] = frozenset()
    drawing: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    training_draws: frozenset[str] = frozenset()
    flat: Mapping[str, frozenset[str]] = field(default_factory=dict)
    trains: tuple[TrainingCall, ...] = ()
    display: bool = False


def effects_of(
    statement: ast.stmt, imported: Imported, functions: Functions | None = None, *, shown: bool = False
) -> Effects:
    """Return the effects of a top-level statement of a notebook with these imports.

    `functions` are those that the notebook has defined before. `shown` says that the statement ends its cell, so that the
    value of an expression is displayed, not thrown away.
    """
    visitor = _visited(statement.value if shown and isinstance(statement, ast.Expr) else statement, imported, functions)
    defs = frozenset(visitor.defs)
    return Effects(
        defs=defs,
        kills=_kills(statement, imported) & defs,
        refs=frozenset(visitor.refs),
        late=frozenset(visitor.late),
        mutates=frozenset(visitor.mutates),
        shallow=frozenset((visitor.mutates | visitor.may_change) - visitor.deeply),
        may_change=frozenset(visitor.may_change),
        aliases=frozenset(visitor.aliases),
        calls=frozenset(visitor.calls),
        handed=frozenset(visitor.handed),
        offered=frozenset(visitor.offered),
        bound_methods=frozenset(visitor.bound_methods),
        asked=frozenset(visitor.asked),
        seeds=frozenset(visitor.seeds),
        works=frozenset(visitor.works),
        consumable=frozenset(visitor.consumable),
        drawing=frozenset(visitor.drawing),
        settled=frozenset(visitor.settled),
        training_draws=frozenset(visitor.training_draws),
        flat=visitor.flat,
        trains=tuple(visitor.trains),
        display=is_display(statement, imported),
    )


def _visited(node: ast.stmt | ast.expr, imported: Imported, functions: Functions | None = None) -> Visitor:
    visitor = Visitor(imported, functions)
    visitor.visit(node)
    if isinstance(node, ast.stmt) and hasattr(node, "body"):
        visitor.refs.difference_update(_bound_first(node, imported))
    return visitor


def _bound_first(statement: ast.stmt, imported: Imported) -> Iterator[str]:
    """Names that the blocks of a compound statement certainly bind before they read them."""
    match statement:
        case ast.For() | ast.AsyncFor():
            targets = set(plain_targets(statement.target))
            read = _names(statement.iter, *statement.orelse)  # the `else` runs also where the loop goes through nothing
            yield from targets - read
            yield from _bound_in([statement.body], read, imported)
        case ast.With() | ast.AsyncWith():
            entered = {
                name for item in statement.items if item.optional_vars for name in plain_targets(item.optional_vars)
            }
            read = _names(*(item.context_expr for item in statement.items))
            yield from entered - read
            yield from _bound_in([statement.body], read, imported)
        case ast.If() | ast.While():
            yield from _bound_in([statement.body, statement.orelse], _names(statement.test), imported)
        case ast.Try() | ast.TryStar():
            caught = [each.body for each in statement.handlers]
            whole = [*statement.body, *statement.orelse]
            yield from _bound_in([whole, *caught, statement.finalbody], set(), imported)


def _names(*nodes: ast.AST) -> set[str]:
    return {each.id for each in walk(*nodes) if isinstance(each, ast.Name)}


def _bound_in(blocks: list[list[ast.stmt]], read: set[str], imported: Imported) -> Iterator[str]:
    """Yield what the blocks bind and neither of them reads before; none goes on where another one ended."""
    binds: set[str] = set()
    for block in blocks:
        bound: set[str] = set()
        for each in block:
            visitor = _visited(each, imported)
            read |= visitor.refs - bound
            bound |= _kills(each, imported) & visitor.defs
            binds |= visitor.defs
    yield from binds - read


def _kills(statement: ast.stmt, imported: Imported) -> frozenset[str]:
    """Names that are certainly bound by the statement, whatever happens in it."""
    match statement:
        case ast.Assign(targets=targets):
            return frozenset(name for target in targets for name in plain_targets(target))
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            return frozenset({name})
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return frozenset({statement.name})
        case ast.Import() | ast.ImportFrom():
            # `import xml.sax` leaves in `xml` what `import xml.dom` has put there
            return imported.bound_by(statement) - {each.partition(".")[0] for each in parts_imported(statement)}
        case ast.With() | ast.AsyncWith():
            return _killed_by_with(statement, imported)
        case ast.For(target=target, body=body) if _runs(statement.iter, imported):
            return frozenset(plain_targets(target)) | _killed_in(body, imported)
        case ast.If(body=body, orelse=orelse) if orelse:
            return _killed_in(body, imported) & _killed_in(orelse, imported)
        case ast.Delete(targets=targets):
            return frozenset(name for target in targets for name in plain_targets(target))
        case _:
            return frozenset()


def _killed_in(block: list[ast.stmt], imported: Imported) -> frozenset[str]:
    """Names that a block certainly binds before control may leave it."""
    found: frozenset[str] = frozenset()
    for each in block:
        if any(isinstance(node, ast.Break | ast.Continue | ast.Return | ast.Raise) for node in walk(each)):
            break
        found |= _kills(each, imported)
    return found


def _killed_by_with(statement: ast.With | ast.AsyncWith, imported: Imported) -> frozenset[str]:
    """What is entered; what the block binds only if no context manager may swallow an error half-way through it."""
    entered = (name for item in statement.items if item.optional_vars for name in plain_targets(item.optional_vars))
    calls = LibraryCalls(imported)
    whole = all(calls.swallows_nothing(item.context_expr) for item in statement.items)
    return frozenset(entered) | (_killed_in(statement.body, imported) if whole else frozenset())


def _runs(iterable: ast.expr, imported: Imported) -> bool:
    """Tell whether a loop over this certainly runs: a list that is written out, a `range` of plain numbers."""
    match iterable:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return any(not isinstance(each, ast.Starred) for each in items)
        case ast.Call(args=[*arguments], keywords=[]) if imported.origin(iterable.func) == "builtins.range":
            numbers = [
                each.value for each in arguments if isinstance(each, ast.Constant) and isinstance(each.value, int)
            ]
            return (
                len(numbers) == len(arguments)
                and 0 < len(numbers) <= 3
                and 0 not in numbers[2:]
                and bool(range(*numbers))
            )
        case _:
            return False
