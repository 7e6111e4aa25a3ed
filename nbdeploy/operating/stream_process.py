"""Runs in a process of its own: the worker, with nothing to import but what the lock names and the broker's client.

Started as a script with `python -I`; it knows nothing of nbdeploy but the files that its job names.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from types import ModuleType

__all__ = ["JOB", "main"]

JOB = "NBDEPLOY_STREAM"
"""The environment variable that holds the job: `absent` (names that must not be imported), `probe` (the file of the
guard), `worker` (the worker's folder)."""


def loaded(name: str, file: str, folder: str | None = None) -> ModuleType:
    places = [folder] if folder else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=places)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    job = json.loads(os.environ.pop(JOB))
    sys.dont_write_bytecode = True
    sys.meta_path.insert(0, loaded("nbdeploy_probe", job["probe"]).Guard(set(job["absent"])))
    loaded("worker", f"{job['worker']}/__init__.py", job["worker"])
    return int(importlib.import_module("worker.__main__").main())


if __name__ == "__main__":
    sys.exit(main())
