"""Answers of two versions to the same requests: how many rows differ, how many disagree, how far they are apart. Pure.

Two rows *differ* where they are not the same within the contract's tolerance: each new training differs. They *disagree*
where a class is another one, or a number is off by more than a fifth of the standard deviation of the version before
(a "small effect": Cohen 1988). *Drift* is how far the two distributions are apart: Wasserstein's distance over that
standard deviation for numbers, the Jensen-Shannon distance (base 2) for classes; the largest of all parts of an answer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

from nbdeploy.operating.release.figures import Sample
from nbdeploy.packaging.tolerance import STRICT, Tolerance
from nbdeploy.proving.answers import same

__all__ = ["Compared", "Pair", "compared_from", "disagreement", "rows_of"]

SMALL_EFFECT = 0.2
MOST_CLASSES = 30

NO_ANSWERS = Sample()
Pair = tuple[Any, Any]
"""What the version before and the version on trial answered to the same row."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What was seen of two versions that were asked the same. `sample` is of the version that was asked again."""

    sample: Sample = NO_ANSWERS
    rows: int = 0
    different: int = 0
    disagreed: int = 0
    drift: float = 0.0
    dropped: int = 0
    first: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "asked": self.sample.requests,
            "failed": self.sample.errors,
            "p99_ms": self.sample.p99_ms,
            "rows": self.rows,
            "different": self.different,
            "disagreed": self.disagreed,
            "drift": round(self.drift, 4),
            "dropped": self.dropped,
            "first": self.first,
        }


def compared_from(data: Mapping[str, Any], release: int) -> Compared:
    """Read what the witness has written; what is of another release is nothing."""
    if data.get("release") != release:
        return Compared()
    sample = Sample(data["asked"], data["failed"], tuple(data["times"]))
    named = ("rows", "different", "disagreed", "drift", "dropped", "first")
    return Compared(sample, **{key: data[key] for key in named})


def rows_of(predictions: Any) -> list[Any]:
    """Return the rows of an answer; one value is one row."""
    return predictions if isinstance(predictions, list) else [predictions]


def disagreement(pairs: Sequence[Pair], tolerance: Tolerance = STRICT) -> tuple[int, int, float]:
    """Return how many of the rows differ, how many disagree, and the drift."""
    leaves = [(_leaves(before), _leaves(now)) for before, now in pairs]
    even = [each for each in leaves if each[0].keys() == each[1].keys()]
    odd = len(leaves) - len(even)
    wrong = [False] * len(even)
    drift = 1.0 if odd * 2 > len(leaves) else 0.0
    for part in dict.fromkeys(key for before, _ in even for key in before):
        places = [place for place, (before, _) in enumerate(even) if part in before]
        column = [(even[place][0][part], even[place][1][part]) for place in places]
        differs, apart = _numbers(column) if _is_numeric(column) else _classes(column)
        drift = max(drift, apart)
        for place, off in zip(places, differs, strict=True):
            wrong[place] = wrong[place] or off
    different = sum(not same(now, before, tolerance) for before, now in pairs)
    return different, min(different, odd + sum(wrong)), drift


def _leaves(value: Any, at: str = "") -> dict[str, Any]:
    """Return the numbers and texts in a row by their place."""
    if isinstance(value, dict):
        return {key: leaf for name in value for key, leaf in _leaves(value[name], f"{at}.{name}").items()}
    if isinstance(value, list):
        return {key: leaf for place, each in enumerate(value) for key, leaf in _leaves(each, f"{at}[{place}]").items()}
    return {at: value}


def _is_numeric(column: Sequence[Pair]) -> bool:
    """Whether these are numbers, and not the numbers of a few classes."""
    values = [value for pair in column for value in pair]
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in values):
        return False
    return any(isinstance(each, float) for each in values) or len(set(values)) > MOST_CLASSES


def _numbers(column: Sequence[Pair]) -> tuple[list[bool], float]:
    before = [float(each) for each, _ in column]
    now = [float(each) for _, each in column]
    spread = pstdev(before) if len(before) > 1 else 0.0
    unit = spread or abs(fmean(before)) or 1.0
    apart = fmean(abs(a - b) for a, b in zip(sorted(before), sorted(now), strict=True)) / unit
    return [not abs(a - b) <= SMALL_EFFECT * unit for a, b in zip(before, now, strict=True)], apart


def _classes(column: Sequence[Pair]) -> tuple[list[bool], float]:
    before, now = (Counter(repr(pair[side]) for pair in column) for side in (0, 1))
    total = len(column)
    divergence = 0.0
    for each in before.keys() | now.keys():
        a, b = before[each] / total, now[each] / total
        middle = (a + b) / 2
        divergence += sum(part / 2 * math.log2(part / middle) for part in (a, b) if part)
    return [a != b for a, b in column], math.sqrt(max(0.0, divergence))
