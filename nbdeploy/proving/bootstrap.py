"""How sure a difference between two models is: paired bootstrap over rows, Holm's correction, random halves.

The bootstrap draws rows with replacement, the same rows for both models, and takes percentiles of the differences (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapters 13 and 16). Differences are turned so that a positive one says that
the candidate is better. Several segments are judged together by Holm's step-down procedure (Scandinavian Journal of
Statistics 6, 1979). Pure: arrays in, numbers out; the same numbers each time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nbdeploy.proving.question import Question, figures_of

__all__ = ["LEVEL", "SMALLEST", "Difference", "Halves", "halves", "holm", "resampled", "segments_of"]

LEVEL = 0.95
RESAMPLES = 1_000
SPLITS = 20
SMALLEST = 30  # rows of a segment: with fewer, an interval says nothing
CELLS = 2_000_000  # rows times resamples that are held at once


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
    figures = figures_of(question)
    for start in range(0, resamples, step):
        drawn = random.integers(0, question.rows, (min(step, resamples - start), question.rows))
        yield figures(drawn)


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
