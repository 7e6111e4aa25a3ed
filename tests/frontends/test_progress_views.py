"""What a running deploy looks like: the board that events make, and the views that draw it."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest

from nbdeploy.frontends.progress_board import Board, Line, as_html, as_text
from nbdeploy.frontends.progress_views import MIME, json_view, plain_view, terminal_view
from nbdeploy.progress import Event

if TYPE_CHECKING:
    from tests.frontends.conftest import Kernel

ANSI = re.compile(r"\x1b\[[0-9;]*m")
EVENTS = (
    Event("record", "start", total=3),
    Event("record", "update", done=2, total=3),
    Event("record", "done", done=3, total=3, seconds=1.25),
    Event("export", "done", seconds=0.5),
    Event("prove", "start"),
    Event("faithful", "start", part_of="prove"),
    Event("faithful", "done", part_of="prove", seconds=0.25),
    Event("rowwise", "fail", "12 of 20 rows differ <here>", part_of="prove"),
)


def board(*events: Event) -> Board:
    result = Board()
    for event in events:
        result = result.after(event)
    return result


def test_the_board_begins_with_all_stages_waiting() -> None:
    assert Board().lines == tuple(Line(name) for name in ("record", "export", "prove", "track", "build"))


def test_gates_stand_inside_their_stage_in_the_order_they_began() -> None:
    assert [line.stage for line in board(*EVENTS).lines] == [
        *("record", "export", "prove", "faithful", "rowwise", "track", "build")
    ]


def test_the_text_tells_counts_seconds_and_reasons() -> None:
    assert as_text(board(*EVENTS)).splitlines() == [
        "✓ record     3 of 3 cells, 1.2 s",
        "✓ export     0.5 s",
        "▸ prove",
        "  ✓ faithful   0.2 s",
        "  ✗ rowwise    12 of 20 rows differ <here>",
        "· track",
        "· build",
    ]


def test_programs_read_the_whole_state_in_each_line() -> None:
    out = io.StringIO()
    with json_view(out) as draw:
        for event in EVENTS:
            draw(event)
    lines = out.getvalue().splitlines()
    assert len(lines) == len(EVENTS)
    assert json.loads(lines[-1]) == board(*EVENTS).as_json()


def test_the_json_has_each_stage_with_its_gates() -> None:
    stages = board(*EVENTS).as_json()["stages"]
    assert [each["stage"] for each in stages] == ["record", "export", "prove", "track", "build"]
    assert stages[0] == {
        "stage": "record",
        "state": "done",
        "text": "",
        "done": 3,
        "total": 3,
        "seconds": 1.25,
        "gates": [],
    }
    assert [(each["stage"], each["state"]) for each in stages[2]["gates"]] == [
        ("faithful", "done"),
        ("rowwise", "fail"),
    ]


def test_the_html_is_escaped_and_counts_are_a_bar_while_a_stage_runs() -> None:
    assert "&lt;here&gt;" in as_html(board(*EVENTS))
    assert '<progress max="3" value="2">' in as_html(board(*EVENTS[:2]))
    assert "<progress" not in as_html(board(*EVENTS))


def test_a_log_gets_one_line_for_each_beginning_and_end() -> None:
    out = io.StringIO()
    with terminal_view(out) as progress:
        for event in EVENTS:
            progress(event)
    assert out.getvalue().splitlines() == [
        "▸ record     ...",
        "✓ record     3 of 3 cells, 1.2 s",
        "✓ export     0.5 s",
        "▸ prove      ...",
        "  ✓ faithful   0.2 s",
        "  ✗ rowwise    12 of 20 rows differ <here>",
    ]


def test_in_a_log_a_stage_that_is_entered_again_tells_its_own_seconds_and_a_gate_is_told_once() -> None:
    out = io.StringIO()
    with plain_view(out) as progress:
        for seconds in (1.0, 4.0):
            progress(Event("prove", "start", "asking"))
            progress(Event("prove", "done", seconds=seconds))
        progress(Event("served", "done", "20 rows\nand more", part_of="prove", seconds=2.0))
        progress(Event("served", "done", "20 rows\nand more", part_of="prove"))
    again = ["▸ prove      asking", "✓ prove      1.0 s", "▸ prove      asking", "✓ prove      3.0 s"]
    assert out.getvalue().splitlines() == [*again, "  ✓ served     2.0 s, 20 rows"]


def test_a_count_that_is_not_full_is_not_told_once_the_stage_is_done() -> None:
    assert as_text(board(*EVENTS[:2], Event("record", "done", seconds=1.0))).splitlines()[0] == "✓ record     1.0 s"
    asked = Event("served", "update", part_of="prove", done=1, total=2)
    assert "▸ served     1 of 2 requests" in as_text(board(asked))


def test_a_terminal_gets_a_table_that_ends_with_what_failed() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def stopped(out: Terminal) -> None:
        with terminal_view(out) as progress:
            for event in EVENTS:
                progress(event)
            raise RuntimeError("stopped")

    out = Terminal()
    with pytest.raises(RuntimeError, match="stopped"):
        stopped(out)
    last = ANSI.sub("", out.getvalue()).rpartition("record")[2]
    assert "✗ prove" in last
    assert "rowwise" in last


def test_an_error_passes_through_a_plain_view() -> None:
    with pytest.raises(RuntimeError, match="stopped"), plain_view(io.StringIO()):
        raise RuntimeError("stopped")


SCRIPT = """
from threading import Thread
from nbdeploy.frontends.progress_views import notebook_view
from nbdeploy.progress import Event
with notebook_view() as progress:
    progress(Event("record", "start"))
    thread = Thread(target=progress, args=(Event("record", "done", seconds=1.0),))
    thread.start(); thread.join()
    progress(Event("record", "done", seconds=1.0))
    progress(Event("export", "start"))
    raise KeyError("stop")
"""


def test_a_notebook_gets_one_display_that_is_updated_from_any_thread_and_ends_as_failed(kernel: Kernel) -> None:
    outputs = kernel.run(SCRIPT).outputs
    displays = [each for each in outputs if each["msg_type"] in ("display_data", "update_display_data")]
    assert [each["msg_type"] for each in displays] == ["display_data", *["update_display_data"] * 4]
    assert len({each["content"]["transient"]["display_id"] for each in displays}) == 1
    assert all(set(each["content"]["data"]) == {MIME, "text/html", "text/plain"} for each in displays)
    states = [each["state"] for each in displays[-1]["content"]["data"][MIME]["stages"]]
    assert states == ["done", "fail", "waiting", "waiting", "waiting"]
