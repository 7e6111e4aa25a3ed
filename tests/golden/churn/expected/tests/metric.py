"""How good the answers are, by the notebook's own measure: `metric(recorded("labels"), predict(...))`.

Made by nbdeploy from churn.ipynb; the comments name the cells.
"""

from __future__ import annotations

from typing import Any

from sklearn.metrics import roc_auc_score

GREATER_IS_BETTER = True


def metric(y_test: Any, predictions: Any) -> float:
    """Return roc_auc_score, as in cell 21: 0.856907 on the recorded rows, greater is better."""
    return float(roc_auc_score(y_test, predictions["churn_probability"]))
