"""The test cells of the notebook, on the package's own answers and the recorded values.

Made by nbdeploy from house_prices.ipynb; the comments name the cells.
"""

from __future__ import annotations

from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score

from house_price import predict
from recorded import recorded


def test_cell_14() -> None:
    """Cell 14 of the notebook."""
    X_test = recorded("cell_14_X_test")
    X_train = recorded("cell_14_X_train")
    y_pred = predict(recorded("example_input"))
    y_test = recorded("cell_14_y_test")
    y_train = recorded("cell_14_y_train")
    mae = mean_absolute_error(y_test, y_pred)
    r2 = r2_score(y_test, y_pred)
    linear_mae = mean_absolute_error(y_test, LinearRegression().fit(X_train, y_train).predict(X_test))
    assert y_pred.shape == y_test.shape
    assert (y_pred > 0).all()
    assert r2 > 0.88
    assert mae < 0.9 * linear_mae
