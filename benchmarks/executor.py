"""Run programs one after the other, each in a process of its own forked from one that has the libraries loaded.

Reads one JSON document a line on stdin, writes one a line on stdout. The first line: {"preload": [module, ...]}. Then jobs:
{"folder": DIR, "cwd": RELATIVE, "blocks": [[cell, code, may_fail], ...], "seed": N, "limit": SECONDS}; each answers
{"values": {name: fingerprint or null}, "shown": {name: text}, "error": text or null, "seconds": S}. Every job gets a fresh
copy of the folder to work in. The generators of random, numpy and torch are seeded before the first statement.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from fingerprints import fingerprint

SHOWN = 160  # characters of a value's text that are kept for the report


class Shell:
    """What IPython's syntax becomes in plain Python asks for this: shell lines answer, magics do nothing."""

    def getoutput(self, command: str) -> list[str]:
        return subprocess.run(command, shell=True, capture_output=True, text=True, check=False).stdout.splitlines()

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    preload(json.loads(sys.stdin.readline())["preload"])
    for line in sys.stdin:
        out.write(json.dumps(run(json.loads(line))) + "\n")
        out.flush()


def preload(modules: list[str]) -> None:
    warnings.simplefilter("ignore")
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as problem:
            print(f"not loaded: {name}: {problem}", file=sys.stderr)


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Run a job in a child of its own; a child that takes too long is ended with all that it started."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="slice-", ignore_cleanup_errors=True) as scratch:
        place = Path(scratch) / "work"
        shutil.copytree(job["folder"], place, ignore=shutil.ignore_patterns("reference"))
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            in_child(job, place / job["cwd"], writer)
        os.close(writer)
        answer = received(reader, began + job["limit"])
        os.close(reader)
        end(child)
    found = json.loads(answer) if answer else {"values": {}, "shown": {}, "error": "took too long, or died"}
    return {**found, "seconds": round(time.perf_counter() - began, 3)}


def received(reader: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    while (left := deadline - time.perf_counter()) > 0:
        if not select.select([reader], [], [], left)[0]:
            return b""
        part = os.read(reader, 1 << 20)
        if not part:
            return b"".join(parts)
        parts.append(part)
    return b""


def end(child: int) -> None:
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def in_child(job: dict[str, Any], folder: Path, writer: int) -> None:
    """Never returns: the child must not run what the parent still has to do."""
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.chdir(folder)
        answer = executed(job)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
    finally:
        os._exit(0)


def executed(job: dict[str, Any]) -> dict[str, Any]:
    module = ModuleType("__main__")
    space = module.__dict__
    shell = Shell()
    space |= {"__builtins__": __builtins__, "get_ipython": lambda: shell, "display": lambda *_, **__: None}
    given = set(space)
    sys.modules["__main__"] = module
    sys.argv, sys.path[0] = ["notebook"], ""
    seed(job["seed"])
    error = None
    for cell, code, may_fail in job["blocks"]:
        try:
            exec(compile(code, f"<cell {cell}>", "exec", dont_inherit=True), space)
        except BaseException as problem:
            if may_fail:
                continue
            error = f"{type(problem).__name__}: {str(problem)[:300]} ({where(problem)})"
            break
    own = {name: value for name, value in space.items() if name not in given and not name.startswith("__")}
    values = {name: fingerprint(value) for name, value in own.items()}
    return {"values": values, "shown": {name: shown(own[name]) for name in own if values[name]}, "error": error}


def seed(number: int) -> None:
    import random

    random.seed(number)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(number)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(number)


def where(problem: BaseException) -> str:
    """Tell the cell and line of the program's own that the error came through last."""
    own = [each for each in traceback.extract_tb(problem.__traceback__) if each.filename.startswith("<cell")]
    return f"{own[-1].filename} line {own[-1].lineno}" if own else "before it ran"


def shown(value: object) -> str:
    try:
        return f"{type(value).__name__} {' '.join(repr(value).split())}"[:SHOWN]
    except Exception:
        return type(value).__name__


if __name__ == "__main__":
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 3000))
    main()
