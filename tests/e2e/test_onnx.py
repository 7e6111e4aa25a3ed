"""A model that is served as ONNX answers over HTTP as the notebook's own model did."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.e2e.conftest import program, serving, write_notebook

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Home

LOAD = """
import json
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
random = np.random.default_rng(0)
df = pd.DataFrame(random.normal(size=(400, 5)), columns=list("abcde"))
y = np.where(df["a"] + df["b"] * df["c"] > 0, "high", "low")
"""
FIT = "model = make_pipeline(StandardScaler(), RandomForestClassifier(60, random_state=0)).fit(X, y)"
PREDICT = 'answers = pd.DataFrame({"share": model.predict_proba(X)[:, 0], "level": model.predict(X)})'
KEEP = 'json.dump({"rows": df.to_dict("records"), "answers": answers.to_dict("records")}, open("own.json", "w"))'


def test_the_served_answers_are_the_notebooks_own(home: Home, tmp_path: Path) -> None:
    notebook = write_notebook(
        tmp_path / "levels.ipynb", LOAD, ("preprocess", "X = df.clip(-2, 2)"), FIT, ("predict", PREDICT), KEEP
    )
    ran = home.nbdeploy("deploy", notebook, "--name", "levels", "--onnx", "require", "--json")
    assert ran.status == 0, ran.stderr
    gates = {each["name"]: each for each in ran.answer["gates"]}
    assert {gates[name]["verdict"] for name in ("faithful", "rowwise", "portable", "tested", "served")} == {"pass"}
    assert gates["portable"]["figures"]["model"]["way"] == "double trees"
    own = json.loads((tmp_path / "own.json").read_text())
    command = [program("bentoml"), "serve", ran.answer["bento_path"]]
    with serving(command, tmp_path / "log", env=home.environment) as served:
        found = served.predict({"rows": own["rows"]})["predictions"]
    assert [each["level"] for each in found] == [each["level"] for each in own["answers"]]
    worst = max(abs(a["share"] - b["share"]) for a, b in zip(found, own["answers"], strict=True))
    assert worst <= 1e-12
