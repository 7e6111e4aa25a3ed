"""Which names may share an object with the value of an expression: alias, view, container and part."""

from __future__ import annotations

import ast
from collections.abc import Callable

from nbdeploy.analysis import knowledge as known
from nbdeploy.analysis.targets import root_name

__all__ = ["Sharing"]


class Sharing:
    """Answers for one statement; `is_foreign` tells names that are no objects of the notebook: modules, local names."""

    def __init__(self, is_foreign: Callable[[str], bool]) -> None:
        self.is_foreign = is_foreign

    def names(self, value: ast.expr) -> frozenset[str]:
        """Return the names whose object the value may be, hold, or be a view of."""
        match value:
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._own(root_name(value)) or self._through_call(value)
            case ast.Call():
                return self._call(value)
            case ast.Tuple() | ast.List() | ast.Set():
                return self._any(value.elts)
            case ast.Dict():
                return self._any(value.values)
            case ast.IfExp():
                return self._any([value.body, value.orelse])
            case ast.BoolOp():
                return self._any(value.values)
            case ast.BinOp(left=ast.List() | ast.Tuple()) | ast.BinOp(right=ast.List() | ast.Tuple()):
                return self._any([value.left, value.right])  # the sum of two lists holds the items of both
            case ast.Starred() | ast.NamedExpr() | ast.Await():
                return self.names(value.value)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return self._any([each.iter for each in value.generators])
            case _:
                return frozenset()

    def _any(self, values: list[ast.expr]) -> frozenset[str]:
        return frozenset(name for each in values for name in self.names(each))

    def _own(self, name: str | None) -> frozenset[str]:
        return frozenset() if name is None or self.is_foreign(name) else frozenset({name})

    def _through_call(self, value: ast.expr) -> frozenset[str]:
        while isinstance(value, ast.Attribute | ast.Subscript):
            value = value.value
        return self._call(value) if isinstance(value, ast.Call) else frozenset()

    def _call(self, call: ast.Call) -> frozenset[str]:
        held = self._any([*call.args, *(keyword.value for keyword in call.keywords)])
        if isinstance(call.func, ast.Attribute):
            receiver = self._own(root_name(call.func.value))
            if not receiver:
                return held if self._holds(call.func.attr) else frozenset()
            return frozenset() if call.func.attr in known.FRESH_METHODS else receiver
        if isinstance(call.func, ast.Name):
            name = call.func.id
            if self.is_foreign(name) or name in known.HOLDING_FUNCTIONS:
                return held if self._holds(name) else frozenset()
            return held | {name}
        return held

    def _holds(self, function: str) -> bool:
        """A class keeps what it is made of, and so do some functions."""
        return function[:1].isupper() or function in known.HOLDING_FUNCTIONS
