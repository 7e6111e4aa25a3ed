"""A deployed version that is served on this machine for as long as somebody tries it: what the sidebar asks."""

from __future__ import annotations

import atexit
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, NbdeployError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Trial", "Trials", "described"]

LONGEST = 100.0  # seconds for one answer
LEAVING = 20.0  # seconds that a server has to end when this process does
MOST = 3  # services at once, each a process with its models in memory: one more ends the oldest


@dataclass(slots=True, eq=False)
class Trial:
    """One served version. Only this process knows its key, so nobody else on the machine can ask it."""

    bento: Path
    python: Sequence[str]
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    address: tuple[str, int] | None = None
    problem: Diagnostic | None = None
    settled: threading.Event = field(default_factory=threading.Event)
    leaving: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    @property
    def state(self) -> str:
        if self.problem is not None:
            return "failed"
        return "stopped" if self.leaving.is_set() else "starting" if self.address is None else "ready"

    def start(self) -> None:
        """Start the server in a thread of its own, and return at once; `settled` tells that it is ready, or failed."""
        self.thread = threading.Thread(target=self._serve, name="nbdeploy-trial", daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        from nbdeploy.proving.server import running

        try:
            with running(self.bento, keys=self.key, python=self.python) as server:
                self.address = server.address
                self.settled.set()
                self.leaving.wait()
        except NbdeployError as error:
            self.problem = error.diagnostics[0]
        except OSError as error:
            fix = "choose another kernel for the notebook, or run `nbdeploy serve NAME` in a terminal"
            self.problem = Diagnostic(code="NBD714", message=f"the service can't be started: {error}", fix=fix)
        finally:
            self.settled.set()

    def stop(self) -> None:
        """End the server; return when it has ended."""
        self.leaving.set()
        if self.thread is not None:
            self.thread.join(LEAVING)

    def ask(self, body: Any) -> dict[str, Any]:
        """Send a request: `status`, `answer` and `milliseconds`.

        Raises UsageError (NBD715) where the service is not there any more.
        """
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        began = time.perf_counter()
        try:
            if self.address is None or self.state != "ready":
                raise OSError(f"the service is {self.state}")
            status, text = self._posted(self.address, json.dumps(body), headers)
        except (OSError, HTTPException) as error:
            if isinstance(error, ConnectionError):
                self.leaving.set()  # it has died: what is left of it is cleared away
            message = f"the service did not answer: {error or type(error).__name__}"
            raise UsageError(Diagnostic(code="NBD715", message=message, fix="start it again")) from None
        return {"status": status, "answer": parsed(text), "milliseconds": (time.perf_counter() - began) * 1000}

    def _posted(self, address: tuple[str, int], body: str, headers: Mapping[str, str]) -> tuple[int, str]:
        connection = HTTPConnection(*address, timeout=LONGEST)
        try:
            connection.request("POST", "/predict", body.encode(), dict(headers))
            answered = connection.getresponse()
            return answered.status, answered.read().decode("utf-8", "replace")
        finally:
            connection.close()


class Trials:
    """The versions that are tried now, by name and version, the oldest first. They end with this process."""

    def __init__(self) -> None:
        self._trials: dict[tuple[str, str], Trial] = {}
        self._lock = threading.Lock()
        atexit.register(self.stop_all)

    def get(self, name: str, version: str) -> Trial | None:
        return self._trials.get((name, version))

    def started(self, name: str, version: str, python: Sequence[str]) -> Trial:
        """Return the version's trial, which may still be starting.

        Raises UsageError: NBD603 where there is no such version, NBD708 where it has no Bento.
        """
        bento = bento_of(name, version)
        with self._lock:
            found = self._trials.get((name, version))
            if found is not None and found.state in ("starting", "ready"):
                return found
            self._trials.pop((name, version), None)
            ended = [self._trials.pop(each) for each in [*self._trials][: len(self._trials) - MOST + 1]]
            trial = self._trials[name, version] = Trial(bento, python)
            trial.start()
        for each in ended:
            each.stop()
        return trial

    def stop(self, name: str, version: str) -> None:
        with self._lock:
            trial = self._trials.pop((name, version), None)
        if trial is not None:
            trial.stop()

    def stop_all(self) -> None:
        for each in self._trials.values():
            each.leaving.set()
        for each in self._trials.values():
            each.stop()
        self._trials.clear()


def bento_of(name: str, version: str) -> Path:
    """Return the folder with a deployed version's Bento."""
    from nbdeploy.home import load_deployment
    from nbdeploy.packaging.bento import find

    found = load_deployment(name, version)
    if found.get("bento_path") and Path(found["bento_path"]).is_dir():
        return Path(found["bento_path"])
    if not found.get("bento_tag"):
        fix = "deploy the notebook again: a package that was only exported has no Bento"
        raise UsageError(Diagnostic(code="NBD708", message=f"{name} {version} has no Bento", fix=fix))
    return find(str(found["bento_tag"])).path


def described(name: str, version: str) -> dict[str, Any]:
    """Return what a form for requests needs: `input` and `examples` as the version's contract has them.

    Raises UsageError (NBD603) where there is no such version.
    """
    from nbdeploy.home import load_deployment

    found = load_deployment(name, version)
    try:
        contract = json.loads(Path(found["package"], "contract.json").read_text("utf-8"))
        return {"name": name, "version": version, "input": contract["input"], "examples": contract["examples"]}
    except (OSError, ValueError, LookupError, TypeError):
        return {"name": name, "version": version, "input": {}, "examples": []}


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
