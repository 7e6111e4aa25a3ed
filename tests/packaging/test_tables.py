"""The emitted `tables.py`: every kind of input from columns, rows that the model refuses, texts of CSV."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from nbdeploy.analysis.values import ColumnSpec, Kind, Schema
from nbdeploy.packaging.tables import tables_module
from tests.packaging.packages import LABELS, MIXED, MIXED_PREDICT, ROW
from tests.property.test_table_laws import as_batch, package_for


def array(shape: tuple[int, ...], dtype: str = "float64", kind: Kind = Kind.ARRAY, type: str = "n") -> Schema:
    return Schema(kind=kind, type=type, rows=shape[0], shape=shape, dtype=dtype)


SERIES = Schema(kind=Kind.SERIES, type="pandas.Series", rows=3, shape=(3,), dtype="float64", name="x")
TEXTS = Schema(kind=Kind.LIST, type="list", rows=3, dtype="str")
SPARSE = array((5, 2), kind=Kind.SPARSE, type="scipy.sparse._csr.csr_matrix")
EVERY_KIND = {"table": MIXED, "series": SERIES, "texts": TEXTS, "matrix": array((5, 2)), "sparse": SPARSE}
ANSWERS = {"labels": LABELS, "table": MIXED, "matrix": array((5, 3)), "texts": TEXTS}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_what_is_emitted_is_clean(kind: str, tmp_path: Path) -> None:
    for name, answer in ANSWERS.items():
        (tmp_path / f"{name}.py").write_text(tables_module("m", EVERY_KIND[kind], answer))
    rules = "--select=E,F,W,I,UP,B,C4,SIM,RUF,RET,PIE"
    for words in (("check", "--line-length=120", rules), ("format", "--line-length=120", "--diff")):
        command = [sys.executable, "-m", "ruff", words[0], "--isolated", "--target-version=py311", *words[1:], "."]
        checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout


def mixed() -> ModuleType:
    _, tables = package_for(MIXED, LABELS)
    exec(MIXED_PREDICT, tables.__dict__)
    return tables


def test_rows_that_the_model_refuses_are_found_one_by_one() -> None:
    names = ["a", "boom", "b", "c", "boom", "d", "e"]
    rows = [{**ROW, "Name": name, "Pclass": number} for number, name in enumerate(names)]
    rows[5]["alive"] = "yes"
    scored = mixed().score(as_batch(rows))
    refused = "the model can't answer this input: ValueError: no such passenger"
    assert scored.problems == [
        {"row": 1, "field": None, "message": refused},
        {"row": 4, "field": None, "message": refused},
        {"row": 5, "field": "alive", "message": "'yes' is not true or false"},
    ]
    wanted = [mixed().score(as_batch([rows[number]])).predictions[0][0].as_py() for number in (0, 2, 3, 6)]
    assert scored.predictions.to_pydict() == {"prediction": wanted}


@pytest.mark.parametrize(("name", "match"), [("short", "2 rows were asked, 3 answered"), ("crash", "broken artifact")])
def test_a_model_that_does_not_answer_row_by_row_is_not_trusted(name: str, match: str) -> None:
    with pytest.raises(RuntimeError, match=match):
        mixed().score(as_batch([ROW, {**ROW, "Name": name}]))


def test_a_column_that_is_not_there_is_named() -> None:
    tables = mixed()
    batch = as_batch([{key: value for key, value in ROW.items() if key not in ("alive", "id")}])
    with pytest.raises(sys.modules["emitted_tables_law.schema"].BadRequest, match="'alive': missing field"):
        tables.score(batch)


def test_nothing_gives_nothing() -> None:
    assert mixed().score(as_batch([ROW]).slice(0, 0)).predictions.num_rows == 0


def test_texts_of_csv_stand_for_what_pandas_makes_of_them() -> None:
    rows: list[dict[str, Any]] = [
        {"Pclass": "3", "Age in years": "", "Name": "NA", "7": " 0.5", "Embarked": "S", "alive": "True", "any": "x"},
        {
            "Pclass": "3.0",
            "Age in years": "1e2",
            "Name": "7",
            "7": "1",
            "Embarked": "NULL",
            "alive": "false",
            "any": "",
        },
        {"Pclass": "3.5", "Age in years": "?", "Name": "b", "7": "nan", "Embarked": "X", "alive": "yes", "any": "1"},
    ]
    batch = pa.RecordBatch.from_pylist([{**row, "when": "1912-04-15"} for row in rows])
    batch = batch.cast(pa.schema([field.with_metadata({"content": "csv"}) for field in batch.schema]))
    tables = mixed()
    _, problems = tables.read(batch)
    assert [(each["row"], each["field"], each["message"]) for each in problems] == [
        (2, "Pclass", "3.5 is not a whole number"),
        (2, "Age in years", "'?' is not a number"),
        (2, "7", "null, and this field was never missing in the data"),
        (2, "Embarked", "'X' is not one of the known categories ['C', 'Q', 'S']"),
        (2, "alive", "'yes' is not true or false"),
    ]
    frame, problems = tables.read(batch.slice(0, 2))
    assert problems == []
    assert frame["Pclass"].tolist() == [3, 3]
    assert frame["Age in years"].isna().tolist() == [True, False]
    assert frame["Name"].fillna("missing").tolist() == ["missing", "7"]
    assert frame["Embarked"].isna().tolist() == [False, True]
    assert frame["alive"].tolist() == [True, False]


def test_a_matrix_comes_as_columns_or_as_lists() -> None:
    _, tables = package_for(array((5, 2)))
    columns = pa.record_batch({"a": [1.0, 2.0], "b": [3, 4]})
    lists = pa.record_batch({"input": [[1.0, 3.0], [2.0, 4.0]]})
    for batch in (columns, lists):
        found, problems = tables.read(batch)
        assert problems == []
        np.testing.assert_array_equal(found, [[1.0, 3.0], [2.0, 4.0]])
    _, problems = tables.read(pa.record_batch({"input": [[1.0, 3.0], [2.0]]}))
    assert [(each["row"], each["message"]) for each in problems] == [
        (1, "1 items where 2 are needed; the shape of a row is (2,)")
    ]
    with pytest.raises(ValueError, match="3 columns where the input has 2"):
        tables.read(pa.record_batch({"a": [1.0], "b": [1.0], "c": [1.0]}))


def test_one_value_a_row_comes_as_one_column() -> None:
    _, tables = package_for(TEXTS)
    found, problems = tables.read(pa.record_batch({"review": ["good", "bad"]}))
    assert (found, problems) == (["good", "bad"], [])
    assert [each["row"] for each in tables.score(pa.record_batch({"review": ["good", None]})).problems] == [1]
    _, tables = package_for(SERIES)
    found, _ = tables.read(pa.record_batch({"any name": [1.0, 2.0]}))
    pd.testing.assert_series_equal(found, pd.Series([1.0, 2.0], name="x"))


@pytest.mark.parametrize(
    ("answer", "output", "wanted"),
    [
        pytest.param(array((5, 2)), np.array([[0.1, 0.9], [np.nan, 1.0]]), [[0.1, 0.9], [None, 1.0]], id="matrix"),
        pytest.param(array((5,), "<U3"), np.array(["yes", "no"]), ["yes", "no"], id="texts"),
        pytest.param(array((5,), "object"), np.array(["yes", 3], object), ["yes", "3"], id="texts and numbers"),
        pytest.param(array((5,), "int64"), np.array([1.0, 2.0]), [1, 2], id="whole numbers"),
        pytest.param(TEXTS, [{"a": 1}, None], ['{"a": 1}', None], id="records"),
        pytest.param(
            Schema(kind=Kind.SERIES, type="pandas.Series", dtype="str", columns=(ColumnSpec("s", "str"),)),
            pd.Series(["a", None]),
            ["a", None],
            id="series",
        ),
    ],
)
def test_answers_keep_their_values(answer: Schema, output: Any, wanted: list[Any]) -> None:
    _, tables = package_for(TEXTS, answer)
    assert tables.answers(output, 2).column("prediction").to_pylist() == wanted


def test_an_answer_that_loses_something_in_its_column_is_an_error() -> None:
    _, tables = package_for(TEXTS, array((5,), "int64"))
    with pytest.raises(pa.ArrowInvalid, match="truncated"):
        tables.answers(np.array([1.5, 2.0]), 2)
