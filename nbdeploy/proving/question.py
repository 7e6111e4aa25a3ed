"""Two models on the same rows, asked by one metric: over all rows, and quickly over many draws of them.

Most metrics of a draw follow from numbers that are got by counting: the mean of what each row adds, a table of classes, ranks.
Such a formula is used only where it gives what the metric itself gives, for all rows and for some draws; else the metric is
called.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Question", "figures_of"]

MOST_CLASSES = 30
Figures = Callable[[Any], Any]
"""Takes positions of rows, draws by rows, and gives a figure for each draw."""


@dataclass(frozen=True, slots=True)
class Question:
    """Two models on the same rows: `arguments` gives for each what its metric takes, row by row, the labels at `labels_at`.

    `function` takes the two arguments; `name` is scikit-learn's name of it, or the kind of a usual metric.
    """

    name: str
    function: Callable[[Any, Any], float]
    candidate: tuple[Any, Any]
    champion: tuple[Any, Any]
    greater: bool
    labels_at: int = 0

    @property
    def rows(self) -> int:
        return len(self.candidate[0])

    @property
    def swapped(self) -> Question:
        return replace(self, candidate=self.champion, champion=self.candidate)

    def on(self, positions: Any) -> Question:
        """Return the question about these rows alone."""

        def taken(pair: tuple[Any, Any]) -> tuple[Any, Any]:
            return pair[0][positions], pair[1][positions]

        return replace(self, candidate=taken(self.candidate), champion=taken(self.champion))

    def values(self) -> tuple[float, float]:
        """Return the candidate's figure and the champion's; NaN where the metric has none for these rows."""
        return _asked(self.function, self.candidate), _asked(self.function, self.champion)

    def turned(self, candidate: float, champion: float) -> float:
        return candidate - champion if self.greater else champion - candidate


def _asked(function: Callable[[Any, Any], float], pair: tuple[Any, Any]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return float(function(*pair))
        except (ValueError, ZeroDivisionError):  # one class alone
            return math.nan


# quick ways --------------------------------------------------------------------------------------------------------------


def figures_of(question: Question) -> Callable[[Any], tuple[Any, Any]]:
    """Return the quickest way to the figures of both models on many draws that gives what the metric itself gives."""
    import numpy as np

    everything = np.arange(question.rows)[None, :]
    some = np.random.default_rng(2).integers(0, question.rows, (5, question.rows))
    for candidate, champion in zip(
        _ways(question, question.candidate), _ways(question, question.champion), strict=False
    ):
        if all(_agree(question, drawn, candidate(drawn), champion(drawn)) for drawn in (everything, *some[:, None])):
            return _both(candidate, champion)

    def one_by_one(drawn: Any) -> tuple[Any, Any]:
        pairs = np.array([question.on(each).values() for each in drawn])
        return pairs[:, 0], pairs[:, 1]

    return one_by_one


def _both(candidate: Figures, champion: Figures) -> Callable[[Any], tuple[Any, Any]]:
    return lambda drawn: (candidate(drawn), champion(drawn))


def _agree(question: Question, drawn: Any, candidate: Any, champion: Any) -> bool:
    wanted = question.on(drawn[0]).values()
    return all(
        math.isclose(each, float(got[0]), rel_tol=1e-9, abs_tol=1e-12)
        or (math.isnan(each) and math.isnan(float(got[0])))
        for each, got in zip(wanted, (candidate, champion), strict=True)
    )


def _ways(question: Question, pair: tuple[Any, Any]) -> Iterator[Figures]:
    """Yield formulas that may be the metric, the same ones in the same order for both models."""
    import numpy as np

    if any(not isinstance(each, np.ndarray) or each.ndim != 1 for each in pair):
        return
    wanted, given = pair if question.labels_at == 0 else (pair[1], pair[0])
    if question.name in _ROWS and (found := _by_row(question.name, wanted, given)) is not None:
        yield found
    if question.name == "r2_score" and wanted.dtype.kind in "fiu" and given.dtype.kind in "fiu":
        yield _explained(wanted.astype(float), given.astype(float))
    if question.name == "roc_auc_score" and given.dtype.kind in "fiub" and len(np.unique(wanted)) == 2:
        yield _by_rank(wanted == np.unique(wanted)[1], given.astype(float))
    if question.name in _COUNTED:
        classes = np.unique(
            np.concatenate([each[1 - question.labels_at] for each in (question.candidate, question.champion)])
        )
        classes = np.unique(np.concatenate([np.unique(wanted), classes]))
        if len(classes) <= MOST_CLASSES:
            balanced = question.name == "balanced_accuracy_score"
            yield from _by_table(_COUNTED[question.name], classes, wanted, given, balanced=balanced)


_ROWS: dict[str, Callable[[Any, Any], Any]] = {
    "accuracy_score": lambda wanted, given: wanted == given,
    "zero_one_loss": lambda wanted, given: wanted != given,
    "mean_absolute_error": lambda wanted, given: abs(wanted - given),
    "mean_squared_error": lambda wanted, given: (wanted - given) ** 2,
    "root_mean_squared_error": lambda wanted, given: (wanted - given) ** 2,
}


def _by_row(name: str, wanted: Any, given: Any) -> Figures | None:
    """A metric that is the mean of something of each row (or the root of it): the mean of what was drawn."""
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            each = np.asarray(_ROWS[name](wanted, given), dtype=float)
        except (TypeError, ValueError):
            return None
    if name == "root_mean_squared_error":
        return lambda drawn: np.sqrt(each[drawn].mean(axis=1))
    return lambda drawn: each[drawn].mean(axis=1)


def _explained(wanted: Any, given: Any) -> Figures:
    """R²: what is left of the spread of the labels."""
    import numpy as np

    left = (wanted - given) ** 2

    def figures(drawn: Any) -> Any:
        with np.errstate(invalid="ignore", divide="ignore"):
            return 1 - left[drawn].mean(axis=1) / wanted[drawn].var(axis=1)

    return figures


def _by_rank(positive: Any, given: Any) -> Figures:
    """The area under the ROC curve of two classes, from how often each row was drawn (ties count half)."""
    import numpy as np

    order = np.argsort(given, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    positive = positive[order]
    ties = np.flatnonzero(np.r_[True, np.diff(given[order]) != 0])

    def figures(drawn: Any) -> Any:
        often = _often(place[drawn], len(order))
        above = np.add.reduceat(often * positive, ties, axis=1).astype(float)
        below = np.add.reduceat(often * ~positive, ties, axis=1).astype(float)
        pairs = above.sum(axis=1) * below.sum(axis=1)
        won = (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return won / pairs

    return figures


def _often(drawn: Any, kinds: int) -> Any:
    """Count for each draw how often each of `kinds` numbers is in it."""
    import numpy as np

    shifted = drawn + (np.arange(len(drawn)) * kinds)[:, None]
    return np.bincount(shifted.ravel(), minlength=len(drawn) * kinds).reshape(len(drawn), kinds)


_COUNTED: dict[str, Callable[[Any, Any, Any], tuple[Any, Any]]] = {
    "f1_score": lambda hits, wanted, given: (2 * hits, wanted + given),
    "precision_score": lambda hits, wanted, given: (hits, given),
    "recall_score": lambda hits, wanted, given: (hits, wanted),
    "balanced_accuracy_score": lambda hits, wanted, given: (hits, wanted),
}
"""A figure of each class as a fraction, from how often it was hit, wanted and given."""


def _by_table(
    fraction: Callable[[Any, Any, Any], tuple[Any, Any]], classes: Any, wanted: Any, given: Any, *, balanced: bool
) -> Iterator[Figures]:
    """Metrics of classes, from the table of labels and answers: averaged in each way, or of one class alone."""
    import numpy as np

    count = len(classes)
    codes = np.searchsorted(classes, wanted) * count + np.searchsorted(classes, given)

    def counted(drawn: Any) -> tuple[Any, Any, Any]:
        table = _often(codes[drawn], count * count).reshape(len(drawn), count, count).astype(float)
        return np.einsum("nii->ni", table), table.sum(axis=2), table.sum(axis=1)

    def of_each(drawn: Any) -> tuple[Any, Any, Any]:
        hits, rows, answers = counted(drawn)
        upper, lower = fraction(hits, rows, answers)
        return np.divide(upper, lower, out=np.zeros_like(upper), where=lower > 0), rows, answers

    def averaged(weigh: Callable[[Any, Any], Any]) -> Figures:
        def figures(drawn: Any) -> Any:
            each, rows, answers = of_each(drawn)
            weights = weigh(rows, answers)
            return (each * weights).sum(axis=1) / weights.sum(axis=1)

        return figures

    def alone(place: int) -> Figures:
        return lambda drawn: of_each(drawn)[0][:, place]

    if balanced:
        yield averaged(lambda rows, answers: rows > 0)
        return
    yield averaged(lambda rows, answers: rows + answers > 0)
    yield averaged(lambda rows, answers: rows)
    yield lambda drawn: counted(drawn)[0].sum(axis=1) / drawn.shape[1]
    yield from (alone(place) for place in reversed(range(count)))
