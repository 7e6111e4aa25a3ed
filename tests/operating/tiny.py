"""Packages written by hand, small enough to read, each with a `train` of its own."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from nbdeploy.packaging import compare

if TYPE_CHECKING:
    from collections.abc import Sequence

PREDICT = """
import json
import os
from pathlib import Path

def predict(rows):
    folder = Path(os.environ["TINY_ARTIFACTS"])
    factor = json.loads((folder / "factor.json").read_text())
    return [row * factor for row in rows]

def train(out):
    import random
    # cell 0
    factor = {factor}
    Path(out, "factor.json").write_text(json.dumps(factor))
    return {{"factor": factor}}
"""
RECORDED = """
def recorded(name):
    return {{"example_input": {rows}, "example_output": {answers}, "labels": {rows}}}[name]
"""
METRIC = """
def metric(labels, answers):
    return sum(abs(a - b) for a, b in zip(labels, answers)) / len(labels)
"""
ROWS = [1.0, 2.0, 3.0]


def tiny(folder: Path, factor: str, answers: Sequence[float], *cells: str) -> Path:
    """Write a package that answers rows with a multiple of them; `factor` is how `train` finds it."""
    document = {"metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    document["cells"] = [
        {"cell_type": "code", "source": each, "metadata": {}, "outputs": [], "execution_count": None} for each in cells
    ]
    files = {
        "tiny/__init__.py": PREDICT.format(factor=factor),
        "tiny/train.py": "# cell 0\n",
        "tiny/schema.py": "def answer(value):\n    return value\n",
        "tests/recorded.py": RECORDED.format(rows=ROWS, answers=list(answers)),
        "tests/metric.py": METRIC,
        "tests/compare.py": Path(compare.__file__).read_text(encoding="utf-8"),
        "notebook/source.ipynb": json.dumps(document),
        "requirements.lock": f"hypothesis=={version('hypothesis')} \\\n    --hash=sha256:{'0' * 64}\n",
        "contract.json": json.dumps({"module": "tiny"}),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder
