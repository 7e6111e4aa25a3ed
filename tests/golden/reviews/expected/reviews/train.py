"""Make the artifacts anew: the training side of the notebook, without what only looks at data.

Made by nbdeploy from reviews.ipynb; the comments name the cells.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from . import artifacts
from .definitions import clean


def train(out: str | Path | None = None) -> dict[str, Any]:
    """Train on the data that the notebook reads and return the artifacts by name.

    Run it where the notebook's relative paths hold. With `out`, a folder, the artifacts are written there as files
    that `artifacts.py` reads.
    """
    # cell 2
    SEED = 42

    # cell 3
    reviews = pd.read_csv("data/reviews.csv")

    # cell 7
    texts = reviews["text"].tolist()

    # cell 8
    documents = [clean(text) for text in texts]

    # cell 11
    documents_train, documents_test, y_train, y_test = train_test_split(
        documents, reviews["sentiment"], test_size=0.25, stratify=reviews["sentiment"], random_state=SEED
    )

    # cell 12
    model = Pipeline(
        [
            ("tfidf", TfidfVectorizer(lowercase=False, ngram_range=(1, 2), min_df=2, sublinear_tf=True)),
            ("classifier", LogisticRegression(C=5.0, max_iter=1000)),
        ]
    )
    model.fit(documents_train, y_train)

    made: dict[str, Any] = {"model": model}
    if out is not None:
        for name, value in made.items():
            artifacts.save(name, value, Path(out))
    return made
