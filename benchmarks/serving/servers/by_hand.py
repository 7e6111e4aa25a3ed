"""What all hand-written servers do with the rows of a request; how they read and write JSON is their own affair."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

CASE = os.environ["CASE"]
FIELD = os.environ["FIELD"]


def same_code() -> Callable[[Any], Any]:
    """The `predict` of nbdeploy's package, asked in this process."""
    sys.path.insert(0, os.environ["PACKAGE"])
    predict: Callable[[Any], Any] = importlib.import_module(CASE).predict
    return lambda rows: plain(predict(table(rows)))


def scikit_learn() -> Callable[[Any], Any]:
    """The pickled model, as the notebook asks it."""
    import joblib

    if CASE == "churn":
        return same_code()
    kept = joblib.load(os.environ["PICKLE"])
    model = kept["model"]
    if CASE == "linear":
        return lambda rows: model.predict_proba(table(rows)).tolist()
    if CASE == "trees":
        return lambda rows: model.predict(table(rows)).tolist()

    def predict(rows: Any) -> Any:
        X = table(rows)
        X["charges"] = X["charges"].fillna(kept["median"])
        X["a_month"] = X["total"] / X["tenure"]
        X["often"] = (X["calls"] >= 4).astype(int)
        return model.predict_proba(X)[:, 1].tolist()

    return predict


def onnx() -> Callable[[Any], Any]:
    """The ONNX file of the model that nbdeploy proved, fed without pandas."""
    import joblib
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(os.environ["GRAPH"], options, providers=["CPUExecutionProvider"])
    name, last = session.get_inputs()[0].name, [session.get_outputs()[-1].name]
    if CASE == "linear":
        return lambda rows: session.run(last, {name: np.array(rows, np.float64)})[0].tolist()
    if CASE == "trees":
        return lambda rows: session.run(last, {name: np.array([[*row.values()] for row in rows], np.float64)})[
            0
        ].tolist()
    median = joblib.load(os.environ["PICKLE"])["median"]

    def predict(rows: Any) -> Any:
        made = []
        for row in rows:
            charges = median if row["charges"] is None else row["charges"]
            more = {"charges": charges, "a_month": row["total"] / row["tenure"], "often": int(row["calls"] >= 4)}
            made.append({**row, **more})
        fed = {}
        for each in session.get_inputs():
            values = [row[key] for row in made for key in [COLUMNS.get(each.name, each.name)]]
            dtype = {"tensor(string)": object, "tensor(int64)": np.int64}.get(each.type, np.float64)
            fed[each.name] = np.array(values, dtype).reshape(-1, 1)
        return session.run(last, fed)[0][:, -1].tolist()

    return predict


COLUMNS: dict[str, str] = {}


def table(rows: Any) -> Any:
    if CASE == "linear":
        import numpy as np

        return np.array(rows, np.float64)
    import pandas as pd

    return rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)


def plain(output: Any) -> Any:
    return output.to_dict("records") if hasattr(output, "columns") else output.tolist()
