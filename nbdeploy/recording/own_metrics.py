"""Metrics that the notebook's own functions compute: `report(y_test, y_pred)` measures as the call in its body does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.targets import root_name

__all__ = ["Computed", "computed_by"]


@dataclass(frozen=True, slots=True)
class Computed:
    """A call in the body of a function of the notebook, and what the function's parameters are given where it is called.

    `slots` says where each parameter stands in the outer call. `returned` says that the outer call gives the inner one's value.
    """

    call: ast.Call
    given: dict[str, ast.expr]
    slots: dict[str, int | str]
    returned: bool


def computed_by(program: Program, statement: Statement, call: ast.Call) -> Iterator[Computed]:
    """Yield the calls in the body of the function that `call` asks, in their order, where it is a plain one of the notebook."""
    made = program.definition_of(call.func.id, statement) if isinstance(call.func, ast.Name) else None
    if made is None or not isinstance(made.node, ast.FunctionDef) or made.node.decorator_list:
        return
    function = made.node
    slots, given = _given(function, call)
    for name in _bound_again(function) & given.keys():
        del slots[name], given[name]
    calls = [each for each in ast.walk(function) if isinstance(each, ast.Call)]
    for each in sorted(calls, key=lambda each: (each.lineno, each.col_offset)):
        yield Computed(each, given, slots, _is_returned(each, function))


def _given(function: ast.FunctionDef, call: ast.Call) -> tuple[dict[str, int | str], dict[str, ast.expr]]:
    """Return by parameter where its argument stands in the call, and the argument."""
    if any(isinstance(each, ast.Starred) for each in call.args):
        return {}, {}
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    slots: dict[str, int | str] = {name: number for number, name in enumerate(names[: len(call.args)])}
    given: dict[str, ast.expr] = dict(zip(names, call.args, strict=False))
    for each in call.keywords:
        if each.arg is not None:
            slots[each.arg], given[each.arg] = each.arg, each.value
    return slots, given


def _bound_again(function: ast.FunctionDef) -> set[str]:
    """Return the names that are something else somewhere in the body: assigned, in whole or part, or an inner parameter."""
    inner = [node for part in function.body for node in ast.walk(part)]
    places = [each for each in inner if isinstance(each, ast.Name | ast.Subscript | ast.Attribute)]
    stored = {root_name(each) for each in places if not isinstance(each.ctx, ast.Load)} - {None}
    return {str(each) for each in stored} | {each.arg for each in inner if isinstance(each, ast.arg)}


def _is_returned(call: ast.Call, function: ast.FunctionDef) -> bool:
    """Tell whether the only `return` gives the call's value, itself or by a name that is assigned once."""
    inner = list(ast.walk(function))
    returns = [each.value for each in inner if isinstance(each, ast.Return)]
    if len(returns) != 1:
        return False
    if not isinstance(returns[0], ast.Name):
        return returns[0] is call
    name = returns[0].id
    bound = [
        each for each in inner if isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Store)
    ]
    assigned = [each for each in inner if isinstance(each, ast.Assign) and each.value is call]
    return len(bound) == 1 and any(each.targets == bound for each in assigned)
