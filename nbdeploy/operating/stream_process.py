"""Runs in a process of its own: the worker, with nothing to import but what the lock names and the broker's client.

Started as a script with `python -I`; it knows nothing of nbdeploy but the files that its job names.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys

__all__ = ["JOB", "main"]

JOB = "NBDEPLOY_STREAM"
"""The environment variable that holds the job: `absent` (names that must not be imported), `probe` (the file of the
guard), `worker` (the worker's folder)."""


def main() -> int:
    job = json.loads(os.environ.pop(JOB))
    sys.dont_write_bytecode = True
    probe = runpy.run_path(job["probe"])
    sys.meta_path.insert(0, probe["Guard"](set(job["absent"])))
    probe["load_file"](f"{job['worker']}/__init__.py", "worker")
    return int(importlib.import_module("worker.__main__").main())


if __name__ == "__main__":
    sys.exit(main())
