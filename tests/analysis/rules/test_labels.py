"""The label in served code, and among the features."""

from __future__ import annotations

import pytest

from nbdeploy.analysis.rules.labels import learnt_columns
from tests.analysis.notebooks import program_of
from tests.analysis.rules.found import Cell, only, places

DATA = "import numpy as np\nimport pandas as pd\ndf = pd.read_csv('people.csv')"
MODELS = "from sklearn.linear_model import LinearRegression\nfrom sklearn.model_selection import train_test_split"
SPLIT = "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)"


def served(preprocess: str, labels: str = "y = df['y']") -> list[Cell]:
    return [
        DATA + "\n" + MODELS,
        labels,
        ("preprocess", preprocess),
        SPLIT + "\nmodel = LinearRegression().fit(X_train, y_train)",
        ("predict", "p = model.predict(X_test)"),
    ]


@pytest.mark.parametrize(
    "preprocess",
    [
        "X = df.copy()\nX['a'] = X['a'] / X['y']",
        "X = df.fillna(0)\ntaken = X.pop('y')\nX['a'] = taken",
        "def prepare(t):\n    return t.assign(a=t['y'])\nX = prepare(df)",
        "X = df.assign(b=df.y * 2)",
    ],
)
def test_served_code_that_needs_the_label_is_found(preprocess: str) -> None:
    assert {cell for cell, _ in places("NBD122", *served(preprocess))} == {2}


@pytest.mark.parametrize(
    "labels",
    [
        "y = df.y.values",
        "y = df[['y']]",
        "y = (df['y'] == 'yes').astype(int).values",
        "y = np.log1p(df.y)",
        "y = df['y'].map(str)",
    ],
)
def test_the_label_is_known_however_it_was_taken(labels: str) -> None:
    assert places("NBD122", *served("X = df.assign(a=df['y'])", labels)) == [(2, 1)]


@pytest.mark.parametrize(
    ("preprocess", "labels"),
    [
        ("X = df.drop('name', axis=1)", "y = df.pop('y')"),
        ("X = df.drop('y', axis=1, errors='ignore')", "y = df['y']"),
        ("X = df.drop('y', axis=1)", "y = df['y']"),
        ("X = df.drop(columns=['name', 'y'])", "y = df['y']"),
        ("def prepare(t):\n    return t.drop(columns='y')\nX = prepare(df)", "y = df['y']"),
        ("X = df[['a', 'b']]\ny = df['y']", ""),
        ("X = df.drop('y', axis=1)", "y = other['z']"),
    ],
)
def test_served_code_that_does_not_is_left_alone(preprocess: str, labels: str) -> None:
    assert places("NBD122", *served(preprocess, labels)) == []


@pytest.mark.parametrize(
    "features",
    [
        "X = df",
        "X = df.copy()",
        "X = df\nX['b'] = 1",
        "X = df.drop(columns=['name'])",
        "X = df.drop('name', axis=1)",
        "X = df.drop(labels=['name'], axis='columns')",
    ],
)
def test_a_label_among_the_features_is_found(features: str) -> None:
    cells = [
        DATA + "\n" + MODELS,
        f"{features}\ny = df['y']",
        SPLIT,
        "model = LinearRegression()\nmodel.fit(X_train, y_train)",
    ]
    assert places("NBD128", *cells) == [(3, 2)]


@pytest.mark.parametrize(
    "features",
    [
        "X = df.drop('y', axis=1)\ny = df['y']",
        "X = df.drop(columns=UNUSED)\ny = df['y']",
        "y = df.pop('y')\nX = df",
        "y = df['y']\ndel df['y']\nX = df",
        "y = df['y']\nX = df\nX = X.drop(columns='y')",
        "y = df['y']\ndf = df.drop(columns='y')\nX = df",
        "y = df['y']\nX = df[['a']]",
        "y = df['y']\nX = df.values[:, :-1]",
        "X = df.data\ny = df.target",
    ],
)
def test_features_without_the_label_are_left_alone(features: str) -> None:
    assert (
        only("NBD128", DATA + "\n" + MODELS, features, SPLIT, "model = LinearRegression().fit(X_train, y_train)") == []
    )


def test_the_columns_that_a_named_model_learns_are_known_with_the_statement_that_fits_it() -> None:
    program = program_of(*served("X = df.drop(columns='y')"), "other = LinearRegression().fit(X, df['z'])")
    assert {name: fit.cell for name, fit in learnt_columns(program, {"model"}).items()} == {"y": 3}
    assert {name: fit.cell for name, fit in learnt_columns(program, {"model", "other"}).items()} == {"y": 3, "z": 5}
    assert learnt_columns(program, {"scaler"}) == {}
