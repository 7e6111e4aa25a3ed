"""Parquet: pandas frames, series and indexes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

NAME = "parquet"
SUFFIX = ".parquet"
REQUIRES = ("pandas", "pyarrow")


def accepts(value: object) -> bool:
    """Say whether the value is a plain pandas DataFrame, Series or flat Index."""
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return False
    if isinstance(value, pandas.Index):
        return not isinstance(value, pandas.MultiIndex)
    return type(value) in (pandas.DataFrame, pandas.Series)


def save_parquet(value: Any, path: Path) -> dict[str, object]:
    """Write a frame, a series or an index, and give what Parquet alone would not bring back of it."""
    import pandas as pd

    arguments: dict[str, object] = {}
    if isinstance(value, pd.DataFrame):
        frame = value.copy(deep=False)
    else:
        arguments["kind"] = "index" if isinstance(value, pd.Index) else "series"
        arguments["name"] = value.name.item() if hasattr(value.name, "item") else value.name
        frame = value.to_frame(name="value", **({"index": False} if isinstance(value, pd.Index) else {}))
    dates = value if isinstance(value, pd.Index) else value.index
    if getattr(dates, "freqstr", None) is not None and isinstance(dates, pd.DatetimeIndex):
        arguments["frequency"] = dates.freqstr
    columns = frame.columns
    if columns.nlevels == 1 and not (columns.is_unique and all(type(label) is str for label in columns)):
        if isinstance(columns, pd.RangeIndex):
            arguments["labels"] = {"start": columns.start, "stop": columns.stop, "step": columns.step}
        else:
            arguments["labels"] = {"data": columns.tolist(), "dtype": str(columns.dtype)}
        frame.columns = pd.Index([str(place) for place in range(len(columns))], name=columns.name)
    frame.to_parquet(path)
    if dtypes := _lost_dtypes(frame, pd.read_parquet(path)):
        arguments["dtypes"] = dtypes
    return arguments


def _lost_dtypes(frame: Any, back: Any) -> dict[str, object]:
    """Give the dtypes, by column position, that differ after reading; for objects, the missing value that they hold."""
    import pandas as pd

    lost: dict[str, object] = {}
    for place, dtype in enumerate(frame.dtypes):
        column = frame.iloc[:, place]
        if str(dtype) == "object":
            lost[str(place)] = "object, None" if any(each is None for each in column) else "object, nan"
        elif isinstance(dtype, pd.CategoricalDtype):
            if dtype != back.dtypes.iloc[place] or dtype.categories.dtype != back.dtypes.iloc[place].categories.dtype:
                lost[str(place)] = {"categories": dtype.categories.tolist(), "ordered": dtype.ordered}
        elif repr(dtype) != repr(back.dtypes.iloc[place]):
            lost[str(place)] = f"string[{dtype.storage}]" if dtype == "string" else str(dtype)
    return lost


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
