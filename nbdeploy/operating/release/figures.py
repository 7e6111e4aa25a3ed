"""What users saw of a version: requests in a window of time, from the proxy's log.."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, lgamma, log, log1p
from typing import Any

__all__ = ["Answer", "Requests", "Sample", "answer_from", "beyond_chance", "quantile"]

CHANCE = 0.001
KEPT = 20_000  # answers of a version


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a version, before a fallback could hide it: its status (0: none came) and its milliseconds."""

    at: float
    status: int
    ms: float
    rescued: bool = False

    @property
    def failed(self) -> bool:
        return self.status >= 500 or self.status == 0


@dataclass(frozen=True, slots=True)
class Sample:
    """Answers in a window: how many, how many failed, how long the others took (milliseconds)."""

    requests: int = 0
    errors: int = 0
    times: tuple[float, ...] = ()
    rescued: int = 0

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> Sample:
        seen = list(answers)
        times = tuple(each.ms for each in seen if not each.failed)
        return cls(len(seen), sum(each.failed for each in seen), times, sum(each.rescued for each in seen))

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    @property
    def p99_ms(self) -> float | None:
        return quantile(self.times, 0.99)

    def slower_than(self, ms: float) -> int:
        return sum(each > ms for each in self.times)

    def as_json(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "errors": self.errors,
            "error_rate": round(self.error_rate, 5),
            "rescued": self.rescued,
            "p50_ms": quantile(self.times, 0.5),
            "p99_ms": self.p99_ms,
        }


class Requests:
    """The latest answers of each lane."""

    def __init__(self) -> None:
        self._lanes: dict[str, deque[Answer]] = {}
        self.rescued = 0

    def add(self, lane: str, answer: Answer) -> None:
        self._lanes.setdefault(lane, deque(maxlen=KEPT)).append(answer)
        self.rescued += answer.rescued

    def since(self, lane: str | None, began: float) -> Sample:
        return Sample.of(each for each in tuple(self._lanes.get(lane or "", ())) if each.at >= began)


def answer_from(line: str, now: float) -> tuple[str, Answer] | None:
    """Read a line of the proxy's log: the lane and the answer; None for other lines, and for clients that went away."""
    words = line.split()
    if len(words) != 8 or words[0] != "R":
        return None
    _, lane, server, status, of_model, ms, ended, rescued = words
    if ended[0] in "Cc" and of_model == "-":
        return None
    own = int(of_model) if of_model.isdigit() else int(status) if status.lstrip("-").isdigit() else 0
    elsewhere = server.startswith("f")  # the lane itself could not answer
    status_seen = 0 if elsewhere else max(own, 0)
    return lane, Answer(now, status_seen, max(float(ms), 0.0), rescued == "yes" or elsewhere)


def quantile(times: Iterable[float], part: float) -> float | None:
    """Return the value that `part` of the times stay below, None of no times."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None


def beyond_chance(hits: int, of: int, limit: float) -> bool:
    """Tell whether `hits` of `of` show a share above `limit`: by chance it would come so once in a thousand (binomial test).

    So strict, because it is asked again and again while the requests come.
    """
    if hits <= of * limit:
        return False
    if limit <= 0.0:
        return True
    chances = lgamma(of + 1) - lgamma(hits + 1) - lgamma(of - hits + 1)
    term = exp(chances + hits * log(limit) + (of - hits) * log1p(-limit)) if limit < 1.0 else 0.0
    tail, odds = 0.0, limit / (1.0 - limit) if limit < 1.0 else 0.0
    for more in range(hits, of + 1):
        tail += term
        term *= odds * (of - more) / (more + 1)
        if term < CHANCE * 1e-6:
            break
    return tail < CHANCE
