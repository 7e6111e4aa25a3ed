"""Prepare rows for the model, as cell 8 of the notebook does.

Made by nbdeploy from reviews.ipynb; the comments name the cells.
"""

from __future__ import annotations

from .definitions import clean


def preprocess(texts: list[str]) -> list[str]:
    """Return `documents`, made of `texts`."""
    # cell 8
    documents = [clean(text) for text in texts]
    return documents
