"""How long a call takes at least."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["least_seconds"]


def least_seconds(ask: Callable[[], object], budget: float = 0.1) -> float:
    """Return the least time of one call, among at least three and as many as the budget allows, after one to warm up."""
    ask()
    best, spent, count = float("inf"), 0.0, 0
    while count < 3 or (spent < budget and count < 200):
        began = time.perf_counter()
        ask()
        took = time.perf_counter() - began
        best, spent, count = min(best, took), spent + took, count + 1
    return best
