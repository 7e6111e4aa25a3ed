"""The panel in the notebook, asked in a real kernel as its widget asks it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.frontends.magics import PANEL

if TYPE_CHECKING:
    from tests.frontends.conftest import Kernel

pytestmark = pytest.mark.skipif(not PANEL.is_file(), reason="the panel is not built here (make extension)")


class Widget:
    """The front end's side of the panel that a kernel shows."""

    def __init__(self, kernel: Kernel) -> None:
        self.client = kernel.client
        kernel.run("%load_ext nbdeploy")
        ran = kernel.run("%nbdeploy")
        (self.text,) = [
            each["content"]["data"]["text/plain"] for each in ran.outputs if each["msg_type"] == "execute_result"
        ]
        opened = [each["content"] for each in ran.outputs if each["msg_type"] == "comm_open"]
        (self.comm,) = [each["comm_id"] for each in opened if "_esm" in each["data"].get("state", {})]
        self.traits: dict[str, Any] = {}

    def ask(self, call: str, *args: Any) -> dict[str, Any]:
        """Return the panel's reply; changes of traits that come meanwhile are kept."""
        self._send({"id": 7, "call": call, "with": args})
        return self.until(lambda sent: sent["method"] == "custom" and sent["content"]["id"] == 7)["content"]

    def until(self, is_it: Callable[[Any], bool]) -> dict[str, Any]:
        while True:
            got = self.client.get_iopub_msg(timeout=60)
            if got["msg_type"] != "comm_msg" or got["content"]["comm_id"] != self.comm:
                continue
            sent: dict[str, Any] = got["content"]["data"]
            if sent["method"] == "update":
                self.traits |= sent["state"]
            if is_it(sent):
                return sent

    def _send(self, content: Any) -> None:
        data = {"method": "custom", "content": content}
        message = self.client.session.msg("comm_msg", {"comm_id": self.comm, "data": data})
        self.client.shell_channel.send(message)


def write(folder: Path, *sources: str) -> Path:
    cells = [
        {"cell_type": "code", "metadata": {}, "source": each, "outputs": [], "execution_count": None, "id": f"c{at}"}
        for at, each in enumerate(sources)
    ]
    path = folder / "tiny.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


SOURCES = (
    "%load_ext nbdeploy",
    "factor = 2\nrows = [1, 2]",
    "%%predict\ny = [factor * each for each in rows]",
    "%nbdeploy",
)


def test_the_panel_answers_what_the_saved_file_says(start_kernel: Callable[..., Kernel], tmp_path: Path) -> None:
    path = write(tmp_path, *SOURCES)
    widget = Widget(start_kernel())
    assert "predict" in widget.text, "a front end without widgets shows the cells as a table"
    assert widget.ask("here")["answer"] is None
    seen = widget.ask("look")["answer"]
    assert [each["role"] for each in seen["cells"]] == [None, None, "predict", None]
    assert seen["check"]["output"] == "y"
    # A save is noticed.
    write(tmp_path, *SOURCES[:2], SOURCES[2].replace("y", "z"), SOURCES[3])
    widget.until(lambda sent: "changed" in sent.get("state", {}))
    assert widget.ask("look")["answer"]["check"]["output"] == "z"
    assert widget.ask("versions", "tiny")["answer"] == []
    assert "NBD" not in widget.ask("serve", "tiny", "1")["problem"]
    assert "nothing called 'tiny'" in widget.ask("serve", "tiny", "1")["problem"]
    assert "problem" in widget.ask("msg", "nothing that can be asked")
    path.write_text("{half")
    assert "problem" in widget.ask("look")


@pytest.mark.slow
def test_a_deploy_from_the_panel_tells_cell_and_line(start_kernel: Callable[..., Kernel], tmp_path: Path) -> None:
    write(tmp_path, SOURCES[0], "rows = [1]\n1 / 0", *SOURCES[2:])
    widget = Widget(start_kernel())
    assert "problem" not in widget.ask("deploy", {"name": "tiny", "budget": "p99_ms=500"})
    again = widget.ask("deploy", {})
    assert "already" in again["problem"]
    while widget.traits["deploy"]["state"] == "running":
        widget.until(lambda sent: "deploy" in sent.get("state", {}))
    last = widget.traits["deploy"]
    (found,) = (each for each in last["answer"]["diagnostics"] if each["severity"] == "error")
    assert (last["state"], found["cell"], found["line"]) == ("failed", 1, 2)
    assert last["stages"][0]["state"] == "fail"


@pytest.mark.slow
def test_a_deploy_by_magic_is_shown_in_the_panel_too(start_kernel: Callable[..., Kernel], tmp_path: Path) -> None:
    write(tmp_path, SOURCES[0], "rows = [1]\n1 / 0", *SOURCES[2:], "%deploy tiny")
    kernel = start_kernel()
    widget = Widget(kernel)
    ran = kernel.run("%deploy tiny")
    sent = [each["content"]["data"] for each in ran.outputs if each["msg_type"] == "comm_msg"]
    states = [each["state"]["deploy"] for each in sent if "deploy" in each.get("state", {})]
    assert states[0]["state"] == "running"
    assert any(stage["state"] in ("start", "update") for each in states for stage in each["stages"])
    errors = [each for each in states[-1]["answer"]["diagnostics"] if each["severity"] == "error"]
    assert (states[-1]["state"], errors[0]["cell"], errors[0]["line"]) == ("failed", 1, 2)
    assert widget.ask("cancel").get("problem") is None, "there is nothing to cancel any more"
