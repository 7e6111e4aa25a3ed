"""The service's contract: it answers as the notebook did.

Made by nbdeploy from churn.ipynb; the comments name the cells.
"""

from __future__ import annotations

import pytest

from churn import predict
from compare import assert_same
from recorded import recorded, row


def test_all_rows_at_once_are_answered_as_in_the_notebook() -> None:
    """375 recorded rows."""
    assert_same(predict(recorded("example_input")), recorded("example_output"))


@pytest.mark.parametrize("number", [0, 125, 187, 374])
def test_one_row_alone_is_answered_as_among_the_others(number: int) -> None:
    answer = predict(row(recorded("example_input"), number))
    assert_same(answer, row(recorded("example_output"), number))
