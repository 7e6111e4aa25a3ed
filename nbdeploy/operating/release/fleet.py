"""The servers of all versions: started where they are missing, ended where nothing needs them any more."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from nbdeploy.operating.release import plan
from nbdeploy.operating.release.attempts import Attempts
from nbdeploy.operating.release.packages import served
from nbdeploy.operating.release.plan import Server
from nbdeploy.operating.release.processes import Part, Processes, Running
from nbdeploy.operating.release.state import State, Strategy, running
from nbdeploy.proving.server import free_port

__all__ = ["Fleet", "last_words"]

PAUSE = 2.0  # seconds before a server that ended is started again
ASK_SECONDS = 1.0
DRAIN_SECONDS = 70.0  # for the answers that are still given: a service gives up after 60
SETTLE_SECONDS = 0.5  # after which no request is on its way to a server any more


class Fleet:
    """The servers of the service in `folder`."""

    def __init__(self, folder: Path, processes: Processes, attempts: Attempts) -> None:
        self.folder = folder
        self.processes = processes
        self.attempts = attempts
        self.ready: set[int] = set()
        self.starts: dict[str, int] = {}
        self._draining: dict[int, float] = {}

    def look(self, there: Sequence[Running]) -> list[Server]:
        """Return the servers that run. One that was not ready yet is asked."""
        found = []
        for each in there:
            part, pid = each.part, each.pids[0]
            if part.kind == "server" and not each.ending:
                if pid not in self.ready and (each.lost or _is_ready(part)):
                    self.ready.add(pid)
                found.append(Server(part.version, part.lane, part.index, part.port, pid, pid in self.ready, each.lost))
        self.ready &= {each.pid for each in found}
        return found

    def start(self, state: State, servers: Sequence[Server]) -> None:
        """Start what is missing. A recreated version waits until the one before is gone."""
        recreated = state.release is not None and state.release.strategy is Strategy.RECREATE
        if recreated and any(each.version not in running(state) for each in servers):
            return
        for version, lane, index in plan.missing(state, servers):
            part = Part("server", version, lane, index, free_port("127.0.0.1"))
            self.attempts(f"server {version}-{index}", PAUSE, lambda part=part: self._start(state.name, part))  # type: ignore[misc]

    def _start(self, name: str, part: Part) -> None:
        self.starts[part.version] = self.starts.get(part.version, 0) + 1
        place = self.folder / "servers" / f"{part.version}-{part.index}"
        command, environment = served(name, part.version).serving(part.port, place / "bentoml")
        self.processes.start(part, command, place, environment)

    def retire(
        self, state: State, servers: Sequence[Server], there: Sequence[Running], busy: Mapping[tuple[str, str], int]
    ) -> None:
        """End the servers that nothing needs, once their last answers are given. `busy` is what each place is answering."""
        now = time.monotonic()
        gone = {each.pid: each for each in plan.unwanted(state, servers)}
        self._draining = {pid: self._draining.get(pid, now) for pid in gone}
        for each in there:
            server = gone.get(each.pids[0])
            if server is None:
                continue
            waited = now - self._draining[server.pid]
            idle = not busy.get((server.lane, f"s{server.index}")) and waited > SETTLE_SECONDS
            if idle or waited > DRAIN_SECONDS or not server.ready:
                self.processes.end(each)


def last_words(folder: Path, version: str) -> str:
    """Return the end of what the servers of a version have said."""
    logs = sorted((folder / "servers").glob(f"{version}-*/server.log*"), key=lambda each: each.stat().st_mtime)
    lines = [line for log in logs for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return " | ".join(lines[-5:])[-800:] or "its servers said nothing"


def _is_ready(part: Part) -> bool:
    """Whether the server answers, and as this version: another program may have taken the port."""
    with (
        suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{part.port}/readyz", timeout=ASK_SECONDS) as answer,
    ):
        return bool(answer.status == 200 and answer.headers.get("X-Model-Version") == part.version)
    return False
