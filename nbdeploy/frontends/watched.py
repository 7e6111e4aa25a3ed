"""A deploy in a process of its own, that one can watch and cancel: what the sidebar's server starts.

The process is the command line itself, in the Python of the notebook's kernel, so the kernel stays free. It leads a session:
what it starts in sessions of their own (kernels, servers) is known by being among its descendants.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Watched", "start"]

GRACE = 15.0  # seconds that a deploy has to undo what it made, once it is asked to end
LONGEST_LINE = 2**24  # bytes: a state, and whatever libraries write
KEPT_LINES = 40  # of what the process said besides, for the case that it dies


@dataclass(slots=True, eq=False)
class Watched:
    """One deploy. `state` is all that there is to show; `changed` is set when there is a newer one."""

    path: str
    process: asyncio.subprocess.Process
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    state: Mapping[str, Any] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    said: list[str] = field(default_factory=list)
    cancelled: bool = False
    following: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self.state.get("state") == "running"

    def tell(self, **news: Any) -> None:
        """Replace the state, and wake up who waits for a new one."""
        self.state = {"id": self.id, "path": self.path, "stages": [], "answer": None, **self.state, **news}
        before, self.changed = self.changed, asyncio.Event()
        before.set()

    async def cancel(self) -> None:
        """End the process and all that it has started; return when nothing of it is left."""
        self.cancelled = self.running
        tree = descendants(self.process.pid)
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), GRACE)
        kill(self.process.pid, tree)
        if self.following is not None:
            await self.following

    async def follow(self) -> None:
        """Read what the process says until it ends."""
        assert self.process.stdout is not None
        _, out = await asyncio.gather(self._read_progress(), self.process.stdout.read())
        status = await self.process.wait()
        if self.cancelled:
            self.tell(state="cancelled")
        else:
            answer = answer_of(out, status, self.said)
            self.tell(state="done" if answer.get("ok") else "failed", answer=answer)

    async def _read_progress(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            text = line.decode("utf-8", "replace").strip()
            stages = stages_of(text)
            if stages is not None:
                self.tell(stages=stages)
            elif text:
                self.said = [*self.said[1 - KEPT_LINES :], text[:500]]


async def start(
    command: Sequence[str], notebook: Path, path: str, environment: Mapping[str, str], options: Sequence[str] = ()
) -> Watched:
    """Start a deploy of the file `notebook`, which the browser calls `path`. `command` starts a Python."""
    # -P: a file beside the notebook that is called as a module of ours, or of Python, must not be taken for it.
    words = [*command, "-P", "-m", "nbdeploy.frontends.cli", "deploy", notebook.name, *options]
    process = await asyncio.create_subprocess_exec(
        *words,
        "--json",
        "--progress",
        "json",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=notebook.parent,
        env={**os.environ, **environment},
        start_new_session=True,
        limit=LONGEST_LINE,
    )
    watched = Watched(path, process)
    watched.tell(state="running")
    watched.following = asyncio.create_task(watched.follow())
    return watched


def stages_of(line: str) -> list[Any] | None:
    """Return the stages if the line is a state of the deploy, and not a word of some library."""
    if not line.startswith('{"stages"'):
        return None
    try:
        found: list[Any] = json.loads(line)["stages"]
    except (ValueError, LookupError):
        return None
    return found


def answer_of(out: bytes, status: int, said: Sequence[str]) -> dict[str, Any]:
    """Return the answer of the command line, or a diagnostic in its place where it died without one."""
    with suppress(ValueError):
        answer = json.loads(out)
        if isinstance(answer, dict):
            return {**answer, "request": recorded_request(answer.get("package"))}
    last = next((line for line in reversed(said) if line), "it said nothing")
    message = f"the deploy ended with status {status} and without an answer; its last words: {last}"
    fix = "run `nbdeploy deploy` on the notebook in a terminal, and report what it says"
    if "No module named" in last and "nbdeploy" in last:
        message, fix = f"the Python of this notebook's kernel lacks nbdeploy: {last}", "install nbdeploy there"
    return {"ok": False, "diagnostics": [Diagnostic(code="NBD713", message=message, fix=fix).as_json()]}


def recorded_request(package: Any) -> Any:
    """Return a request that the notebook's own rows make, as the package's contract holds it; None where it holds none."""
    from pathlib import Path

    try:
        return json.loads(Path(package, "contract.json").read_text("utf-8"))["examples"][0]["request"]
    except (OSError, ValueError, LookupError, TypeError):
        return None


def descendants(pid: int) -> list[Any]:
    """Return the processes below a process; those of sessions of their own are among them."""
    import psutil

    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


def kill(group: int, tree: Sequence[Any]) -> None:
    """Kill what is left of a process group and of the processes that were below its leader."""
    import psutil

    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    for each in tree:
        with suppress(psutil.Error):  # psutil never signals a process that has only inherited the number
            each.kill()
