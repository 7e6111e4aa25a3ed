"""The loop that makes what is wanted so. Each turn looks at what is there and does what is next; none relies on one before.

What it keeps in memory (who was ready, what users saw) only makes it quicker or surer: a supervisor that was killed is
followed by another one, which asks again, watches anew, and goes on where the state says.
"""

from __future__ import annotations

import dataclasses
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from nbdeploy.operating.release import aliases, haproxy, plan
from nbdeploy.operating.release.attempts import Attempts
from nbdeploy.operating.release.beside import Beside
from nbdeploy.operating.release.figures import Requests, answer_from
from nbdeploy.operating.release.fleet import Fleet
from nbdeploy.operating.release.plan import Server
from nbdeploy.operating.release.processes import Processes, Running
from nbdeploy.operating.release.state import State
from nbdeploy.operating.release.store import Store
from nbdeploy.operating.release.trial import Trial

__all__ = ["Supervisor"]

TURN = 0.2  # seconds
TELL = 0.5  # seconds between two looks that `status` gets
RECENT = 300.0  # seconds that the figures of `status` are of


class Supervisor:
    """One service's supervisor. Only one runs at a time: see `__main__.py`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.attempts = Attempts()
        self.processes = Processes(store.folder)
        self.fleet = Fleet(store.folder, self.processes, self.attempts)
        self.beside = Beside(store.folder, self.processes, self.attempts)
        self.requests = Requests()
        self.trial = Trial(store, self.fleet, self.requests)
        self._told = 0.0

    def run(self, between: Callable[[], None] = lambda: None) -> None:
        """Take turns until nothing is wanted and nothing runs. `between` is called before each as long as something is wanted."""
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            began = time.monotonic()
            try:
                if self._is_wanted():
                    between()
                if self.turn():
                    return
                self.attempts.problems.pop("supervisor", None)
            except Exception as problem:  # the next turn begins anew; `status` tells
                self.attempts.problems["supervisor"] = f"{type(problem).__name__}: {problem}"
            time.sleep(max(0.02, TURN - (time.monotonic() - began)))

    def _is_wanted(self) -> bool:
        state = self.store.read()
        return state is not None and not state.stopped

    def turn(self) -> bool:
        """Do what is next; say whether there is nothing left to do."""
        # Without a state somebody has removed the folder: then nothing is wanted.
        state = self.store.read() or State(name=self.store.folder.name, stopped=True)
        there = self.processes.look()
        self.processes.press(there)
        servers = self.fleet.look(there)
        self._tell(state, servers, there)
        if state.stopped and not there:
            return True
        self.fleet.start(state, servers)
        defaults = self.beside.defaults(state, there)
        self.beside.steer(state, plan.routing(state, servers, defaults), there)
        self.fleet.retire(state, servers, there, self.beside.busy() if plan.unwanted(state, servers) else {})
        self.beside.witness(state, servers, there)
        self.trial.decide(state, servers)
        self.beside.settle_aliases(state, there)
        return False

    def _tell(self, state: State, servers: Sequence[Server], there: Sequence[Running]) -> None:
        """Write what `status` shows."""
        if (time.monotonic() - self._told < TELL and not state.stopped) or not self.store.folder.is_dir():
            return
        self._told = time.monotonic()
        began, found = time.time() - RECENT, self.trial.judgement
        judgement = {"verdict": str(found.verdict), "reason": found.reason, **found.figures} if found else None
        self.store.observe(
            {
                "at": time.time(),
                "revision": state.revision,
                "supervisor": os.getpid(),
                "processes": [{"part": str(each.part), "pids": each.pids, "lost": each.lost} for each in there],
                "servers": [dataclasses.asdict(each) for each in servers],
                "figures": {each.version: self.requests.since(each.lane, began).as_json() for each in servers},
                "fallbacks": self.requests.rescued,
                "judgement": judgement,
                "aliases": aliases.settled(self.store.folder, aliases.wanted(state)),
                "problems": dict(self.attempts.problems),
            }
        )

    def _listen(self) -> None:
        """Take the proxy's log, a datagram a line."""
        folder = self.store.folder
        with suppress(FileNotFoundError):
            (folder / haproxy.LOG).unlink()
        with haproxy.in_folder(folder, haproxy.LOG) as path, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 2**20)
            log.bind(path)
            while True:
                found = answer_from(log.recv(4096).decode(errors="replace"), time.time())
                if found is not None:
                    self.requests.add(*found)
