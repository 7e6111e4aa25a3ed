"""How sure a difference between two models is: paired bootstrap over rows, Holm's correction, random halves.

The bootstrap draws rows with replacement, the same rows for both models, and takes percentiles of the differences (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapters 13 and 16). Differences are turned so that a positive one says that
the candidate is better. Several segments are judged together by Holm's step-down procedure (Scandinavian Journal of
Statistics 6, 1979). Pure: arrays in, numbers out; the same numbers each time.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["LEVEL", "Difference", "Halves", "Question", "halves", "holm", "resampled", "segments_of"]

LEVEL = 0.95
RESAMPLES = 1_000
SPLITS = 20
SMALLEST = 30  # rows of a segment: with fewer, an interval says nothing
CELLS = 2_000_000  # rows times resamples that are held at once


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
    plain: bool = True  # the function is called without options

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


@dataclass(frozen=True, slots=True)
class Difference:
    """The figures of both, by how much the candidate is better, and the interval of that.

    `chance` is the probability, for no difference beyond the margin, of one at least as bad; `resamples` counts those that
    had a figure. A problem in words stands where there is no interval.
    """

    rows: int
    candidate: float
    champion: float
    difference: float
    low: float
    high: float
    chance: float = 1.0
    resamples: int = 0
    level: float = LEVEL
    problem: str = ""

    def worse(self, margin: float = 0.0) -> bool:
        """Tell whether the whole interval says that the candidate is worse, by more than `margin`."""
        return not self.problem and self.high < -margin

    @property
    def better(self) -> bool:
        return not self.problem and self.low > 0


@dataclass(frozen=True, slots=True)
class Halves:
    """Who was better on random halves of the rows."""

    tried: int
    won: int
    lost: int

    @property
    def unstable(self) -> bool:
        return self.won > 0 and self.lost > 0


def resampled(
    question: Question, *, resamples: int = RESAMPLES, level: float = LEVEL, margin: float = 0.0
) -> Difference:
    """Return the difference over all rows, with its percentile interval."""
    import numpy as np

    values = question.values()
    found = Difference(question.rows, *values, question.turned(*values), math.nan, math.nan, level=level)
    if not all(map(math.isfinite, values)):
        return replace(found, problem="the metric has no figure for these rows")
    drawn = np.concatenate([question.turned(*each) for each in _drawn(question, resamples)])
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < resamples // 2:
        return replace(found, problem="the metric has no figure for most of the samples")
    low, high = _interval(drawn, level)
    bad = (int((drawn >= -margin).sum()) + 1) / (len(drawn) + 1)
    return replace(found, low=low, high=high, chance=bad, resamples=len(drawn))


def _interval(drawn: Any, level: float) -> tuple[float, float]:
    import numpy as np

    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def holm(questions: Mapping[str, Question], margin: float = 0.0, level: float = LEVEL) -> dict[str, Difference]:
    """Return the difference of each segment, with intervals that hold together: the likeliest fault has the widest one.

    After the first that is not worse none is: its interval keeps the level that Holm's procedure stopped at.
    """
    count = len(questions)
    resamples = max(RESAMPLES, 80 * count)  # so that the tails have draws in them
    first = {name: resampled(each, resamples=resamples, level=level, margin=margin) for name, each in questions.items()}
    found: dict[str, Difference] = {}
    left = sum(not each.problem for each in first.values())
    stopped = False
    for name, each in sorted(first.items(), key=lambda item: item[1].chance):
        if each.problem:
            found[name] = each
            continue
        own = 1 - (1 - level) / left
        found[name] = resampled(questions[name], resamples=resamples, level=own, margin=margin)
        stopped = stopped or not found[name].worse(margin)
        left -= 0 if stopped else 1
    return {name: found[name] for name in questions}


def halves(question: Question, tried: int = SPLITS) -> Halves:
    """Return how often each is the better one on a random half of the rows."""
    import numpy as np

    random = np.random.default_rng(1)
    won = lost = 0
    for _ in range(tried):
        half = random.permutation(question.rows)[: question.rows // 2]
        turned = question.turned(*question.on(half).values())
        won, lost = won + (turned > 0), lost + (turned < 0)
    return Halves(tried, won, lost)


# drawing ----------------------------------------------------------------------------------------------------------------


def _drawn(question: Question, resamples: int) -> Iterator[tuple[Any, Any]]:
    """Yield the figures of both models on drawn rows, some resamples at a time; the draws depend on the row count alone."""
    import numpy as np

    random = np.random.default_rng(0)
    step = max(1, CELLS // max(question.rows, 1))
    figures = _figures(question)
    for start in range(0, resamples, step):
        drawn = random.integers(0, question.rows, (min(step, resamples - start), question.rows))
        yield figures(drawn)


def _figures(question: Question) -> Callable[[Any], tuple[Any, Any]]:
    """Return the quickest way to the figures on many draws that gives what the metric itself gives."""
    import numpy as np

    for quick in (_by_row, _by_rank):
        candidate, champion = quick(question, question.candidate), quick(question, question.champion)
        if candidate is not None and champion is not None:
            everything = np.arange(question.rows)[None, :]
            some = np.random.default_rng(2).integers(0, question.rows, (1, question.rows))
            if all(_agree(question, drawn, candidate(drawn), champion(drawn)) for drawn in (everything, some)):
                return lambda drawn: (candidate(drawn), champion(drawn))

    def one_by_one(drawn: Any) -> tuple[Any, Any]:
        pairs = np.array([question.on(each).values() for each in drawn])
        return pairs[:, 0], pairs[:, 1]

    return one_by_one


def _agree(question: Question, drawn: Any, candidate: Any, champion: Any) -> bool:
    wanted = question.on(drawn[0]).values()
    return all(
        math.isclose(each, float(got[0]), rel_tol=1e-9, abs_tol=1e-12)
        or (math.isnan(each) and math.isnan(float(got[0])))
        for each, got in zip(wanted, (candidate, champion), strict=True)
    )


_ROWS: dict[str, Callable[[Any, Any], Any]] = {
    "accuracy": lambda wanted, given: wanted == given,
    "accuracy_score": lambda wanted, given: wanted == given,
    "zero_one_loss": lambda wanted, given: wanted != given,
    "mean_absolute_error": lambda wanted, given: abs(wanted - given),
    "mean_squared_error": lambda wanted, given: (wanted - given) ** 2,
    "root_mean_squared_error": lambda wanted, given: (wanted - given) ** 2,
}


def _by_row(question: Question, pair: tuple[Any, Any]) -> Callable[[Any], Any] | None:
    """A metric that is the mean of something of each row (or the root of it): the mean of what was drawn."""
    import numpy as np

    formula = _ROWS.get(question.name)
    if formula is None or not question.plain or any(np.ndim(each) != 1 for each in pair):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            each = np.asarray(formula(*_ordered(question, pair)), dtype=float)
        except (TypeError, ValueError):
            return None
    if question.name == "root_mean_squared_error":
        return lambda drawn: np.sqrt(each[drawn].mean(axis=1))
    return lambda drawn: each[drawn].mean(axis=1)


def _by_rank(question: Question, pair: tuple[Any, Any]) -> Callable[[Any], Any] | None:
    """The area under the ROC curve of two classes, from how often each row was drawn (ties count half)."""
    import numpy as np

    if question.name != "roc_auc_score" or not question.plain or any(np.ndim(each) != 1 for each in pair):
        return None
    wanted, given = _ordered(question, pair)
    classes = np.unique(wanted)
    if len(classes) != 2 or given.dtype.kind not in "fiub":
        return None
    order = np.argsort(given, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    positive = (wanted == classes[1])[order]
    ties = np.flatnonzero(np.r_[True, np.diff(given[order].astype(float)) != 0])

    def figures(drawn: Any) -> Any:
        count, rows = len(drawn), len(order)
        shifted = place[drawn] + (np.arange(count) * rows)[:, None]
        often = np.bincount(shifted.ravel(), minlength=count * rows).reshape(count, rows)
        above = np.add.reduceat(often * positive, ties, axis=1).astype(float)
        below = np.add.reduceat(often * ~positive, ties, axis=1).astype(float)
        pairs = above.sum(axis=1) * below.sum(axis=1)
        won = (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return won / pairs

    return figures


def _ordered(question: Question, pair: tuple[Any, Any]) -> tuple[Any, Any]:
    return pair if question.labels_at == 0 else (pair[1], pair[0])


def _asked(function: Callable[[Any, Any], float], pair: tuple[Any, Any]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return float(function(*pair))
        except (ValueError, ZeroDivisionError):  # one class alone
            return math.nan


# segments ---------------------------------------------------------------------------------------------------------------


def segments_of(name: str, column: Any) -> dict[str, Any]:
    """Return the positions of the rows of each segment of a pandas column, by a text that tells which rows these are.

    Numbers and dates in quartiles (few different numbers: as they are), categories as they are, those of fewer than
    SMALLEST rows together.
    """
    import numpy as np

    missing = column.isna().to_numpy()
    found: dict[str, Any] = {}
    kind = "M" if str(column.dtype).startswith("datetime") else getattr(column.dtype, "kind", "O")
    if kind in "iufM" and column.nunique() > 5:
        known = column[~missing]
        edges = np.unique(known.quantile([0.25, 0.5, 0.75]).to_numpy())
        quartile = np.searchsorted(edges, column.to_numpy(), side="left")
        texts = [_short(each) for each in edges]
        between = [f"{low} < {name} <= {high}" for low, high in itertools.pairwise(texts)]
        bounds = [f"{name} <= {texts[0]}", *between, f"{name} > {texts[-1]}"]
        for number, text in enumerate(bounds):
            found[text] = np.flatnonzero((quartile == number) & ~missing)
    else:
        texts = column.astype(str).to_numpy()
        found = {
            f"{name} = {each}": np.flatnonzero((texts == each) & ~missing) for each in _first_seen(texts[~missing])
        }
        rare = [text for text, rows in found.items() if len(rows) < SMALLEST]
        if len(rare) > 1:
            together = np.sort(np.concatenate([found.pop(text) for text in rare]))
            found[f"{name}: the {len(rare)} rare values"] = together
    if missing.any():
        found[f"{name} is missing"] = np.flatnonzero(missing)
    return {text: rows for text, rows in found.items() if len(rows)}


def _first_seen(texts: Iterable[str]) -> Sequence[str]:
    return sorted(dict.fromkeys(texts))


def _short(value: Any) -> str:
    return str(value)[:10] if str(getattr(value, "dtype", "")).startswith("datetime") else f"{float(value):.4g}"
