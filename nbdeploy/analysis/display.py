"""What only shows something, and changes nothing."""

from __future__ import annotations

import ast

from nbdeploy.analysis import knowledge as known

__all__ = ["is_display", "method_name", "shows"]


def is_display(statement: ast.stmt, displays: frozenset[str]) -> bool:
    """Tell whether the statement only shows something: `print(x)`, `plt.plot(x)`, `df.head()`, `df`, a docstring."""
    if isinstance(statement, ast.Pass):
        return True
    if _changes_something(statement):
        return False
    if isinstance(statement, ast.Expr):
        return shows(statement.value, displays)
    if isinstance(statement, ast.Assign):  # `_ = plt.title(...)`, `ax = plt.gca()`
        return isinstance(statement.value, ast.Call) and _calls_display(statement.value, displays)
    return False


def _changes_something(statement: ast.stmt) -> bool:
    """`print(stack.pop())`, `print(n := 3)` show something, and more."""
    for node in ast.walk(statement):
        if isinstance(node, ast.NamedExpr):
            return True
        if isinstance(node, ast.Call) and method_name(node) in known.MUTATING_METHODS - known.TWO_FACED:
            return True
    return False


def shows(value: ast.expr, displays: frozenset[str]) -> bool:
    """Tell whether an expression statement of this value only shows it."""
    if isinstance(value, ast.Call):
        return _calls_display(value, displays) or method_name(value) in known.DISPLAY_METHODS
    if isinstance(value, ast.Tuple):
        return all(shows(each, displays) for each in value.elts)
    if isinstance(value, ast.ListComp | ast.SetComp | ast.DictComp):
        return all(_asks(each) for each in ast.walk(value) if isinstance(each, ast.Call))
    return isinstance(value, ast.Constant | ast.Name | ast.Attribute | ast.Subscript | ast.Compare | ast.JoinedStr)


def _asks(call: ast.Call) -> bool:
    """A call that is known to change nothing."""
    if isinstance(call.func, ast.Name):
        return call.func.id in known.ASKING_FUNCTIONS
    return method_name(call) in known.FRESH_METHODS


def _calls_display(call: ast.Call, displays: frozenset[str]) -> bool:
    function: ast.expr = call.func
    while isinstance(function, ast.Attribute | ast.Subscript | ast.Call):
        if isinstance(function, ast.Attribute) and function.attr == "plot":
            return True  # counts.plot.barh()
        function = function.func if isinstance(function, ast.Call) else function.value
    if not isinstance(function, ast.Name):
        return False
    plain = function is call.func
    return function.id in displays or (plain and function.id in known.DISPLAY_FUNCTIONS)


def method_name(call: ast.Call) -> str | None:
    """Return `fit` for `model.fit(...)`, None for `fit(...)`."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else None
