"""Models as ONNX files: the same answers to the last bit where the library computes in double, and the same refusals."""

from __future__ import annotations

import ast
import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from nbdeploy.analysis.serving import Storage
from nbdeploy.packaging import compare
from nbdeploy.packaging.asked import asked_of
from nbdeploy.packaging.onnx import Unportable, candidates, layout_of
from nbdeploy.packaging.onnx_models import OnnxModel
from nbdeploy.packaging.tolerance import STRICT, Tolerance
from nbdeploy.packaging.trees import read_forest

X, Y = load_breast_cancer(return_X_y=True)
XR, YR = load_diabetes(return_X_y=True)
XI, YI = load_iris(return_X_y=True)


def converted(model: Any, rows: Any, method: str = "predict", way: int = 0, **refused: list[int]) -> OnnxModel:
    """Convert by one of the ways, and answer with it as `method` does."""
    layout = layout_of(model, rows)
    chosen = list(candidates(model, layout, frozenset({method})))[way]
    native = getattr(model, method)(rows)
    answer = {
        "output": chosen.outputs[method],
        "dtype": "str" if native.dtype.kind == "U" else str(native.dtype),
        "shape": list(native.shape[1:]),
        "classes": model.classes_.tolist() if chosen.indexed and method == "predict" else None,
    }
    return OnnxModel(
        chosen.make(),
        layout=chosen.layout.kind,
        columns=chosen.layout.columns,
        answers={method: answer},
        refused={"nan": [], "inf": [], "huge": [], **refused},
        lower=chosen.layout.lower,
    )


EXACT = {
    "decision tree": (DecisionTreeClassifier(random_state=0), X, Y),
    "random forest": (RandomForestClassifier(40, random_state=0), X, Y),
    "random forest, shallow": (RandomForestClassifier(20, max_depth=3, random_state=0), XI, YI.astype(str)),
    "extra trees": (ExtraTreesClassifier(20, random_state=0), XI, YI),
    "gradient boosting": (GradientBoostingClassifier(n_estimators=20), X, Y),
    "gradient boosting, three classes": (GradientBoostingClassifier(n_estimators=10), XI, YI),
    "histograms": (HistGradientBoostingClassifier(max_iter=20), X, Y),
    "histograms, three classes": (HistGradientBoostingClassifier(max_iter=10), XI, YI),
    "scaler and forest": (make_pipeline(StandardScaler(), RandomForestClassifier(10, random_state=0)), X, Y),
    "scaler and logistic": (make_pipeline(StandardScaler(), LogisticRegression()), X, Y),
}
NUMBERS = {
    "random forest": RandomForestRegressor(20, random_state=0),
    "gradient boosting": GradientBoostingRegressor(n_estimators=20),
    "histograms": HistGradientBoostingRegressor(max_iter=20),
    "histograms with a logarithm": HistGradientBoostingRegressor(max_iter=20, loss="poisson"),
}


@pytest.mark.parametrize("name", EXACT)
def test_probabilities_are_the_same_to_the_last_bits_and_so_are_the_classes(name: str) -> None:
    model, rows, classes = EXACT[name]
    model.fit(rows, classes)
    np.testing.assert_allclose(
        converted(model, rows, "predict_proba").predict_proba(rows), model.predict_proba(rows), rtol=1e-14, atol=1e-15
    )
    answers = converted(model, rows).predict(rows)
    assert answers.dtype.kind == model.predict(rows).dtype.kind
    np.testing.assert_array_equal(answers, model.predict(rows))


@pytest.mark.parametrize("name", NUMBERS)
def test_regressions_are_the_same_to_the_last_bits(name: str) -> None:
    model = NUMBERS[name].fit(XR, YR)
    np.testing.assert_allclose(converted(model, XR).predict(XR), model.predict(XR), rtol=1e-14)


def test_a_threshold_between_two_float32_values_is_kept_as_it_is() -> None:
    """The usual converters round it, and a row beside it goes the other way."""
    low, high = np.float32(0.1), np.nextafter(np.float32(0.1), np.float32(1))
    rows = np.array([[float(low)], [float(high)]] * 20)
    model = HistGradientBoostingClassifier(max_iter=1, min_samples_leaf=1).fit(rows, [0, 1] * 20)
    beside = np.linspace(float(low), float(high), 1001)[:, None]
    np.testing.assert_array_equal(converted(model, rows).predict(beside), model.predict(beside))


@pytest.mark.parametrize("maker", ["histograms", "lightgbm", "xgboost", "forest"])
def test_a_missing_value_goes_where_the_trees_send_it(maker: str) -> None:
    rows = X[:, :4].copy()
    rows[::3, 1] = np.nan
    rows[::5, 2] = np.nan
    if maker in {"lightgbm", "xgboost"}:
        module = pytest.importorskip(maker)
        model = module.LGBMClassifier(verbose=-1) if maker == "lightgbm" else module.XGBClassifier(n_estimators=20)
    else:
        model = HistGradientBoostingClassifier() if maker == "histograms" else RandomForestClassifier(20)
    model.fit(rows, Y)
    np.testing.assert_array_equal(converted(model, rows).predict(rows), model.predict(rows))


@pytest.mark.parametrize("name", ["LGBMClassifier", "LGBMRegressor"])
def test_lightgbm_loses_nothing(name: str) -> None:
    """A float32 file of it was seen to differ by 0.006."""
    model = getattr(pytest.importorskip("lightgbm"), name)(n_estimators=30, verbose=-1).fit(X, Y)
    method = "predict_proba" if "Classifier" in name else "predict"
    found, wanted = getattr(converted(model, X, method), method)(X), getattr(model, method)(X)
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


@pytest.mark.parametrize(("rows", "target"), [(X, Y), (XI, YI), (XR, YR)])
def test_xgboost_adds_up_in_its_own_order(rows: Any, target: Any) -> None:
    xgboost = pytest.importorskip("xgboost")
    kind = xgboost.XGBRegressor if target is YR else xgboost.XGBClassifier
    model = kind(n_estimators=30).fit(rows, target)
    method = "predict" if target is YR else "predict_proba"
    found, wanted = getattr(converted(model, rows, method), method)(rows), getattr(model, method)(rows)
    assert found.dtype == wanted.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=1e-6)


def test_training_that_stopped_early_answers_with_its_best_rounds() -> None:
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBRegressor(n_estimators=200, early_stopping_rounds=3)
    model.fit(XR[:300], YR[:300], eval_set=[(XR[300:], YR[300:])], verbose=False)
    assert model.best_iteration < 199
    np.testing.assert_allclose(converted(model, XR).predict(XR), model.predict(XR), rtol=2e-6)


def table() -> Any:
    return pd.DataFrame(
        {
            "size": X[:, 0],
            "count": (X[:, 1] * 3).astype(int),
            "place": np.where(X[:, 2] > 80, "hill", "dale"),
            "age": np.where(Y, X[:, 3], np.nan),
        }
    )


def columns() -> Any:
    from sklearn.compose import ColumnTransformer

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return ColumnTransformer(
        [("n", numbers, ["size", "count", "age"]), ("t", OneHotEncoder(handle_unknown="ignore"), ["place"])]
    )


@pytest.mark.parametrize("last", [LogisticRegression(), HistGradientBoostingClassifier(), RandomForestClassifier(10)])
def test_a_table_of_numbers_and_texts_is_fed_column_by_column(last: Any) -> None:
    """HistGradientBoosting behind a float32 scaler was seen to differ by 0.07."""
    model = make_pipeline(columns(), last).fit(table(), Y)
    found = converted(model, table(), "predict_proba").predict_proba(table())
    np.testing.assert_allclose(found, model.predict_proba(table()), rtol=1e-12, atol=1e-15)


def test_texts_are_lowered_by_python_whatever_the_locale() -> None:
    texts = ["Good film", "BAD film", "good", "Bad bad"] * 5
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0] * 5)
    found = converted(model, texts)
    assert found.lower
    np.testing.assert_array_equal(found.predict(["GOOD", "bAd film"]), model.predict(["GOOD", "bAd film"]))


def test_a_graph_that_needs_a_locale_is_not_made() -> None:
    """It would not load where that locale is missing, such as in most containers."""
    from sklearn.compose import ColumnTransformer

    rows = pd.DataFrame({"text": ["Good film", "bad one"] * 5, "stars": [5.0, 1.0] * 5})
    steps = ColumnTransformer([("t", TfidfVectorizer(), "text"), ("n", StandardScaler(), ["stars"])])
    model = make_pipeline(steps, LogisticRegression()).fit(rows, [1, 0] * 5)
    with pytest.raises(Unportable, match="locale"):
        converted(model, rows)


def test_what_the_model_refused_is_refused() -> None:
    model = LogisticRegression(max_iter=5000).fit(XI, YI)
    found = converted(model, XI, nan=[0, 1, 2, 3], inf=[0, 1, 2, 3])
    for bad, what in ((np.nan, "missing values in 2"), (np.inf, "infinite values in 2")):
        rows = XI[:2].copy()
        rows[1, 2] = bad
        with pytest.raises(ValueError, match=what):
            found.predict(rows)
    with pytest.raises(ValueError, match="no rows"):
        found.predict(XI[:0])
    with pytest.raises(ValueError, match="rows of 4 numbers"):
        found.predict(XI[:, :2])


def test_a_table_with_other_columns_is_refused() -> None:
    rows = pd.DataFrame(XI, columns=list("abcd"))
    found = converted(DecisionTreeClassifier().fit(rows, YI), rows)
    with pytest.raises(ValueError, match="fitted with the columns"):
        found.predict(rows[list("bacd")])


def test_a_method_that_was_not_asked_for_says_so() -> None:
    found = converted(DecisionTreeClassifier().fit(XI, YI), XI)
    with pytest.raises(AttributeError, match="predict_proba was not asked"):
        found.predict_proba(XI)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (pd.DataFrame({"day": pd.date_range("2024-01-01", periods=3)}), "has the dtype datetime64"),
        (np.zeros((2, 2, 2)), r"array of shape \(2, 2, 2\)"),
        (pd.DataFrame({"a": ["x", "y"]}), "texts as a whole"),
    ],
)
def test_rows_that_no_graph_takes_are_told(rows: Any, why: str) -> None:
    with pytest.raises(Unportable, match=why):
        layout_of(DecisionTreeClassifier(), rows)


def test_trees_that_the_tables_do_not_express_are_left_to_others() -> None:
    two_answers = RandomForestRegressor(3).fit(XI, XI[:, :2])
    assert read_forest(two_answers) is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        categories = HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]).fit(XI.round() % 5, YI)
    assert read_forest(categories) is None


def test_a_wider_tolerance_is_written_into_the_packages_own_comparison() -> None:
    source = Path(compare.__file__).read_text(encoding="utf-8")
    assert STRICT.in_source(source) == source
    namespace: dict[str, Any] = {"__name__": "compare"}
    sys.modules["compare"] = ModuleType("compare")  # dataclasses look their module up
    try:
        exec(compile(Tolerance(1e-6, 1e-6).in_source(source), "compare", "exec"), namespace)
    finally:
        del sys.modules["compare"]
    assert namespace["compare"](np.array([1.0, 0.0]), np.array([1.0 + 5e-7, 5e-7])).same
    assert not namespace["compare"](np.array([1.0]), np.array([1.0 + 5e-6])).same


# what the served code asks --------------------------------------------------------------------------------------------------


def path_of(*served: str, functions: tuple[str, ...] = (), answer: str | None = None) -> Any:
    definitions = [
        SimpleNamespace(storage=Storage.DEFINITION, definition=SimpleNamespace(node=ast.parse(each).body[0]))
        for each in functions
    ]
    return SimpleNamespace(
        served=[SimpleNamespace(statement=SimpleNamespace(node=ast.parse(each).body[0])) for each in served],
        output=SimpleNamespace(expression=answer),
        values=lambda: definitions,
    )


def test_methods_are_found_in_statements_functions_and_the_answer() -> None:
    path = path_of(
        "p = model.predict(X)",
        functions=("def score(rows):\n    return model.decision_function(rows)",),
        answer="model.predict_proba(X)[:, 1]",
    )
    assert asked_of(path, "model") == {"predict", "predict_proba", "decision_function"}


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("p = model.predict(X, raw_score=True)", "more than its rows"),
        ("p = model.predict(X, True)", "more than its rows"),
        ("p = model.predict(*X)", "more than its rows"),
        ("p = model.classes_[0]", "more than its answers"),
        ("p = evaluate(model, X)", "more than its answers"),
        ("m = model", "more than its answers"),
        ("p = model.named_steps['a'].transform(X)", "more than its answers"),
    ],
)
def test_any_other_use_needs_the_native_model(statement: str, why: str) -> None:
    assert why in asked_of(path_of("p = model.predict(X)", statement), "model")
