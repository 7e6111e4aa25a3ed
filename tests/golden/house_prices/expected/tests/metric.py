"""How good the answers are, by the notebook's own measure: `metric(recorded("labels"), predict(...))`.

Made by nbdeploy from house_prices.ipynb; the comments name the cells.
"""

from __future__ import annotations

from typing import Any

from sklearn.metrics import mean_absolute_error

GREATER_IS_BETTER = False


def metric(y_test: Any, y_pred: Any) -> float:
    """Return mean_absolute_error, as in cell 14: 37.7283 on the recorded rows, smaller is better."""
    return float(mean_absolute_error(y_test, y_pred))
