"""The graph of a package in a JavaScript runtime: it answers as the notebook did."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Recorded

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the script and ONNX Runtime for the web."""
    if not shutil.which("npm"):
        pytest.skip("there is no npm on this machine: apt-get install nodejs npm")
    folder = tmp_path_factory.mktemp("edge")
    for name in ("package.json", "package-lock.json", "predict.mjs"):
        shutil.copy(HERE / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if ran.returncode:
        pytest.skip(f"no npm registry can be reached from here: {ran.stderr[-200:]}")
    return folder


def asked(javascript: Path, package: Path, rows: Any) -> dict[str, list[Any]]:
    (javascript / "rows.json").write_text(json.dumps(rows))
    edge = package / "edge"
    command = ["node", "predict.mjs", str(edge / "predict.onnx"), str(edge / "signature.json"), "rows.json"]
    ran = subprocess.run(command, cwd=javascript, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    answers: dict[str, list[Any]] = json.loads(ran.stdout)
    return answers


def test_javascript_answers_every_recorded_row_as_the_notebook_did(
    javascript: Path, recordings: Callable[[str], Recorded]
) -> None:
    proven = recordings("house_prices").proven
    answers = asked(javascript, proven.folder, proven.requests["rows"])
    assert answers["prediction"] == pytest.approx(proven.requests["predictions"], rel=1e-12)
    assert not any(answers["refused"])
