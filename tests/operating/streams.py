"""A package that is small enough to read, and brokers that are really there."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.analysis.values import Kind, Schema
from nbdeploy.packaging.installed import closure_of
from tests.packaging.packages import LABELS, MIXED, MIXED_PREDICT, ROW, write_package

if TYPE_CHECKING:
    from collections.abc import Iterator

ALONE_PREDICT = """
def predict(texts):
    return [f"{text} of {len(texts)}" for text in texts]
"""
TEXTS = Schema(kind=Kind.LIST, type="list", rows=3, dtype="str")


def mixed_package(folder: Path, module: str = "mixed", seconds: float = 0.0) -> Path:
    """Write a package that answers tables of many kinds of columns, and takes its time for it."""
    files = contract(module, "rows", "pass", MIXED) | lock()
    predict = MIXED_PREDICT.replace("    total =", f"    __import__('time').sleep({seconds})\n    total =", 1)
    return write_package(folder, module, predict, MIXED, LABELS, extra=files, version="7")


def alone_package(folder: Path, module: str = "alone") -> Path:
    """Write a package whose answers depend on the rows beside a row: `rowwise` was allowed to fail."""
    files = contract(module, "input", "fail", TEXTS)
    return write_package(folder, module, ALONE_PREDICT, TEXTS, TEXTS, extra=files, version="7")


def contract(module: str, field: str, rowwise: str, input: Schema) -> dict[str, str]:
    request = {"method": "POST", "path": "/predict", "field": field, "by_row": True}
    gates = [{"name": "rowwise", "verdict": rowwise}]
    found = {
        "name": module,
        "module": module,
        "version": "7",
        "request": request,
        "gates": gates,
        "input": input.as_json(),
    }
    return {"contract.json": json.dumps(found)}


def lock() -> dict[str, str]:
    members = closure_of([("pandas", frozenset())], "{}.{}.{}".format(*sys.version_info[:3])).members
    return {"requirements.lock": "".join(f"{each.name}=={each.version}\n" for each in members)}


def row(number: int) -> dict[str, Any]:
    return {**ROW, "id": number, "7": number / 8, "Age in years": None if number % 3 == 0 else float(number)}


def expected(number: int) -> float:
    """Return what MIXED_PREDICT answers to `row(number)`."""
    age = 0.5 if number % 3 == 0 else float(number)
    return 3 * 100.0 + age + len(ROW["Name"]) + number / 8 + 2 * 10 + 0 + 1912


@contextmanager
def server(command: list[str], port: int) -> Iterator[None]:
    """Run a broker until the block ends."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]} on this machine: apt-get install {command[0]}")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        else:
            pytest.fail(f"{command[0]} does not answer")
        yield
    finally:
        process.terminate()
        process.wait(20)
