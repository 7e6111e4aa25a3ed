"""The laws of slicing on the example notebooks: every name that has a comparable value, and the benchmark that measures it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nbdeploy
from nbdeploy.analysis.program import Program
from nbdeploy.analysis.slicing import Target, slice_for
from nbdeploy.reading import open_notebook
from tests.analysis.notebooks import program_of

ROOT = Path(nbdeploy.__file__).parent.parent
EXAMPLES = sorted((ROOT / "example_notebooks").glob("*.ipynb"))


def sources(program: Program, name: str) -> list[str]:
    found = slice_for(program, [Target(name, len(program.statements))])
    return [each.source for each in found.statements]


@pytest.mark.slow
def test_the_slice_of_each_name_makes_what_the_notebook_makes(tmp_path: Path) -> None:
    for each in EXAMPLES:
        shutil.copytree(each.parent / "data", tmp_path / "corpus" / each.stem / "data")
        shutil.copy(each, tmp_path / "corpus" / each.stem / "tagged.ipynb")
    command = [sys.executable, str(ROOT / "benchmarks" / "slices.py"), "--corpus", str(tmp_path / "corpus"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=900)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = [each["tools"]["nbdeploy"] for each in json.loads(done.stdout)["notebooks"]]
    assert [(each["wrong"], each["broken"]) for each in found] == [(0, 0)] * len(EXAMPLES)
    assert all(each["reproduced"] > 10 and each["median_share"] <= 0.6 for each in found)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_slice_of_a_slice_is_the_slice(path: Path) -> None:
    program = open_notebook(path)
    for name in sorted({name for each in program.statements for name in each.effects.defs}):
        once = sources(program, name)
        assert sources(program_of("\n".join(once)), name) == once, name
