"""Which fitted models are served by ONNX, family by family: `python -m benchmarks.onnx_families [FAMILY ...]`.

Prints for each what the gate `portable` decides for the answers that people ask of it, and why.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nbdeploy.packaging.onnx import Unportable
from nbdeploy.proving.portable_process import Call, Choice, choice

__all__ = ["FAMILIES", "Family", "decided", "main"]


@dataclass(frozen=True)
class Family:
    """A model, the rows to fit it and to ask it, and the methods that are asked."""

    make: Callable[[], Any]
    data: Callable[[], tuple[Any, Any]]
    methods: tuple[str, ...] = ("predict", "predict_proba")


def numbers() -> tuple[Any, Any]:
    from sklearn.datasets import load_breast_cancer

    found: tuple[Any, Any] = load_breast_cancer(return_X_y=True)
    return found


def targets() -> tuple[Any, Any]:
    from sklearn.datasets import load_diabetes

    found: tuple[Any, Any] = load_diabetes(return_X_y=True)
    return found


def lengths() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    rows = random.uniform(0, 10, (400, 3))
    return rows, rows[:, 0] ** 2 - rows[:, 1] * rows[:, 2] + random.normal(size=400)


def customers() -> tuple[Any, Any]:
    """Return a table of texts, whole numbers and numbers that may be missing."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": random.integers(18, 90, 1500),
            "bill": np.round(random.gamma(2.0, 30.0, 1500), 2),
            "months": random.uniform(0, 60, 1500) / 7,
            "contract": random.choice(["month", "year", "two years"], 1500),
            "payment": random.choice(["card", "bank", "cheque"], 1500),
        }
    )
    table.loc[random.random(1500) < 0.1, "bill"] = np.nan
    odds = table["months"] / 5 - table["bill"].fillna(60) / 40 + (table["contract"] == "month")
    return table, np.where(odds + random.normal(size=1500) > 0, "leaves", "stays")


def texts() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    good, bad = ["great", "love it", "works well", "Wonderful café"], ["broken", "bad", "never again", "awful, sadly"]
    rows, labels = [], []
    for label, words in (("good", good), ("bad", bad)):
        for _ in range(150):
            rows.append(" ".join(random.choice([*words, "the", "film", "phone 2", "was"], 8)))
            labels.append(label)
    return rows, np.array(labels)


def scaled(model: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), model)


def polynomial(model: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    return make_pipeline(PolynomialFeatures(2), model)


def mixed(model: Any) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "bill", "months"]),
            ("texts", OneHotEncoder(handle_unknown="ignore"), ["contract", "payment"]),
        ]
    )
    return make_pipeline(columns, model)


def families() -> dict[str, Family]:
    from lightgbm import LGBMClassifier
    from sklearn import cluster, ensemble, linear_model, neighbors, neural_network, svm, tree
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from xgboost import XGBClassifier

    logistic = linear_model.LogisticRegression
    answer = ("predict",)
    return {
        "linear regression": Family(linear_model.LinearRegression, targets, answer),
        "polynomial + linear": Family(lambda: polynomial(linear_model.LinearRegression()), lengths, answer),
        "scaler + logistic": Family(lambda: scaled(logistic()), numbers),
        "decision tree": Family(lambda: tree.DecisionTreeClassifier(random_state=0), numbers),
        "random forest": Family(lambda: ensemble.RandomForestClassifier(200, random_state=0), numbers),
        "random forest, numbers": Family(lambda: ensemble.RandomForestRegressor(100, random_state=0), targets, answer),
        "gradient boosting": Family(lambda: ensemble.GradientBoostingClassifier(random_state=0), numbers),
        "HistGradientBoosting": Family(lambda: ensemble.HistGradientBoostingClassifier(random_state=0), numbers),
        "XGBoost": Family(lambda: XGBClassifier(n_estimators=200), numbers),
        "LightGBM": Family(lambda: LGBMClassifier(n_estimators=200, verbose=-1), numbers),
        "scaler + SVC": Family(lambda: scaled(svm.SVC()), numbers, answer),
        "scaler + k neighbours": Family(lambda: scaled(neighbors.KNeighborsClassifier()), numbers),
        "scaler + MLP": Family(lambda: scaled(neural_network.MLPClassifier(max_iter=60, random_state=0)), numbers),
        "k means": Family(lambda: cluster.KMeans(5, n_init=1, random_state=0), numbers, answer),
        "isolation forest": Family(lambda: ensemble.IsolationForest(random_state=0), numbers, answer),
        "voting": Family(
            lambda: ensemble.VotingClassifier(
                [("a", scaled(logistic())), ("b", tree.DecisionTreeClassifier(max_depth=4))], voting="soft"
            ),
            numbers,
        ),
        "columns with texts + logistic": Family(lambda: mixed(logistic()), customers),
        "columns with texts + HistGB": Family(
            lambda: mixed(ensemble.HistGradientBoostingClassifier(random_state=0)), customers
        ),
        "tf-idf + logistic": Family(lambda: make_pipeline(TfidfVectorizer(), logistic()), texts, answer),
    }


FAMILIES = families()


def decided(family: Family, tolerance: float | None = None, rows: int | None = None) -> tuple[Any, Choice | str]:
    """Fit a family's model and return it with the choice for it, or with the reason why it stays native."""
    known, wanted = family.data()
    model = family.make().fit(known, wanted)
    known = known if rows is None else known[:rows]
    calls = [Call(method, known, getattr(model, method)(known)) for method in family.methods]
    try:
        return model, choice(model, calls, tolerance)
    except Unportable as reason:
        return model, str(reason)


def lines(names: list[str]) -> Iterator[str]:
    yield "| family | served by | rows, edge rows | flips | largest difference | 1 row | 1,000 rows | file |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in names or list(FAMILIES):
        model, found = decided(FAMILIES[name])
        if isinstance(found, str):
            yield f"| {name} | native: {found} | | | | | | |"
            continue
        seen, size = found.figures, len(found.content) / stored_bytes(model)
        yield (
            f"| {name} | ONNX ({found.way}) | {seen['rows']}, {seen['edge_rows']} | {seen['flips']}"
            f" | {seen['largest_difference']:.1e} | {seen['speedup_at_1_row']:.0f}x | {seen['speedup_at_1000_rows']:.1f}x"
            f" | {size:.2f}x |"
        )


def stored_bytes(model: Any) -> int:
    """Return the bytes of the file that the native model is kept in."""
    import skops.io

    file = io.BytesIO()
    skops.io.dump(model, file)
    return len(file.getvalue())


def main() -> None:
    warnings.simplefilter("ignore")
    for line in lines(sys.argv[1:]):
        print(line, flush=True)


if __name__ == "__main__":
    main()
