"""Values of all rows, and what arrays and columns are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NoReturn

from numpy.lib.mixins import NDArrayOperatorsMixin

from nbdeploy.packaging.onnx_graph import GraphWriter
from nbdeploy.proving.tracing.branches import branched, decided
from nbdeploy.proving.tracing.untraceable import Untold, refuse

__all__ = ["Tensor"]

_ARITHMETIC = {"add": "Add", "subtract": "Sub", "multiply": "Mul"}
_IN_DOUBLE = {
    "divide": "Div", "power": "Pow", "float_power": "Pow", "sqrt": "Sqrt", "exp": "Exp", "log": "Log", "sin": "Sin",
    "cos": "Cos", "tan": "Tan", "tanh": "Tanh", "sinh": "Sinh", "cosh": "Cosh", "arctan": "Atan", "arcsin": "Asin",
    "arccos": "Acos", "floor": "Floor", "ceil": "Ceil", "rint": "Round",
}  # fmt: skip
_COMPARING = {
    "greater": "Greater", "greater_equal": "GreaterOrEqual", "less": "Less", "less_equal": "LessOrEqual", "equal": "Equal",
}  # fmt: skip
_LOGICAL = {
    "bitwise_and": "And", "bitwise_or": "Or", "bitwise_xor": "Xor", "logical_and": "And", "logical_or": "Or",
    "logical_xor": "Xor",
}  # fmt: skip


class Tensor(Untold, NDArrayOperatorsMixin):
    """Values of all rows: one a row where `width` is None, as a column has, else as many as that, as a matrix has.

    In the graph both have two dimensions. `kind` is double, int64, bool or text; what is `fixed` is the same for all rows.
    """

    functions: ClassVar[dict[str, Callable[..., Any]]] = {}  # numpy's, by name; `arrays.py` has them

    def __init__(
        self, graph: GraphWriter, tensor: str, kind: str, width: int | None = None, fixed: bool = False
    ) -> None:
        self.graph, self.tensor, self.kind, self.width, self.fixed = graph, tensor, kind, width, fixed

    __hash__ = Untold.__hash__

    def _like(self, tensor: str, kind: str, width: int | None = None) -> Tensor:
        return Tensor(self.graph, tensor, kind, width)

    def operand(self, value: Any) -> Tensor:
        """Return another operand as a tensor: a number or a text, or one value for each column of a matrix."""
        import numpy as np

        if isinstance(value, Tensor):
            return value
        if isinstance(value, Untold):  # a table
            return self.operand(value.to_numpy())
        array = np.asarray(value)
        if array.ndim > 2 or (array.ndim == 2 and array.shape[0] != 1) or (array.ndim == 1 and not self.width):
            refuse("it puts rows and values of other rows together")
        kind = {"b": "bool", "i": "int64", "u": "int64", "f": "double", "U": "text"}.get(array.dtype.kind)
        if kind is None and all(isinstance(each, str) for each in array.ravel()):
            kind = "text"
        if kind is None:
            refuse(f"a value of {array.dtype} has no form in a graph")
        width = array.shape[-1] if array.ndim else None
        return Tensor(self.graph, self.graph.constant(array, kind), kind, width, fixed=True)

    def as_kind(self, kind: str) -> Tensor:
        if kind == self.kind:
            return self
        if "text" in {kind, self.kind}:
            refuse("it makes texts of numbers, or numbers of texts")
        return Tensor(self.graph, self.graph.cast(self.tensor, kind), kind, self.width, self.fixed)

    def _node(self, operator: str, kind: str, *operands: Tensor, **attributes: Any) -> Tensor:
        widths = {each.width for each in operands if each.width}
        if len(widths - {1}) > 1 or len({each.width is None for each in operands if not each.fixed}) > 1:
            refuse("it puts a table together with a column or with a table of another width")
        tensor = self.graph.node(operator, *(each.tensor for each in operands), **attributes)
        return self._like(tensor, kind, max(widths, default=None))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            refuse(f"`{ufunc.__name__}.{method}` over the rows has no form in a graph")
        if any(isinstance(each, Untold) and not isinstance(each, Tensor) for each in inputs):
            return NotImplemented  # a table knows better
        return self._ufunc(ufunc.__name__, *map(self.operand, inputs))

    def _ufunc(self, name: str, *given: Tensor) -> Tensor:
        if name in _COMPARING or name == "not_equal":
            return self._compared(name, *given)
        if any(each.kind == "text" for each in given):
            refuse(f"`{name}` of texts has no form in a graph")
        if name in _LOGICAL:
            if any(each.kind != "bool" for each in given):
                refuse("it works on the bits of numbers")
            return self._node(_LOGICAL[name], "bool", *given)
        if name in {"invert", "logical_not"}:
            return self._node("Not", "bool", given[0].as_kind("bool"))
        if name in _ARITHMETIC or name in {"negative", "absolute", "maximum", "minimum"}:
            return self._arithmetic(name, *given)
        double = [each.as_kind("double") for each in given]
        if name in _IN_DOUBLE:
            return self._node(_IN_DOUBLE[name], "double", *double)
        return self._composed(name, *double)

    def _arithmetic(self, name: str, *given: Tensor) -> Tensor:
        kind = "double" if any(each.kind == "double" for each in given) else "int64"
        given = tuple(each.as_kind(kind) for each in given)
        if name in _ARITHMETIC:
            return self._node(_ARITHMETIC[name], kind, *given)
        if name in {"negative", "absolute"}:
            return self._node({"negative": "Neg", "absolute": "Abs"}[name], kind, *given)
        taken = self._node("GreaterOrEqual" if name == "maximum" else "LessOrEqual", "bool", *given)
        if kind == "double":  # NaN in, NaN out
            taken = taken | given[0].isna()
        return taken.choose(*given)

    def _compared(self, name: str, one: Tensor, other: Tensor) -> Tensor:
        kinds = {one.kind, other.kind}
        if "text" in kinds:
            if kinds != {"text"} or name not in {"equal", "not_equal"}:
                refuse("it compares texts otherwise than for being the same")
        else:
            kind = "double" if "double" in kinds else "int64"
            one, other = one.as_kind(kind), other.as_kind(kind)
        if name == "not_equal":
            return self._node("Not", "bool", self._node("Equal", "bool", one, other))
        return self._node(_COMPARING[name], "bool", one, other)

    def _composed(self, name: str, *given: Tensor) -> Tensor:
        one = given[0]
        if name == "isnan":
            return self._node("IsNaN", "bool", one)
        if name == "isfinite":
            return self._node("Not", "bool", self._node("Or", "bool", one.isna(), self._node("IsInf", "bool", one)))
        if name == "square":
            return self._node("Mul", "double", one, one)
        if name == "log2":
            return self._node("Div", "double", one._ufunc("log", one), self.operand(0.6931471805599453))
        if name == "log10":
            return self._node("Div", "double", one._ufunc("log", one), self.operand(2.302585092994046))
        if name == "log1p":
            return self._node("Log", "double", self._node("Add", "double", one, self.operand(1.0)))
        if name == "expm1":
            return self._node("Sub", "double", self._node("Exp", "double", one), self.operand(1.0))
        if name == "floor_divide":
            return self._node("Floor", "double", self._node("Div", "double", *given))
        if name == "remainder":
            whole = self._composed("floor_divide", *given)
            return self._node("Sub", "double", one, self._node("Mul", "double", whole, given[1]))
        if name == "sign":
            return self._node("Sign", "double", one)
        return refuse(f"`numpy.{name}` has no form in a graph")

    def choose(self, one: Any, other: Any) -> Tensor:
        """Return `one` where this is true, else `other`."""
        one, other = self.operand(one), self.operand(other)
        kinds = {one.kind, other.kind}
        if len(kinds) > 1:
            kind = "double" if "double" in kinds else "int64"
            one, other = one.as_kind(kind), other.as_kind(kind)
        return self._node("Where", one.kind, self.as_kind("bool"), one, other)

    # what arrays and columns are asked ------------------------------------------------------------------------------------

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        own = self.functions.get(function.__name__)
        return own(*arguments, **options) if own else refuse(f"`numpy.{function.__name__}` has no form in a graph")

    def __bool__(self) -> bool:
        return decided(self)

    def __getitem__(self, key: Any) -> Tensor:
        pair = key if isinstance(key, tuple) and len(key) == 2 else (None, None)
        if not isinstance(pair[0], slice) or pair[0] != slice(None):
            refuse("it picks rows")
        if pair[1] is None:
            return self._like(self.tensor, self.kind, self.width or 1)
        if self.width is None:
            refuse("it takes columns of one column")
        if isinstance(pair[1], int):
            return self._picked([range(self.width)[pair[1]]], None)
        every = range(self.width)
        places = list(every[pair[1]]) if isinstance(pair[1], slice) else [every[each] for each in pair[1]]
        return self._picked(places, len(places))

    def _picked(self, columns: list[int], width: int | None) -> Tensor:
        places = self.graph.constant(columns, "int64")
        return self._like(self.graph.node("Gather", self.tensor, places, axis=1), self.kind, width)

    @property
    def values(self) -> Tensor:
        return self

    def to_numpy(self, dtype: Any = None, copy: bool = False, na_value: Any = None) -> Tensor:
        return self if dtype is None else self.astype(dtype)

    def copy(self, *_: Any, **__: Any) -> Tensor:
        return self

    tolist = to_list = squeeze = copy

    def astype(self, dtype: Any, **_: Any) -> Tensor:
        import numpy as np

        kind = {"b": "bool", "i": "int64", "f": "double", "U": "text"}.get(np.dtype(dtype).kind, "")
        if not kind or (kind in "double int64" and np.dtype(dtype).itemsize != 8):
            refuse(f"{dtype} has no form in a graph")
        return self.as_kind(kind)

    def reshape(self, *shape: Any, **_: Any) -> Tensor:
        wanted = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        if wanted == (-1,) and self.width in {None, 1}:
            return self._like(self.tensor, self.kind)
        if wanted == (-1, 1) and self.width in {None, 1}:
            return self._like(self.tensor, self.kind, 1)
        return refuse(f"it makes the rows anew in the shape {wanted}")

    def ravel(self, *_: Any) -> Tensor:
        return self.reshape(-1)

    flatten = ravel

    def argmax(self, axis: Any = None, **_: Any) -> Tensor:
        if axis not in {1, -1} or not self.width:
            refuse("it looks for the largest over all rows")
        return self._like(self.graph.node("ArgMax", self.tensor, axis=1, keepdims=1), "int64")

    def _along(self, operator: str, axis: Any) -> Tensor:
        if axis not in {1, -1, "columns"} or not self.width:
            refuse("it is an aggregate over all rows")
        return self.as_kind("double")._like(self.graph.node(operator, self.as_kind("double").tensor,
            self.graph.constant([1], "int64"), keepdims=1), "double")  # fmt: skip

    def sum(self, axis: Any = None, **_: Any) -> Tensor:
        return self._along("ReduceSum", axis)

    def mean(self, axis: Any = None, **_: Any) -> Tensor:
        return self._along("ReduceMean", axis)

    def max(self, axis: Any = None, **_: Any) -> Tensor:
        return self._along("ReduceMax", axis)

    def min(self, axis: Any = None, **_: Any) -> Tensor:
        return self._along("ReduceMin", axis)

    def isna(self) -> Tensor:
        if self.kind != "double":
            return self._ufunc("not_equal", self, self)  # always false: no whole number and no text is missing here
        return self._node("IsNaN", "bool", self)

    isnull = isna

    def notna(self) -> Tensor:
        return self._node("Not", "bool", self.isna())

    notnull = notna

    def fillna(self, value: Any, **_: Any) -> Tensor:
        return self.isna().choose(value, self) if self.kind == "double" else self

    def clip(self, lower: Any = None, upper: Any = None, **_: Any) -> Tensor:
        found = self if lower is None else self._ufunc("maximum", self, self.operand(lower))
        return found if upper is None else found._ufunc("minimum", found, self.operand(upper))

    def abs(self) -> Tensor:
        return self._ufunc("absolute", self)

    def between(self, left: Any, right: Any, inclusive: str = "both") -> Tensor:
        low = self >= left if inclusive in {"both", "left"} else self > left
        high = self <= right if inclusive in {"both", "right"} else self < right
        return self._node("And", "bool", low, high)

    def isin(self, values: Iterable[Any]) -> Tensor:
        found = self._ufunc("not_equal", self, self)
        for each in values:
            found = found | (self == each)
        return found

    def map(self, table: Any, **_: Any) -> Tensor:
        """Look values up: a number that is not in the table is missing, and a row without its text has no answer."""
        if callable(table):
            return branched(self, table, self)
        texts = any(isinstance(each, str) for each in table.values())
        found = self.operand("" if texts else float("nan"))
        for key, value in table.items():
            found = (self == key).choose(value if texts else float(value), found)
        if texts:
            self.graph.refused.append((~self.isin(table)).tensor)
        return found

    def replace(self, table: Any, value: Any = None, **_: Any) -> Tensor:
        pairs = table.items() if isinstance(table, Mapping) else [(table, value)]
        found = self
        for key, new in pairs:
            found = (self == key).choose(new, found)
        return found

    def apply(self, function: Callable[..., Any], *_: Any, args: tuple[Any, ...] = (), **options: Any) -> Tensor:
        return branched(self, function, self, *args, **options)

    def where(self, condition: Tensor, other: Any = float("nan")) -> Tensor:
        return condition.choose(self, other)

    def mask(self, condition: Tensor, other: Any = float("nan")) -> Tensor:
        return condition.choose(other, self)

    @property
    def index(self) -> None:
        return None

    @property
    def T(self) -> NoReturn:
        refuse("it turns rows into columns")
