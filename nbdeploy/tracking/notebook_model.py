"""Run an exported package as an MLflow model.

MLflow stores this file with the model and loads it without nbdeploy: it imports nothing of it.
"""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["NotebookModel"]

_swapping = threading.RLock()


def _load_pyfunc(data_path: str, model_config: dict[str, Any]) -> NotebookModel:
    """Load the package at `data_path`, as MLflow asks for it."""
    return NotebookModel(Path(data_path), model_config["module"], model_config["input"])


class NotebookModel:
    """The `predict` of one exported package, with the input brought back to the types that the notebook had."""

    def __init__(self, package: Path, module: str, form: dict[str, Any]) -> None:
        self._name = module
        self._form = form
        self._modules = _imported(package, module)

    def predict(self, data: Any) -> Any:
        """Answer each row of `data`, in order, as the notebook did."""
        value = restored(data, self._form)
        if sys.modules.get(self._name) is self._modules[self._name]:
            return self._modules[self._name].predict(value)
        with _swapping:  # another version of the same package was loaded into this process
            others = _taken_out(self._name)
            sys.modules.update(self._modules)
            try:
                return self._modules[self._name].predict(value)
            finally:
                self._modules |= _taken_out(self._name)
                sys.modules.update(others)


def _imported(package: Path, name: str) -> dict[str, ModuleType]:
    """Import the package from its folder, apart from another version that this process may hold already."""
    with _swapping:
        others = _taken_out(name)
        sys.path.insert(0, str(package))
        try:
            importlib.import_module(name)
            found = {key: module for key, module in sys.modules.items() if _belongs(key, name)}
        finally:
            sys.path.remove(str(package))
            if others:
                _taken_out(name)
                sys.modules.update(others)
    return found


def _taken_out(name: str) -> dict[str, ModuleType]:
    return {key: sys.modules.pop(key) for key in list(sys.modules) if _belongs(key, name)}


def _belongs(key: str, name: str) -> bool:
    return key == name or key.startswith(name + ".")


def restored(data: Any, form: dict[str, Any]) -> Any:
    """Undo what MLflow does to an input: every table has its own types again, a list is a list."""
    kind = form["kind"]
    if kind == "tensor":
        import torch

        return data if isinstance(data, torch.Tensor) else torch.as_tensor(data)
    if not hasattr(data, "columns"):
        return data
    if kind == "list":
        return data.iloc[:, 0].tolist()
    if kind == "array":
        return data.to_numpy()
    frame = data.copy(deep=False)
    for column in form["columns"]:
        if column["name"] in frame.columns:
            frame[column["name"]] = _as_recorded(frame[column["name"]], column)
    return frame if kind == "table" else frame.iloc[:, 0].rename(form["name"])


def _as_recorded(series: Any, column: dict[str, Any]) -> Any:
    """Bring one column to its recorded dtype, where its values allow it without being changed."""
    dtype = column["dtype"]
    if str(series.dtype) == dtype and dtype != "category":
        return series
    if dtype == "category":
        return _categorical(series, column)
    if dtype.startswith(("int", "uint", "float")):
        return _number(series, column)
    if dtype.startswith("datetime64[") and "," in dtype:
        import pandas

        return pandas.to_datetime(series, utc=True).astype(dtype)
    if dtype == "bool" and (series.isna().any() or not set(series.unique()) <= {True, False}):
        return series
    return series.astype(dtype)


def _categorical(series: Any, column: dict[str, Any]) -> Any:
    import pandas

    unknown = set(series.dropna().unique()) - set(column["categories"])
    if unknown:
        message = f"column {column['name']!r}: {sorted(map(str, unknown))} is not among its categories"
        raise ValueError(f"{message} {column['categories']}")
    return series.astype(pandas.CategoricalDtype(column["categories"], ordered=column["ordered"]))


def _number(series: Any, column: dict[str, Any]) -> Any:
    """Whole numbers stay whole; a fraction or a gap, where the notebook had none, makes the column float."""
    import pandas

    try:
        numbers = pandas.to_numeric(series.astype(object) if series.dtype == "category" else series)
    except (ValueError, TypeError) as error:
        raise ValueError(f"column {column['name']!r} must hold numbers: {error}") from error
    dtype = column["dtype"]
    if dtype.startswith("float"):
        return numbers.astype(dtype)
    whole = not numbers.isna().any() and bool((numbers % 1 == 0).all())
    return numbers.astype(dtype) if whole else numbers.astype("float64")
