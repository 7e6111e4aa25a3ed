"""Predict with the model of churn.ipynb.

Made by nbdeploy from churn.ipynb; the comments name the cells.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .artifacts import model
from .constants import THRESHOLD
from .preprocess import preprocess


def predict(df: pd.DataFrame) -> pd.DataFrame:
    """Return `predictions`: one answer a row, in the order of the rows."""
    X = preprocess(df)
    X_test = X  # in the notebook, X_test holds rows of X

    # cell 20
    churn_probability = model.predict_proba(X_test)[:, 1]
    predictions = pd.DataFrame(
        {"churn_probability": churn_probability, "call": np.where(churn_probability >= THRESHOLD, "yes", "no")},
        index=X_test.index,
    )
    return predictions
