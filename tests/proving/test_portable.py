"""The gate `portable`: no model is served as ONNX that answers another class, refuses or accepts something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from nbdeploy.packaging.onnx import Unportable, candidates, layout_of
from nbdeploy.packaging.onnx_models import OnnxModel
from nbdeploy.proving.portable import portable
from nbdeploy.proving.portable_process import Call, choice, tried
from nbdeploy.proving.verdict import Outcome
from nbdeploy.request import OnnxWish

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Recorded

X, Y = load_breast_cancer(return_X_y=True)
TOLERANCE = 1e-6


def calls_of(model: Any, rows: Any, *methods: str) -> list[Call]:
    return [Call(method, rows, getattr(model, method)(rows)) for method in methods]


def test_a_forest_whose_float32_file_flips_a_row_is_caught_and_the_double_one_taken() -> None:
    model, rows, _ = thresholds_between_floats()
    calls = calls_of(model, rows, "predict")
    ways = {each.name: each for each in candidates(model, layout_of(model, rows), frozenset({"predict"}))}
    naive = tried(model, calls, rounded_up(ways["float32"]), TOLERANCE)
    assert isinstance(naive, str)
    assert "flip on the recorded rows" in naive
    found = choice(model, calls, TOLERANCE, required=True)
    assert found.way == "double trees"
    assert found.figures["flips"] == 0


def thresholds_between_floats() -> tuple[Any, Any, Any]:
    """Rows whose values are neighbours in float32: each threshold lies between two of them."""
    first = np.float32(1000)
    values = [first]
    for _ in range(40):
        values.append(np.nextafter(values[-1], np.float32(1)))
    rows = np.array(values, dtype=np.float64).repeat(5)[:, None]
    classes = (np.arange(len(values)) % 2).repeat(5)
    return RandomForestClassifier(25, random_state=0, bootstrap=False).fit(rows, classes), rows, classes


def rounded_up(way: Any) -> Any:
    """Return the float32 way as a converter writes it whose thresholds round to the float32 above."""
    from dataclasses import replace

    import onnx

    def make() -> bytes:
        graph = onnx.load_from_string(way.make())
        node = next(each for each in graph.graph.node if each.op_type == "TreeEnsembleClassifier")
        given = {each.name: each for each in node.attribute}
        values = given["nodes_values"].floats
        for number, mode in enumerate(given["nodes_modes"].strings):
            if mode != b"LEAF":
                values[number] = float(np.nextafter(np.float32(values[number]), np.float32(1)))
        return bytes(graph.SerializeToString())

    return replace(way, make=make)


def test_a_model_that_answers_in_doubles_may_not_lose_them() -> None:
    """16.0 does not become 15.999999 unless that was asked for."""
    rows = X[:, :3]
    model = LinearRegression().fit(rows, X[:, 3])
    calls = calls_of(model, rows, "predict")
    ways = {each.name: each for each in candidates(model, layout_of(model, rows), frozenset({"predict"}))}
    refused = tried(model, calls, ways["float32"])
    assert isinstance(refused, str)
    assert "differ by more than 1e-09 on the recorded rows" in refused
    assert choice(model, calls, required=True).way == "double"


@pytest.mark.parametrize(
    "given", [{"degree": 3}, {"degree": (2, 3)}, {"interaction_only": True, "include_bias": False}]
)
def test_products_of_columns_keep_their_doubles(given: dict[str, Any]) -> None:
    rows = X[:, :3]
    model = make_pipeline(PolynomialFeatures(**given), LinearRegression()).fit(rows, X[:, 3])
    found = choice(model, calls_of(model, rows, "predict"), required=True)
    assert found.way == "double"
    assert found.figures["largest_relative"] < 1e-12


def places(encoder: Any) -> tuple[Any, Any]:
    import pandas as pd

    rows = pd.DataFrame({"a": X[:, 0], "place": np.where(X[:, 1] > 18, "hill", "dale")})
    steps = ColumnTransformer([("n", StandardScaler(), ["a"]), ("t", encoder, ["place"])])
    return make_pipeline(steps, LogisticRegression()).fit(rows, Y), rows


def test_an_unseen_category_is_refused_by_the_file_as_by_the_model() -> None:
    model, rows = places(OneHotEncoder())
    found = choice(model, calls_of(model, rows, "predict"), TOLERANCE)
    converted = OnnxModel(found.content, **found.arguments)
    with pytest.raises(ValueError, match="Unknown Category"):
        converted.predict(rows[:1].assign(place="valley"))


def test_a_graph_that_answers_what_the_model_refuses_is_not_used() -> None:
    """Here for unseen categories: the graph would answer for them as if nothing was wrong."""
    model, rows = places(OrdinalEncoder())
    with pytest.raises(Unportable, match="the native model refuses the text '' in column place, ONNX answers it"):
        choice(model, calls_of(model, rows, "predict"), TOLERANCE)


def test_what_is_refused_natively_is_refused_by_the_file() -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:, :3], Y)
    found = choice(model, calls_of(model, X[:, :3], "predict_proba"), TOLERANCE)
    assert found.arguments["refused"]["nan"] == [0, 1, 2]
    assert found.figures["edge_rows"] > 500
    assert found.figures["largest_difference"] < 1e-12


def test_a_model_that_onnx_answers_more_slowly_or_otherwise_stays_native() -> None:
    model = KNeighborsClassifier().fit(np.tile(X, (10, 1)), np.tile(Y, 10))
    with pytest.raises(Unportable, match=r"slower for one row|flip on rows near a decision"):
        choice(model, calls_of(model, X[:50], "predict"), TOLERANCE)


def test_a_forest_that_asks_what_is_missing_is_converted() -> None:
    """Such a question has an infinite threshold, which is no value to try: the model itself refuses it."""
    rows = X[:, :3].copy()
    rows[Y == 0, 1] = np.nan
    model = RandomForestClassifier(10, random_state=0).fit(rows, Y)
    assert any(np.isinf(each.tree_.threshold).any() for each in model.estimators_)
    found = choice(model, calls_of(model, rows, "predict", "predict_proba"), TOLERANCE)
    assert (found.way, found.figures["flips"]) == ("double trees", 0)


def test_a_search_is_served_by_the_best_that_it_found() -> None:
    from sklearn.model_selection import GridSearchCV

    model = GridSearchCV(RandomForestClassifier(5, random_state=0), {"max_depth": [2, 4]}, cv=2).fit(X, Y)
    found = choice(model, calls_of(model, X, "predict_proba"), TOLERANCE)
    assert (found.way, found.figures["largest_difference"]) == ("double trees", 0.0)


def test_an_answer_that_is_no_array_stays_native() -> None:
    import pandas as pd

    rows = pd.DataFrame(X[:, :2], columns=["a", "b"])
    model = StandardScaler().set_output(transform="pandas").fit(rows)
    with pytest.raises(Unportable, match="gives a DataFrame"):
        choice(model, calls_of(model, rows, "transform"), TOLERANCE)


def test_what_was_converted_once_is_taken_again(tmp_path: Path) -> None:
    model = RandomForestClassifier(5, random_state=0).fit(X, Y)
    calls = calls_of(model, X, "predict")
    kept = tmp_path / "onnx" / "file.onnx"
    way = next(iter(candidates(model, layout_of(model, X), frozenset({"predict"}))))
    first = tried(model, calls, way, TOLERANCE, kept)
    content = kept.read_bytes()
    kept.write_bytes(b"broken")
    assert "can't be converted" in str(tried(model, calls, way, TOLERANCE, kept))
    kept.unlink()
    second = tried(model, calls, way, TOLERANCE, kept)
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    assert kept.read_bytes() == content == second.content


FAMILIES = ("scaler + logistic", "decision tree", "LightGBM", "columns with texts + HistGB", "k means", "voting")


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_no_family_is_served_with_a_flip(name: str) -> None:
    """The whole table: python -m benchmarks.onnx_families."""
    from benchmarks.onnx_families import FAMILIES as KNOWN
    from benchmarks.onnx_families import decided

    model, found = decided(KNOWN[name])
    if isinstance(found, str):
        assert found
        return
    assert found.figures["flips"] == 0
    assert found.figures["largest_relative"] <= TOLERANCE
    assert found.figures["speedup_at_1_row"] >= 1
    assert hasattr(model, KNOWN[name].methods[0])


# in a package ---------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_package_of_an_example_has_the_file_and_not_the_native_model(
    recordings: Callable[[str], Recorded],
) -> None:
    proven = recordings("churn").proven
    manifest = json.loads((proven.folder / "artifacts" / "manifest.json").read_text())["artifacts"]
    assert manifest["model"]["format"] == "onnx"
    assert not (proven.folder / "artifacts" / "model.skops").exists()
    assert "import nbdeploy" not in (proven.folder / "churn" / "onnx_models.py").read_text()
    assert "onnxruntime==" in (proven.folder / "requirements.lock").read_text()
    verdicts = {each.gate: each for each in proven.proof.verdicts}
    assert {verdicts[gate].outcome for gate in ("faithful", "rowwise", "portable", "tested")} == {Outcome.PASS}
    assert verdicts["portable"].figures["model"]["flips"] == 0


@pytest.mark.slow
def test_a_model_that_can_not_be_onnx_fails_where_it_is_required(
    recordings: Callable[[str], Recorded], tmp_path: Path
) -> None:
    recorded = recordings("reviews")
    found = portable(recorded.recording, recorded.proven.package, recorded.proven.folder, OnnxWish("require"))
    assert found.verdict.outcome is Outcome.FAIL
    assert [each.code for each in found.verdict.diagnostics] == ["NBD515"]
    assert "model: " in found.verdict.reason
    off = portable(recorded.recording, recorded.proven.package, recorded.proven.folder, OnnxWish("off"))
    assert (off.verdict.outcome, off.converted) == (Outcome.SKIP, {})


BOOSTED = """
import numpy as np
from xgboost import XGBClassifier
random = np.random.default_rng(0)
X = random.normal(size=(300, 4))
y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
model = XGBClassifier(n_estimators=30).fit(X, y)
"""


def recorded_notebook(folder: Path, predict: str) -> Recorded:
    from tests.conftest import record_and_prove
    from tests.e2e.conftest import write_notebook

    return record_and_prove(write_notebook(folder / "boosted.ipynb", BOOSTED, ("predict", predict)), folder)


@pytest.mark.slow
def test_a_package_says_by_what_its_answers_may_differ(tmp_path: Path) -> None:
    """XGBoost computes in float32: the last bits of that are beyond the limit of a native package."""
    pytest.importorskip("xgboost")
    proven = recorded_notebook(tmp_path, "p = model.predict_proba(X)").proven
    portable_verdict = next(each for each in proven.proof.verdicts if each.gate == "portable")
    assert portable_verdict.outcome is Outcome.PASS
    contract = json.loads((proven.folder / "contract.json").read_text())
    strict = portable_verdict.figures["model"]["largest_difference"] < 1e-9
    assert contract["tolerance"]["relative"] == (1e-9 if strict else 1e-6)
    assert f"RTOL = {contract['tolerance']['relative']!r}" in (proven.folder / "tests" / "compare.py").read_text()


@pytest.mark.slow
def test_the_native_model_comes_back_where_the_packages_answers_change(tmp_path: Path) -> None:
    """What is within the tolerance of the model's own answer is not where the notebook makes whole numbers of it."""
    pytest.importorskip("xgboost")
    proven = recorded_notebook(tmp_path, "p = (model.predict_proba(X)[:, 1].astype(float) * 1e9).astype(int)").proven
    verdicts = {each.gate: each for each in proven.proof.verdicts}
    assert verdicts["portable"].outcome is Outcome.SKIP
    assert "the package's answers are others with ONNX" in verdicts["portable"].reason
    assert verdicts["faithful"].outcome is Outcome.PASS
    assert not list((proven.folder / "artifacts").glob("*.onnx"))
    assert not (proven.folder / proven.package.module / "onnx_models.py").exists()


def test_a_table_of_doubles_alone_is_converted_though_pandas_lets_nobody_write_to_it() -> None:
    rows = pd.DataFrame({"size": np.arange(50.0)})
    model = DecisionTreeRegressor(max_depth=4).fit(rows, rows["size"] ** 2)
    found = choice(model, [Call("predict", rows, model.predict(rows))], 1e-6, required=True)
    assert found.figures["edge_rows"] > 10
