"""Objects of the live kernel, for a deploy that shall not train again."""

from __future__ import annotations

import contextlib
import pickle
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbdeploy.reading import open_notebook

__all__ = ["dump"]


def dump(namespace: Mapping[str, Any], notebook: Path) -> Path:
    """Write the fitted objects of a kernel's namespace that the notebook makes to a new folder; return the folder."""
    program = open_notebook(notebook)
    made = {name for each in program.statements for name in each.effects.defs}
    folder = Path(tempfile.mkdtemp(prefix="nbdeploy-live-"))
    for name in sorted(made & namespace.keys()):
        if _is_fitted(namespace[name]):
            with contextlib.suppress(Exception):  # what can't be pickled is trained again
                (folder / f"{name}.pkl").write_bytes(_pickled(namespace[name]))
    return folder


def _pickled(value: Any) -> bytes:
    return pickle.dumps(value, protocol=5)


DATA_LIBRARIES = {"dask", "geopandas", "modin", "pandas", "polars", "pyspark", "xarray"}
"""Their frames have a method `transform`, too."""


def _is_fitted(value: Any) -> bool:
    """A fitted model or transformer: what answers rows, and is no class, module or frame."""
    methods = ("predict", "transform", "forward", "predict_proba")
    if isinstance(value, type) or {each.__module__.partition(".")[0] for each in type(value).__mro__} & DATA_LIBRARIES:
        return False
    return any(callable(getattr(type(value), name, None)) for name in methods)
