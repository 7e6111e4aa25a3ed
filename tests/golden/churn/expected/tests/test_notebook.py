"""The test cells of the notebook, on the package's own answers and the recorded values.

Made by nbdeploy from churn.ipynb; the comments name the cells.
"""

from __future__ import annotations

from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score

from churn import predict
from recorded import recorded


def test_cell_21() -> None:
    """Cell 21 of the notebook."""
    X_test = recorded("cell_21_X_test")
    predictions = predict(recorded("example_input"))
    y_test = recorded("cell_21_y_test")
    auc = roc_auc_score(y_test, predictions["churn_probability"])
    accuracy = accuracy_score(y_test, predictions["churn_probability"] >= 0.5)
    assert predictions.shape == (len(X_test), 2)
    assert predictions["churn_probability"].between(0, 1).all()
    assert set(predictions["call"]) == {"yes", "no"}
    assert auc > 0.80
    assert accuracy > 0.72


def test_cell_22() -> None:
    """Cell 22 of the notebook."""
    X_test = recorded("cell_22_X_test")
    predictions = predict(recorded("example_input"))
    y_test = recorded("cell_22_y_test")
    monthly = X_test["contract"] == "month-to-month"
    precision_of_model = average_precision_score(y_test, predictions["churn_probability"])
    precision_of_rule = average_precision_score(y_test, monthly)
    assert precision_of_model > precision_of_rule + 0.10
