"""One recorded run while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["CellRun", "Session", "leading_blank_lines"]


@dataclass(frozen=True, slots=True)
class CellRun:
    """One executed cell: wall seconds without the recorder's own, and the kernel's resident memory afterwards in MiB."""

    index: int
    seconds: float
    memory: float


@dataclass
class Session:
    """One recorded run: the folder with `plan.json`, what happened in it, and who wants to know."""

    folder: Path
    on_cell: Callable[[int, int], None] = lambda done, total: None
    at_end: Callable[[Callable[[str], Any]], None] = lambda ask: None
    cells: list[CellRun] = field(default_factory=list)
    running: int | None = None  # the cell that runs now

    @property
    def kernel_log(self) -> Path:
        """What the process of the kernel itself wrote: its own chatter, and what native code printed."""
        return self.folder / "kernel.log"


def leading_blank_lines(source: str) -> int:
    """Return how many lines of a cell IPython drops before it counts."""
    lines = source.splitlines()
    return next((number for number, line in enumerate(lines) if line.strip()), 0)
