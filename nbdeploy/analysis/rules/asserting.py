"""Test cells that can't fail (NBD130)."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from nbdeploy.analysis.program import Statement
from nbdeploy.analysis.rules.survey import Survey, dotted
from nbdeploy.analysis.rules.writing import replaced, text_of
from nbdeploy.analysis.walking import walk
from nbdeploy.errors import Diagnostic, Edit, Severity
from nbdeploy.notebook.cells import Role

__all__ = ["empty_tests"]

_TESTING = frozenset({"raises", "main", "testmod", "run_docstring_examples", "fail", "warns", "deprecated_call"})
_YES_OR_NO = frozenset({"all", "any", "equals", "startswith", "endswith", "isdisjoint", "issubset", "issuperset"})
_YES_OR_NO_FUNCTIONS = frozenset({"allclose", "array_equal", "isinstance", "callable", "all", "any", "issubclass"})
_PLAIN_CALLS = frozenset({"len", "round", "float", "int", "str", "bool", "set", "type", "sorted"})


def empty_tests(survey: Survey) -> Iterator[Diagnostic]:
    """NBD130: a cell tagged `test` in which nothing is asserted."""
    for cell in survey.program.notebook.with_role(Role.TEST):
        own = [each for each in survey.program.statements if each.cell == cell.index]
        if any(magic.name == "ipytest" for magic in cell.code.magics) if cell.code else False:
            continue
        if _asserts(survey, own):
            continue
        edits = tuple(edit for each in own if (edit := _asserted(survey, each, last=each is own[-1])))
        yield Diagnostic(
            code="NBD130",
            severity=Severity.WARNING,
            cell=cell.index,
            line=own[0].line if own else None,
            message="the test cell asserts nothing: it passes whatever the model answers",
            fix="write what must hold: assert score > 0.8, or np.testing.assert_allclose(y_pred, expected)",
            edits=edits,
        )


def _asserts(survey: Survey, statements: Iterable[Statement]) -> bool:
    for each in statements:
        if any(_can_fail(node) for node in walk(each.node)):
            return True
        for definition in survey.program.code_behind(each.effects.refs, each).values():
            if any(_can_fail(node) for node in walk(definition.node)):
                return True
    return False


def _can_fail(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert | ast.Raise):
        return True
    if not isinstance(node, ast.Call):
        return False
    name = dotted(node.func).rpartition(".")[2] or getattr(node.func, "attr", "")
    return name in _TESTING or "assert" in name.lower() or name.startswith(("check_", "verify_", "expect_"))


def _asserted(survey: Survey, statement: Statement, *, last: bool) -> Edit | None:
    """Return the edit that makes `assert a == b` of `print(a == b)`, or of a last line `a == b`."""
    if not isinstance(statement.node, ast.Expr):
        return None
    value = statement.node.value
    printed = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"
    if printed and isinstance(value, ast.Call) and len(value.args) == 1 and not value.keywords:
        condition = value.args[0]
    elif last:
        condition = value
    else:
        return None
    text = text_of(survey, statement.cell, condition)
    if text is None or "\n" in text or not _is_yes_or_no(condition):
        return None
    return replaced(survey, statement.cell, statement.node, f"assert {text}")


def _is_yes_or_no(node: ast.expr) -> bool:
    """Tell whether an expression is one truth value, and no array of them."""
    match node:
        case ast.Compare(left=left, comparators=others):
            return any(_is_plain(each) for each in (left, *others))
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _is_yes_or_no(inner)
        case ast.BoolOp(values=values):
            return all(_is_yes_or_no(each) for each in values)
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in _YES_OR_NO or name in _YES_OR_NO_FUNCTIONS
        case ast.Call(func=ast.Name(id=name)):
            return name in _YES_OR_NO_FUNCTIONS
        case _:
            return False


def _is_plain(node: ast.expr) -> bool:
    """A length, a shape, a score: compared with it, there is one answer. A number may be compared with a whole array."""
    match node:
        case ast.Constant(value=value):
            return isinstance(value, str | bool) or value is None
        case ast.List() | ast.Tuple() | ast.Set() | ast.Dict() | ast.Attribute(attr="shape"):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in _PLAIN_CALLS or name.endswith("_score")
        case ast.Call(func=ast.Attribute(attr="score" | "mean" | "sum" | "tolist" | "item" | "max" | "min")):
            return True
        case _:
            return False
