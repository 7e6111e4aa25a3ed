"""Test cells that can't fail."""

from __future__ import annotations

import pytest

from tests.analysis.rules.found import fixed, only, places

DATA = "import numpy as np\nimport pandas as pd\nimport pytest\ny = p = [1]\nmodel = 1\ndef close(a, b):\n    assert a == b"


@pytest.mark.parametrize(
    "cell", ["print(y == p)", "model.score(y, p)", "y == p", "print('ok')", "from sklearn.metrics import r2_score"]
)
def test_a_test_that_asserts_nothing_is_found(cell: str) -> None:
    assert places("NBD130", DATA, ("test", cell)) == [(1, 1)]


@pytest.mark.parametrize(
    "cell",
    [
        "assert y == p",
        "np.testing.assert_allclose(y, p)",
        "pd.testing.assert_frame_equal(y, p)",
        "with pytest.raises(ValueError):\n    model.predict(1)",
        "close(y, p)",
        "for a, b in zip(y, p):\n    assert a == b",
        "if y != p:\n    raise ValueError('differ')",
        "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(1, 1)",
        "def test_it():\n    assert y == p",
    ],
)
def test_a_test_that_can_fail_is_left_alone(cell: str) -> None:
    assert only("NBD130", DATA, ("test", cell)) == []


def test_only_test_cells_are_asked() -> None:
    assert only("NBD130", DATA, "print(y == p)") == []


@pytest.mark.parametrize(
    ("cell", "mended"),
    [
        ("print(len(y) == len(p))", "assert len(y) == len(p)"),
        ("len(y) == 1", "assert len(y) == 1"),
        ("print((np.array(y) == p).all())", "assert (np.array(y) == p).all()"),
        ("np.allclose(y, p)", "assert np.allclose(y, p)"),
        ("a = 1\nmodel.score(y, p) > 0.8", "a = 1\nassert model.score(y, p) > 0.8"),
        ("print(np.shape(y), y == [1])", "print(np.shape(y), y == [1])"),  # shows two things
        ("y == p", "y == p"),  # these may be arrays
        ("p > 3", "p > 3"),
        ("y == p;", "y == p;"),
    ],
)
def test_a_comparison_that_is_shown_is_asserted_if_it_has_one_answer(cell: str, mended: str) -> None:
    assert fixed(DATA, ("test", cell))[1] == mended


def test_after_the_edit_nothing_is_found() -> None:
    (_, mended) = fixed(DATA, ("test", "print(len(y) == len(p))"))
    assert only("NBD130", DATA, ("test", mended)) == []
