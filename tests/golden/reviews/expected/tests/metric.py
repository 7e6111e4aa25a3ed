"""How good the answers are, by the notebook's own measure: `metric(recorded("labels"), predict(...))`.

Made by nbdeploy from reviews.ipynb; the comments name the cells.
"""

from __future__ import annotations

from typing import Any

from sklearn.metrics import accuracy_score

GREATER_IS_BETTER = True


def metric(y_test: Any, sentiment: Any) -> float:
    """Return accuracy_score, as in cell 17: 0.96 on the recorded rows, greater is better."""
    return float(accuracy_score(y_test, sentiment))
