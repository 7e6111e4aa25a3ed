"""Where the seconds of a deploy go, told while they go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from nbdeploy.progress import Event, Progress

__all__ = ["STAGES", "Clock"]

STAGES = ("record", "export", "prove", "track", "build")


@dataclass
class Clock:
    """Measures stages by name; a stage may be entered more than once, its seconds add up."""

    progress: Progress
    _spent: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str, text: str = "", part_of: str = "") -> Iterator[None]:
        began = time.perf_counter()
        self.progress(Event(name, "start", text, part_of=part_of))
        try:
            yield
        except BaseException:
            self.progress(Event(name, "fail", part_of=part_of, seconds=time.perf_counter() - began))
            raise
        seconds = time.perf_counter() - began
        self._spent[name] = self._spent.get(name, 0.0) + seconds
        self.progress(Event(name, "done", part_of=part_of, seconds=self._spent[name]))

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each stage, and the total since the clock was made."""
        spent = {name: round(self._spent.get(name, 0.0), 2) for name in STAGES}
        return {**spent, "total": round(time.perf_counter() - self._began, 2)}
