"""Laws of the comparison of two models on the same rows."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    mean_absolute_error,
    roc_auc_score,
    root_mean_squared_error,
)

from nbdeploy.proving.bootstrap import halves, holm, resampled, segments_of
from nbdeploy.proving.question import Question, figures_of

REGRESSION = {"mean_absolute_error": mean_absolute_error, "root_mean_squared_error": root_mean_squared_error}


def numbers(
    seed: int, rows: int, noise: float = 1.0, other: float = 1.0, name: str = "mean_absolute_error"
) -> Question:
    """Two models of a number, off by so much."""
    random = np.random.default_rng(seed)
    wanted = random.normal(size=rows)
    mine, theirs = (wanted + random.normal(size=rows) * each for each in (noise, other))
    return Question(name, REGRESSION[name], (wanted, mine), (wanted, theirs), greater=False)


def classes(seed: int, rows: int, function: Any = accuracy_score) -> Question:
    random = np.random.default_rng(seed)
    wanted = random.integers(0, 2, rows)
    mine, theirs = (np.where(random.random(rows) < 0.8, wanted, 1 - wanted) for _ in range(2))
    return Question(function.__name__, function, (wanted, mine), (wanted, theirs), greater=True)


questions = st.builds(
    numbers, st.integers(0, 1_000), st.integers(30, 120), name=st.sampled_from(sorted(REGRESSION))
) | st.builds(classes, st.integers(0, 1_000), st.integers(30, 120))


@given(questions)
@settings(max_examples=30, deadline=None)
def test_who_is_called_the_champion_only_turns_the_sign(question: Question) -> None:
    one, other = resampled(question), resampled(question.swapped)
    assert one.difference == -other.difference
    assert (one.low, one.high) == (pytest.approx(-other.high, abs=1e-12), pytest.approx(-other.low, abs=1e-12))
    assert one.worse() == other.better
    split, swapped = halves(question), halves(question.swapped)
    assert (split.won, split.lost) == (swapped.lost, swapped.won)


@given(questions)
@settings(max_examples=20, deadline=None)
def test_a_model_does_not_differ_from_itself(question: Question) -> None:
    same = Question(question.name, question.function, question.champion, question.champion, question.greater)
    found = resampled(same)
    assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)
    assert not found.worse()
    assert not found.better
    assert not halves(same).unstable


@given(st.integers(0, 1_000))
@settings(max_examples=20, deadline=None)
def test_more_rows_make_a_narrower_interval(seed: int) -> None:
    few, many = (resampled(numbers(seed, rows)) for rows in (60, 6_000))
    assert many.high - many.low < (few.high - few.low) / 3


@given(questions, st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_answers_does_not_matter_for_what_is_said_of_all_rows(question: Question, seed: int) -> None:
    shuffled = question.on(np.random.default_rng(seed).permutation(question.rows))
    assert resampled(shuffled).difference == pytest.approx(resampled(question).difference, abs=1e-12)


def figures(name: str, function: Any, wanted: Any, mine: Any, theirs: Any, labels_at: int = 0) -> Any:
    """Return the figures of 50 draws, by the quickest way and by the metric itself."""

    def pair(answers: Any) -> tuple[Any, Any]:
        return (wanted, answers) if labels_at == 0 else (answers, wanted)

    def ordered(a: Any, b: Any) -> float:
        return float(function(a, b) if labels_at == 0 else function(b, a))

    question = Question(name, ordered, pair(mine), pair(theirs), greater=True, labels_at=labels_at)
    slow = Question("something else", ordered, pair(mine), pair(theirs), greater=True, labels_at=labels_at)
    drawn = np.random.default_rng(9).integers(0, len(wanted), (50, len(wanted)))
    quick = figures_of(question)
    assert quick.__name__ != "one_by_one", "there is a formula for it"
    return np.array(quick(drawn)), np.array(figures_of(slow)(drawn))


@pytest.mark.parametrize("labels_at", [0, 1])
@pytest.mark.parametrize("ties", [False, True])
def test_the_quick_area_under_the_curve_is_scikit_learns(ties: bool, labels_at: int) -> None:
    random = np.random.default_rng(5)
    wanted = random.integers(0, 2, 80)
    scores = [random.random(80) + wanted * 0.5 for _ in range(2)]
    mine, theirs = (np.round(each, 1) if ties else each for each in scores)
    quick, slow = figures("roc_auc_score", roc_auc_score, wanted, mine, theirs, labels_at)
    np.testing.assert_allclose(quick, slow, rtol=1e-12)


@pytest.mark.parametrize("name", ["f1_score", "precision_score", "recall_score"])
@pytest.mark.parametrize("options", [{"average": "macro"}, {"average": "micro"}, {"average": "weighted"}], ids=str)
def test_quick_metrics_of_many_classes_are_scikit_learns(name: str, options: dict[str, Any]) -> None:
    random = np.random.default_rng(6)
    wanted = random.choice(["a", "b", "c", "rare"], 60, p=[0.5, 0.3, 0.17, 0.03])
    mine, theirs = (np.where(random.random(60) < 0.7, wanted, "a") for _ in range(2))
    quick, slow = figures(name, partial(getattr(metrics, name), zero_division=0, **options), wanted, mine, theirs)
    np.testing.assert_allclose(quick, slow, rtol=1e-12)


@pytest.mark.parametrize(
    "name", ["f1_score", "precision_score", "recall_score", "balanced_accuracy_score", "zero_one_loss"]
)
def test_quick_metrics_of_two_classes_are_scikit_learns(name: str) -> None:
    question = classes(7, 50)
    quick, slow = figures(name, getattr(metrics, name), *question.candidate, question.champion[1])
    np.testing.assert_allclose(quick, slow, rtol=1e-12)


@pytest.mark.parametrize("name", ["r2_score", "mean_squared_error", *REGRESSION])
def test_quick_metrics_of_numbers_are_scikit_learns(name: str) -> None:
    question = numbers(8, 50)
    quick, slow = figures(name, getattr(metrics, name), *question.candidate, question.champion[1])
    np.testing.assert_allclose(quick, slow, rtol=1e-12)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Two models of the same quality: about 57 of 60 intervals hold 0."""
    covered = sum(
        not (found.worse() or found.better) for found in (resampled(numbers(seed, 100)) for seed in range(60))
    )
    assert 51 <= covered <= 60


def test_a_metric_that_no_formula_is_known_for_is_asked_itself() -> None:
    found = resampled(classes(1, 60, cohen_kappa_score), resamples=100)
    assert found.resamples == 100
    assert found.low < found.difference < found.high


def test_one_class_alone_has_no_figure() -> None:
    ones = np.ones(40)
    found = resampled(Question("roc_auc_score", roc_auc_score, (ones, ones), (ones, ones), greater=True))
    assert found.problem == "the metric has no figure for these rows"
    assert not found.worse()


def test_a_clearly_worse_model_is_worse_and_a_margin_accepts_it() -> None:
    found = resampled(numbers(3, 300, noise=1.5))
    assert found.worse()
    assert not found.worse(margin=1.0)


def test_segments_are_judged_together_so_that_chance_alone_seldom_finds_one() -> None:
    """Forty sets of ten segments without a difference: 5 % may be called worse, wide of it with Holm, a fifth without."""
    alarms = singles = 0
    for seed in range(40):
        segments = {str(number): numbers(1_000 + seed * 10 + number, 60) for number in range(10)}
        alarms += any(each.worse() for each in holm(segments).values())
        singles += any(resampled(each).worse() for each in segments.values())
    assert alarms <= 6 < singles


def test_the_worst_segment_has_the_widest_level_and_is_found() -> None:
    segments = {"good": numbers(1, 100), "bad": numbers(2, 100, noise=2.0), "same": numbers(4, 100)}
    found = holm(segments)
    assert [name for name, each in found.items() if each.worse()] == ["bad"]
    assert found["bad"].level == pytest.approx(1 - 0.05 / 3)


def test_segments_of_columns() -> None:
    numbers_ = pd.Series([*range(100), None])
    assert {text: len(rows) for text, rows in segments_of("age", numbers_).items()} == {
        "age <= 24.75": 25,
        "24.75 < age <= 49.5": 25,
        "49.5 < age <= 74.25": 25,
        "age > 74.25": 25,
        "age is missing": 1,
    }
    words = pd.Series(["a"] * 40 + ["b"] * 5 + ["c"] * 5)
    assert {text: len(rows) for text, rows in segments_of("plan", words).items()} == {
        "plan = a": 40,
        "plan: the 2 rare values": 10,
    }
    assert set(segments_of("paid", pd.Series([True, False] * 40))) == {"paid = True", "paid = False"}
    dates = pd.Series(pd.date_range("2024-01-01", periods=120))
    assert [len(rows) for rows in segments_of("day", dates).values()] == [30, 30, 30, 30]
    assert math.isclose(sum(map(len, segments_of("n", pd.Series([1, 2, 3] * 20)).values())), 60)
