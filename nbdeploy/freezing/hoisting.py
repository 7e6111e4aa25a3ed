"""An aggregate inside a function of the notebook, in terms of who calls it.

`clean(df)` with `rows.Age.median()` in it: the constant is `df.Age.median()`, made in front of the call. That is the same only
where the function has not changed what it looks at before it looks.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from nbdeploy.analysis.program import Statement
from nbdeploy.analysis.rules.requests import Requests, ServedCode
from nbdeploy.analysis.walking import walk

__all__ = ["Caller", "caller_of", "changed_in", "in_terms_of_caller", "written"]


@dataclass(frozen=True, slots=True)
class Caller:
    """The statement that calls a function, and the expression that it gives for each parameter."""

    statement: Statement
    given: dict[str, ast.expr]


def caller_of(requests: Requests, code: ServedCode) -> Caller | str:
    """Return the one served statement that calls the function of a piece of code, or why there is not just one."""
    node = code.statement.node
    assert isinstance(node, ast.FunctionDef)
    readers = [each for each in requests.program.statements if code.function in each.effects.refs | each.effects.late]
    if others := [each for each in readers if each.defines_code]:
        return f"{code.function} is called inside of {min(others[0].effects.defs)}: its constant may not be made in front of that"
    calls = [node for each in readers for node in walk(each.node) if _is_named(node, code.function)]
    if len(calls) != 1:
        return f"{code.function} is used {len(calls)} times: the constant of one call is not that of another"
    statement = readers[0]
    call = next((n for n in walk(statement.node) if isinstance(n, ast.Call) and n.func is calls[0]), None)
    if call is None:
        return f"{code.function} is handed on, not called, where cell {statement.cell} names it"
    names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
    given = dict(zip(names, call.args, strict=False)) | {each.arg: each.value for each in call.keywords if each.arg}
    return Caller(statement, given)


def _is_named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def in_terms_of_caller(constant: str, code: ServedCode, caller: Caller, node: ast.expr) -> str:
    """Return the expression with what the caller gives for each parameter; a text that begins with `!` says why not."""
    definition = code.statement.node
    assert isinstance(definition, ast.FunctionDef)
    tree = ast.parse(constant, mode="eval")
    read = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)}
    local = {each.arg for each in ast.walk(definition.args) if isinstance(each, ast.arg)}
    local |= {
        each.id for each in ast.walk(definition) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
    for name in sorted(read & local):
        if name not in caller.given or not isinstance(caller.given[name], ast.Name):
            return f"!{code.function} computes it of {name}, which it makes itself: compute it in front of the call"
        if (line := _changed_before(definition, name, node, tree)) is not None:
            return (
                f"!{code.function} changes {name} in line {line}, before it computes this: do that in front of the call"
            )
    names = {name: given.id for name, given in caller.given.items() if isinstance(given, ast.Name)}
    for each in ast.walk(tree):
        if isinstance(each, ast.Name) and each.id in local:
            each.id = names[each.id]
    return written(tree)


def written(node: ast.AST) -> str:
    """Return an expression as text, in double quotes where that needs no escapes."""
    text = ast.unparse(node)
    return text if '"' in text or "\\" in text else text.replace("'", '"')


def changed_in(block: ast.stmt, node: ast.expr, constant: str) -> int | None:
    """Return the line of a block that changes what an aggregate in it is computed of, before it, or a turn before."""
    tree = ast.parse(constant, mode="eval")
    loop = isinstance(block, ast.For | ast.AsyncFor | ast.While)
    target = getattr(block, "target", None)
    turns = loop and not (_names(target) if target else set()) & _names(
        tree
    )  # it is the same in every turn, if anything
    for name in sorted(_names(tree)):
        line = _changed_before(block, name, node, tree, always=turns)
        if line is not None:
            return line
    return None


def _names(tree: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)}


def _changed_before(
    definition: ast.stmt, name: str, node: ast.expr, tree: ast.Expression, always: bool = False
) -> int | None:
    """Return the line in which a block changes what an expression reads of `name`, before it; copies are no change."""
    columns = {each.attr for each in ast.walk(tree) if isinstance(each, ast.Attribute)}
    columns |= {each.value for each in ast.walk(tree) if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    for each in sorted(
        (n for n in walk(definition) if isinstance(n, ast.Assign | ast.AugAssign)), key=lambda n: n.lineno
    ):
        if each.lineno >= node.lineno and not always:
            continue
        for target in each.targets if isinstance(each, ast.Assign) else [each.target]:
            if _rebinds(target, name) and not _is_copy(each, name):
                return each.lineno
            if _column_of(target, name) in {"", *columns} and _column_of(target, name) is not None:
                return each.lineno
    return None


def _rebinds(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name


def _is_copy(node: ast.Assign | ast.AugAssign, name: str) -> bool:
    match node:
        case ast.Assign(value=ast.Call(func=ast.Attribute(value=ast.Name(id=copied), attr="copy"))):
            return copied == name
        case _:
            return False


def _column_of(target: ast.expr, name: str) -> str | None:
    """Return the column that a target changes, "" where that may be any; None where it is not of `name`."""
    match target:
        case ast.Subscript(value=ast.Name(id=root), slice=part) if root == name:
            return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else ""
        case ast.Attribute(value=ast.Name(id=root), attr=column) if root == name:
            return column
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id=root))) if root == name:
            return ""
        case _:
            return None
