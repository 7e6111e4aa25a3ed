"""Predict with the model of reviews.ipynb.

Made by nbdeploy from reviews.ipynb; the comments name the cells.
"""

from __future__ import annotations

import numpy as np

from .artifacts import model
from .preprocess import preprocess


def predict(texts: list[str]) -> np.ndarray:
    """Return `sentiment`: one answer a row, in the order of the rows."""
    documents = preprocess(texts)
    documents_test = documents  # in the notebook, documents_test holds rows of documents

    # cell 15
    sentiment = model.predict(documents_test)
    return sentiment
