"""Play the shapes of users with locust: its file, its process, its figures. Nothing else knows locust."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nbdeploy.errors import Diagnostic, EnvironmentProblem
from nbdeploy.operating.loadtest.shapes import Plan

__all__ = ["Played", "check_locust", "locustfile", "playing", "read_played"]

TEMPLATE = Path(__file__).with_name("locustfile.py.txt")
KEY = "NBDEPLOY_API_KEY"


@dataclass(frozen=True, slots=True)
class Played:
    """What locust's users saw: requests, those that failed, the rate that they reached, latencies in milliseconds."""

    requests: int
    failures: int
    rps: float
    p50_ms: float
    p99_ms: float
    max_ms: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def check_locust() -> None:
    """Raise EnvironmentProblem NBD756 where locust is missing; it is not imported."""
    if importlib.util.find_spec("locust") is None:
        message = "the shapes of a load test are played by locust, and that is not installed"
        raise EnvironmentProblem(Diagnostic(code="NBD756", message=message, fix="pip install 'nbdeploy[loadtest]'"))


def locustfile(name: str, shape: str, plan: Plan, requests: Sequence[Any], path: str = "/predict") -> str:
    """Return a file for locust that plays a plan with these requests; it needs nothing of nbdeploy."""
    words = {
        "name": name,
        "shape": shape,
        "plan": "(\n" + "".join(f"    ({until:g}, {rate:g}),\n" for until, rate in plan) + ")",
        "bodies": "(\n" + "".join(f"    {each!r},\n" for each in requests) + ")",
        "path": path,
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"<< {word} >>", value)
    return text


@contextmanager
def playing(file: Path, host: str, key: str | None, figures: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run locust without its web page until its shape ends; what it saw goes to CSV files that begin with `figures`."""
    command = [sys.executable, "-m", "locust", "--headless", "--locustfile", str(file), "--host", host]
    command += ["--csv", str(figures), "--only-summary", "--stop-timeout", "5", "--exit-code-on-error", "0"]
    environment = {**os.environ, **({KEY: key} if key else {})}
    log = figures.with_suffix(".log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def read_played(figures: Path) -> Played:
    """Return locust's own sums. Raises EnvironmentProblem NBD756 where it left none: its log says why."""
    try:
        rows = list(csv.DictReader(figures.with_name(f"{figures.name}_stats.csv").open(encoding="utf-8")))
        total: Mapping[str, str] = next(row for row in rows if row["Name"] == "Aggregated")
        return Played(
            requests=int(total["Request Count"]),
            failures=int(total["Failure Count"]),
            rps=round(float(total["Requests/s"]), 2),
            p50_ms=_number(total["50%"]),
            p99_ms=_number(total["99%"]),
            max_ms=round(_number(total["Max Response Time"]), 2),
        )
    except (OSError, LookupError, ValueError, StopIteration):
        log = figures.with_suffix(".log")
        said = log.read_text(errors="replace").strip().splitlines()[-3:] if log.is_file() else []
        message = f"locust did not come to its end: {' / '.join(said) or 'it said nothing'}"
        fix = "write its file with --locustfile FILE and run it by hand"
        raise EnvironmentProblem(Diagnostic(code="NBD756", message=message, fix=fix)) from None


def _number(text: str) -> float:
    return float(text) if text not in {"", "N/A"} else 0.0
