"""Runs in a process of its own: trains an exported package anew, or asks it the recorded rows with other artifacts.

Started as a script with `python -I`; it knows nothing of nbdeploy but the file that the guard of imports is in.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import time
import traceback
from pathlib import Path
from typing import Any

__all__ = ["main"]

CUT = 400  # characters of an error's text


def train(job: dict[str, Any]) -> dict[str, Any]:
    """Make artifacts in `out`, where the notebook's relative paths hold."""
    package = importlib.import_module(job["module"])
    Path(job["out"]).mkdir(parents=True)
    os.chdir(job["data"])
    began = time.perf_counter()
    made = package.train(job["out"])
    return {"made": sorted(made), "seconds": round(time.perf_counter() - began, 3)}


def ask(job: dict[str, Any]) -> dict[str, Any]:
    """Answer the recorded rows, and say how the answers compare with the recorded ones."""
    os.environ[f"{job['module'].upper()}_ARTIFACTS"] = job["out"]
    package = importlib.import_module(job["module"])
    schema = importlib.import_module(f"{job['module']}.schema")
    sys.path.insert(0, str(Path(job["package"], "tests")))
    recorded = importlib.import_module("recorded").recorded
    answers, wanted = package.predict(recorded("example_input")), recorded("example_output")
    found = importlib.import_module("compare").compare(wanted, answers)
    report = {"same": found.same, "rows": found.rows, "mismatches": found.mismatches, "first": found.first}
    report |= {"answers": schema.answer(answers), "recorded": schema.answer(wanted)}
    if Path(job["package"], "tests", "metric.py").exists():
        metric = importlib.import_module("metric").metric
        labels = recorded("labels")
        report |= {"metric": metric(labels, answers), "metric_recorded": metric(labels, wanted)}
    return report


def problem_of(problem: BaseException, root: Path) -> dict[str, Any]:
    """What went wrong, and the last line of the package that it went through."""
    lines = [line for line in str(problem).splitlines() if line.strip()]
    frames = [each for each in traceback.extract_tb(problem.__traceback__) if Path(each.filename).is_relative_to(root)]
    return {
        "problem": ": ".join([type(problem).__name__, *lines[:1]])[:CUT],
        "missing": str(problem.filename) if isinstance(problem, FileNotFoundError) and problem.filename else None,
        "file": str(Path(frames[-1].filename).relative_to(root)) if frames else None,
        "line": frames[-1].lineno if frames else None,
        "source": frames[-1].line if frames else None,
    }


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.dont_write_bytecode = True
    if job["absent"]:
        sys.meta_path.insert(0, runpy.run_path(job["probe"])["Guard"](set(job["absent"])))
    sys.path.insert(0, job["package"])
    try:
        report = {"train": train, "ask": ask}[job["action"]](job)
    except BaseException as problem:
        report = problem_of(problem, Path(job["package"]))
    Path(sys.argv[2]).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
