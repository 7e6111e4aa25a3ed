"""What of a live kernel is taken over by a deploy that shall not train again."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from nbdeploy.recording.live import dump

if TYPE_CHECKING:
    from pathlib import Path


def dumped(folder: Path, source: str, namespace: dict[str, object]) -> set[str]:
    cell = {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
    notebook = folder / "live.ipynb"
    notebook.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    made = dump(namespace, notebook)
    try:
        return {path.stem for path in made.iterdir()}
    finally:
        shutil.rmtree(made)


def test_fitted_objects_that_the_notebook_makes_are_taken(tmp_path: Path) -> None:
    model = LinearRegression().fit(np.eye(2), [1.0, 2.0])
    namespace = {"model": model, "other": model, "kind": LinearRegression, "number": 3}
    assert dumped(tmp_path, "model, kind, number = make()", namespace) == {"model"}


def test_data_are_not_taken(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": [1.0]})
    namespace = {"df": frame, "ages": frame["age"], "groups": frame.groupby("age")}
    assert dumped(tmp_path, "df = ages = groups = None", namespace) == set()
