"""The state of a running deploy, folded from its events, and its plain renderings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbdeploy.progress import Event, State

__all__ = ["STAGES", "Board", "Line", "as_html", "as_text"]

STAGES = ("record", "export", "prove", "track", "build")
SIGNS = {"waiting": "·", "start": "▸", "update": "▸", "done": "✓", "fail": "✗", "skip": "–"}
COLOURS = {
    "waiting": "var(--jp-ui-font-color3, #888)",
    "start": "var(--jp-brand-color1, #1976d2)",
    "update": "var(--jp-brand-color1, #1976d2)",
    "done": "var(--jp-success-color1, #2e7d32)",
    "fail": "var(--jp-error-color1, #c62828)",
    "skip": "var(--jp-ui-font-color2, #666)",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of one stage, or of one gate inside the stage `part_of`."""

    stage: str
    state: State | str = "waiting"
    text: str = ""
    part_of: str = ""
    done: int | None = None
    total: int | None = None
    seconds: float | None = None

    @property
    def sign(self) -> str:
        return SIGNS.get(self.state, "?")

    @property
    def running(self) -> bool:
        return self.state in ("start", "update")

    @property
    def detail(self) -> str:
        """Return `3 of 12 cells, 4.1 s, why`, as far as it is known."""
        told = self.done is not None and self.total and (self.running or self.done == self.total)
        count = f"{self.done} of {self.total} {'requests' if self.part_of else 'cells'}" if told else ""
        seconds = f"{self.seconds:.1f} s" if self.seconds is not None else ""
        return ", ".join(part for part in (count, seconds, self.text) if part)


@dataclass(frozen=True, slots=True)
class Board:
    """All stages in their order, each followed by its gates."""

    lines: tuple[Line, ...] = tuple(Line(stage) for stage in STAGES)

    def after(self, event: Event) -> Board:
        """Return the board as `event` leaves it."""
        for position, line in enumerate(self.lines):
            if (line.stage, line.part_of) == (event.stage, event.part_of):
                return Board((*self.lines[:position], merged(line, event), *self.lines[position + 1 :]))
        position = self._end_of(event.part_of)
        new = merged(Line(event.stage, part_of=event.part_of), event)
        return Board((*self.lines[:position], new, *self.lines[position:]))

    def broken(self) -> Board:
        """Return the board of a deploy that stopped: what was running has failed."""
        return Board(tuple(replace(line, state="fail") if line.running else line for line in self.lines))

    def as_json(self) -> dict[str, Any]:
        """Return the body of `application/vnd.nbdeploy.progress+json`."""
        return {"stages": [self._stage_json(line) for line in self.lines if not line.part_of]}

    def _stage_json(self, line: Line) -> dict[str, Any]:
        gates = [line_json(gate) for gate in self.lines if gate.part_of == line.stage]
        return {**line_json(line), "gates": gates}

    def _end_of(self, stage: str) -> int:
        if not stage:
            return len(self.lines)
        inside = [place for place, line in enumerate(self.lines) if stage in (line.stage, line.part_of)]
        return max(inside, default=len(self.lines) - 1) + 1


def merged(line: Line, event: Event) -> Line:
    """Return the line with what the event says; counts and words stay until they are replaced."""
    return replace(
        line,
        state=event.state,
        text=event.text or ("" if event.state in ("done", "start") else line.text),
        done=line.done if event.done is None else event.done,
        total=line.total if event.total is None else event.total,
        seconds=line.seconds if event.seconds is None else event.seconds,
    )


def line_json(line: Line) -> dict[str, Any]:
    return {
        "stage": line.stage,
        "state": line.state,
        "text": line.text,
        "done": line.done,
        "total": line.total,
        "seconds": line.seconds,
    }


def as_text(board: Board) -> str:
    return "\n".join(
        f"{'  ' if line.part_of else ''}{line.sign} {line.stage:<10} {line.detail}".rstrip() for line in board.lines
    )


def as_html(board: Board) -> str:
    rows = "".join(row(line) for line in board.lines)
    return (
        '<table class="nbdeploy-progress" role="status" style="border-collapse:collapse;text-align:left">'
        f"<tbody>{rows}</tbody></table>"
    )


def row(line: Line) -> str:
    cell = "text-align:left;padding:1px 12px 1px"
    indent = "24px" if line.part_of else "4px"
    count = f'<progress max="{line.total}" value="{line.done or 0}"></progress> ' if line.running and line.total else ""
    return (
        f'<tr style="background:none"><td style="{cell} {indent};color:{COLOURS.get(line.state, "inherit")}">'
        f'{line.sign} {escape(line.stage)}</td><td style="{cell} 4px">{count}{escape(line.detail)}</td></tr>'
    )
