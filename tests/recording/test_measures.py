"""How a notebook measures its answers: which call it is, as which function, and with which labels."""

from __future__ import annotations

import numpy as np
import pytest

from nbdeploy.analysis.inference import find_output
from nbdeploy.analysis.observations import Observation
from nbdeploy.recording.live_metrics import usual_metric
from nbdeploy.recording.measures import Measure, Measuring
from nbdeploy.recording.metric_calls import GREATER, LESS, is_greater_better
from tests.analysis.notebooks import program_of, recorded_run

DATA = """
import numpy as np
import pandas as pd
from sklearn import metrics
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, mean_squared_error as mse, roc_auc_score
X = np.arange(40.0).reshape(-1, 1)
y = np.r_[np.zeros(18), 1, 0, np.ones(20)].astype(int)
y[3] = 1
weights = np.arange(40.0) + 1
other = y[:10]
model = LogisticRegression().fit(X, y)
"""
CLASSES = ("predict", "answers = model.predict(X)")
PROBABILITIES = ("predict", "p = model.predict_proba(X)[:, 1]")


def found(*cells: str | tuple[str, str]) -> tuple[Measure | None, str]:
    """Return the measure of a notebook that is run here, and why there is none."""
    program = program_of(DATA, *cells)
    with recorded_run(program) as (observed, recorder):
        output = find_output(program, observed, None)
        search = Measuring(
            program, observed, output, recorder.measured, lambda call: eval(f"recorder.{call}", {"recorder": recorder})
        )
        made: tuple[Measure, Observation] | None = search.of_the_notebook()
    return (made[0] if made else None), search.reason


def expression(*cells: str | tuple[str, str]) -> str:
    measure, reason = found(*cells)
    assert measure is not None, reason
    return "; ".join([*measure.lines, measure.expression])


def test_a_call_with_labels_and_answers() -> None:
    measure, _ = found(CLASSES, "print(f'{accuracy_score(y, answers):.2f}')")
    assert measure is not None
    assert (measure.name, measure.expression, measure.labels, measure.cell) == (
        "accuracy_score",
        "accuracy_score(y, answers)",
        "y",
        2,
    )
    assert measure.imports == ("from sklearn.metrics import accuracy_score",)
    assert measure.value == pytest.approx(0.95)
    assert measure.greater_is_better


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("metrics.f1_score(y, answers, average='macro')", 'metrics.f1_score(y, answers, average="macro")'),
        ("score = mse(y_true=y, y_pred=answers) ** 0.5", "mse(y, answers)"),
        ("accuracy_score(answers, y)", "accuracy_score(answers, y)"),
        ("accuracy_score(y, model.predict(X))", "accuracy_score(y, answers)"),
        ("assert model.score(X, y) > 0.5", "accuracy_score(y, answers)"),
        ("accuracy_score(pd.Series(y).to_numpy(), answers)", "accuracy_score(labels, answers)"),
    ],
)
def test_ways_to_write_it(cell: str, wanted: str) -> None:
    assert expression(CLASSES, cell) == wanted


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("roc_auc_score(y, p)", "roc_auc_score(y, p)"),
        ("accuracy_score(y, p > 0.5)", "accuracy_score(y, p > 0.5)"),
        ("c = 0.25\naccuracy_score(y, (p > c).astype(int))", "c = 0.25; accuracy_score(y, (p > c).astype(int))"),
        (
            "called = np.where(p > 0.5, 1, 0)\nf1_score(y, called)",
            "called = np.where(p > 0.5, 1, 0); f1_score(y, called)",
        ),
    ],
)
def test_answers_are_followed_row_by_row(cell: str, wanted: str) -> None:
    assert expression(PROBABILITIES, cell) == wanted


@pytest.mark.parametrize(
    ("labels", "cell", "wanted"),
    [
        ("y", CLASSES, "np.mean(np.asarray(y) == np.asarray(answers))"),
        ("y", PROBABILITIES, "log_loss(y, p)"),
        ("weights", ("predict", "answers = weights * 1.5"), "root_mean_squared_error(weights, answers)"),
    ],
)
def test_labels_that_are_named_bring_the_usual_metric(labels: str, cell: tuple[str, str], wanted: str) -> None:
    program = program_of(DATA, cell)
    with recorded_run(program) as (observed, recorder):
        output = find_output(program, observed, None)
        ask = lambda call: eval(f"recorder.{call}", {"recorder": recorder})  # noqa: E731
        search = Measuring(program, observed, output, recorder.measured, ask)
        told = recorder.look_at_name(labels)
        assert told is not None
        made = search.by_default(Observation.from_json(told), labels)
        assert recorder.look_at_name("nowhere") is None
    assert made is not None
    assert (made.expression, made.cell) == (wanted, None)


PRINTS = "def report(wanted, given):\n    print(f'{accuracy_score(wanted, given):.2f}', f1_score(wanted, given))\n"
GIVES = "def quality(model, rows, wanted):\n    given = model.predict(rows)\n    got = f1_score(wanted, given)\n    return got\n"


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        (f"{PRINTS}report(y, answers)", "accuracy_score(y, answers)"),
        (f"{PRINTS}report(given=answers, wanted=pd.Series(y))", "accuracy_score(labels, answers)"),
        (f"{GIVES}print(quality(model, X, y))", "f1_score(y, answers)"),
        ("def gap(p, t): return round(mse(t, p), 3)\ngap(answers, y)", "mse(y, answers)"),
        ("def gap(p, t):\n    print(mse(t, p))\ngap(answers, y)", "mse(y, answers)"),
        ("def f2(t, p): return f1_score(t, p > 0.5)\nf2(y, answers)", "f1_score(y, answers)"),
    ],
)
def test_a_metric_in_a_function_of_the_notebook_s_own(cell: str, wanted: str) -> None:
    measure, reason = found(CLASSES, cell)
    assert (measure.expression if measure else reason) == wanted


@pytest.mark.parametrize(
    "cell",
    [
        f"{PRINTS}report(y, 1 - answers)",
        f"{PRINTS}report(other, answers[:10])",
        "def report(t, p):\n    p = 1 - p\n    print(accuracy_score(t, p))\nreport(y, answers)",
        "def report(t, p):\n    print([accuracy_score(t, p) for p in [t]])\nreport(y, answers)",
        "def report(t, p):\n    p[:] = 1 - p\n    print(accuracy_score(t, p))\nreport(y, answers.copy())",
        f"{GIVES}quality(LogisticRegression().fit(X, 1 - y), X, y)",
        "def report(t, p, w):\n    print(accuracy_score(t, p, sample_weight=w))\nreport(y, answers, weights)",
        "def report(*both):\n    print(accuracy_score(*both))\nreport(y, answers)",
    ],
)
def test_a_function_that_measures_something_else_gives_no_metric(cell: str) -> None:
    assert found(CLASSES, cell)[0] is None


def test_the_test_cells_come_first() -> None:
    cells = (CLASSES, "accuracy_score(y, answers)", ("test", "assert f1_score(y, answers) > 0.1"))
    assert expression(*cells) == "f1_score(y, answers)"


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("print('done')", "name the labels with --labels NAME"),
        ("accuracy_score(other, answers[:10])", "not a label for each answer"),
        ("accuracy_score(y, answers, sample_weight=weights)", "is not computed from answers alone, row by row"),
        ("accuracy_score(y, np.zeros(40))", "is not computed from answers alone"),
        (
            "from sklearn.dummy import DummyClassifier\nDummyClassifier().fit(X, y).score(X, y)",
            "in the notebook and 0.95",
        ),
        ("answers = 1 - answers\naccuracy_score(y, answers)", ""),
    ],
)
def test_what_is_no_measure_of_the_answers_is_left_with_the_reason(cell: str, reason: str) -> None:
    measure, told = found(CLASSES, cell)
    if measure is None:
        assert reason in told
    else:  # found, but then it is what the notebook computed
        assert measure.expression == "accuracy_score(y, answers)"


def test_error_and_loss_shrink_and_scores_grow_as_scikit_learn_says() -> None:
    from sklearn.metrics import get_scorer, get_scorer_names

    for name in get_scorer_names():
        scorer = get_scorer(name)
        function = scorer._score_func.__name__
        if function.endswith((*GREATER, *LESS)):  # no other is taken for a metric
            assert is_greater_better(function) == (scorer._sign > 0), name


@pytest.mark.parametrize(
    ("labels", "answers", "wanted"),
    [
        (["a", "b"], ["a", "a"], "accuracy"),
        ([0, 1, 1], [0.25, 0.5, 0.75], "log_loss"),
        ([0, 1, 2], np.full((3, 3), 1 / 3), "log_loss"),
        ([1.5, 2.5], [1.0, 2.0], "root_mean_squared_error"),
        (list(range(100)), [0.5] * 100, "root_mean_squared_error"),
        (["a", "b"], [0.5, 0.5], ""),
        ([0, 1], [{"p": 1}, {"p": 2}], ""),
    ],
)
def test_the_usual_metric(labels: object, answers: object, wanted: str) -> None:
    assert usual_metric(labels, answers) == wanted


def test_what_was_measured_above_the_predict_cell_counts_if_it_is_the_same_number() -> None:
    assert expression("model.score(X, y)", CLASSES) == "accuracy_score(y, answers)"
    assert found("model.score(X[:40][::-1], y)", CLASSES)[0] is None
