"""Every value comes back from its file exactly, or is refused with the reason."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from nbdeploy.errors import ArtifactError
from nbdeploy.recording.digest import digest
from nbdeploy.recording.formats import FORMATS, load, loader_source, saver_source, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
LABELS = pd.Series(np.where(y == 1, "benign", "malignant"))
MIXED = pd.DataFrame(
    {
        "size": X.iloc[:, 0],
        "texture": X.iloc[:, 1].where(X.iloc[:, 1] > 15),
        "kind": np.where(X.iloc[:, 2] > 90, "a", "b"),
    }
)
TEXTS = [f"{'cat' if row % 3 else 'dog'} number {row % 7} runs" for row in range(90)]


class Medians(BaseEstimator, TransformerMixin):
    """Fills gaps as notebooks do: with a pandas series that `fit` kept."""

    def fit(self, X: Any, y: Any = None) -> Medians:
        self.medians_ = X.median()
        self.columns_ = X.columns
        return self

    def transform(self, X: Any) -> Any:
        return X.fillna(self.medians_)[self.columns_]


def doubled(values: Any) -> Any:
    return values * 2


def round_trip(value: object, folder: Path, **options: Any) -> tuple[str, Any]:
    stored = store(value, folder, "value", **options)
    assert [each.name for each in folder.iterdir()] == [stored.file]
    json.dumps(stored.arguments, allow_nan=False)
    return stored.format, load(stored, folder)


# data ----------------------------------------------------------------------------------------------------------------

ARRAYS = {
    "float": np.array([0.1, np.nan, -0.0, np.inf]),
    "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "text": np.array(["a", "bc"]),
    "dates": np.array(["2024-01-01", "NaT"], dtype="datetime64[D]"),
    "fields": np.array([(1, 2.0)], dtype=[("a", "i1"), ("b", "f8")]),
    "no dimension": np.array(3.5),
    "scalar": np.float32(0.1),
    "csr": scipy.sparse.csr_matrix([[0, 1.5], [0, 0]]),
    "csc array": scipy.sparse.csc_array([[0, 1], [2, 0]]),
    "lil": scipy.sparse.lil_matrix([[0, 1.5], [0, 0]]),
}

FRAMES = {
    "integer labels": pd.DataFrame(np.zeros((2, 3))),
    "labels of both kinds": pd.DataFrame([[1, 2]], columns=["a", 1]),
    "labels twice": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "named labels": pd.DataFrame({"a": [1]}).rename_axis(columns="feature"),
    "two levels of labels": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    "text with gaps": pd.DataFrame({"a": ["x", None]}),
    "objects, None": pd.DataFrame({"a": pd.Series(["x", None], dtype=object)}),
    "objects, nan": pd.DataFrame({"a": pd.Series(["x", np.nan], dtype=object)}),
    "unused categories": pd.DataFrame({"a": pd.Categorical(["x", None], categories=["z", "y", "x"])}),
    "ordered integers": pd.DataFrame({"a": pd.Categorical([3, None], categories=[3, 1], ordered=True)}),
    "seconds": pd.DataFrame({"a": pd.to_datetime(["2024-01-01", None]).astype("datetime64[s]")}),
    "time zone": pd.DataFrame({"a": pd.to_datetime(["2024-01-01", None]).tz_localize("Europe/Berlin")}),
    "nullable": pd.DataFrame({"a": pd.array([1, None], dtype="Int32"), "b": pd.array([True, None], dtype="boolean")}),
    "small numbers": pd.DataFrame({"a": np.array([1, 2], dtype="f4"), "b": np.array([1, 2], dtype="u1")}),
    "text by Python": pd.DataFrame({"a": pd.array(["x", None], dtype="string[python]")}),
    "dates with a frequency": pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2024", periods=2, freq="MS")),
    "two levels of rows": pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([("a", 1)], names=["x", "y"])),
    "stepped rows": pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(4, 0, -2)),
    "no rows": pd.DataFrame({"a": []}),
    "series": pd.Series([1.5, np.nan], index=["a", "b"], name="medians"),
    "series without a name": X.median(),
    "series named by a number": pd.Series([1], name=3),
    "series of categories": pd.Series(["x", "y"], dtype="category"),
    "index": pd.Index(["a", "b"], name="who"),
    "dates": pd.date_range("2024", periods=3, freq="D", name="when"),
}


@pytest.mark.parametrize("value", ARRAYS.values(), ids=ARRAYS)
def test_arrays_come_back_exactly_from_npz(value: Any, tmp_path: Path) -> None:
    format, back = round_trip(value, tmp_path)

    assert (format, type(back), digest(back)) == ("npz", type(value), digest(value))


@pytest.mark.parametrize("value", FRAMES.values(), ids=FRAMES)
def test_frames_come_back_exactly_from_parquet(value: Any, tmp_path: Path) -> None:
    format, back = round_trip(value, tmp_path)

    assert format == "parquet"
    assert type(back) is type(value)
    same = {pd.DataFrame: pd.testing.assert_frame_equal, pd.Series: pd.testing.assert_series_equal}
    same.get(type(value), pd.testing.assert_index_equal)(back, value)


def test_the_attributes_of_a_frame_are_kept(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {"unit": "cm"}

    assert round_trip(frame, tmp_path)[1].attrs == {"unit": "cm"}


@pytest.mark.parametrize(
    "frame",
    [pd.DataFrame({"a": [[1], [2, 3]]}), pd.DataFrame({"a": pd.Series(["x", 1], dtype=object)}), pd.DataFrame()],
    ids=["lists", "texts and numbers", "nothing"],
)
def test_a_frame_that_parquet_would_change_takes_another_way(frame: pd.DataFrame, tmp_path: Path) -> None:
    format, back = round_trip(frame, tmp_path)

    assert (format, digest(back)) == ("skops", digest(frame))


def test_plain_containers_are_readable_json(tmp_path: Path) -> None:
    value = {
        "words": ["a", "é", "\ud800"],
        "weights": [0.1, 1e300, -0.0],
        "deep": {"none": None, "yes": True, "big": 2**70},
    }

    assert round_trip(value, tmp_path) == ("json", value)


@pytest.mark.parametrize("value", [{"a": (1, 2)}, {1: "a"}, {"a": {1, 2}}], ids=["tuple", "integer key", "set"])
def test_what_json_would_change_does_not_go_through_json(value: Any, tmp_path: Path) -> None:
    assert round_trip(value, tmp_path) == ("skops", value)


def test_a_list_that_is_shared_stays_shared(tmp_path: Path) -> None:
    row = [1, 2]

    _, back = round_trip([row, row], tmp_path)

    assert back[0] is back[1]


# models --------------------------------------------------------------------------------------------------------------


def preparation() -> ColumnTransformer:
    """The usual one: its columns are given by a pandas index."""
    numbers = MIXED.select_dtypes("number").columns
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            ("kinds", OneHotEncoder(handle_unknown="ignore"), ["kind"]),
        ]
    )


MODELS: dict[str, tuple[Callable[[], Any], Any]] = {
    "logistic regression": (lambda: LogisticRegression(max_iter=9000).fit(X, LABELS), X),
    "columns by an index": (lambda: make_pipeline(preparation(), LogisticRegression()).fit(MIXED, LABELS), MIXED),
    "forest": (lambda: RandomForestClassifier(20, random_state=0).fit(X, y), X),
    "gradient boosting": (lambda: GradientBoostingClassifier(n_estimators=20).fit(X, y), X),
    "histogram boosting": (lambda: HistGradientBoostingClassifier(max_iter=20).fit(X, y), X),
    "tf-idf": (lambda: make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [t[0] for t in TEXTS]), TEXTS),
    "support vectors": (lambda: SVC().fit(X, y), X),
    "neighbours": (lambda: KNeighborsClassifier().fit(X, y), X),
    "pandas inside": (lambda: make_pipeline(Medians(), StandardScaler(), LogisticRegression()).fit(X, y), X),
    "a function inside": (lambda: make_pipeline(FunctionTransformer(doubled), SVC()).fit(X, y), X),
}


@pytest.mark.parametrize(("fit", "data"), MODELS.values(), ids=MODELS)
def test_estimators_predict_the_same_to_the_last_bit(fit: Callable[[], Any], data: Any, tmp_path: Path) -> None:
    model = fit()

    format, back = round_trip(model, tmp_path)

    assert format == "skops"
    np.testing.assert_array_equal(back.predict(data), model.predict(data))
    if hasattr(model, "predict_proba"):
        np.testing.assert_array_equal(back.predict_proba(data), model.predict_proba(data))


def test_what_must_be_trusted_is_listed(tmp_path: Path) -> None:
    stored = store(FunctionTransformer(doubled), tmp_path, "value")

    assert stored.arguments == {"trusted": [f"{__name__}.doubled"]}


@pytest.mark.slow
def test_a_large_forest_is_stored_and_verified_in_seconds(tmp_path: Path) -> None:
    rows, labels = make_classification(20_000, 30, random_state=0)
    forest = RandomForestClassifier(200, random_state=0, n_jobs=2).fit(rows, labels)

    began = time.perf_counter()
    round_trip(forest, tmp_path)

    assert time.perf_counter() - began < 20


def test_statsmodels_results_predict_the_same(tmp_path: Path) -> None:
    formula = pytest.importorskip("statsmodels.formula.api")
    results = formula.ols("texture ~ size + C(kind)", MIXED).fit()

    format, back = round_trip(results, tmp_path)

    assert format == "skops"
    pd.testing.assert_series_equal(back.predict(MIXED), results.predict(MIXED), check_exact=True)


@pytest.mark.parametrize(
    "settings",
    [{}, {"learning_rate": np.float64(0.1)}, {"early_stopping_rounds": 2, "max_depth": 2}],
    ids=["defaults", "a numpy number", "early stopping"],
)
def test_xgboost_wrappers_come_back_whole(settings: dict[str, Any], tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBClassifier(n_estimators=20, **settings).fit(X, y, eval_set=[(X, y)], verbose=False)

    format, back = round_trip(model, tmp_path)

    assert format == ("skops" if "learning_rate" in settings else "xgboost")
    assert repr(back.get_params()) == repr(model.get_params())
    np.testing.assert_array_equal(back.classes_, model.classes_)
    np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))


def test_xgboost_boosters_keep_their_own_format(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    data = xgboost.DMatrix(X, y)
    booster = xgboost.train({"objective": "binary:logistic"}, data, 10)

    format, back = round_trip(booster, tmp_path)

    assert format == "xgboost"
    np.testing.assert_array_equal(back.predict(data), booster.predict(data))


def test_lightgbm_boosters_keep_their_own_format(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    booster = lightgbm.train({"verbose": -1, "objective": "binary"}, lightgbm.Dataset(X.to_numpy(), y), 10)

    format, back = round_trip(booster, tmp_path)

    assert format == "lightgbm"
    np.testing.assert_array_equal(back.predict(X.to_numpy()), booster.predict(X.to_numpy()))


@pytest.mark.parametrize("kind", ["LGBMClassifier", "LGBMRegressor"])
def test_lightgbm_wrappers_come_back_whole(kind: str, tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    target = LABELS if kind == "LGBMClassifier" else X.iloc[:, 3]
    model = getattr(lightgbm, kind)(n_estimators=20, verbose=-1).fit(X.to_numpy(), target)

    _, back = round_trip(model, tmp_path)

    assert back.get_params() == model.get_params()
    np.testing.assert_array_equal(back.predict(X.to_numpy()), model.predict(X.to_numpy()))


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluating"])
def test_torch_modules_keep_weights_and_mode(training: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(30, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    net.train(training)

    format, back = round_trip(net, tmp_path)

    assert (format, back.training) == ("torch", training)
    rows = torch.tensor(X.to_numpy(), dtype=torch.float32)
    assert torch.equal(back.eval()(rows), net.eval()(rows))


def test_torch_files_do_not_build_what_is_not_trusted(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from nbdeploy.recording.formats.torch import load_torch

    stored = store(torch.nn.Linear(2, 1), tmp_path, "value")

    with pytest.raises(Exception, match="Weights only load failed"):
        load_torch(tmp_path / stored.file, trusted=[])


def test_state_dicts_and_tensors_go_through_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    format, back = round_trip(torch.nn.Linear(2, 1).state_dict(), tmp_path)

    assert (format, list(back)) == ("torch", ["weight", "bias"])


# refusals ------------------------------------------------------------------------------------------------------------


def refusal(value: object, folder: Path) -> Any:
    with pytest.raises(ArtifactError, match="NBD401") as caught:
        store(value, folder, "value", name="model", cell=4, line=2)
    assert list(folder.iterdir()) == []
    return caught.value.diagnostics[0]


def test_a_lambda_is_refused_with_what_to_write_instead(tmp_path: Path) -> None:
    found = refusal(make_pipeline(FunctionTransformer(lambda values: values * 2)), tmp_path)

    assert (found.cell, found.line) == (4, 2)
    assert "model (sklearn.pipeline.Pipeline) can't be stored in the package: it holds a lambda" in found.message
    assert found.fix == "write the lambda as a function with def"


def test_a_class_inside_a_function_is_refused(tmp_path: Path) -> None:
    class Inner:
        pass

    assert "top level of a cell" in refusal(Inner(), tmp_path).fix


def test_an_open_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with (tmp_path / "log").open("w") as file:
        found = refusal({"log": file}, tmp_path / "folder")

    assert "open files, connections and locks inside the predict cell" in found.fix


def test_what_only_pickle_carries_names_the_option(tmp_path: Path) -> None:
    from sklearn.cluster import Birch

    model = Birch(n_clusters=2).fit(X)

    assert "--allow pickle:model" in refusal(model, tmp_path).fix
    format, back = round_trip(model, tmp_path, allow_pickle=True)
    assert format == "pickle"
    np.testing.assert_array_equal(back.predict(X), model.predict(X))


def test_an_array_of_texts_is_refused_and_does_not_end_the_process(tmp_path: Path) -> None:
    problem = refusal(pd.Series(["a", "b"]).unique(), tmp_path)
    assert "--allow pickle:model" in problem.fix


def test_a_changed_file_is_not_opened(tmp_path: Path) -> None:
    stored = store(np.arange(3), tmp_path, "value")
    (tmp_path / stored.file).write_bytes(b"something else")

    with pytest.raises(ArtifactError, match=f"NBD402.*{stored.sha256}"):
        load(stored, tmp_path)


def test_code_is_not_data(tmp_path: Path) -> None:
    assert refusal(doubled, tmp_path).code == "NBD401"


# sources -------------------------------------------------------------------------------------------------------------


def test_the_pasted_functions_stand_alone() -> None:
    text = (
        "from pathlib import Path\nfrom typing import Any\n" + loader_source(FORMATS) + "\n\n" + saver_source(FORMATS)
    )
    namespace: dict[str, Any] = {}

    exec(compile("from __future__ import annotations\n" + text, "pasted", "exec"), namespace)

    assert "nbdeploy" not in text
    assert {f"{verb}_{name}" for verb in ("load", "save") for name in FORMATS} <= set(namespace)


def test_the_pasted_functions_come_once_and_in_order() -> None:
    text = loader_source(["skops", "npz", "skops"])

    assert text.count("def load_skops") == 1
    assert text.index("def load_npz") < text.index("def load_skops")


def test_an_unknown_format_is_said() -> None:
    with pytest.raises(ValueError, match="unknown formats: joblib"):
        loader_source(["joblib"])


def test_choosing_a_format_imports_no_library() -> None:
    code = (
        "import sys; from pathlib import Path; from tempfile import mkdtemp\n"
        "from nbdeploy.recording.formats import store\n"
        "store({'a': [1]}, Path(mkdtemp()), 'value')\n"
        "print(sorted({'numpy', 'pandas', 'torch', 'sklearn', 'skops', 'xgboost', 'lightgbm'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_storing_an_estimator_does_not_bring_pytorch_along(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from sklearn.linear_model import LinearRegression
from nbdeploy.recording.formats import store
assert store(LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]), Path({str(tmp_path)!r}), "model").format == "skops"
print("torch" in sys.modules, sys.modules.get("sklearn.externals.array_api_compat.torch", "as before"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "as", "before"]


def test_an_estimator_that_keeps_an_index_of_two_levels_comes_back(tmp_path: Path) -> None:
    scaler = StandardScaler()
    scaler.labels_ = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["letter", None])
    stored = store(scaler, tmp_path, "scaler")
    assert stored.format == "skops"
    assert load(stored, tmp_path).labels_.equals(scaler.labels_)
