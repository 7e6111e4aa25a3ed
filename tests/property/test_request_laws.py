"""A row that is sent as JSON arrives in the service as the row that the notebook had."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from nbdeploy.analysis.values import Kind, Schema
from nbdeploy.packaging.schema import schema_module
from nbdeploy.proving.probe import as_json
from nbdeploy.recording.describe import describe

ANSWER = Schema(kind=Kind.ARRAY, type="numpy.ndarray", rows=1, shape=(1,), dtype="float64")
ROWS = 5

texts = st.text(max_size=6).filter(lambda text: not any("\ud800" <= each <= "\udfff" for each in text))
instants = st.integers(-(2**40), 2**40)  # microseconds around 1970


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=ROWS, max_size=ROWS)


def integers(dtype: str) -> st.SearchStrategy[pd.Series]:
    limits = np.iinfo(dtype)
    return some(st.integers(int(limits.min), int(limits.max))).map(lambda v: pd.Series(v, dtype=dtype))


def categories(values: list[Any]) -> st.SearchStrategy[pd.Series]:
    return some(st.sampled_from([*values, None])).map(lambda v: pd.Series(pd.Categorical(v, categories=values)))


def moments(zone: str | None, unit: str) -> st.SearchStrategy[pd.Series]:
    def made(values: list[int | None]) -> pd.Series:
        found = pd.to_datetime(pd.Series(values, dtype="Int64"), unit="us").astype(f"datetime64[{unit}]")
        return found.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else found

    return some(st.none() | instants).map(made)


columns = st.one_of(
    integers("int64"),
    integers("int8"),
    integers("uint16"),
    some(st.floats(width=64)).map(lambda v: pd.Series(v, dtype="float64")),
    some(st.floats(width=32)).map(lambda v: pd.Series(v, dtype="float32")),
    some(st.booleans()).map(lambda v: pd.Series(v, dtype="bool")),
    some(texts | st.none()).map(lambda v: pd.Series(v, dtype="str")),
    some(texts).map(lambda v: pd.Series(v, dtype="object")),
    categories(["a", "b", "long one"]),
    categories([1, 2, 30]),
    moments(None, "ns"),
    moments(None, "us"),
    moments("UTC", "us"),
    moments("Europe/Berlin", "us"),
    some(st.none() | instants.map(lambda v: timedelta(microseconds=v))).map(
        lambda v: pd.Series(v, dtype="timedelta64[us]")
    ),
    some(st.none() | st.integers(-9, 9)).map(lambda v: pd.Series(v, dtype="Int64")),
    some(st.none() | st.booleans()).map(lambda v: pd.Series(v, dtype="boolean")),
)
labels = st.lists(texts.filter(bool) | st.integers(0, 99), min_size=1, max_size=4, unique_by=str)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    names = draw(labels)
    frame = pd.concat([draw(columns) for _ in names], axis=1)
    frame.columns = pd.Index(names, dtype=object)
    return frame


def schema_for(frame: pd.DataFrame) -> ModuleType:
    """The `schema.py` that a package gets whose input was this frame."""
    module = ModuleType("emitted_schema_law")
    sys.modules["emitted_schema_law"] = module
    exec(compile(schema_module("m", describe(frame), ANSWER, single=False), "schema.py", "exec"), module.__dict__)
    return module


@settings(max_examples=150, deadline=None)
@given(frames(), st.integers(0, ROWS - 1))
def test_a_row_arrives_as_it_was(frame: pd.DataFrame, number: int) -> None:
    row = frame.iloc[[number]].reset_index(drop=True)
    sent = json.loads(json.dumps(as_json(row)))
    arrived = schema_for(frame).parse_rows(sent)
    pd.testing.assert_frame_equal(arrived, row, check_exact=True, check_column_type=False)


@settings(max_examples=60, deadline=None)
@given(frames())
def test_all_rows_arrive_as_they_were(frame: pd.DataFrame) -> None:
    arrived = schema_for(frame).parse_rows(json.loads(json.dumps(as_json(frame))))
    pd.testing.assert_frame_equal(arrived, frame, check_exact=True, check_column_type=False)
