"""Bad and odd requests are the same each time, of every kind, and right about what is wrong with them."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nbdeploy.analysis.values import ColumnSpec, Kind, Schema
from nbdeploy.proving.fuzzing import Known, Right, Trial, fuzz

_spec = importlib.util.spec_from_file_location("packages", Path(__file__).parents[1] / "packaging" / "packages.py")
packages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(packages)

ROWS = [{**packages.ROW, "Pclass": number} for number in range(1, 6)]
TABLE = Known(packages.MIXED, ROWS, [float(number) for number in range(1, 6)])
FEW = 1_000  # rows of the largest request here


def known(kind: Kind, rows: Any, predictions: Any, **more: Any) -> Known:
    return Known(Schema(kind=kind, type="numpy.ndarray", rows=len(predictions), **more), rows, predictions)


EVERY_KIND = {
    "table": TABLE,
    "texts": known(Kind.LIST, ["a", "b"], ["A", "B"], dtype="str"),
    "series": known(Kind.SERIES, [1.0, None], [1.0, 0.0], dtype="float64", shape=(2,)),
    "vector": known(Kind.ARRAY, [1, 2, 3], [1, 2, 3], dtype="int64", shape=(3,)),
    "matrix": known(Kind.ARRAY, [[1.0, 2.0], [3.0, 4.0]], [3.0, 7.0], dtype="float64", shape=(2, 2)),
    "images": known(Kind.TENSOR, [[[1.0, 2.0]], [[3.0, 4.0]]], [3.0, 7.0], dtype="torch.float32", shape=(2, 1, 2)),
    "record": known(Kind.RECORD, {"a": 1, "b": "x"}, [5.0], columns=(ColumnSpec("a", "int"), ColumnSpec("b", "str"))),
    "scalar": known(Kind.SCALAR, 1.5, [3.0], dtype="float"),
    "nothing recorded": known(Kind.LIST, [], [], dtype="str"),
}


@pytest.fixture(scope="module", params=EVERY_KIND)
def trials(request: pytest.FixtureRequest) -> list[Trial]:
    return list(fuzz(EVERY_KIND[request.param], 400, many_rows=FEW))


def test_the_same_seed_gives_the_same_requests() -> None:
    first, again, other = (list(fuzz(TABLE, 300, seed, many_rows=FEW)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_as_many_are_made_as_asked_and_each_kind_is_among_the_first() -> None:
    few, many = (Counter(trial.right for trial in fuzz(TABLE, count, many_rows=FEW)) for count in (0, 700))
    assert sum(many.values()) == 700
    assert all(few[right] >= 2 for right in Right)
    assert sum(few.values()) < 300


def test_every_kind_of_input_gets_requests(trials: list[Trial]) -> None:
    assert {"GET", "PUT", "POST"} <= {trial.method for trial in trials}
    assert any("100,000 brackets" in trial.what for trial in trials)
    assert all(trial.request for trial in trials)


def test_requests_with_a_right_answer_are_json_and_have_a_prediction_for_each_row(trials: list[Trial]) -> None:
    right = [trial for trial in trials if trial.right is Right.ANSWERED]
    for trial in right:
        sent = json.loads(trial.body)
        value = sent.get("rows", sent.get("input"))
        assert len(trial.answer or ()) == (len(value) if isinstance(value, list) else 1), trial.what


def test_wrong_values_are_named_by_row_and_field() -> None:
    places = {trial.place for trial in fuzz(TABLE, 900, many_rows=FEW) if trial.right is Right.REFUSED and trial.place}
    assert {field for _, field in places} >= {each.key for each in packages.MIXED.columns if each.required}
    assert {row for row, _ in places} >= {None, 0, 1, 2, 3, 4, 5, 6}


def test_null_is_wrong_only_where_the_data_had_none() -> None:
    nulls = {t.what: t.right for t in fuzz(TABLE, 1_000, many_rows=FEW) if t.what.startswith("null for")}
    assert nulls["null for Pclass (int64)"] is Right.REFUSED
    assert nulls["null for Age in years (float64)"] is Right.EITHER
    assert nulls["null for id (int64)"] is Right.EITHER


def test_literals_that_python_does_not_write_stand_in_the_bodies() -> None:
    bodies = b"\n".join(t.body for t in fuzz(TABLE, 900, many_rows=FEW) if len(t.body) < 10_000 and t.what != "cp037")
    for text in (b": NaN", b": 1e400", b": -Infinity", b"9" * 400):
        assert text in bodies
    assert b"\x7f" not in bodies
