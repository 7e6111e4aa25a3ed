"""The service's contract: it answers as the notebook did.

Made by nbdeploy from house_prices.ipynb; the comments name the cells.
"""

from __future__ import annotations

import pytest

from compare import assert_same
from house_price import predict
from recorded import recorded, row


def test_all_rows_at_once_are_answered_as_in_the_notebook() -> None:
    """300 recorded rows."""
    assert_same(predict(recorded("example_input")), recorded("example_output"))


@pytest.mark.parametrize("number", [0, 100, 150, 299])
def test_one_row_alone_is_answered_as_among_the_others(number: int) -> None:
    answer = predict(row(recorded("example_input"), number))
    assert_same(answer, row(recorded("example_output"), number))
