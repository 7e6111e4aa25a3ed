"""The whole road as a user walks it: the command line, real kernels, served Bentos; nothing of nbdeploy is called inside."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "example_notebooks"
MINUTES = 60.0
JSON = {"Content-Type": "application/json"}
ERASED = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "JPY_SESSION_NAME", "NBDEPLOY_RECORDING", "PYTHONPATH")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here as slow."""
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Home:
    """A user's machine: data folder, Bento store, tracking store."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def bentos(self) -> Path:
        return self.folder / "bentos"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in ERASED}
        own = {"NBDEPLOY_HOME": self.data, "BENTOML_HOME": self.bentos, "IPYTHONDIR": self.folder / ".ipython"}
        return kept | {name: str(path) for name, path in own.items()} | {"BENTOML_DO_NOT_TRACK": "True"}

    def nbdeploy(self, *words: object, **settings: Any) -> Ran:
        """Run the command line."""
        command = [str(Path(sys.executable).with_name("nbdeploy")), *map(str, words)]
        options = {"env": self.environment, "timeout": 10 * MINUTES, **settings}
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        return Ran(done.returncode, done.stdout, done.stderr)

    def deployed(self) -> dict[str, list[str]]:
        """Return everything that a deploy leaves on this machine, by the place where it lies."""
        bentos = self.bentos / "bentos"
        return {
            "packages": sorted(str(each.relative_to(self.data)) for each in self.data.glob("packages/*/[!.]*")),
            "bentos": sorted(str(each.relative_to(bentos)) for each in bentos.glob("*/*") if each.is_dir()),
            "runs": self._rows("SELECT run_uuid FROM runs WHERE lifecycle_stage = 'active'"),
            "models": self._rows("SELECT name || ':' || version FROM model_versions"),
        }

    def _rows(self, query: str) -> list[str]:
        database = self.data / "mlflow.db"
        if not database.exists():
            return []
        with closing(sqlite3.connect(database)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            return [row for (row,) in connection.execute(query)] if {"runs", "model_versions"} <= tables else []


NOTHING: dict[str, list[str]] = {"packages": [], "bentos": [], "runs": [], "models": []}


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def answer(self) -> dict[str, Any]:
        """Return stdout, which is exactly one JSON document."""
        assert "Traceback" not in self.stderr, self.stderr
        found: dict[str, Any] = json.loads(self.stdout, parse_constant=pytest.fail)
        return found

    @property
    def problem(self) -> dict[str, Any]:
        """Return the only error of a command that failed; it names the way out."""
        assert self.answer["ok"] is False
        errors = [each for each in self.answer["diagnostics"] if each["severity"] == "error"]
        assert len(errors) == 1, errors
        assert errors[0]["fix"]
        assert errors[0]["code"] in self.stderr
        return errors[0]


@pytest.fixture(scope="session")
def seen_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hashes of requirements that were looked up once: asking the package index again for each home takes long."""
    return tmp_path_factory.mktemp("seen") / "locks"


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory, seen_before: Path) -> Iterator[Home]:
    """The home that the example notebooks are deployed to, once for all tests."""
    with _home(tmp_path_factory.mktemp("shared"), seen_before) as home:
        yield home


@pytest.fixture
def home(tmp_path: Path, seen_before: Path) -> Iterator[Home]:
    """A home of one's own, in which nothing was ever deployed."""
    with _home(tmp_path / "home", seen_before) as own:
        yield own


@contextmanager
def _home(folder: Path, seen_before: Path) -> Iterator[Home]:
    home = Home(folder)
    home.data.mkdir(parents=True, exist_ok=True)
    if seen_before.is_dir():
        shutil.copytree(seen_before, home.data / "locks")
    yield home
    if (home.data / "locks").is_dir():
        shutil.copytree(home.data / "locks", seen_before, dirs_exist_ok=True)


@dataclass(frozen=True)
class Deployed:
    """An example notebook that was deployed by the command line."""

    home: Home
    ran: Ran

    @property
    def answer(self) -> dict[str, Any]:
        return self.ran.answer

    @property
    def package(self) -> Path:
        return Path(self.answer["package"])


@pytest.fixture(scope="session")
def deploy_example(shared_home: Home) -> Callable[[str], Deployed]:
    """Deploy an example notebook, the first time that a test asks for it."""
    done: dict[str, Deployed] = {}

    def deploy(name: str) -> Deployed:
        if name not in done:
            ran = shared_home.nbdeploy("deploy", EXAMPLES / f"{name}.ipynb", "--name", name, "--json")
            assert ran.status == 0, ran.stderr
            done[name] = Deployed(shared_home, ran)
        return done[name]

    return deploy


@dataclass
class Served:
    """A server that answers on this machine."""

    port: int
    log: Path
    answers: list[Any] = field(default_factory=list)

    def get(self, path: str) -> Any:
        return self._asked(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}"))

    def predict(self, body: Any) -> Any:
        address = f"http://127.0.0.1:{self.port}/predict"
        return self._asked(urllib.request.Request(address, json.dumps(body).encode(), JSON))

    def _asked(self, request: urllib.request.Request) -> Any:
        try:
            with urllib.request.urlopen(request, timeout=MINUTES) as response:
                return json.load(response)
        except urllib.error.HTTPError as refusal:
            pytest.fail(f"status {refusal.code}: {refusal.read().decode()[:500]}\n{self.log.read_text()[-2000:]}")


@contextmanager
def serving(command: Sequence[object], log: Path, **settings: Any) -> Iterator[Served]:
    """Run a command that serves on `--port`, until the block ends; it gets a process group of its own."""
    port = free_port()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*map(str, command), "--port", str(port)], stdout=out, stderr=out, start_new_session=True, **settings
        )
    try:
        wait_until_ready(process, port, log)
        yield Served(port, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + 2 * MINUTES
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server was not ready in time\n{log.read_text()[-3000:]}")


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def program(name: str) -> Path:
    """Return the path of a program of this environment."""
    return Path(sys.executable).with_name(name)


def write_notebook(path: Path, *cells: str | tuple[str, str]) -> Path:
    """Write a notebook; a cell is its source, or its tag (more of them with spaces between) and its source."""
    pairs = [each if isinstance(each, tuple) else ("", each) for each in cells]
    written = [
        {
            "cell_type": "code",
            "metadata": {"tags": tags.split()} if tags else {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for tags, source in pairs
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    return path


def plain(text: str) -> str:
    """Return a text without terminal colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
