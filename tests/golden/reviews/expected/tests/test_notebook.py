"""The test cells of the notebook, on the package's own answers and the recorded values.

Made by nbdeploy from reviews.ipynb; the comments name the cells.
"""

from __future__ import annotations

from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, f1_score

from recorded import recorded
from reviews import predict


def test_cell_17() -> None:
    """Cell 17 of the notebook."""
    documents_test = recorded("cell_17_documents_test")
    documents_train = recorded("cell_17_documents_train")
    sentiment = predict(recorded("example_input"))
    y_test = recorded("cell_17_y_test")
    y_train = recorded("cell_17_y_train")
    accuracy = accuracy_score(y_test, sentiment)
    macro_f1 = f1_score(y_test, sentiment, average="macro")
    baseline = DummyClassifier(strategy="most_frequent").fit(documents_train, y_train).score(documents_test, y_test)
    assert len(sentiment) == len(documents_test)
    assert set(sentiment) <= {"negative", "neutral", "positive"}
    assert macro_f1 > 0.85
    assert accuracy > baseline + 0.30
