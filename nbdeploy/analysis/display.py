"""What only shows something, and changes nothing."""

from __future__ import annotations

import ast

from nbdeploy.analysis.imported import Imported
from nbdeploy.analysis.knowledge import names_origin
from nbdeploy.analysis.walking import walk

__all__ = ["is_display", "method_name", "shows"]


def is_display(statement: ast.stmt, imported: Imported) -> bool:
    """Tell whether the statement only shows something: `print(x)`, `plt.plot(x)`, `df.head()`, `df`, a docstring."""
    if isinstance(statement, ast.Expr):
        return shows(statement.value, imported) and not _changes_something(statement, imported)
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        # `_ = plt.title(...)`, `ax = plt.gca()`
        return _calls_display(statement.value, imported) and not _changes_something(statement, imported)
    return isinstance(statement, ast.Pass)


def _changes_something(statement: ast.stmt, imported: Imported) -> bool:
    """`print(stack.pop())`, `print(n := 3)` show something, and more."""
    for node in walk(statement):
        if isinstance(node, ast.NamedExpr):
            return True
        if isinstance(node, ast.Call) and imported.origin(node.func) is None:
            known, method = imported.known, method_name(node)
            if method in known.changing_methods and method not in known.two_faced_methods:
                return True
    return False


def shows(value: ast.expr, imported: Imported) -> bool:
    """Tell whether an expression statement of this value only shows it."""
    if isinstance(value, ast.Call):
        method = imported.origin(value.func) is None and method_name(value) in imported.known.show_methods
        return method or _calls_display(value, imported)
    if isinstance(value, ast.Tuple):
        return all(shows(each, imported) for each in value.elts)
    if isinstance(value, ast.ListComp | ast.SetComp | ast.DictComp):
        return all(_asks(each, imported) for each in walk(value) if isinstance(each, ast.Call))
    return isinstance(value, ast.Constant | ast.Name | ast.Attribute | ast.Subscript | ast.Compare | ast.JoinedStr)


def _asks(call: ast.Call, imported: Imported) -> bool:
    """A call that is known to change nothing."""
    origin = imported.origin(call.func)
    if origin is not None:
        return imported.known.changes_no_argument(origin)
    return method_name(call) in imported.known.fresh_methods


def _calls_display(call: ast.Call, imported: Imported) -> bool:
    function: ast.expr = call.func
    while isinstance(function, ast.Attribute | ast.Subscript | ast.Call):
        if isinstance(function, ast.Attribute) and function.attr == "plot":
            return True  # counts.plot.barh()
        function = function.func if isinstance(function, ast.Call) else function.value
    if not isinstance(function, ast.Name):
        return False
    if function.id in imported.displays:
        return True
    origin = imported.origin(call.func)
    if any(each.arg == "file" for each in call.keywords):
        return False  # print(..., file=f)
    return origin is not None and (origin == "builtins.display" or names_origin(imported.known.show_functions, origin))


def method_name(call: ast.Call) -> str | None:
    """Return `fit` for `model.fit(...)`, None for `fit(...)`."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else None
