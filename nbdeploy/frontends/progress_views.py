"""Views that draw the progress of a deploy: rich on a terminal, plain lines in a log, one display in a notebook.

A view is a context manager that gives the `Progress` to call. What is still running when an error leaves the block is
drawn as failed.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Any, TextIO

from nbdeploy.frontends.progress_board import STAGES, Board, Line, as_html, as_text
from nbdeploy.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nbdeploy.progress import Event, Progress

__all__ = ["MIME", "json_view", "notebook_view", "plain_view", "quiet_view", "terminal_view"]

MIME = "application/vnd.nbdeploy.progress+json"


@contextmanager
def quiet_view() -> Iterator[Progress]:
    yield silent


@contextmanager
def plain_view(stream: TextIO | None = None) -> Iterator[Progress]:
    """Write a line when a stage starts or ends and when a gate ends; counts are left out."""
    out = stream or sys.stderr
    spent: dict[str, float] = {}
    told: set[Event] = set()

    def draw(event: Event) -> None:
        if event.state == "update" or (
            event.part_of and (event.state == "start" or replace(event, seconds=None) in told)
        ):
            return
        told.add(replace(event, seconds=None))
        line = Board(()).after(own_seconds(event, spent)).lines[0]
        detail = line.detail.partition("\n")[0] or ("..." if line.running else "")
        print(f"{'  ' if event.part_of else ''}{line.sign} {event.stage:<10} {detail}".rstrip(), file=out, flush=True)

    yield draw


@contextmanager
def json_view(stream: TextIO | None = None) -> Iterator[Progress]:
    """Write the whole state of the deploy as a line of JSON, `{"stages": [...]}`, whenever it changes."""
    import json

    out = stream or sys.stderr

    def show(board: Board) -> None:
        print(json.dumps(board.as_json()), file=out, flush=True)

    with folded(show) as draw:
        yield draw


def own_seconds(event: Event, spent: dict[str, float]) -> Event:
    """Return the event with the seconds of this time alone: those of a stage that is entered again add up."""
    if event.part_of or event.state != "done" or event.seconds is None:
        return event
    before, spent[event.stage] = spent.get(event.stage, 0.0), event.seconds
    return replace(event, seconds=event.seconds - before)


@contextmanager
def terminal_view(stream: TextIO | None = None, stages: Sequence[str] = STAGES) -> Iterator[Progress]:
    """Draw a live table of stages on a terminal, plain lines where `stream` (default: stderr) is none."""
    out = stream or sys.stderr
    if not out.isatty():
        with plain_view(out) as draw:
            yield draw
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(file=out)
    # Libraries that print meanwhile go above the table, on stderr: stdout is kept for the answer.
    board = Board(tuple(Line(each) for each in stages))
    live = Live(console=console, refresh_per_second=8, redirect_stdout=False)
    with live, folded(live_drawing(live), board) as draw:
        live_drawing(live)(board)
        yield draw


@contextmanager
def notebook_view() -> Iterator[Progress]:
    """Show one display and update it by its id, for front ends that know the MIME type and for those that don't."""
    from IPython.display import display

    context = copy_context()  # a kernel knows the cell that a display belongs to by context: other threads have none
    handle = display(bundle(Board()), raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def show(board: Board) -> None:
        context.copy().run(handle.update, bundle(board), raw=True)

    with folded(show) as draw:
        yield draw


@contextmanager
def folded(show: Callable[[Board], None], first: Board | None = None) -> Iterator[Progress]:
    """Give a Progress that folds events, from any thread, into a board and shows each new one."""
    board, lock = first or Board(), RLock()

    def draw(event: Event) -> None:
        nonlocal board
        with lock:
            after = board.after(event)
            if after != board:
                board = after
                show(board)

    try:
        yield draw
    except BaseException:
        show(board.broken())
        raise


def bundle(board: Board) -> dict[str, Any]:
    return {MIME: board.as_json(), "text/html": as_html(board), "text/plain": as_text(board)}


def live_drawing(live: Any) -> Callable[[Board], None]:
    """Return what redraws a board in a rich Live as a table."""
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    styles = {"done": "green", "fail": "bold red", "skip": "dim", "waiting": "dim"}

    def show(board: Board) -> None:
        table = Table.grid(padding=(0, 1))
        for line in board.lines:
            sign = Spinner("dots", style="cyan") if line.running else Text(line.sign, styles.get(line.state, ""))
            name = Text(f"{'  ' if line.part_of else ''}{line.stage}", "" if line.part_of else "bold")
            table.add_row(sign, name, Text(line.detail, "dim" if line.stage in STAGES else ""))
        live.update(table)

    return show
