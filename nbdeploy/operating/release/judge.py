"""Whether a version on trial may go on: what was seen of it against its limits. Pure.

It goes back as soon as a limit is broken beyond chance (once in a thousand), and goes on only when its time is over, enough
requests were seen, and each figure keeps its limit. No data never passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nbdeploy.operating.release.comparison import Compared
from nbdeploy.operating.release.figures import Sample, beyond_chance
from nbdeploy.operating.release.state import Phase, Release

__all__ = ["Evidence", "Judgement", "Verdict", "judge", "slow_limit"]

NO_ANSWERS, NOT_COMPARED = Sample(), Compared()
CRASHES = 3  # of a version's servers during its trial
SLOW = 0.01  # of the requests may be slower than the limit of the p99
SLACK_MS = 25.0  # a version before that answers within 2 ms is no measure for one that takes 8
ENOUGH_FOR_P99 = 100


class Verdict(StrEnum):
    WAIT = "wait"
    ON = "go on"
    BACK = "go back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of this step: `seconds` of it that were watched; what users saw of both versions; the comparison.

    `contract` is None as long as it was not asked, and else says what is broken (nothing: an empty text).
    `comparable` says whether the other version runs, so that there must be a comparison.
    """

    seconds: float
    own: Sample = NO_ANSWERS
    before: Sample = NO_ANSWERS
    compared: Compared = NOT_COMPARED
    comparable: bool = True
    contract: str | None = None
    crashes: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    reason: str
    figures: dict[str, Any] = field(default_factory=dict)


def judge(release: Release, seen: Evidence) -> Judgement:
    """Say whether the version goes on, goes back or has to wait, and why."""
    own = seen.compared.sample if release.phase is Phase.MIRRORED else seen.own
    limit = slow_limit(release, seen.before)
    figures = _figures(own, seen, limit)
    broken = next(_broken(release, own, seen, limit), None)
    if broken is not None:
        return Judgement(Verdict.BACK, broken, figures)
    lacking = next(_lacking(release, own, seen, limit), None)
    if lacking is not None:
        return Judgement(Verdict.WAIT, lacking, figures)
    return Judgement(Verdict.ON, "all limits were kept", figures)


def slow_limit(release: Release, before: Sample) -> float | None:
    """Return the milliseconds that 99 % of the answers must keep; None where there is nothing to go by."""
    if release.limits.p99_ms is not None:
        return release.limits.p99_ms
    known = before.p99_ms if len(before.times) >= ENOUGH_FOR_P99 else release.baseline_ms
    return None if known is None else max(known * release.limits.slower, known + SLACK_MS)


def _broken(release: Release, own: Sample, seen: Evidence, limit: float | None) -> Iterator[str]:
    """Give the limits that are broken beyond chance."""
    allowed, compared = release.limits, seen.compared
    if seen.contract:
        yield f"it does not keep its contract: {seen.contract}"
    if seen.crashes >= CRASHES:
        yield f"its servers ended {seen.crashes} times"
    errors = max(allowed.errors, seen.before.error_rate)  # what the version before suffers from is not its fault
    if beyond_chance(own.errors, own.requests, errors):
        yield f"{own.errors} of {own.requests} requests failed ({own.error_rate:.1%}; the limit is {errors:.1%})"
    if limit is not None and beyond_chance(slow := own.slower_than(limit), len(own.times), SLOW):
        yield f"{slow} of {len(own.times)} answers took more than {limit:.0f} ms (p99 {own.p99_ms:.0f} ms; 1 % may)"
    if beyond_chance(compared.disagreed, compared.rows, allowed.disagreement):
        share = compared.disagreed / compared.rows
        of = f"{compared.rows} rows (the limit is {allowed.disagreement:.1%})"
        yield f"it disagrees with the version before on {share:.1%} of {of}"
    if compared.drift > allowed.drift and compared.rows >= max(100, allowed.requests):
        yield f"its answers are distributed otherwise: distance {compared.drift:.2f} (the limit is {allowed.drift:.2f})"


def _lacking(release: Release, own: Sample, seen: Evidence, limit: float | None) -> Iterator[str]:
    """Give what is still needed to let it go on."""
    allowed, compared = release.limits, seen.compared
    if seen.contract is None:
        yield "its contract is being asked"
    if seen.seconds < release.every:
        yield f"{seen.seconds:.0f} of {release.every:.0f} seconds"
    if own.requests < allowed.requests:
        yield f"{own.requests} of the {allowed.requests} requests that are needed"
    if seen.comparable and compared.rows < allowed.requests:
        yield f"{compared.rows} of the {allowed.requests} compared answers that are needed"
    if own.error_rate > max(allowed.errors, seen.before.error_rate):
        yield f"{own.error_rate:.1%} of the requests failed, which may still be chance"
    if limit is not None and own.slower_than(limit) > SLOW * len(own.times):
        yield f"p99 {own.p99_ms:.0f} ms is over {limit:.0f} ms, which may still be chance"
    if compared.rows and compared.disagreed / compared.rows > allowed.disagreement:
        yield f"it disagrees on {compared.disagreed / compared.rows:.1%} of the rows, which may still be chance"


def _figures(own: Sample, seen: Evidence, limit: float | None) -> dict[str, Any]:
    return {
        "seconds": round(seen.seconds, 1),
        **own.as_json(),
        "p99_limit_ms": limit,
        "before": seen.before.as_json(),
        "comparison": seen.compared.as_json(),
        "contract": "kept" if seen.contract == "" else seen.contract,
        "crashes": seen.crashes,
    }
