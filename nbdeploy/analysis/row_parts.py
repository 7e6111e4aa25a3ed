"""Names that are rows of others: `X_test` is rows of `X` when a split lies between them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from nbdeploy.analysis.binding_time import is_training, needed_for
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.targets import plain_targets, root_name
from nbdeploy.notebook.cells import Role

__all__ = ["likely_bindings", "rows_of", "untagged_makers"]

TAKING_ROWS = frozenset({"copy", "head", "query", "reset_index", "sample", "sort_index", "tail", "to_numpy"})


def rows_of(node: ast.stmt, name: str) -> str | None:
    """Return the name whose rows an assignment gives to `name`."""
    if not isinstance(node, ast.Assign):
        return None
    match _given_to(node, name):
        case ast.Call(func=ast.Attribute(attr="train_test_split") | ast.Name(id="train_test_split"), args=arguments):
            order = [each for target in node.targets for each in plain_targets(target)]
            place = order.index(name) // 2 if name in order else len(arguments)
            return root_name(arguments[place]) if place < len(arguments) else None
        case ast.Call(func=ast.Attribute(value=rows, attr=method)) if method in TAKING_ROWS:
            return root_name(rows)
        case ast.Call(func=ast.Attribute(value=rows, attr="drop")) as call if _drops_rows(call):
            return root_name(rows)
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id=rows), attr="iloc" | "loc")):
            return rows
        case ast.Subscript(value=ast.Name(id=rows), slice=ast.Slice() | ast.Compare() | ast.Name() | ast.UnaryOp()):
            return rows
        case ast.Name(id=rows):
            return rows
        case _:
            return None


def _given_to(node: ast.Assign, name: str) -> ast.expr:
    """Return what the name gets, where names and values stand side by side: `train, test = df.loc[a], df.drop(a)`."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if len(names) == len(values):
            return next(
                (value for each, value in zip(names, values, strict=True) if root_name(each) == name), node.value
            )
    return node.value


def _drops_rows(call: ast.Call) -> bool:
    """Tell whether a call of `drop` leaves out rows by their labels: `df.drop(train.index)`, not `df.drop(columns="y")`."""
    named = {each.arg for each in call.keywords}
    if named:
        return named == {"index"} and not call.args
    return len(call.args) == 1 and not isinstance(call.args[0], ast.Constant | ast.List)


def likely_bindings(program: Program, answer: Iterable[str], last: Statement) -> dict[str, str]:
    """Return predict's names that the training side took as rows of what preprocess makes (`X_test` of `X`).

    Only those that the names of the answer, as the statement `last` leaves them, are made of.
    """
    preprocess = program.with_role(Role.PREPROCESS)
    predict = [each for each in program.with_role(Role.PREDICT) if each.index <= last.index]
    if not preprocess or not predict:
        return {}
    made = {name for each in preprocess for name in each.effects.defs | each.effects.mutates}
    needed, _ = needed_for(program, predict, answer)
    found = {name: _taken_from(program, name, made, predict[0]) for name in sorted(needed)}
    return {name: maker for name, maker in found.items() if maker is not None and maker != name}


def _taken_from(program: Program, name: str, made: set[str], before: Statement) -> str | None:
    """Follow a name back, through statements that take rows, to a name that preprocess makes."""
    for _ in range(8):  # `a = b; b = a` in a loop of cells would go on for ever
        definition = program.definition_of(name, before)
        if definition is None or definition.role is Role.PREPROCESS:
            return name if name in made else None
        origin = rows_of(definition.node, name)
        if origin is None:
            return None
        name, before = origin, definition
        if name in made and not _rebound_after(program, name, made, before):
            return name
    return None


def _rebound_after(program: Program, name: str, made: set[str], before: Statement) -> bool:
    definition = program.definition_of(name, before)
    return definition is not None and definition.role is not Role.PREPROCESS and rows_of(definition.node, name) in made


def untagged_makers(program: Program, name: str, before: Statement) -> tuple[Statement, ...]:
    """Return the statements without a role that make `name` of what preprocess makes, but for those that take rows."""
    made = {each: step.index for step in program.with_role(Role.PREPROCESS) for each in _touched(step)}
    return tuple(_makers(program, name, before, made, 8) or ())


def _touched(statement: Statement) -> frozenset[str]:
    return statement.effects.defs | statement.effects.mutates


def _makers(
    program: Program, name: str, before: Statement, made: Mapping[str, int], depth: int
) -> list[Statement] | None:
    """Return the statements in order; None where the name is made of something else."""
    definition = program.definition_of(name, before)
    last = made.get(name, -1)
    if last >= 0 and last < before.index and (definition is None or definition.index <= last):
        return []
    if definition is None or not depth or definition.imports or definition.defines_code or is_training(definition):
        return None
    origin = rows_of(definition.node, name)
    read = [origin] if origin is not None else sorted(definition.effects.refs)
    found = [_makers(program, each, definition, made, depth - 1) for each in read]
    if all(each is None for each in found):
        return None
    above = [each for group in found if group is not None for each in group]
    kept = above if origin is not None else [*above, definition]
    return list({each.index: each for each in kept}.values())
