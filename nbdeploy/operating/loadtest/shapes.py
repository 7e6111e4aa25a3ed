"""The shapes of a load: how many requests a second at which time. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nbdeploy.errors import Diagnostic, UsageError

__all__ = ["DAY", "SHAPES", "Plan", "plan_of", "read_day"]

Plan = tuple[tuple[float, float], ...]
"""Requests a second, each until a second of the test."""

DAY = (
    0.2,
    0.1,
    0.1,
    0.1,
    0.1,
    0.2,
    0.3,
    0.5,
    0.8,
    1.0,
    1.0,
    0.9,
    0.8,
    0.9,
    1.0,
    0.9,
    0.8,
    0.7,
    0.7,
    0.6,
    0.5,
    0.4,
    0.3,
    0.2,
)
"""A day of office hours, by the hour, as shares of its peak: where no day is given."""


def steady(rate: float, seconds: float, calls: int, day: Sequence[float]) -> Plan:
    return ((seconds, rate),)


def ramp(rate: float, seconds: float, calls: int, day: Sequence[float]) -> Plan:
    """Ten steps up to the rate."""
    return tuple((seconds * part / 10, rate * part / 10) for part in range(1, 11))


def spike(rate: float, seconds: float, calls: int, day: Sequence[float]) -> Plan:
    """`calls` requests in the middle third, a tenth of that rate before and after."""
    high = calls / (seconds / 3)
    return ((seconds / 3, high / 10), (2 * seconds / 3, high), (seconds, high / 10))


def replay(rate: float, seconds: float, calls: int, day: Sequence[float]) -> Plan:
    """The parts of a day at their own rates, each as long as the test has time for."""
    return tuple((seconds * number / len(day), each) for number, each in enumerate(day, 1))


SHAPES: Mapping[str, Callable[[float, float, int, Sequence[float]], Plan]] = {
    "steady": steady,
    "ramp": ramp,
    "spike": spike,
    "replay": replay,
}


def plan_of(shape: str, rate: float, seconds: float, calls: int = 1000, day: Sequence[float] = ()) -> Plan:
    """Return the plan of a shape. `rate` is its highest, in requests a second; a spike has `calls` in its middle third."""
    return SHAPES[shape](rate, seconds, calls, day or [share * rate for share in DAY])


def read_day(file: Path) -> tuple[float, ...]:
    """Return the requests a second of the equal parts of a day (24 hours, 96 quarters, ...): a file with their calls, one a line.

    Raises UsageError NBD754: it is no such file.
    """
    try:
        calls = [float(line) for line in file.read_text(encoding="utf-8").split()]
        if not calls or not all(math.isfinite(each) and each >= 0 for each in calls) or not any(calls):
            raise ValueError("no calls are counted in it")
    except (OSError, ValueError) as problem:
        message = f"{file} does not hold the calls of a day: {problem}"
        fix = "write the number of calls of each hour (or each quarter), one a line"
        raise UsageError(Diagnostic(code="NBD754", message=message, fix=fix)) from None
    return tuple(each * len(calls) / 86_400 for each in calls)
