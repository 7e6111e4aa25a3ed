"""Parts of notebooks that several tests build on: data, and a model fitted to it."""

from __future__ import annotations

import pytest

from nbdeploy.errors import Diagnostic, ServingPathError
from tests.analysis.notebooks import path_of

__all__ = ["DATA", "FITTED", "model_on", "refusal"]

DATA = """
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

df = pd.DataFrame({"a": [1.0, 2.0, None, 4.0, 5.0, 7.0], "b": [1.0, 0.0, 1.0, 0.0, 1.0, 0.5]})
y = [1.0, 2.0, 3.0, 4.0, 5.0, 8.0]
"""


def model_on(name: str) -> str:
    """Return a cell that fits `model` to the rows of `name`."""
    return f"model = LinearRegression().fit({name}, y[:len({name})])"


FITTED = DATA + "X = df[['b']]\n" + model_on("X")
"""Data, and a model fitted to the one column `b` of it: `X`."""


def refusal(*cells: str | tuple[str | None, str], **asked: object) -> Diagnostic:
    """Return the one thing that is wrong with a notebook."""
    with pytest.raises(ServingPathError, match=r"NBD2\d\d") as caught:
        path_of(*cells, **asked)
    [diagnostic] = caught.value.diagnostics
    return diagnostic
