"""How a long job tells what it is doing: one callable that takes events. Frontends draw them, nobody else reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Event", "Progress", "State", "silent"]

State = Literal["start", "update", "done", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened in a stage of the deploy.

    `stage` is `record`, `export`, `prove`, `track` or `build`, or a gate's name with `part_of="prove"`. `done` of `total`
    counts cells while recording. `seconds` is set when the stage has ended.
    """

    stage: str
    state: State
    text: str = ""
    part_of: str = ""
    done: int | None = None
    total: int | None = None
    seconds: float | None = None


Progress = Callable[[Event], None]


def silent(event: Event) -> None:
    """Draw nothing."""
