"""What stands beside the servers: the proxy, the witness, the documented default, the move of MLflow's aliases."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nbdeploy.home import write_atomically
from nbdeploy.operating.release import aliases, haproxy
from nbdeploy.operating.release.attempts import Attempts
from nbdeploy.operating.release.packages import served
from nbdeploy.operating.release.plan import Routing, Server
from nbdeploy.operating.release.processes import Part, Processes, Running
from nbdeploy.operating.release.state import Fallback, State
from nbdeploy.proving.server import free_port

__all__ = ["Beside"]

PAUSE = 1.0  # seconds before one that ended is started again
MLFLOW_PAUSE = 20.0


class Beside:
    """Keeps the processes that are no servers."""

    def __init__(self, folder: Path, processes: Processes, attempts: Attempts) -> None:
        self.folder = folder
        self.processes = processes
        self.attempts = attempts
        self.proxy = haproxy.Proxy(folder)
        self._wanted: dict[str, str | None] = {}

    def steer(self, state: State, wanted: Routing, there: Sequence[Running]) -> None:
        """Start the proxy, or bring the one that runs to the routing."""
        found = _one(there, "proxy")
        if state.stopped:
            self._end(found, gently=signal.SIGUSR1)
        elif found is None:
            self.attempts("proxy", PAUSE, lambda: self._start_proxy(state, wanted))
        else:
            self.attempts("proxy routing", 0.0, lambda: self._told(wanted))

    def _start_proxy(self, state: State, wanted: Routing) -> None:
        words = _tail(self.folder / "proxy.log")
        haproxy.write(self.folder, state.name, state.host, state.port, wanted)
        self.processes.start(Part("proxy"), haproxy.command(), self.folder, os.environ)
        self.proxy.knows(wanted)
        if "[ALERT]" in words:
            raise OSError(f"HAProxy ended: {words}")

    def _told(self, wanted: Routing) -> None:
        try:
            self.proxy.steer(wanted)
        except OSError:
            self.proxy.knows(None)
            raise

    def busy(self) -> Mapping[tuple[str, str], int]:
        """Return the requests that each place of the proxy is answering; nothing where there is no proxy."""
        try:
            return self.proxy.busy()
        except OSError:
            return {}

    def defaults(self, state: State, there: Sequence[Running]) -> int | None:
        """Return the port that answers with the documented default, where that is wanted."""
        found, version = _one(there, "defaults"), state.live
        wanted = state.fallback is Fallback.DEFAULT and not state.stopped
        if found is not None and found.part.version == version and wanted:
            return found.part.port
        self._end(found)
        if found is None and version is not None and wanted:
            self.attempts("default", PAUSE, lambda: self._start_defaults(state.name, version))
        return None

    def _start_defaults(self, name: str, version: str) -> None:
        job = served(name, version).default()
        if job is None:
            raise OSError(f"{name} {version} has no documented default")
        part = Part("defaults", version, port=free_port("127.0.0.1"))
        self._start(part, "defaults", str(part.port), json.dumps(job))

    def witness(self, state: State, servers: Sequence[Server], there: Sequence[Running]) -> None:
        """Keep the process that compares, as long as there are two versions to compare."""
        found, release = _one(there, "witness"), state.release
        if release is None or release.origin is None or release.back or state.stopped:
            self._end(found)
            return
        two = {"before": _aim(release.origin, servers), "trial": _aim(release.version, servers)}
        self.attempts(
            "witness job", 0.0, lambda: self._write_job({"release": release.id, **two}, state.name, release.version)
        )
        if found is None:
            self.attempts("witness", PAUSE, lambda: self._start(Part("witness"), "witness", str(self.folder)))

    def _write_job(self, job: dict[str, Any], name: str, version: str) -> None:
        text = json.dumps({**job, **served(name, version).compared_by()})
        file = self.folder / "witness.json"
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            write_atomically(file, text)

    def settle_aliases(self, state: State, there: Sequence[Running]) -> None:
        """Have MLflow say what is live, once it is."""
        wanted = aliases.wanted(state)
        if wanted != self._wanted:
            self._wanted = wanted
            self.attempts.at_once("aliases")
        if state.live is None or state.stopped or aliases.settled(self.folder, wanted):
            self.attempts.problems.pop("aliases", None)
        elif _one(there, "aliases") is None:
            self.attempts("aliases", MLFLOW_PAUSE, lambda: self._move(state.name, wanted))

    def _move(self, name: str, wanted: dict[str, str | None]) -> None:
        words = _tail(self.folder / "aliases.log")
        self._start(Part("aliases"), "aliases", name, str(self.folder), json.dumps(wanted))
        if "NBD6" in words:
            raise OSError(words)

    def _start(self, part: Part, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", f"nbdeploy.operating.release.{module}", *arguments]
        self.processes.start(part, command, self.folder, os.environ)

    def _end(self, found: Running | None, gently: signal.Signals = signal.SIGTERM) -> None:
        if found is not None:
            self.processes.end(found, gently=gently)


def _one(there: Sequence[Running], kind: str) -> Running | None:
    return next((each for each in there if each.part.kind == kind and not each.ending), None)


def _aim(version: str, servers: Sequence[Server]) -> dict[str, Any]:
    own = [each for each in servers if each.version == version and each.ready]
    lane = own[0].lane if own else ""
    return {"version": version, "lane": lane, "ports": sorted(each.port for each in own)}


def _tail(log: Path) -> str:
    try:
        return " | ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:])
    except OSError:
        return ""
