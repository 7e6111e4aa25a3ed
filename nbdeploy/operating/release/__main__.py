"""The supervisor's process: one works, one stands by, and the system's own locks say which.

A lock ends with the process that holds it. So the one that stands by works as soon as the other one is gone, however that
went, and then sees to it that again one stands by. `--alone` leaves that out, for systemd to do it.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

from nbdeploy.operating.release.store import Store

__all__ = ["begin", "is_supervised", "supervise"]

WORKING, STANDBY = "supervisor.lock", "standby.lock"
STANDBY_PAUSE = 2.0  # seconds that a new one gets to stand by before another one is started


def supervise(name: str, *, alone: bool = False, waiting: Callable[[], None] = lambda: None) -> None:
    """Supervise a service until it is stopped; wait as long as another process does that. `waiting` is called then."""
    store = Store.of(name)
    store.folder.mkdir(parents=True, exist_ok=True)
    standby = _locked(store.folder / STANDBY)
    if standby is None:
        return
    with standby:
        working = _locked(store.folder / WORKING)
        if working is None:
            waiting()
            working = _locked(store.folder / WORKING, wait=True)
    assert working is not None
    with working:
        from nbdeploy.operating.release.supervisor import Supervisor

        supervisor = Supervisor(store)
        stand_by = partial(supervisor.attempts, "standby", STANDBY_PAUSE, partial(begin, store.folder))
        supervisor.run((lambda: None) if alone else stand_by)


def begin(folder: Path) -> None:
    """Start a process that stands by, if there is none."""
    free = _locked(folder / STANDBY)
    if free is None:
        return
    free.close()
    command = [sys.executable, "-m", "nbdeploy.operating.release", folder.name]
    with (folder / "supervisor.log").open("ab") as log:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, "NBDEPLOY_HOME": str(folder.parents[1])},
            start_new_session=True,
        )


def is_supervised(folder: Path) -> bool:
    """Tell whether a supervisor works at this moment."""
    free = _locked(folder / WORKING)
    if free is not None:
        free.close()
    return free is None


def _locked(path: Path, *, wait: bool = False) -> IO[bytes] | None:
    """Return the file once it is locked, None where another process holds it."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        file.close()
        return None
    return file


if __name__ == "__main__":
    supervise(sys.argv[1])
