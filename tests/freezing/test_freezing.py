"""Freezing: the notebook computes what it did, and a row alone is prepared as it was among all rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nbdeploy.analysis.presumption import Said
from nbdeploy.analysis.program import Program
from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.freezing import Freezable, Unfreezable, freeze, in_words, offered, survey_of
from nbdeploy.notebook.cells import Role
from nbdeploy.reading import open_notebook

DATA = """import numpy as np
import pandas as pd
from sklearn.preprocessing import LabelEncoder, StandardScaler
df = pd.DataFrame({"age": [22.0, None, 35.0, 58.0, 4.0, None, 41.0, 19.0],
                   "fare": [7.25, 71.3, 8.05, 26.5, 16.7, 30.1, 8.05, 13.0],
                   "city": ["Rome", "Oslo", "Rome", "Bern", "Oslo", "Oslo", "Bern", "Rome"]})"""
FUNCTION = """def clean(rows, column="age"):
    rows = rows.copy()
    rows["age"] = rows["age"].fillna(rows["age"].median())
    return rows[["age", "fare"]]"""
START = 'X = df[["age", "fare"]].copy()\n'

CASES = {
    "a median": START + 'X["age"] = X.age.fillna(X.age.median())',
    "a mode": START + 'X["rome"] = (df.city == df.city.mode()[0]).astype(int)',
    "the most frequent": START + 'X["rome"] = (df.city == df["city"].value_counts().index[0]).astype(int)',
    "means of a frame": START + "X = X.fillna(0)\nX = (X - X.mean()) / X.std()",
    "one column's range": START + 'X["fare"] = (X.fare - X.fare.min()) / (X.fare.max() - X.fare.min())',
    "numpy": START + "X = X.fillna(0).to_numpy()\nX = (X - np.mean(X, axis=0)) / X.std(axis=0)",
    "percentiles": START + 'X["fare"] = X.fare.clip(np.percentile(X.fare, 1), np.percentile(X.fare, 99))',
    "quantiles": START + 'X["fare"] = X.fare.clip(X.fare.quantile(0.05), X.fare.quantile(.95))',
    "dummies": 'X = pd.get_dummies(df.drop(columns="age"), columns=["city"])',
    "dummies without the first": 'X = pd.get_dummies(df[["fare", "city"]], drop_first=True, dtype=int)',
    "dummies of what a median fills": 'X = pd.get_dummies(df.fillna({"age": df.age.median()}), columns=["city"])',
    "two sets of dummies": 'A = pd.get_dummies(df.city, prefix="a")\nB = pd.get_dummies(df.city, prefix="b")\n'
    "X = pd.concat([df[['fare']], A, B], axis=1)",
    "ranks": START + 'X["rank"] = X.fare.rank()\nX["share"] = X["fare"].rank(pct=True)',
    "quantile bins": START
    + 'X["bin"] = pd.qcut(X.fare, 4, labels=False)\nX["letter"] = pd.qcut(X.fare, q=2, labels=["a", "b"])',
    "even bins": START
    + 'X["bin"] = pd.cut(X.fare, 3, labels=False)\nX["letter"] = pd.cut(X.fare, bins=2, labels=["a", "b"])',
    "means by group": START + 'X["fare"] = X.fare - df.groupby("city")["fare"].transform("mean")',
    "medians by group": START + 'X["age"] = X.age.fillna(df.groupby(["city"]).age.transform("median"))',
    "an encoder": START + 'X["city"] = LabelEncoder().fit_transform(df.city)',
    "a scaler": START + "X = StandardScaler().fit_transform(X.fillna(0))",
    "category codes": START
    + 'X["city"] = df.city.astype("category").cat.codes\nX["again"] = pd.Categorical(df.city).codes',
    "factorized": START
    + 'X["city"] = pd.factorize(df.city)[0]\ncodes, values = df.city.factorize()\nX["again"] = codes',
    "enumerated": START + 'X["city"] = df.city.map({name: n for n, name in enumerate(df.city.unique())})',
    "frequencies": START + 'X["city"] = df.city.map(df.city.value_counts())',
    "a loop": START + '\nfor each in ["age", "fare"]:\n    X[each] = X[each].fillna(X[each].median())',
    "a loop under its magic": "%%preprocess\n"
    'for each in ["age", "fare"]:\n    df[each] = df[each].fillna(df[each].median())\nX = df',
    "a comprehension": START + "X = X.fillna({each: X[each].median() for each in X.columns})",
    "a function": "X = clean(df)",
    "columns by type": 'X = df.select_dtypes("number")',
    "several lines": START
    + 'X["age"] = X.age.fillna(\n    X.age.median()  # of all\n)\nX["fare"] = X.fare / X.fare.max()',
    "a block": START + 'if len(df):\n    X["fare"] = X.fare / X.fare.max()',
}


def notebook(folder: Path, *cells: str | tuple[str, str], settings: dict[str, Any] | None = None) -> Path:
    written = [each if isinstance(each, tuple) else ("", each) for each in cells]
    document = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{number}",
                "metadata": {"tags": [role] if role else []},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for number, (role, source) in enumerate(written)
        ],
        "metadata": {"nbdeploy": settings} if settings else {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = folder / "n.ipynb"
    path.write_text(json.dumps(document))
    return path


def program(folder: Path, prepare: str) -> Program:
    role = "" if prepare.startswith("%%") else "preprocess"
    path = notebook(folder, DATA, FUNCTION, (role, prepare), ("predict", "predictions = X"))
    return open_notebook(path)


def ran(program: Program, df: pd.DataFrame | None = None, constants: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run a notebook; with other rows only what is served runs, with the constants of the run before."""
    names: dict[str, Any] = {**(constants or {})}
    if df is not None:
        names["df"] = df
    for each in program.statements:
        if df is None or each.role in {Role.PREPROCESS, Role.PREDICT} or each.imports or each.defines_code:
            exec(each.source, names)
    return names


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("prepare", CASES.values(), ids=CASES)
def test_rows_are_prepared_alone_as_they_were_among_all(tmp_path: Path, prepare: str) -> None:
    before = program(tmp_path, prepare)
    after, frozen = freeze(before, ["all"], Said(input="df"))
    whole = ran(before)["X"]
    trained = ran(after)
    assert frozen
    same(trained["X"], whole)
    constants = {each.name: trained[each.name] for each in frozen}
    rows = ran(before, df=None)["df"] if "age" not in prepare else fresh()
    for row in range(len(rows)):
        alone = ran(after, rows.iloc[[row]].copy(), constants)["X"]
        same(alone, whole.iloc[[row]] if hasattr(whole, "iloc") else whole[[row]])


def fresh() -> pd.DataFrame:
    names: dict[str, Any] = {}
    exec(DATA, names)
    frame: pd.DataFrame = names["df"]
    return frame


def same(got: Any, wanted: Any) -> None:
    as_frame = pd.DataFrame(got)
    pd.testing.assert_frame_equal(
        as_frame.reset_index(drop=True),
        pd.DataFrame(wanted).reset_index(drop=True),
        check_dtype=False,
        check_categorical=False,
    )


@pytest.mark.parametrize("prepare", CASES.values(), ids=CASES)
def test_every_line_stays_where_it_was(tmp_path: Path, prepare: str) -> None:
    before = program(tmp_path, prepare)
    text = Path(before.notebook.path).read_bytes()
    after, frozen = freeze(before, ["all"], Said(input="df"))
    served = [(each.cell, each.line, each.end_line, each.role) for each in after.statements if each.role]
    assert served == [(each.cell, each.line, each.end_line, each.role) for each in before.statements if each.role]
    assert Path(before.notebook.path).read_bytes() == text, "the user's file"
    made = {name for each in after.statements if each.role is None for name in each.effects.defs}
    assert {each.name for each in frozen} <= made


def test_the_constant_is_named_after_the_column_and_the_statement_says_so(tmp_path: Path) -> None:
    before = program(tmp_path, CASES["a median"])
    after, (frozen,) = freeze(before, ["2:2"])
    assert (
        after.notebook.cells[2].source.splitlines()[1]
        == 'AGE_MEDIAN = X.age.median(); X["age"] = X.age.fillna(AGE_MEDIAN)'
    )
    told = in_words(frozen)
    assert (told.code, told.cell, told.line) == ("NBD524", 2, 2)
    assert "AGE_MEDIAN = X.age.median()" in told.fix


def test_only_the_named_place_is_frozen(tmp_path: Path) -> None:
    before = program(tmp_path, START + 'X["age"] = X.age.fillna(X.age.median())\nX["fare"] = X.fare / X.fare.max()')
    after, frozen = freeze(before, ["2:3"])
    assert [each.name for each in frozen] == ["FARE_MAX"]
    assert "X.age.fillna(X.age.median())" in after.notebook.cells[2].source


@pytest.mark.parametrize(
    ("prepare", "place", "told"),
    [
        (CASES["a median"], "2:1", r"computes nothing over all rows there\n.*--freeze 2:2 \(`X.age.median\(\)`\)"),
        (CASES["a median"], "9:1", "computes nothing over all rows there"),
        ("X = df.fillna(0)", "2:1", "nothing in the served code can be frozen"),
        (
            START + 'X["n"] = df.groupby("city").cumcount()',
            "2:2",
            "`cumcount` in a group depends on which rows come together",
        ),
        (
            START + 'X["age"] = df.groupby("city").age.transform(lambda s: s.fillna(s.median()))',
            "2:2",
            r'write `.fillna\(df.groupby\("group"\).column.transform\("median"\)\)`',
        ),
        (
            START + '\nfor c in ["age"]:\n    X[c] = X[c].fillna(0)\n    X[c] = X[c] - X[c].mean()',
            "2:5",
            "line 4 changes what it is computed of",
        ),
        ('for c in ["age"]:\n    df[c] = df[c].fillna(df[c].median())\nX = df', "2:2", "put an empty line above"),
        (START + 'X["r"] = X.fare.rank(method="dense")', "2:2", "only average ranks"),
        ("A = clean(df)\nX = clean(df[df.age > 3])", "1:3", "clean is used 2 times"),
        ("X = df.pipe(clean)", "1:3", "nothing over all rows|handed on"),
        (CASES["a median"], "nowhere", "is not a place to freeze"),
    ],
)
def test_what_can_not_be_frozen_is_told_why(tmp_path: Path, prepare: str, place: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as problem:
        freeze(program(tmp_path, prepare), [place], Said(input="df"))
    assert problem.value.diagnostics[0].code == "NBD523"


def test_a_function_that_changes_the_rows_before_is_not_frozen(tmp_path: Path) -> None:
    function = 'def clean(rows):\n    rows["fare"] = rows.fare.clip(0, 20)\n    return rows.fare / rows.fare.max()'
    path = notebook(tmp_path, DATA, function, ("preprocess", "X = clean(df)"), ("predict", "predictions = X"))
    (found,) = survey_of(open_notebook(path))
    assert isinstance(found, Unfreezable)
    assert (found.place, found.function) == ("1:3", "clean")
    assert "clean changes rows in line 2" in found.why


def test_a_notebook_without_aggregates_is_left_alone_by_all(tmp_path: Path) -> None:
    before = program(tmp_path, "X = df.fillna(0)")
    assert freeze(before, ["all"]) == (before, ())
    assert freeze(before, []) == (before, ())


def test_the_place_of_every_line_of_a_statement_is_its_own(tmp_path: Path) -> None:
    found = survey_of(program(tmp_path, CASES["several lines"]), Said(input="df"))
    assert [(each.place, each.lines) for each in found if isinstance(each, Freezable)] == [
        ("2:3", range(2, 5)),
        ("2:5", range(5, 6)),
    ]


def test_an_error_of_what_fits_anew_names_the_place_to_freeze(tmp_path: Path) -> None:
    before = program(tmp_path, CASES["a scaler"])
    trains = Diagnostic(code="NBD206", cell=2, line=2, message="`fit_transform` trains", fix="fit before")
    assert offered(trains, before).fix == "fit before; or keep what it learns of the training rows: --freeze 2:2"
    elsewhere = Diagnostic(code="NBD206", cell=2, line=1, message="trains", fix="fit before")
    assert offered(elsewhere, before) is elsewhere
