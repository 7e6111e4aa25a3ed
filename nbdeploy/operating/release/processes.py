"""The processes of one service. What each is stands in its environment: nothing that is written down can be stale."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Part", "Processes", "Running"]

OWNER, PART = "NBDEPLOY_RELEASE_OF", "NBDEPLOY_RELEASE_PART"
YOUNG = 5.0  # seconds: a process may not have come to its own program yet
PATIENCE = 15.0  # seconds between asking a process to end and ending it


@dataclass(frozen=True, slots=True)
class Part:
    """What a process is there for: `server`, `proxy`, `witness`, `defaults` or `aliases`; the rest is a server's."""

    kind: str
    version: str = "-"
    lane: str = "-"
    index: int = 0
    port: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.version} {self.lane} {self.index} {self.port}"

    @classmethod
    def read(cls, text: str) -> Part:
        kind, version, lane, index, port = text.split()
        return cls(kind, version, lane, int(index), int(port))


@dataclass(frozen=True, slots=True)
class Running:
    """A part that runs as these processes, the first one first.

    `lost`: the first one is gone, others are left. `ending`: it was asked to end, and is counted on no more.
    """

    part: Part
    pids: tuple[int, ...]
    lost: bool = False
    ending: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    born: float
    part: Part | None
    first: bool = False


class Processes:
    """Starts, finds and ends the processes of the service in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[int, _Known] = {}
        self._ending: dict[int, float] = {}

    def start(self, part: Part, command: Sequence[str], place: Path, environment: Mapping[str, str]) -> int:
        """Start a part as a session of its own, working in `place` with its log there; return its process id."""
        place.mkdir(parents=True, exist_ok=True)
        log = place / f"{part.kind}.log"
        with suppress(FileNotFoundError):
            log.replace(log.with_suffix(".log.1"))
        with log.open("wb") as out:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=place,
                env={**environment, OWNER: str(self.folder), PART: str(part)},
                start_new_session=True,
            ).pid

    def look(self) -> list[Running]:
        """Return the parts that run now, whoever started them."""
        import psutil

        _reap()
        there = set(psutil.pids())
        self._known = {pid: known for pid, known in self._known.items() if pid in there}
        self._ending = {pid: asked for pid, asked in self._ending.items() if pid in there}
        for pid in there - self._known.keys():
            known = _identified(psutil, pid, str(self.folder))
            if known.part is not None or time.time() - known.born > YOUNG:
                self._known[pid] = known
        found: dict[Part, list[tuple[bool, int]]] = {}
        for pid, known in list(self._known.items()):
            if known.part is not None:
                if _lives(psutil, pid, known.born):
                    found.setdefault(known.part, []).append((not known.first, pid))
                else:
                    del self._known[pid]
        return [self._running(part, sorted(each)) for part, each in found.items()]

    def _running(self, part: Part, found: list[tuple[bool, int]]) -> Running:
        pids = tuple(pid for _, pid in found)
        ending = not self._ending.keys().isdisjoint(pids)
        return Running(part, pids, lost=all(later for later, _ in found), ending=ending)

    def press(self, there: Sequence[Running]) -> None:
        """End those that were asked to end some time ago."""
        for each in there:
            if each.ending:
                self.end(each)

    def end(self, running: Running, *, gently: signal.Signals = signal.SIGTERM) -> None:
        """Ask a part to end; one that was asked some time ago, or has lost its first process, is ended."""
        asked = min((self._ending[pid] for pid in running.pids if pid in self._ending), default=None)
        if running.lost or (asked is not None and time.monotonic() - asked > PATIENCE):
            for pid in running.pids:
                _send(pid, signal.SIGKILL)
        elif asked is None:
            _send(running.pids[0], gently)
        for pid in running.pids:
            self._ending.setdefault(pid, time.monotonic())


def _identified(psutil: Any, pid: int, owner: str) -> _Known:
    try:
        process = psutil.Process(pid)
        born, environment = process.create_time(), process.environ()
        if environment.get(OWNER) != owner or PART not in environment:
            return _Known(born, None)
        part = Part.read(environment[PART])
        # The workers of a server have its environment, too; only the first process was called to serve.
        return _Known(born, part, first=part.kind != "server" or "serve" in process.cmdline())
    except (psutil.Error, OSError, ValueError):
        return _Known(0.0, None)


def _lives(psutil: Any, pid: int, born: float) -> bool:
    try:
        process = psutil.Process(pid)
        return bool(process.create_time() == born and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _send(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)


def _reap() -> None:
    """Take note of children that have ended, so that they do not stay as zombies."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
