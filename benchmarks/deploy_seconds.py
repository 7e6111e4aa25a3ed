"""Where the seconds of a deploy go, beside what running the notebook alone costs.

    python benchmarks/deploy_seconds.py example_notebooks/churn.ipynb --runs 3

Each run starts from nothing: its own data folder, its own Bento store. `start` is what the command spends before and after
the deploy itself: starting Python, importing, writing the answer. The ratio is to a bare `papermill` of the same notebook.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

__all__ = ["main", "measured"]

STAGES = ("record", "export", "prove", "track", "build")


def main() -> None:
    parser = argparse.ArgumentParser(description="Where the seconds of a deploy go.")
    parser.add_argument("notebook", type=Path, nargs="?", default=Path("example_notebooks/churn.ipynb"))
    parser.add_argument("--runs", type=int, default=3, help="how often each is run; the median counts (default: 3)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    found = measured(options.notebook, options.runs)
    print(json.dumps(found, indent=2) if options.json else table(found))


def measured(notebook: Path, runs: int) -> dict[str, object]:
    """Return the median seconds of each stage, of the whole command and of papermill alone."""
    deploys = [deployed(notebook) for _ in range(runs)]
    papermill = [papermilled(notebook) for _ in range(runs)]
    stages = {name: round(median(each[name] for each in deploys), 2) for name in (*STAGES, "waited", "start")}
    total, alone = median(each["command"] for each in deploys), median(papermill)
    return {
        "notebook": str(notebook),
        "runs": runs,
        "seconds": stages,
        "total": round(total, 2),
        "papermill": round(alone, 2),
        "ratio": round(total / alone, 2),
    }


def deployed(notebook: Path) -> dict[str, float]:
    """Deploy once from nothing; return seconds by stage, and of the whole command."""
    with tempfile.TemporaryDirectory(prefix="nbdeploy-benchmark-", ignore_cleanup_errors=True) as scratch:
        homes = {"NBDEPLOY_HOME": f"{scratch}/home", "BENTOML_HOME": f"{scratch}/bentoml"}
        command = [sys.executable, "-m", "nbdeploy.frontends.cli", "deploy", str(notebook), "--name", "benchmark"]
        seconds, answer = timed([*command, "--json", "--quiet"], homes)
    spent: dict[str, float] = json.loads(answer)["seconds"]
    waited = spent["total"] - sum(spent[name] for name in STAGES)
    return {**spent, "waited": waited, "start": seconds - spent["total"], "command": seconds}


def papermilled(notebook: Path) -> float:
    """Run the notebook with papermill's own engine; return seconds."""
    with tempfile.TemporaryDirectory(prefix="nbdeploy-benchmark-") as scratch:
        command = [sys.executable, "-m", "papermill", str(notebook), f"{scratch}/out.ipynb", "--kernel", "python3"]
        return timed([*command, "--cwd", str(notebook.parent), "--no-progress-bar", "--log-level", "ERROR"], {})[0]


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Run a command; return its wall seconds and stdout. Ends the benchmark where it fails."""
    began = time.perf_counter()
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(
            f"{' '.join(command[1:])} ended with status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return seconds, done.stdout


def table(found: dict[str, object]) -> str:
    """Return the figures as a Markdown table, with each stage's share of the whole command."""
    seconds, total = found["seconds"], found["total"]
    assert isinstance(seconds, dict)
    assert isinstance(total, float)
    rows = [(name, spent, f"{spent / total:.0%}") for name, spent in seconds.items()]
    rows += [("the whole command", total, "100%"), ("papermill alone", found["papermill"], "")]
    lines = [f"| {name} | {spent:.2f} | {share} |" for name, spent, share in rows]
    head = [f"{found['notebook']}, median of {found['runs']} runs", "", "| stage | seconds | share |", "|---|---|---|"]
    return "\n".join([*head, *lines, "", f"ratio to papermill alone: {found['ratio']}"])


if __name__ == "__main__":
    main()
