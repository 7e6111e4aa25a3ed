"""Things that may go wrong and are then tried again, not at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nbdeploy.errors import NbdeployError

__all__ = ["Attempts"]


@dataclass(slots=True)
class Attempts:
    """Runs what may fail, and keeps what was wrong the last time; `problems` are told to whoever asks."""

    problems: dict[str, str] = field(default_factory=dict)
    _after: dict[str, float] = field(default_factory=dict)

    def at_once(self, what: str) -> None:
        """Do not pause before the next attempt: something else is wanted now."""
        self._after.pop(what, None)

    def __call__(self, what: str, pause: float, action: Callable[[], object]) -> None:
        """Do it, unless it was done less than `pause` seconds ago."""
        if time.monotonic() < self._after.get(what, 0.0):
            return
        self._after[what] = time.monotonic() + pause
        try:
            action()
        except (OSError, NbdeployError) as problem:
            self.problems[what] = str(problem)
        else:
            self.problems.pop(what, None)
