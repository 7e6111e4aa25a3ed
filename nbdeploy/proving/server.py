"""Run a Bento as a real server on this machine: a process group of its own, always stopped."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from nbdeploy.errors import Diagnostic, EnvironmentProblem
from nbdeploy.packaging.bento import BuiltBento, find
from nbdeploy.packaging.service import key_variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["ServedBento", "contract_file", "free_port", "module_of", "running", "serving"]

READY_SECONDS = 120.0
STOP_SECONDS = 10.0
TAIL_LINES = 25
LOOPBACK = "127.0.0.1"
PORT_TRIES = 3


@dataclass(frozen=True, slots=True)
class ServedBento:
    """A server that answers. `ready_seconds` is the time from its start to its first ready answer."""

    host: str
    port: int
    log: Path
    process: int
    ready_seconds: float

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    def processes(self) -> dict[int, float]:
        """Return the living processes of the server by their ids, with their resident memory in MB."""
        import psutil  # BentoML needs it, too

        found = {}
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self.process)
            for each in (first, *first.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    if each.status() != psutil.STATUS_ZOMBIE:
                        found[each.pid] = each.memory_info().rss / 2**20
        return found

    def memory_mb(self) -> float:
        """Return the resident memory of all of the server's processes."""
        return sum(self.processes().values())

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server's living processes have taken so far."""
        import psutil

        spent = 0.0
        for each in self.processes():
            with contextlib.suppress(psutil.Error):
                times = psutil.Process(each).cpu_times()
                spent += times.user + times.system
        return spent

    def is_ready(self) -> bool:
        """Tell whether the server says that it can answer."""
        return _is_ready(self.host, self.port)

    def log_tail(self, lines: int = TAIL_LINES) -> str:
        """Return the last lines of the server's log."""
        return _tail(self.log, lines)


class _PortTaken(Exception):
    """Another process took the port between our choice and the server's start."""


@contextlib.contextmanager
def running(
    what: BuiltBento | str | Path,
    *,
    host: str = LOOPBACK,
    port: int | None = None,
    log: Path | None = None,
    ready_seconds: float = READY_SECONDS,
    keys: str | None = None,
    python: Sequence[str] = (sys.executable,),
) -> Iterator[ServedBento]:
    """Serve a Bento (itself, its tag) or an exported folder until the block ends; a free port where none is named.

    `keys` are what the service asks its clients for; by default it asks for none, whatever the environment says. `python`
    starts the Python that has what the service needs.

    Raises EnvironmentProblem NBD636: there is no such Bento; NBD637: the server did not become ready.
    """
    folder = _folder(what)
    with tempfile.TemporaryDirectory(prefix="nbdeploy-serve-", ignore_cleanup_errors=True) as scratch:
        log = log or Path(scratch) / "server.log"
        with _started(folder, host, port, log, ready_seconds, Path(scratch), keys, python) as server:
            yield server


@contextlib.contextmanager
def _started(
    folder: Path,
    host: str,
    port: int | None,
    log: Path,
    seconds: float,
    scratch: Path,
    keys: str | None,
    python: Sequence[str],
) -> Iterator[ServedBento]:
    for attempt in range(PORT_TRIES):
        chosen = port or free_port(host)
        process = _spawn(folder, host, chosen, log, scratch, keys, python)
        try:
            try:
                took = _wait_ready(process, host, chosen, log, seconds)
            except _PortTaken:
                if port is None and attempt + 1 < PORT_TRIES:
                    continue
                raise _not_ready(f"port {chosen} is taken by another process", log) from None
            yield ServedBento(host, chosen, log, process.pid, took)
            return
        finally:
            _stop(process)


def _folder(what: BuiltBento | str | Path) -> Path:
    if isinstance(what, BuiltBento):
        return what.path
    return what if isinstance(what, Path) else find(what).path


def serving(
    folder: Path, host: str, port: int, home: Path, keys: str | None, python: Sequence[str] = (sys.executable,)
) -> tuple[list[str], dict[str, str]]:
    """Return the command that serves a Bento's or an exported folder, and its environment; `home` is BentoML's.

    The folder, not a tag: BentoML may take a tag for another one that begins alike.
    """
    command = [*python, "-m", "bentoml", "serve", str(folder), "--host", host, "--port", str(port)]
    environment = {
        **os.environ,
        # A server that starts deletes the metrics of all others that run in the same home: each gets its own.
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",  # a Bento is not written to
    }
    # PYTHONPATH would let modules of this process' project win over the Bento's own.
    environment.pop("PYTHONPATH", None)
    environment.pop("BENTOML_QUIET", None)  # the log says when the port is ours
    variable = key_variable(module_of(folder))
    environment.pop(variable, None)
    return command, environment | ({} if keys is None else {variable: keys})


def _spawn(
    folder: Path, host: str, port: int, log: Path, scratch: Path, keys: str | None, python: Sequence[str]
) -> subprocess.Popen[bytes]:
    command, environment = serving(folder, host, port, scratch / "bentoml", keys, python)
    with log.open("wb") as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=scratch,
            start_new_session=True,
        )


def contract_file(folder: Path) -> Path | None:
    """Return the contract in a Bento's or an exported folder, None where there is none."""
    return next((each for each in (folder / "src/contract.json", folder / "contract.json") if each.is_file()), None)


def module_of(folder: Path) -> str:
    """Return the import name of the package in a Bento's or an exported folder."""
    contract = contract_file(folder)
    try:
        return str(json.loads(contract.read_text(encoding="utf-8"))["module"]) if contract else ""
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _wait_ready(process: subprocess.Popen[bytes], host: str, port: int, log: Path, seconds: float) -> float:
    """Return how long it took until /readyz said yes."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if process.poll() is not None:
            if "Address already in use" in _tail(log, 200):
                raise _PortTaken
            raise _not_ready(f"the server ended with status {process.returncode} before it was ready", log)
        if _listens(log, port) and _is_ready(host, port):
            return time.monotonic() - started
        if _gives_up(log):
            raise _not_ready("the server's worker can't start", log)
        time.sleep(0.05)
    raise _not_ready(f"the server was not ready after {seconds:.0f} seconds", log)


def _listens(log: Path, port: int) -> bool:
    """Whether the port is our server's: another one that holds it would say that it is ready, too."""
    return re.search(rf"listening on \S+:{port}\b", _tail(log, 400)) is not None


def _gives_up(log: Path) -> bool:
    """Whether the worker died: BentoML's supervisor would start it again for ever."""
    text = _tail(log, 400)
    return "Application startup failed" in text or text.count("Traceback (most recent call last)") >= 2


def _is_ready(host: str, port: int) -> bool:
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, then end what is left of its group. Waits, so that no zombie stays."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port(host: str) -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


def _tail(log: Path, lines: int) -> str:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _not_ready(why: str, log: Path) -> EnvironmentProblem:
    tail = _tail(log, TAIL_LINES)
    message = f"{why}; its last words:\n{tail}" if tail else why
    fix = "the last lines say what the service lacks; `nbdeploy serve NAME` starts it by hand"
    return EnvironmentProblem(Diagnostic(code="NBD637", message=message, fix=fix))
