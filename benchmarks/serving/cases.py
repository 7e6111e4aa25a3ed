"""The models that are served: notebooks, exported by nbdeploy, and the same objects pickled for the hand-written servers."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

NOTEBOOKS = Path(__file__).parent / "notebooks"
"""As plain Python; a line `# %%` begins a cell, a word after it is the cell's tag."""

OWN = ("linear", "trees", "mixed")
CASES = (*OWN, "churn")
"""`churn` is an example notebook whose pandas code (dates, patterns in texts) no graph can hold."""


@dataclass(frozen=True)
class Case:
    """A proven package in a folder, which BentoML serves as it does the Bento that is built of it."""

    name: str
    package: Path
    pickled: Path

    @property
    def field(self) -> str:
        return "input" if self.name == "linear" else "rows"

    def rows(self) -> list[Any]:
        contract = json.loads((self.package / "contract.json").read_text(encoding="utf-8"))
        return [row for each in contract["examples"] for row in each["request"][self.field]]

    def graph(self) -> Path | None:
        """The model's ONNX file, where the gate `portable` chose it."""
        return next((self.package / "artifacts").glob("model*.onnx"), None)


def exported(name: str, home: Path) -> Case:
    """Export and prove a case, unless `home` has it from the last time."""
    package, notebook = home / name, ROOT / "example_notebooks" / f"{name}.ipynb"
    if name in OWN:
        notebook = home / f"{name}.ipynb"
        notebook.parent.mkdir(parents=True, exist_ok=True)
        notebook.write_text(json.dumps(notebook_of(name)), encoding="utf-8")
    if not package.is_dir():
        print(f"exporting {name}", file=sys.stderr)
        command = [sys.executable, "-m", "nbdeploy.frontends.cli", "export", str(notebook), "--out", str(package)]
        done = subprocess.run(
            [*command, "--quiet"], env={**os.environ, "NBDEPLOY_HOME": str(home / "data")}, check=False
        )
        if done.returncode:
            sys.exit(f"the export of {name} ended with status {done.returncode}")
    case = Case(name, package, home / f"{name}.pickle")
    if name in OWN and not case.pickled.is_file():
        _pickle(name, case.pickled)
    return case


def notebook_of(name: str) -> dict[str, Any]:
    """Return a notebook as JSON."""
    text = (NOTEBOOKS / f"{name}.py").read_text(encoding="utf-8")
    cells = [each.partition("\n") for each in text.split("# %%")[1:]]
    code = [
        {
            "cell_type": "code",
            "id": f"cell{number}",
            "metadata": {"tags": tag.split()},
            "source": source.strip(),
            "outputs": [],
            "execution_count": None,
        }
        for number, (tag, _, source) in enumerate(cells)
    ]
    return {"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def _pickle(name: str, path: Path) -> None:
    """Train as the notebook does, for those that serve what scikit-learn pickles."""
    import joblib

    space = runpy.run_path(str(NOTEBOOKS / f"{name}.py"))
    joblib.dump({key: space[key] for key in ("model", "median") if key in space}, path)
