"""What of a block, or of a parallel assignment, depends on the input: the rest of it belongs to training.

`for c in columns: train[c] = train[c] / top[c]; test[c] = test[c] / top[c]` prepares the training rows and those of a
request in one loop. A request needs the second half.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from nbdeploy.analysis.effects import Effects, effects_of
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.pruning import pairs, pruned

__all__ = ["dependent_part"]


def dependent_part(program: Program, statement: Statement, dynamic: set[str]) -> Statement:
    """Return the statement without what only binds or changes names that don't depend on the `dynamic` ones."""
    if not (statement.is_compound or pairs(statement.node)):
        return statement
    touched = statement.effects.defs | statement.effects.mutates
    moving = _moving(program, statement, dynamic) & touched
    if not moving or moving == touched:
        return statement
    flows = program.dataflow
    needed = set().union(*(flows.atoms_of(name, statement.index + 1) for name in moving))
    return pruned(statement, needed, flows, program.imported, surely=True)


def _moving(program: Program, statement: Statement, dynamic: set[str]) -> frozenset[str]:
    """Return the names that depend on the dynamic ones when the statement has run."""
    steps = list(_steps(program, statement, [statement.node]))
    moving, size = set(dynamic), -1
    while len(moving) > size:
        size = len(moving)
        for each, heads in steps:
            if any(not moving.isdisjoint(read.refs | read.late | read.mutates) for read in (each, *heads)):
                moving |= each.defs | each.mutates
    return frozenset(moving)


Step = tuple[Effects, tuple[Effects, ...]]
"""What a simple statement does, and the tests and iterables that decide whether it runs."""


def _steps(
    program: Program, statement: Statement, block: list[ast.stmt], heads: tuple[Effects, ...] = ()
) -> Iterator[Step]:
    def effects(node: ast.AST) -> Effects:
        found = node if isinstance(node, ast.stmt) else ast.Expr(value=node)  # type: ignore[arg-type]
        return effects_of(found, program.imported, statement.functions)

    for node in block:
        inside = heads
        match node:
            case ast.For() | ast.AsyncFor():
                yield effects(_bound(node.target, node.iter)), heads
                inside = (*heads, effects(node.iter))
            case ast.With() | ast.AsyncWith():
                yield from (
                    (effects(_bound(item.optional_vars, item.context_expr)), heads)
                    for item in node.items
                    if item.optional_vars
                )
            case ast.If() | ast.While():
                inside = (*heads, effects(node.test))
            case ast.Try() | ast.TryStar():
                for each in node.handlers:
                    yield from _steps(program, statement, each.body, heads)
            case ast.Match():
                yield effects(node), heads
            case _:
                simple: Sequence[ast.stmt] = pairs(node) or [node]
                yield from ((effects(each), heads) for each in simple)
        for name in ("body", "orelse", "finalbody"):
            inner = getattr(node, name, None)
            if isinstance(inner, list) and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from _steps(program, statement, inner, inside)


def _bound(target: ast.expr, value: ast.expr) -> ast.Assign:
    return ast.copy_location(ast.Assign(targets=[target], value=value), value)
