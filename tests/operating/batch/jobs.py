"""A package that says how it got a row, and jobs that are killed."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nbdeploy.analysis.values import Kind, Schema
from tests.packaging.packages import write_package
from tests.proving.contracts import ANSWER, FORM, changed

ROOT = Path(__file__).resolve().parents[3]

PREDICT = '''
import numpy as np
import pandas as pd


def predict(df):
    """A risk, and a call that is a text; a passenger of 99 is one that the model refuses."""
    print("what a model prints is no answer")
    if (df["age"] == 99).any():
        raise ValueError("nobody is 99")
    risk = df["age"] / 100
    return pd.DataFrame({"risk": risk, "call": np.where(risk > 0.5, "yes", "no")}, index=df.index)
'''
TEXTS = Schema(kind=Kind.LIST, type="list", rows=3, dtype="str")
MATRIX = Schema(kind=Kind.ARRAY, type="numpy.ndarray", rows=5, shape=(5, 2), dtype="float64")
LOCKED = ("numpy", "pandas", "python-dateutil", "six", "tzdata", "pyarrow")


def risk_package(folder: Path, **contract: Any) -> Path:
    return package(folder, "risk", PREDICT, FORM, ANSWER, **contract)


def package(folder: Path, module: str, predict: str, input: Schema, output: Schema, **contract: Any) -> Path:
    """Write a package that may import pandas, and has no `tables.py` of its own."""
    forms = {"input": input.as_json(), "output": output.as_json(), "module": module, "name": module}
    files = {
        "contract.json": json.dumps(changed(**forms, **contract)),
        "requirements.lock": "".join(f"{name}=={version(name)}\n" for name in LOCKED),
    }
    return write_package(folder, module, predict, input, output, extra=files)


def killed(after: int, **request: Any) -> None:
    """Run a job in a process of its own that is killed, as by `kill -9`, when that many chunks are answered."""
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT)!r})
from nbdeploy.operating.batch import run
run.PART_CHUNKS = 2
left = {after}
def progress(event):
    global left
    left -= event.state == "update"
    if left < 1:
        os.kill(os.getpid(), signal.SIGKILL)
run.batch(run.BatchRequest(**{request!r}), progress)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=120, check=False)
    assert ended.returncode == -9, ended.stderr.decode()
