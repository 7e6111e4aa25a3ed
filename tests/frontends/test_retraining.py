"""`nbdeploy retrain`: which package, whose data, and how the answer is told."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nbdeploy.home import save_deployment
from tests.operating.tiny import tiny

if TYPE_CHECKING:
    from pathlib import Path

FROM_FILE = "float(open('factor.txt').read())"


def retrain(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nbdeploy.frontends.cli", "retrain", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd)


@pytest.fixture
def notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a deployed notebook, with its data."""
    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path / "home"))
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "factor.txt").write_text("2.0")
    package = tiny(tmp_path / "package", FROM_FILE, [2.0, 4.0, 6.0])
    save_deployment("tiny", "1", {"name": "tiny", "package": str(package), "notebook": str(folder / "tiny.ipynb")})
    return folder


def test_a_deployed_package_is_trained_on_the_data_beside_its_notebook(notebooks: Path) -> None:
    ran = retrain("tiny", "--check", "--json")
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert (answer["ok"], answer["name"], answer["verdict"]) == (True, "tiny", "pass")
    assert answer["figures"]["rows"] == 3


def test_other_data_make_another_model_and_the_status_tells(notebooks: Path) -> None:
    (notebooks / "factor.txt").write_text("3.0")
    ran = retrain("tiny:1", "--check")
    assert ran.returncode == 1
    assert ran.stdout.startswith("fail  training gives the same model 3 times, and it is not the deployed one")
    assert "NBD591" in ran.stdout


def test_an_exported_package_takes_the_folder_that_is_named(notebooks: Path) -> None:
    package = notebooks.parent / "package"
    ran = retrain("--check", "--package", package, "--data", notebooks, "--quiet")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    missing = retrain("--check", "--package", package, cwd=None)
    assert missing.returncode == 2
    assert "NBD592" in missing.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tiny"], "retrain needs --check"),
        (["--check"], "retrain takes either NAME or --package DIR"),
        (["tiny", "--check", "--package", "x"], "retrain takes either NAME or --package DIR"),
        (["tinny", "--check"], "nothing called 'tinny' was deployed from here"),
    ],
)
def test_wrong_use_is_told(notebooks: Path, words: list[str], message: str) -> None:
    ran = retrain(*words)
    assert ran.returncode == 2
    assert message in ran.stderr
