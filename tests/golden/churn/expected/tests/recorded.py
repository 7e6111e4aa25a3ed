"""Values that the notebook had when it was recorded, from the files in `data/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


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


VALUES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "cell_21_X_test": (load_parquet, "test_21_X_test.parquet", {}),
    "cell_21_y_test": (load_parquet, "test_21_y_test.parquet", {"kind": "series", "name": "churned"}),
    "cell_22_X_test": (load_parquet, "test_21_X_test.parquet", {}),
    "cell_22_y_test": (load_parquet, "test_21_y_test.parquet", {"kind": "series", "name": "churned"}),
    "example_input": (load_parquet, "example_input.parquet", {}),
    "example_output": (load_parquet, "example_output.parquet", {}),
    "labels": (load_parquet, "labels.parquet", {"kind": "series", "name": "churned"}),
}


def recorded(name: str) -> Any:
    """Return a value as it was when the notebook ran."""
    loader, file, arguments = VALUES[name]
    return loader(DATA / file, **arguments)


def row(value: Any, number: int) -> Any:
    """Return one row, in a value of the same kind."""
    return value.iloc[[number]] if hasattr(value, "iloc") else value[number : number + 1]
