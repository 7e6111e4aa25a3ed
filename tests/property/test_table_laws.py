"""A batch of Arrow is read as the same rows sent as JSON are: the same data frame, the same refusals in the same words."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from nbdeploy.analysis.values import Kind, Schema
from nbdeploy.packaging.schema import schema_module
from nbdeploy.packaging.tables import tables_module
from nbdeploy.proving.probe import as_json
from nbdeploy.recording.describe import describe
from tests.property.test_request_laws import frames

ANSWER = Schema(kind=Kind.ARRAY, type="numpy.ndarray", rows=1, shape=(1,), dtype="float64")
ODD: list[Any] = [
    None,
    True,
    0,
    3,
    -7,
    300,
    2**70,
    2.0,
    2.5,
    1e300,
    float("nan"),
    float("inf"),
    "",
    "a",
    "b",
    "Infinity",
]
ODD += ["1912-04-15T02:20:00", "2020-02-30", "2020-01-01T00:00:00+02:00", "P1DT2H", [1, None], {"a": [float("nan")]}]


def package_for(input: Schema, output: Schema = ANSWER) -> tuple[ModuleType, ModuleType]:
    """The `schema.py` and the `tables.py` of a package that counts the rows."""
    package, predicting = ModuleType("emitted_tables_law"), ModuleType("emitted_tables_law.predict")
    package.__path__ = []
    predicting.predict = lambda value: np.arange(len(value), dtype=float)  # type: ignore[attr-defined]
    sys.modules |= {"emitted_tables_law": package, "emitted_tables_law.predict": predicting}
    texts = {
        "schema": schema_module("m", input, output, single=False),
        "tables": tables_module("m", input, output),
    }
    made = []
    for name, text in texts.items():
        module = ModuleType(f"emitted_tables_law.{name}")
        module.__package__ = "emitted_tables_law"
        sys.modules[module.__name__] = module
        exec(compile(text, f"{name}.py", "exec"), module.__dict__)
        made.append(module)
    return made[0], made[1]


def as_column(values: list[Any]) -> tuple[pa.Array, dict[str, str]]:
    """Values of JSON as Arrow: as they are where they are of one type, else each as a text of JSON."""
    kinds = {type(each) for each in values} - {type(None)}
    if len(kinds) <= 1 and not kinds & {list, dict} and not any(_is_wide(each) for each in values):
        return pa.array(values), {}
    return pa.array([json.dumps(each) for each in values]), {"content": "json"}


def _is_wide(value: Any) -> bool:
    odd = isinstance(value, float) and not np.isfinite(value)  # in Arrow NaN is a missing number, and infinity one
    return odd or (isinstance(value, int) and abs(value) >= 2**63)


def as_batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    columns = {key: as_column([row[key] for row in rows]) for key in rows[0]}
    fields = [pa.field(key, array.type, metadata=content or None) for key, (array, content) in columns.items()]
    return pa.record_batch([array for array, _ in columns.values()], schema=pa.schema(fields))


@settings(max_examples=40, deadline=None)
@given(frames())
def test_a_table_is_read_as_its_rows_are(frame: pd.DataFrame) -> None:
    schema, tables = package_for(describe(frame))
    batch = pa.RecordBatch.from_pandas(frame.rename(columns=str), preserve_index=False)
    found, problems = tables.read(batch)
    assert problems == []
    sent = schema.parse_rows(json.loads(json.dumps(as_json(frame))))
    pd.testing.assert_frame_equal(found, sent, check_exact=True)


@settings(max_examples=60, deadline=None)
@given(frames(), st.data())
def test_odd_rows_are_refused_in_the_same_words(frame: pd.DataFrame, data: st.DataObject) -> None:
    schema, tables = package_for(describe(frame))
    schema.MAX_PROBLEMS = 10**9
    rows = json.loads(json.dumps(as_json(frame)))
    for _ in range(data.draw(st.integers(0, 6))):
        row, key = data.draw(st.sampled_from(rows)), data.draw(st.sampled_from(sorted(rows[0])))
        row[key] = data.draw(st.sampled_from(ODD))
    refused = refusals(schema, rows)
    _, problems = tables.read(as_batch(rows))
    assert sorted(problems, key=by_place) == sorted(refused, key=by_place)
    scored = tables.score(as_batch(rows))
    good = list(rows)
    while refused:
        bad = {each["row"] for each in refused}
        good = [row for number, row in enumerate(good) if number not in bad]
        refused = refusals(schema, good)
    assert scored.predictions.num_rows == len(good)
    assert {rows[each["row"]] is row for each in scored.problems for row in good} <= {False}
    if good:
        found, _ = tables.read(as_batch(good))
        pd.testing.assert_frame_equal(found, schema.parse_rows(good), check_exact=True)


def refusals(schema: ModuleType, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    try:
        schema.parse_rows(rows)
    except schema.BadRequest as bad:
        return list(bad.problems)
    return []


def by_place(problem: dict[str, Any]) -> tuple[int, str, str]:
    return problem["row"], problem["field"], problem["message"]
