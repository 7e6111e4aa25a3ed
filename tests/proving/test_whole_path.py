"""A serving path as one ONNX graph: what code becomes, what can't, and that a graph which answers otherwise is not taken."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from nbdeploy.packaging.onnx_models import OnnxModel
from nbdeploy.proving.portable_process import Call, _difference, choice
from nbdeploy.proving.quantized import quantized_graph
from nbdeploy.proving.tracing import Untraceable
from nbdeploy.proving.whole_path import WholeGraph, session_of, whole_graph

RANDOM = np.random.default_rng(0)
ROWS = pd.DataFrame(
    {
        "age": np.where(np.arange(90) % 7 == 0, np.nan, RANDOM.integers(18, 80, 90).astype(float)),
        "income": RANDOM.random(90) * 1000 - 50,
        "rooms": RANDOM.integers(0, 6, 90),
        "member": RANDOM.random(90) > 0.5,
        "port": RANDOM.choice(["S", "C", "Q"], 90),
        "name": [None, "b", "c"] * 30,
        "day": pd.date_range("2026-01-01", periods=90),
    }
)
HEAD = "import numpy as np\nimport pandas as pd\n"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Return a function that makes a package `traced` of the lines of `predict(df)`, and imports it."""
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "traced"
    folder.mkdir()

    def made(body: str, before: str = "", argument: str = "df") -> Any:
        lines = [f"    {line}" for line in body.splitlines()]
        text = f"{HEAD}{before}\ndef predict({argument}):\n" + "\n".join(lines) + "\n"
        (folder / "__init__.py").write_text(text)
        importlib.invalidate_caches()
        sys.modules.pop("traced", None)
        return importlib.import_module("traced")

    yield made
    sys.modules.pop("traced", None)


def graph_of(module: Any, rows: Any = ROWS, models: Any = None) -> WholeGraph:
    return whole_graph(module.predict, "traced", rows, models or {}, lambda a, b, what: _difference(a, b, 1e-9, what))


SAME = {
    "arithmetic": "return df.age * 2 - df['income'] / (df.rooms + 1) ** 2",
    "whole numbers": "return (df.rooms * 3 - 7) // 2 + df.rooms % 4",
    "missing values": "return df['age'].fillna(30.5).clip(20, 60)",
    "missing in some": "return df[['age', 'income']].fillna({'age': 1.0}).sum(axis=1)",
    "conditions": "return ((df.age > 40) | ~(df.member & (df.rooms >= 3))).astype(int)",
    "where": "return np.where(df.port == 'S', df.income, -df.rooms)",
    "select": "return np.select([df.rooms > 3, df.rooms > 1], ['large', 'some'], default='small')",
    "maximum": "return np.maximum(df.income, 10) + np.minimum(df.age, df.income)",
    "functions": "return np.log1p(np.abs(df.income)) + np.sqrt(df.rooms) + np.exp(-df.rooms) + np.tanh(df.income)",
    "rounding": "return np.floor(df.income) + np.ceil(df.income) + np.sign(df.income) + np.square(df.rooms)",
    "table of texts": "return df.port.map({'S': 1, 'C': 2.5})",
    "texts by table": "return df.port.map({'S': 'south', 'C': 'cool', 'Q': 'queen'})",
    "replace": "return df.port.replace({'S': 'X'})",
    "membership": "return df.port.isin(['S', 'Q'])",
    "between": "return df.age.between(20, 50)",
    "new columns": "df['per'] = df.income / 12\nreturn df.assign(twice=lambda d: d.per * 2)[['per', 'twice']]",
    "changed rows": "df.loc[df.income > 500, 'income'] = 500\nreturn df['income']",
    "dropped": "return df.drop(columns=['name', 'day', 'port', 'member']).to_numpy()",
    "by place": "return df.iloc[:, 1:3].values[:, 1]",
    "renamed": "return df.rename(columns={'age': 'years'})[['years', 'rooms']]",
    "several answers": "return pd.DataFrame({'a': df.income, 'b': np.where(df.member, 'yes', 'no')}, index=df.index)",
    "a function with branches": "return df.rooms.apply(band)",
    "a function of the row": "return df.apply(lambda row: row['income'] if row['rooms'] > 2 else row['rooms'] * 1.5, axis=1)",
    "a column of one value": "df['one'] = 1\nreturn df[['one', 'rooms']].sum(axis=1)",
    "along the columns": "return df[['income', 'rooms']].max(axis=1) - df[['income', 'rooms']].mean(axis=1)",
    "minus means by name": "return (df[['income', 'rooms']] - MEANS)[['income', 'rooms']]",
    "stacked": "return np.column_stack([df.income, df.rooms, df.income / 2])",
}
BEFORE = """
MEANS = pd.Series({"rooms": 2.5, "income": 400.0})
def band(rooms):
    if rooms < 1:
        return "none"
    return "some" if rooms < 4 and not rooms == 2 else "many"
"""


@pytest.mark.parametrize("body", SAME.values(), ids=SAME)
def test_the_graph_answers_as_the_code_does(served: Callable[..., Any], body: str) -> None:
    found = graph_of(served("df = df.copy()\n" + body, BEFORE))
    assert found.figures["rows"] == len(ROWS)
    assert found.figures["mixed_rows"] == 200


REFUSED = {
    "an aggregate": ("return df.age - df.age.mean()", "an aggregate over all rows"),
    "a loop": ("return [each + 1 for each in df.income]", "rows one by one"),
    "a date": ("return df.day.dt.year", "day"),
    "a missing text": ("return np.where(df.name == 'b', 1, 0)", "the column 'name': it has missing texts"),
    "a pattern": ("return df.port.str.lower()", "`.str` has no form in a graph"),
    "picked rows": ("return df[df.age > 3].income", "picks rows"),
    "one decision": ("return df.age if df.age.max() > 3 else df.income", "an aggregate over all rows"),
    "a library": ("return pd.cut(df.income, [0, 10, 20])", "no graph can hold"),
    "a column and a table": ("return df[['age', 'rooms']].values * df.income.values", "a table together with a column"),
    "sorted": ("return df.income.rank()", "`.rank` has no form in a graph"),
    "an unknown column": ("return df['nothing']", "no column 'nothing'"),
}


@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_no_graph_can_say_is_refused_with_the_place(served: Callable[..., Any], body: str, reason: str) -> None:
    module = served(f"# cell 7\n{body}")
    with pytest.raises(Untraceable, match=reason) as told:
        graph_of(module)
    assert str(told.value).startswith("cell 7, `return")


def test_a_function_that_looks_at_the_type_of_its_value_is_found_out_by_asking_both(
    served: Callable[..., Any],
) -> None:
    module = served("return df.rooms.apply(lambda each: each * 2.0 if isinstance(each, int) else 0.0)")
    with pytest.raises(Untraceable, match="gives 1 values where the code gives 90"):
        graph_of(module)
    assert module.predict(ROWS).max() > 0, "the package's own modules are as they were"
    assert module.np is np


def test_models_and_the_rows_that_they_refuse_are_part_of_it(served: Callable[..., Any]) -> None:
    module = served(
        "X = df[['age', 'income', 'rooms']]\nX = scaler.transform(X.fillna({'age': 40}))\n"
        "p = model.predict_proba(X)[:, 1]\nreturn pd.DataFrame({'p': p, 'label': forest.predict(X)})",
        "scaler = model = forest = None",
    )
    table = ROWS[["age", "income", "rooms"]].fillna({"age": 40})
    scaler = StandardScaler().fit(table)
    matrix, labels = scaler.transform(table), np.where(ROWS.income > 300, "rich", "poor")
    model = LogisticRegression().fit(matrix, labels)
    forest = RandomForestClassifier(10, random_state=0).fit(matrix, labels)
    asked = {
        "scaler": (scaler, Call("transform", table, matrix)),
        "model": (model, Call("predict_proba", matrix, model.predict_proba(matrix))),
        "forest": (forest, Call("predict", matrix, forest.predict(matrix))),
    }
    models = {}
    for name, (fitted, call) in asked.items():
        setattr(module, name, fitted)
        made = choice(fitted, [call], 1e-6, required=True)
        models[id(fitted)] = (made.content, OnnxModel(made.content, **made.arguments), call.rows)
    found = graph_of(module, models=models)
    assert [each["name"] for each in found.inputs] == ["age", "income", "rooms"]
    assert [(each["name"], each["kind"]) for each in found.outputs] == [
        ("p", "double"),
        ("label", "text"),
        ("refused", "bool"),
    ]
    session = OnnxModel(found.content, layout="", columns=(), answers={}, refused={}).session
    fed = {"age": [[30.0], [np.nan]], "income": [[1.0], [np.nan]]}
    refused = session.run(["refused"], {**{k: np.array(v) for k, v in fed.items()}, "rooms": np.array([[1], [1]])})[0]
    assert refused.tolist() == [False, True]


def test_arrays_are_taken_as_they_come(served: Callable[..., Any]) -> None:
    module = served("area = X[:, 0]\nreturn np.column_stack([X, area / X[:, 1]]).sum(axis=1)", argument="X")
    found = graph_of(module, RANDOM.random((40, 3)) + 1)
    assert found.inputs == ({"name": "rows", "kind": "double", "columns": 3},)


def test_lists_of_rows_and_texts_are_taken_as_well(served: Callable[..., Any]) -> None:
    assert graph_of(served("return np.asarray(X)[:, 0]", argument="X"), [[1, 2], [3, 4]]).inputs[0]["kind"] == "int64"
    texts = graph_of(served("return pd.Series(texts).isin(['yes']).astype(int)", argument="texts"), ["yes", "no"])
    assert texts.inputs == ({"name": "rows", "kind": "text", "columns": 1},)


def test_a_quantized_graph_is_smaller_and_says_what_it_costs(served: Callable[..., Any]) -> None:
    module = served("return np.where(model.predict(X) > 0.5, 'yes', 'no')", "model = None", argument="X")
    rows = RANDOM.random((200, 20))
    model = MLPRegressor(hidden_layer_sizes=(64, 32), max_iter=50, random_state=0).fit(
        rows, (rows[:, 0] > rows[:, 1]).astype(float)
    )
    module.model = model
    made = choice(model, [Call("predict", rows, model.predict(rows))], 1e-6, required=True)
    whole = graph_of(module, rows, {id(model): (made.content, OnnxModel(made.content, **made.arguments), rows)})
    content, figures = quantized_graph(whole, rows)
    assert len(content) == figures["bytes"] < len(whole.content) / 2
    assert figures["rows"] == 200
    assert figures["flips"] == int((module.predict(rows) != session_of(content).run(None, {"rows": rows})[0]).sum())
    assert figures["speedup_at_1_row"] > 0


def test_a_graph_without_weights_is_not_quantized(served: Callable[..., Any]) -> None:
    whole = graph_of(served("return df.income * 2"))
    assert quantized_graph(whole, ROWS) == "no matrix of weights is in it: there is nothing to quantize"
