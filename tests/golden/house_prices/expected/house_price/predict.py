"""Predict with the model of house_prices.ipynb.

Made by nbdeploy from house_prices.ipynb; the comments name the cells.
"""

from __future__ import annotations

import numpy as np

from .artifacts import model
from .preprocess import preprocess


def predict(X_test: np.ndarray) -> np.ndarray:
    """Return `y_pred`: one answer a row, in the order of the rows."""
    X_test = preprocess(X_test)

    # cell 12
    y_pred = model.predict(X_test)
    return y_pred
