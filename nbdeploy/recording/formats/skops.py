"""skops: scikit-learn estimators, and other objects that are made of plain state.

Unlike a pickle such a file can't run code of its own: it builds only types that skops or its reader trusts by name.
"""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

NAME = "skops"
SUFFIX = ".skops"
REQUIRES = ("skops",)


def accepts(value: object) -> bool:
    """Say whether skops may carry the value: anything but code. Only trying shows whether it does.

    It must not be tried with what `unique()` gives of a column of texts: reading that back ends the process.
    """
    arrow = type(value).__name__.startswith("Arrow") and hasattr(value, "__arrow_array__")
    return not arrow and not isinstance(value, type | FunctionType | ModuleType)


def prepare() -> None:
    """Import skops, and not PyTorch along with it.

    To know the names that it trusts, skops imports all of scikit-learn; a layer in there would bring PyTorch where it is
    installed: seconds, and hundreds of megabytes.
    """
    import sys

    layer = "sklearn.externals.array_api_compat.torch"
    if layer in sys.modules:
        return
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]  # None: it can't be imported
    modules[layer] = None
    try:
        import skops.io  # noqa: F401
    finally:
        del sys.modules[layer]


def save_skops(value: object, path: Path) -> dict[str, object]:
    """Write an estimator, and give the types beyond scikit-learn's own that must be trusted to read it."""
    import skops.io

    _teach_skops_pandas()
    skops.io.dump(value, path)
    return {"trusted": skops.io.get_untrusted_types(file=path)}


def load_skops(path: Path, trusted: list[str]) -> object:
    """Read what `save_skops` wrote. A type that is neither scikit-learn's nor in `trusted` is refused."""
    import skops.io

    return skops.io.load(path, trusted=trusted)


def wanted_skops(path: Path) -> list[str]:
    """Give the types beyond scikit-learn's own that a file wants built; nothing in it is built by that."""
    import skops.io

    found: list[str] = skops.io.get_untrusted_types(file=path)
    return found


def _teach_skops_pandas() -> None:
    """Let skops write what estimators keep of a frame: column labels, a series of medians.

    The parts are written as calls of pandas' constructors, a form that skops reads by itself.
    """
    import sys

    from skops.io._utils import _get_state, get_state

    def as_call(make: str, *arguments: Any) -> Any:
        """Describe a value as a call of pandas' own constructor."""
        return lambda save: {
            "__class__": make,
            "__module__": "pandas",
            "__loader__": "ConstructorFromReduceNode",
            "content": get_state(arguments, save),
        }

    def plain(values: Any) -> Any:
        """Give a column as an array where numpy has its dtype, else as a list."""
        return values.to_numpy() if type(values.dtype).__module__.startswith("numpy") else values.tolist()

    def index_state(value: Any, save: Any) -> Any:
        if type(value).__name__ == "RangeIndex":
            return as_call("RangeIndex", value.start, value.stop, value.step, None, False, value.name)(save)
        if type(value).__name__ == "MultiIndex":
            codes = [each.copy() for each in value.codes]
            return as_call("MultiIndex", list(value.levels), codes, value.sortorder, list(value.names))(save)
        return as_call("Index", plain(value), str(value.dtype), False, value.name)(save)

    def series_state(value: Any, save: Any) -> Any:
        return as_call("Series", plain(value), value.index, str(value.dtype), value.name)(save)

    def frame_state(value: Any, save: Any) -> Any:
        columns = {label: value.iloc[:, place] for place, label in enumerate(value.columns)}
        return as_call("DataFrame", columns, value.index, value.columns)(save)

    pandas = sys.modules.get("pandas")
    if pandas is not None:
        _get_state.register(pandas.Index)(index_state)
        _get_state.register(pandas.Series)(series_state)
        _get_state.register(pandas.DataFrame)(frame_state)
