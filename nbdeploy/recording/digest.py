"""The digest of a value's content: equal for equal values, however they lie in memory.

A value is read as a tree: containers by their items, frames by their columns, arrays by their elements, everything else
by what pickle would take of it (`__reduce_ex__`), so that nothing has to be known of a library to see that two of its
objects hold the same. The tree is hashed from the leaves up. Sharing and memory layout leave no trace in it.
"""

from __future__ import annotations

import copyreg
import hashlib
import sys
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["digest"]

SCALARS = frozenset({type(None), bool, int, float, complex, str, bytes})
"""Exact types whose `repr` is their value; a list of them is hashed by its own `repr`, at the speed of C."""


def digest(value: object) -> str | None:
    """Give the sha256 of a value's content, as hexadecimal text; None where its content can't be read.

    Every element counts, and so do types, labels, dtypes and the order of dicts. Not counted: block layout and memory
    order of frames and arrays, the payload of a NaN, the device of a tensor, the order of an object's attributes.
    """
    try:
        return _Tree().node(value).hex()
    except Exception:
        return None


class _Tree:
    """One walk. `kept` holds everything that was seen alive, because nodes are remembered by `id`."""

    def __init__(self) -> None:
        self.nodes: dict[int, bytes] = {}
        self.kept: list[object] = []
        self.path: dict[int, int] = {}

    def node(self, value: object) -> bytes:
        key = id(value)
        if key in self.nodes:
            return self.nodes[key]
        if key in self.path:
            return _leaf("cycle", str(self.path[key] - len(self.path)))
        self.path[key] = len(self.path)
        self.kept.append(value)
        try:
            self.nodes[key] = self.read(value)
        finally:
            del self.path[key]
        return self.nodes[key]

    def join(self, tag: str, parts: Iterable[object]) -> bytes:
        inner = hashlib.sha256(tag.encode())
        for part in parts:
            inner.update(self.node(part))
        return inner.digest()

    def read(self, value: Any) -> bytes:
        kind = type(value)
        if kind in SCALARS:
            return _leaf(kind.__name__, repr(value))
        if kind in (list, tuple):
            return self.sequence(value)
        if kind is dict:
            return self.mapping(value)
        if kind in (set, frozenset):
            return _leaf(kind.__name__, b"".join(sorted(self.node(each) for each in value)))
        return self.library(value) or self.definition(value) or self.reduced(value)

    def sequence(self, value: list[object] | tuple[object, ...]) -> bytes:
        if SCALARS.issuperset(map(type, value)):
            return _leaf("scalars", repr(value))
        return self.join(type(value).__name__, value)

    def mapping(self, value: dict[object, object]) -> bytes:
        if SCALARS.issuperset(map(type, value)) and SCALARS.issuperset(map(type, value.values())):
            return _leaf("scalars", repr(value))
        return self.join("dict", (part for item in value.items() for part in item))

    def library(self, value: Any) -> bytes | None:
        """Read the values of the libraries that have their own idea of equality, as far as these are loaded."""
        for name, reader in (("numpy", _numpy), ("pandas", _pandas), ("scipy.sparse", _sparse), ("torch", _torch)):
            if name in sys.modules and (parts := reader(value)) is not None:
                return self.join(f"{name}.{type(value).__qualname__}", parts)
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        if name == "xgboost.core.Booster":
            return self.join(name, (bytes(value.save_raw("ubj")), value.attributes()))
        if name == "lightgbm.basic.Booster":
            return self.join(name, (value.model_to_string(num_iteration=-1), value.best_iteration))
        return None

    def definition(self, value: Any) -> bytes | None:
        """Read modules, functions and classes: by name where they can be imported, by content where they can't."""
        if isinstance(value, ModuleType):
            return _leaf("module", value.__name__)
        if isinstance(value, CodeType):
            return self.join("code", (value.co_code, value.co_names, value.co_varnames, list(value.co_consts)))
        if not isinstance(value, type | FunctionType | BuiltinFunctionType):
            return None
        if isinstance(value, BuiltinFunctionType) and not isinstance(value.__self__, ModuleType | None):
            return None
        name = f"{value.__module__}.{value.__qualname__}"
        if isinstance(value, FunctionType) and (value.__module__ == "__main__" or "<" in value.__qualname__):
            return self.join(f"function {name}", _function(value))
        return _leaf("global", name)

    def reduced(self, value: Any) -> bytes:
        """Read anything else as pickle would: how it is made, and what state it is given."""
        reducer = copyreg.dispatch_table.get(type(value))
        parts: Any = reducer(value) if reducer else value.__reduce_ex__(5)
        if isinstance(parts, str):
            return _leaf("global", f"{type(value).__module__}.{parts}")
        make, arguments, state, items, pairs = (*parts[:5], None, None, None)[:5]
        return self.join(
            f"object {type(value).__module__}.{type(value).__qualname__}",
            (make, arguments, _state(value, state), list(items or ()), list(pairs or ())),
        )


def _leaf(tag: str, content: str | bytes) -> bytes:
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return hashlib.sha256(tag.encode() + b"\0" + data).digest()


def _state(owner: object, state: Any) -> Any:
    """Give an object's state without what is not part of it: the order of its attributes, counters of its use."""
    if type(owner).__module__ == "sklearn.utils._bunch":
        return None  # a Bunch is its items: whatever else it is given, its copies do not take
    if type(state) is dict and all(type(key) is str for key in state):
        return dict(sorted(state.items()))
    if type(owner).__module__ in ("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"):
        return (*state[:7], *state[11:])  # between them, the statistics that every query adds to
    return state


def _function(value: FunctionType) -> tuple[object, ...]:
    cells = [each.cell_contents for each in value.__closure__ or ()]
    used = {name: value.__globals__[name] for name in sorted(value.__code__.co_names) if name in value.__globals__}
    return (value.__code__, value.__defaults__, value.__kwdefaults__, cells, used)


def _numpy(value: Any) -> tuple[object, ...] | None:
    import numpy as np

    if isinstance(value, np.dtype):
        return (repr(value),)
    if isinstance(value, np.random.RandomState):
        return (value.get_state(legacy=False),)
    if isinstance(value, np.random.Generator):
        return (value.bit_generator.state,)
    if isinstance(value, np.ma.MaskedArray):
        return (np.ma.getmaskarray(value), value.filled(), repr(value.fill_value))
    if not isinstance(value, np.ndarray | np.generic):
        return None
    array = np.asarray(value)
    if array.dtype.names:  # field by field: the bytes between the fields are noise
        return (repr(array.dtype), array.shape, [array[name] for name in array.dtype.names])
    if array.dtype.kind in "OT":
        return (repr(array.dtype), array.shape, array.ravel().tolist())
    if array.dtype.kind in "fc" and np.isnan(array).any():
        array = np.where(np.isnan(array), np.array(np.nan, dtype=array.dtype), array)
    return (repr(array.dtype), array.shape, array.tobytes())


def _pandas(value: Any) -> tuple[object, ...] | None:
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        columns = [_column(value.iloc[:, place]) for place in range(value.shape[1])]
        return (value.columns, value.index, columns, value.attrs)
    if isinstance(value, pd.Series):
        return (_label(value.name), value.index, _column(value), value.attrs)
    if isinstance(value, pd.MultiIndex):
        return (list(value.names), [_column(value.get_level_values(level)) for level in range(value.nlevels)])
    if isinstance(value, pd.Index):
        return (_label(value.name), getattr(value, "freqstr", None), _column(value))
    return _column(pd.Series(value)) if isinstance(value, pd.api.extensions.ExtensionArray) else None


def _label(name: Any) -> Any:
    """Give a label as Python's own number where numpy's was taken out of an index: both mean the same column."""
    return name.item() if type(name).__module__ == "numpy" and hasattr(name, "item") else name


def _column(values: Any) -> tuple[object, ...]:
    """Read a series or a flat index. What lies under the mask of a missing value is noise."""
    import numpy as np
    import pandas as pd

    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return ("numpy", values.to_numpy())
    if isinstance(dtype, pd.CategoricalDtype):
        return ("category", dtype.ordered, dtype.categories, values.array.codes)
    if isinstance(dtype, pd.DatetimeTZDtype | pd.PeriodDtype):
        return (str(dtype), values.array.asi8)
    missing = np.asarray(values.isna())
    if isinstance(getattr(dtype, "numpy_dtype", None), np.dtype) and not isinstance(dtype, pd.ArrowDtype):
        return (str(dtype), missing, values.to_numpy(dtype=dtype.numpy_dtype, na_value=0))
    items = values.to_numpy(dtype=object, copy=True)
    items[missing] = None
    return (repr(dtype), missing, items)


def _sparse(value: Any) -> tuple[object, ...] | None:
    import scipy.sparse

    if not scipy.sparse.issparse(value):
        return None
    rows = value.tocsr(copy=True)
    rows.sum_duplicates()
    return (value.format, rows.shape, rows.data, rows.indices.astype("int64"), rows.indptr.astype("int64"))


def _torch(value: Any) -> tuple[object, ...] | None:
    import torch

    if not isinstance(value, torch.Tensor):
        return None
    if value.layout is not torch.strided or value.is_quantized:
        return None
    plain = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return (str(value.dtype), tuple(value.shape), value.requires_grad, plain.numpy().tobytes())
