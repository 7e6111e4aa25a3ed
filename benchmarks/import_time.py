"""Measure what nbdeploy adds to the start of Python and of IPython, beside the libraries that it keeps for later.

    python benchmarks/import_time.py [--repetitions N] [--json]

Every case is a fresh process of the interpreter that runs this script. The cases are interleaved (all of them once,
then all again), so that a slow minute of the machine falls on all alike; the first round warms the file cache and is
not counted. Read the ratios: milliseconds are those of this machine on this day.
Exit status 1 means that a case could not be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PYTHON = "bare python"
IPYTHON = "bare ipython"
HEAVY = ("pandas", "mlflow", "bentoml", "papermill")
LOADED = "print('nbdeploy' in get_ipython().extension_manager.loaded)"
TIME_LIMIT = 300.0  # seconds a process may take


@dataclass(frozen=True, slots=True)
class Case:
    """One command line. It counts only if its output ends with `says`: IPython may swallow an error and exit with 0."""

    name: str
    arguments: tuple[str, ...]
    baseline: str
    says: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """The counted runs of a case, in milliseconds; `problem` tells why there are none."""

    case: Case
    runs: tuple[float, ...]
    problem: str = ""

    @property
    def median(self) -> float | None:
        return statistics.median(self.runs) if self.runs else None


def cases() -> list[Case]:
    ipython = ("-m", "IPython", "--no-banner", "--colors=nocolor", "-c")
    return [
        Case(PYTHON, ("-c", "pass"), PYTHON),
        Case("import nbdeploy", ("-c", "import nbdeploy"), PYTHON),
        Case(IPYTHON, (*ipython, "pass"), IPYTHON),
        Case("ipython, %load_ext nbdeploy", (*ipython, f"%load_ext nbdeploy\n{LOADED}"), IPYTHON, says="True"),
        *(Case(f"import {name}", ("-c", f"import {name}"), PYTHON) for name in HEAVY),
    ]


def environment(home: Path) -> dict[str, str]:
    """The caller's environment, with this checkout importable, an IPython profile of its own and no telemetry."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "IPYTHONDIR": str(home / "ipython"),
        "BENTOML_DO_NOT_TRACK": "True",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def run(case: Case, home: Path) -> tuple[float, str]:
    """The milliseconds that one process took, and what went wrong (nothing: "")."""
    command = [sys.executable, *case.arguments]
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command, cwd=home, env=environment(home), capture_output=True, text=True, timeout=TIME_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return TIME_LIMIT * 1000, f"took more than {TIME_LIMIT:.0f} s"
    elapsed = (time.perf_counter() - start) * 1000
    if done.returncode == 0 and done.stdout.strip().endswith(case.says):
        return elapsed, ""
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return elapsed, said[-1] if said else f"exit status {done.returncode}"


def measure(repetitions: int) -> list[Timing]:
    runs: dict[Case, list[float]] = {case: [] for case in cases()}
    problems: dict[Case, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for repetition in range(repetitions + 1):
            print(f"round {repetition} of {repetitions}", file=sys.stderr)
            for case in [each for each in runs if each not in problems]:
                elapsed, problem = run(case, Path(folder))
                if problem:
                    problems[case] = problem
                elif repetition > 0:
                    runs[case].append(elapsed)
    return [
        Timing(case, () if case in problems else tuple(times), problems.get(case, "")) for case, times in runs.items()
    ]


def ratio(timing: Timing, baseline: str, timings: list[Timing]) -> float | None:
    """How many times as long as the baseline: the median of the ratios round by round, which noise touches least."""
    base = next(each for each in timings if each.case.name == baseline)
    ratios = [own / other for own, other in zip(timing.runs, base.runs, strict=False)]
    return statistics.median(ratios) if ratios else None


def as_json(timings: list[Timing]) -> dict[str, Any]:
    return {
        "python": sys.version.split()[0],
        "repetitions": max((len(each.runs) for each in timings), default=0),
        "cases": [
            {
                "name": each.case.name,
                "median_ms": each.median,
                "runs_ms": list(each.runs),
                "baseline": each.case.baseline,
                "ratio": ratio(each, each.case.baseline, timings),
                "ratio_to_python": ratio(each, PYTHON, timings),
                "ratio_to_ipython": ratio(each, IPYTHON, timings),
                "problem": each.problem,
            }
            for each in timings
        ],
    }


def table(timings: list[Timing]) -> str:
    def number(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    lines = [f"{'case':<30}{'median ms':>10}{'x python':>10}{'x ipython':>11}"]
    for each in timings:
        lines.append(
            f"{each.case.name:<30}{number(each.median, '.0f'):>10}"
            f"{number(ratio(each, PYTHON, timings), '.2f'):>10}{number(ratio(each, IPYTHON, timings), '.2f'):>11}"
            + (f"  not measured: {each.problem}" if each.problem else "")
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="What nbdeploy adds to the start of Python and of IPython.")
    parser.add_argument("--repetitions", type=int, default=7, help="counted rounds (default: 7)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    if options.repetitions < 1:
        parser.error("--repetitions must be 1 or more")
    timings = measure(options.repetitions)
    print(json.dumps(as_json(timings), indent=2) if options.json else table(timings))
    return 1 if any(each.problem for each in timings) else 0


if __name__ == "__main__":
    sys.exit(main())
