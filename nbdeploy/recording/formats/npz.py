"""npz: numpy arrays and scalars, scipy sparse matrices. No pickled objects inside."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

NAME = "npz"
SUFFIX = ".npz"
REQUIRES = ("numpy",)


def accepts(value: Any) -> bool:
    """Say whether the value is a numpy array or scalar without Python objects in it, or a scipy sparse matrix."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and (type(value) is numpy.ndarray or isinstance(value, numpy.generic)):
        return not value.dtype.hasobject
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(value))


def save_npz(value: Any, path: Path) -> dict[str, object]:
    """Write an array, a numpy scalar or a sparse matrix."""
    import numpy as np

    if isinstance(value, np.ndarray | np.generic):
        np.savez(path, value=value)
        return {"kind": "array" if isinstance(value, np.ndarray) else "scalar"}
    import scipy.sparse

    known = value.format in ("csr", "csc", "coo", "bsr", "dia")
    scipy.sparse.save_npz(path, value if known else value.tocsr())
    return {"kind": value.format}


def load_npz(path: Path, kind: str) -> object:
    """Read what `save_npz` wrote: an `array`, a `scalar`, or a sparse matrix of the layout `kind`."""
    if kind not in ("array", "scalar"):
        import scipy.sparse

        return scipy.sparse.load_npz(path).asformat(kind)
    import numpy as np

    with np.load(path, allow_pickle=False) as stored:
        return stored["value"] if kind == "array" else stored["value"][()]
