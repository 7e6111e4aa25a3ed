"""Values that the notebook had when it was recorded, from the files in `data/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


def load_npz(path: Path, kind: str) -> object:
    """Read what `save_npz` wrote: an `array`, a `scalar`, or a sparse matrix of the layout `kind`."""
    if kind not in ("array", "scalar"):
        import scipy.sparse

        return scipy.sparse.load_npz(path).asformat(kind)
    import numpy as np

    with np.load(path, allow_pickle=False) as stored:
        return stored["value"] if kind == "array" else stored["value"][()]


VALUES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "cell_14_X_test": (load_npz, "test_14_X_test.npz", {"kind": "array"}),
    "cell_14_X_train": (load_npz, "test_14_X_train.npz", {"kind": "array"}),
    "cell_14_y_test": (load_npz, "test_14_y_test.npz", {"kind": "array"}),
    "cell_14_y_train": (load_npz, "test_14_y_train.npz", {"kind": "array"}),
    "example_input": (load_npz, "example_whole_input.npz", {"kind": "array"}),
    "example_output": (load_npz, "example_output.npz", {"kind": "array"}),
    "labels": (load_npz, "labels.npz", {"kind": "array"}),
}


def recorded(name: str) -> Any:
    """Return a value as it was when the notebook ran."""
    loader, file, arguments = VALUES[name]
    return loader(DATA / file, **arguments)


def row(value: Any, number: int) -> Any:
    """Return one row, in a value of the same kind."""
    return value.iloc[[number]] if hasattr(value, "iloc") else value[number : number + 1]
