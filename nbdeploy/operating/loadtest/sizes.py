"""From what one replica does to how many there are to be, and how large. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nbdeploy.operating.delivery.sizing import Sizing
from nbdeploy.operating.loadtest.ladder import Step, knee

__all__ = ["USED", "advice", "cpu_ms_of", "replicas_for", "sizing_from"]

USED = 0.65  # of a replica's capacity: what is left takes the waves of a rate
STEP_MIB = 64


def cpu_ms_of(steps: Sequence[Step]) -> float | None:
    """Return the CPU time a request, in milliseconds: the median over the steps, for it hardly depends on the rate."""
    known = sorted(each.cpu_ms for each in steps if each.cpu_ms is not None and each.is_kept)
    return known[len(known) // 2] if known else None


def replicas_for(rate: float, capacity: float) -> int:
    """Return the replicas for a rate, requests a second, with one to spare: `ceil(rate / (capacity * USED)) + 1`."""
    return math.ceil(rate / (capacity * USED)) + 1


def capacity_of(steps: Sequence[Step], cores: float) -> float | None:
    """Return what a replica of so many cores answers a second: from CPU time where it is known, else the knee."""
    cpu_ms = cpu_ms_of(steps)
    return 1000 * cores / cpu_ms if cpu_ms else knee(steps)


def sizing_from(steps: Sequence[Step], peak: float | None, usual: float | None, cores: float) -> Sizing:
    """Return the sizes for a peak and a usual rate, requests a second (default: the knee, and a quarter of the peak).

    Memory: the largest that was seen is asked for, one and a half times of it is the limit. CPU time says more than the knee: a
    busy machine changes it little.
    """
    capacity = capacity_of(steps, cores)
    if capacity is None:
        return Sizing(why="the load test found no rate that the service keeps")
    peak = peak or knee(steps) or capacity
    usual = min(usual or peak / 4, peak)
    memory = max((each.memory_mb for each in steps if each.memory_mb is not None), default=None)
    least = max(2, replicas_for(usual, capacity))
    sized = Sizing()
    return Sizing(
        cpu_millis=round(1000 * cores),
        memory_request_mib=_stepped(memory) if memory else sized.memory_request_mib,
        memory_limit_mib=_stepped(1.5 * memory) if memory else sized.memory_limit_mib,
        least=least,
        most=max(least, replicas_for(peak, capacity)),
        cpu_percent=round(100 * USED),
        why=_why(steps, peak, usual, capacity),
    )


def _why(steps: Sequence[Step], peak: float, usual: float, capacity: float) -> str:
    cpu_ms = cpu_ms_of(steps)
    found = f"{cpu_ms:g} ms of CPU a request" if cpu_ms else "the highest rate that was kept"
    return f"a load test: {found}, so {capacity:.3g} requests a second for a replica; {usual:.3g} usual, {peak:.3g} at the peak"


def advice(steps: Sequence[Step], sizing: Sizing, peak: float | None, start_seconds: float | None) -> list[str]:
    """Say what else follows: requests at once, and whether reacting is quick enough."""
    kept = knee(steps)
    at = next((each for each in steps if each.offered == kept), None)
    told = []
    if at is not None:
        told.append(
            f"requests at once: {at.in_flight:.3g} on the average at {kept:g} a second (rate times latency);"
            f" MAX_AT_ONCE in service.py is to be well above it"
        )
        by_knee = replicas_for(peak, kept) if peak and kept else 0
        if by_knee > sizing.most:
            told.append(
                f"by the {kept:g} a second that were kept here it would be {by_knee} replicas: either the requests took the CPU"
                " of this machine, or a replica can't use its cores; a load from another machine tells which"
            )
    if sizing.most > sizing.least:
        start = f" and a start of {start_seconds:.0f} s" if start_seconds else ""
        told.append(
            f"the autoscaler needs about half a minute{start} until more replicas answer: for a peak"
            f"{f' of {peak:g} a second' if peak else ''} that is known, set minReplicas to {sizing.most} before it"
        )
    return told


def _stepped(mib: float) -> int:
    return STEP_MIB * max(1, math.ceil(mib / STEP_MIB))
