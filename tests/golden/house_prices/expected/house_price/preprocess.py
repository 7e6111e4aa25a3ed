"""Prepare rows for the model, as cell 10 of the notebook does.

Made by nbdeploy from house_prices.ipynb; the comments name the cells.
"""

from __future__ import annotations

import numpy as np

from .artifacts import scaler
from .definitions import add_features


def preprocess(X_test: np.ndarray) -> np.ndarray:
    """Return `X_test`, made of `X_test`."""
    # cell 10
    X_test = scaler.transform(add_features(X_test))
    return X_test
