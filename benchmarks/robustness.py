"""Check every notebook below some folders: what is said of each, and that nothing crashes or hangs.

    python benchmarks/robustness.py DIR... [--limit SECONDS] [--json]

Each `*.ipynb` (whatever it is) is checked with the Python API in a worker process; a worker that takes longer than the limit
is ended and counts as a hang. A notebook is `ok` without an error, `refused` with coded errors, `crashed` where an exception
came out. Exit status 1: a crash or a hang.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
import traceback
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from nbdeploy.checking import check

Found = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description="Check every notebook below some folders.")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--limit", type=float, default=30.0, help="seconds that one notebook may take (default: 30)")
    parser.add_argument("--slowest", type=int, default=5, help="how many of the slowest to list (default: 5)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout, with every notebook")
    options = parser.parse_args()
    paths = sorted({path for folder in options.folders for path in folder.rglob("*.ipynb")})
    found = examined(paths, options.limit)
    print(json.dumps(found, indent=1) if options.json else table(found, options.slowest))
    return 1 if any(each["outcome"] in ("crashed", "hung") for each in found) else 0


def examined(paths: list[Path], limit: float) -> list[Found]:
    """Check the notebooks one after the other, in a worker that is replaced when it hangs or dies."""
    found: list[Found] = []
    worker = Worker()
    for number, path in enumerate(paths):
        if number % 100 == 0:
            print(f"{number} of {len(paths)}", file=sys.stderr)
        answer = worker.ask(path, limit)
        if answer is None:
            worker.end()
            worker = Worker()
            answer = {"outcome": "hung", "detail": f"no answer in {limit:.0f} s, or the process died"}
        found.append({"path": str(path), **answer})
    worker.end()
    return found


class Worker:
    """A process that checks the notebooks that it is sent."""

    def __init__(self) -> None:
        fresh = multiprocessing.get_context("spawn")
        self.pipe, other = fresh.Pipe()
        self.process = fresh.Process(target=work, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def ask(self, path: Path, limit: float) -> Found | None:
        """Return what was found, or None where no answer came."""
        try:
            self.pipe.send(str(path))
            answer: Found | None = self.pipe.recv() if self.pipe.poll(limit) else None
        except (EOFError, OSError):
            return None
        return answer

    def end(self) -> None:
        self.process.kill()
        self.process.join()


def work(pipe: Connection) -> None:
    while True:
        try:
            path = pipe.recv()
        except EOFError:
            return
        pipe.send(looked_at(Path(path)))


def looked_at(path: Path) -> Found:
    began = time.perf_counter()
    try:
        result = check(path)
    except BaseException as problem:
        own = traceback.extract_tb(problem.__traceback__)[-1]
        detail = f"{type(problem).__name__}: {str(problem)[:200]} ({Path(own.filename).name}:{own.lineno} {own.name})"
        return {"outcome": "crashed", "detail": detail, "codes": [], "cells": 0, "seconds": time.perf_counter() - began}
    json.dumps(result.as_json())  # what the command prints
    return {
        "outcome": "ok" if result.ok else "refused",
        "codes": [f"{each.code} {each.severity}" for each in result.diagnostics],
        "detail": str(result.diagnostics[0])[:300] if result.diagnostics else "",
        "cells": len(result.cells),
        "seconds": round(time.perf_counter() - began, 4),
    }


def table(found: list[Found], slowest: int) -> str:
    outcomes = Counter(each["outcome"] for each in found)
    codes = Counter(code for each in found for code in set(each.get("codes", ())))
    seconds = [each["seconds"] for each in found if "seconds" in each] or [0.0]
    told = ", ".join(f"{outcomes[name]} {name}" for name in ("ok", "refused", "crashed", "hung"))
    lines = [f"{len(found)} notebooks: {told}", f"median {median(seconds) * 1e3:.1f} ms, all {sum(seconds):.1f} s", ""]
    lines += ["| code | notebooks |", "|---|---|", *(f"| {code} | {count} |" for code, count in sorted(codes.items()))]
    lines += ["", "slowest:"]
    ranked = sorted(found, key=lambda each: -float(each.get("seconds", 0)))
    lines += [f"  {each['seconds']:.2f} s, {each['cells']} code cells: {each['path']}" for each in ranked[:slowest]]
    bad = [each for each in found if each["outcome"] in ("crashed", "hung")]
    return "\n".join([*lines, "", *(f"{each['outcome']}: {each['path']}\n    {each['detail']}" for each in bad)])


if __name__ == "__main__":
    sys.exit(main())
