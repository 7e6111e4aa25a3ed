"""The servers that are compared: how each is started, and how it takes the rows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil
from cases import Case

SERVERS = Path(__file__).parent / "servers"
START_SECONDS = 300.0


@dataclass(frozen=True)
class Contender:
    """A server by the words that start it on a port; `body` wraps rows, `path` is where they are sent."""

    name: str
    command: Callable[[Case, Path, int], list[str]]
    path: str = "/predict"
    body: Callable[[Case, list[Any]], Any] = lambda case, rows: {case.field: rows}
    needs: Callable[[Case], bool] = lambda case: True


def _uvicorn(module: str) -> Callable[[Case, Path, int], list[str]]:
    words = [sys.executable, "-m", "uvicorn", f"{module}:app", "--no-access-log", "--log-level", "warning"]
    return lambda case, scratch, port: [*words, "--port", str(port)]


def _bento(what: Callable[[Case], str]) -> Callable[[Case, Path, int], list[str]]:
    words = [sys.executable, "-m", "bentoml", "serve"]
    return lambda case, scratch, port: [*words, what(case), "--host", "127.0.0.1", "--port", str(port)]


def _mlflow(case: Case, scratch: Path, port: int) -> list[str]:
    model = scratch / "model"
    save = f"import mlflow; mlflow.pyfunc.save_model({str(model)!r}, python_model={str(SERVERS / 'mlflow_model.py')!r})"
    subprocess.run([sys.executable, "-c", save], env=_environment(case, scratch), check=True, capture_output=True)
    words = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    return [*words, "--port", str(port), "--host", "127.0.0.1"]


def _for_mlflow(case: Case, rows: list[Any]) -> Any:
    return {"inputs": rows} if case.field == "input" else {"dataframe_records": rows}


CONTENDERS = (
    Contender("nbdeploy's Bento", _bento(lambda case: str(case.package))),
    Contender("BentoML by hand", _bento(lambda case: "bento_by_hand:Service")),
    Contender("FastAPI, pydantic, scikit-learn", _uvicorn("fastapi_pydantic")),
    Contender(
        "FastAPI, orjson, ONNX Runtime",
        _uvicorn("fastapi_onnx"),
        needs=lambda case: case.name != "churn" and bool(case.graph()),
    ),
    Contender("FastAPI, orjson, the package's code", _uvicorn("fastapi_same_code")),
    Contender("mlflow models serve", _mlflow, "/invocations", _for_mlflow),
    Contender(
        "LitServe", lambda case, scratch, port: [sys.executable, str(SERVERS / "litserve_by_hand.py"), str(port)]
    ),
    Contender("echo (bare ASGI)", _uvicorn("echo")),
)


@dataclass
class Running:
    """A server that answers, and the seconds until it did."""

    contender: Contender
    port: int
    process: int
    cold_start_s: float
    bodies: dict[int, bytes]
    figures: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.contender.path}"

    def memory_mb(self) -> float:
        """Return the memory of all its processes, what they share counted once."""
        first = psutil.Process(self.process)
        return sum(each.memory_full_info().pss for each in (first, *first.children(recursive=True))) / 2**20


@contextlib.contextmanager
def running(contender: Contender, case: Case, sizes: list[int], scratch: Path) -> Iterator[Running]:
    """Start a server, and ask it one row until it answers; it ends with the block."""
    scratch.mkdir(parents=True)
    port = _free_port()
    rows = case.rows()
    bodies = {
        size: json.dumps(contender.body(case, [rows[n % len(rows)] for n in range(size)])).encode() for size in sizes
    }
    command = contender.command(case, scratch, port)
    began = time.monotonic()
    with (scratch / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=_environment(case, scratch), stdout=log, stderr=log, start_new_session=True, cwd=SERVERS
        )
    try:
        url = f"http://127.0.0.1:{port}{contender.path}"
        answer = _first_answer(process, url, bodies[sizes[0]], scratch / "log", began)
        _check(contender, answer)
        yield Running(contender, port, process.pid, time.monotonic() - began, bodies)
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _environment(case: Case, scratch: Path) -> dict[str, str]:
    told = {
        "CASE": case.name,
        "FIELD": case.field,
        "PACKAGE": str(case.package),
        "PICKLE": str(case.pickled),
        "GRAPH": str(case.graph() or ""),
        "EXAMPLE": json.dumps(case.rows()[0]),
        "SERVERS": str(SERVERS),
        "BENTOML_HOME": str(scratch / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "ignore",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    return {**os.environ, **told}


def _first_answer(process: subprocess.Popen[bytes], url: str, body: bytes, log: Path, began: float) -> dict[str, Any]:
    while time.monotonic() - began < START_SECONDS and process.poll() is None:
        try:
            with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=30) as response:
                found = json.load(response)
                return found if isinstance(found, dict) else {"predictions": found}
        except URLError as problem:
            if hasattr(problem, "read"):
                sys.exit(f"{url}: {problem} {problem.read()[:500]}")
            time.sleep(0.02)
        except (ConnectionError, TimeoutError):
            time.sleep(0.02)
    sys.exit(f"{url} did not answer:\n{log.read_text(errors='replace')[-3000:]}")


def _check(contender: Contender, answer: dict[str, Any]) -> None:
    if len(answer.get("predictions", ())) != 1:
        sys.exit(f"{contender.name} answered {str(answer)[:300]}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
