"""Values that the notebook had when it was recorded, from the files in `data/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


def load_json(path: Path) -> object:
    """Read what `save_json` wrote."""
    import json

    return json.loads(path.read_text(encoding="utf-8"))


def load_parquet(
    path: Path,
    kind: str = "frame",
    name: Any = None,
    labels: dict[str, Any] | None = None,
    dtypes: dict[str, Any] | None = None,
    frequency: str | None = None,
) -> object:
    """Read what `save_parquet` wrote: a `frame`, a `series` or an `index`, with the labels and dtypes it had."""
    import pandas as pd

    frame = pd.read_parquet(path)
    for place, dtype in (dtypes or {}).items():
        label = frame.columns[int(place)]
        if isinstance(dtype, dict):
            frame[label] = frame[label].astype(pd.CategoricalDtype(**dtype))
        elif dtype.startswith("object, "):
            missing = None if dtype == "object, None" else float("nan")
            frame[label] = frame[label].astype(object).where(frame[label].notna(), missing)
        else:
            frame[label] = frame[label].astype(dtype)
    if labels is not None:
        known = frame.columns.name
        frame.columns = pd.RangeIndex(**labels, name=known) if "start" in labels else pd.Index(**labels, name=known)
    if kind == "index":
        index = pd.Index(frame["value"]).rename(name)
        return index if frequency is None else pd.DatetimeIndex(index, freq=frequency)
    if frequency is not None:
        frame.index = pd.DatetimeIndex(frame.index, freq=frequency)
    return frame["value"].rename(name) if kind == "series" else frame


def load_skops(path: Path, trusted: list[str]) -> object:
    """Read what `save_skops` wrote. A type that is neither scikit-learn's nor in `trusted` is refused."""
    import skops.io

    return skops.io.load(path, trusted=trusted)


VALUES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "cell_17_documents_test": (load_json, "test_17_documents_test.json", {}),
    "cell_17_documents_train": (load_json, "test_17_documents_train.json", {}),
    "cell_17_y_test": (load_parquet, "test_17_y_test.parquet", {"kind": "series", "name": "sentiment"}),
    "cell_17_y_train": (load_parquet, "test_17_y_train.parquet", {"kind": "series", "name": "sentiment"}),
    "example_input": (load_json, "example_input.json", {}),
    "example_output": (load_skops, "example_output.skops", {"trusted": []}),
    "labels": (load_parquet, "labels.parquet", {"kind": "series", "name": "sentiment"}),
}


def recorded(name: str) -> Any:
    """Return a value as it was when the notebook ran."""
    loader, file, arguments = VALUES[name]
    return loader(DATA / file, **arguments)


def row(value: Any, number: int) -> Any:
    """Return one row, in a value of the same kind."""
    return value.iloc[[number]] if hasattr(value, "iloc") else value[number : number + 1]
