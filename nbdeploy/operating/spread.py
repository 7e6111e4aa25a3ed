"""How far two answers to the same rows are from each other: classes that differ, and numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["Answers", "Distance", "apart", "flattened"]

SAME = 1e-9  # numbers closer than this, relative to their size, are the same

Answers = tuple[list[float], list[Any]]
"""The numbers of all answers, and all else (classes, texts), each in its order."""


@dataclass(frozen=True, slots=True)
class Distance:
    """The share of classes that differ, and the root of the mean squared difference of numbers, with the largest one."""

    flips: float
    numbers: float
    largest: float

    def within(self, other: Distance) -> bool:
        return self.flips <= other.flips and self.numbers <= other.numbers

    def rank(self) -> tuple[float, float]:
        return self.numbers, self.flips

    @property
    def is_nothing(self) -> bool:
        return self.flips == 0 and self.numbers == 0

    def as_json(self) -> dict[str, float]:
        return {"classes_that_differ": self.flips, "numbers_rms": self.numbers, "numbers_largest": self.largest}

    def __str__(self) -> str:
        parts = [f"{100 * self.flips:.3g} % of classes"] if self.flips else []
        parts += [f"{self.numbers:.3g} in numbers (root mean square)"] if self.numbers else []
        return " and ".join(parts) or "nothing"


def flattened(answers: Any) -> Answers:
    """Return the leaves of answers given as JSON; whole numbers are classes."""
    numbers: list[float] = []
    others: list[Any] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key in sorted(value):
                walk(value[key])
        elif isinstance(value, list):
            for each in value:
                walk(each)
        elif isinstance(value, float) and math.isfinite(value):
            numbers.append(value)
        else:
            others.append(value)

    walk(answers)
    return numbers, others


def apart(one: Answers, other: Answers) -> Distance:
    """Return how far two answers are apart; of another form they are so without end."""
    if len(one[0]) != len(other[0]) or len(one[1]) != len(other[1]):
        return Distance(1.0, math.inf, math.inf)
    flips = sum(a != b for a, b in zip(one[1], other[1], strict=True))
    gaps = [abs(a - b) for a, b in zip(one[0], other[0], strict=True) if abs(a - b) > SAME * max(abs(a), abs(b))]
    squares = math.fsum(gap * gap for gap in gaps)
    share = flips / len(one[1]) if one[1] else 0.0
    return Distance(share, math.sqrt(squares / len(one[0])) if gaps else 0.0, max(gaps, default=0.0))
