"""The ladder of rates: what was seen on each step, where the service stops keeping up, and which rate to try next. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

__all__ = ["Limits", "Step", "knee", "next_rate", "step_of"]

SLOW = 20.0  # times the first step's median, where no budget says what is slow
NEAR = 1.25  # the knee is known when the lowest rate that fails is no more than this times the highest that was kept


@dataclass(frozen=True, slots=True)
class Limits:
    """What a step must keep: a share of the offered rate, a share of errors, and a p99 in milliseconds (None: `SLOW`)."""

    share: float = 0.95
    errors: float = 0.01
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rate, in requests a second: what was offered and what was achieved, latencies from the due time in milliseconds.

    `cpu_ms` is the server's CPU time a request, None where it can't be seen, and `in_flight` the requests under way on the
    average (Little's law). `why` says what was not kept; "" where all was.
    """

    offered: float
    achieved: float
    requests: int
    errors: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    in_flight: float
    cpu_ms: float | None = None
    memory_mb: float | None = None
    late_ms: float = 0.0
    statuses: Mapping[str, int]
    why: str = ""

    @property
    def is_kept(self) -> bool:
        return not self.why

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "kept": self.is_kept}


def step_of(offered: float, seen: Mapping[str, Any]) -> Step:
    """Return a step from what the probe reports."""
    answered = sorted(seen["latencies"])
    sent: int = seen["sent"]

    def at(share: float) -> float:
        return round(1000 * answered[min(len(answered) - 1, int(share * len(answered)))], 2) if answered else math.inf

    achieved = len(answered) / seen["seconds"]
    mean = math.fsum(answered) / len(answered) if answered else 0.0
    return Step(
        offered=offered,
        achieved=round(min(achieved, offered), 2),
        requests=sent,
        errors=sent - len(answered),
        p50_ms=at(0.5),
        p90_ms=at(0.9),
        p99_ms=at(0.99),
        max_ms=at(1.0),
        in_flight=round(achieved * mean, 2),
        late_ms=round(1000 * seen["late"], 1),
        statuses=dict(seen["statuses"]),
    )


def judged(step: Step, steps: Sequence[Step], limits: Limits) -> Step:
    """Say what of the limits a step did not keep. Overload shows in the rate and the latency long before there are errors."""
    most = limits.p99_ms or SLOW * (steps[0] if steps else step).p50_ms
    faults = (
        (step.errors > limits.errors * step.requests, f"{step.errors} of {step.requests} requests got no answer"),
        (step.achieved < limits.share * step.offered, f"{step.achieved:g} of {step.offered:g} a second are achieved"),
        (step.p99_ms > most, f"p99 is {step.p99_ms:g} ms, above {most:g}"),
    )
    return replace(step, why=next((text for failed, text in faults if failed), ""))


def next_rate(steps: Sequence[Step], first: float, most: float) -> float | None:
    """Return the rate of the next step: doubled while the service keeps up, then between kept and failed; None at the end."""
    if not steps:
        return first
    kept = max((each.offered for each in steps if each.is_kept), default=0.0)
    failed = min((each.offered for each in steps if not each.is_kept), default=math.inf)
    if math.isinf(failed):
        return min(2 * kept, most) if kept < most else None
    if not kept or failed / kept <= NEAR or failed <= kept:
        return None
    return float(f"{math.sqrt(kept * failed):.3g}")


def knee(steps: Sequence[Step]) -> float | None:
    """Return the highest rate that was kept, below the lowest that was not; None where the first one was not kept."""
    failed = min((each.offered for each in steps if not each.is_kept), default=math.inf)
    return max((each.offered for each in steps if each.is_kept and each.offered < failed), default=None)
