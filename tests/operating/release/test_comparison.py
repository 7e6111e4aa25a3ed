from __future__ import annotations

import random

import pytest

from nbdeploy.operating.release.comparison import disagreement
from nbdeploy.operating.release.figures import Answer, answer_from, beyond_chance, quantile

DRAW = random.Random(0)
NUMBERS = [DRAW.gauss(100.0, 10.0) for _ in range(500)]


def test_the_same_answers_neither_differ_nor_disagree_nor_drift() -> None:
    assert disagreement([(each, each) for each in NUMBERS]) == (0, 0, 0.0)


def test_numbers_of_a_new_training_differ_without_disagreeing() -> None:
    different, disagreed, drift = disagreement([(each, each + DRAW.gauss(0.0, 0.5)) for each in NUMBERS])
    assert (different, disagreed) == (500, 0)
    assert drift < 0.05


def test_a_shift_of_half_a_standard_deviation_is_a_drift() -> None:
    _, disagreed, drift = disagreement([(each, each + 5.0) for each in NUMBERS])
    assert disagreed == 500
    assert drift == pytest.approx(0.5, rel=0.1)


def test_classes_disagree_where_they_are_not_the_same() -> None:
    different, disagreed, drift = disagreement([("yes" if place % 2 else "no", "yes") for place in range(100)])
    assert (different, disagreed) == (50, 50)
    assert drift > 0.2


def test_parts_of_an_answer_are_compared_each_for_itself() -> None:
    pairs = [
        ({"p": [each, 1.0], "label": 1}, {"p": [each, 1.0], "label": place % 4}) for place, each in enumerate(NUMBERS)
    ]
    assert disagreement(pairs)[1] == 375


def test_an_answer_of_another_form_disagrees() -> None:
    assert disagreement([([1.0, 2.0], [1.0])] * 3)[1] == 3


@pytest.mark.parametrize(
    ("hits", "of", "beyond"),
    [
        (1, 1, False),
        (1, 6, False),
        (2, 2, True),
        (1, 20, False),
        (5, 100, False),
        (6, 100, True),
        (50, 1000, True),
        (900, 20_000, True),
    ],
)
def test_a_share_is_above_its_limit_only_beyond_chance(hits: int, of: int, beyond: bool) -> None:
    assert beyond_chance(hits, of, 0.01) is beyond


def test_a_limit_of_nothing_is_broken_by_one_and_a_limit_of_all_by_none() -> None:
    assert beyond_chance(1, 1000, 0.0)
    assert not beyond_chance(1000, 1000, 1.0)
    assert not beyond_chance(0, 0, 0.01)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("R a s0 200 200 7 -- -", ("a", Answer(1.0, 200, 7.0))),
        ("R b s0 200 500 7 -- yes", ("b", Answer(1.0, 500, 7.0, rescued=True))),
        ("R a f0 200 200 7 -- -", ("a", Answer(1.0, 0, 7.0, rescued=True))),
        ("R a <NOSRV> 503 - -1 SC -", ("a", Answer(1.0, 503, 0.0))),
        ("R a s0 -1 - -1 CD -", None),
        ("Server a/s0 is DOWN, reason: Layer4 connection problem", None),
    ],
)
def test_a_line_of_the_log_says_what_the_version_itself_did(line: str, answer: object) -> None:
    assert answer_from(line, 1.0) == answer


def test_quantiles() -> None:
    assert quantile([], 0.5) is None
    assert quantile(range(100), 0.99) == 99
