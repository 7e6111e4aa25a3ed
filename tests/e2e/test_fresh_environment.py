"""An exported package in an environment that was made from its own lock: it needs nothing else, least of all nbdeploy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from nbdeploy.packaging.search_places import search_places
from tests.e2e.conftest import ERASED, MINUTES, program, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Recorded


@pytest.fixture(scope="module")
def package(recordings: Callable[[str], Recorded], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere") / "package"
    shutil.copytree(recordings("churn").proven.folder, folder)
    return folder


@pytest.fixture(scope="module")
def fresh(package: Path) -> Path:
    """Return the folder of programs of an environment that holds what the lock says."""
    environment = package.parent / "environment"
    lock = package / "requirements.lock"
    uv(["venv", "--python", os.path.realpath(program("python")), environment])
    hashed = ["--require-hashes"] if "--hash=" in lock.read_text() else []
    uv(["pip", "install", "--python", environment / "bin" / "python", *hashed, "-r", lock])
    return environment / "bin"


def uv(words: list[object]) -> None:
    places = search_places()
    strategy = {"UV_INDEX_STRATEGY": "unsafe-best-match"} if places else {}
    command = [str(each) for each in (program("uv"), *words, "--quiet")]
    ran = subprocess.run(
        command, env=os.environ | places | strategy, capture_output=True, text=True, timeout=10 * MINUTES
    )
    if "dns error" in ran.stderr or "client error (Connect)" in ran.stderr:
        pytest.skip("no package index can be reached from here")
    assert ran.returncode == 0, ran.stderr


def environment(package: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in (*ERASED, "VIRTUAL_ENV")}
    return kept | {"BENTOML_HOME": str(package.parent / "bentos"), "BENTOML_DO_NOT_TRACK": "True"}


def test_the_lock_pins_every_requirement_exactly_and_leaves_nbdeploy_out(package: Path) -> None:
    lines = [line for line in (package / "requirements.lock").read_text().splitlines() if line[:1].isalnum()]
    assert [line for line in lines if "==" not in line] == []
    assert [line for line in lines if line.startswith(("nbdeploy", "mlflow", "papermill", "ipykernel"))] == []


def test_nbdeploy_is_not_there(fresh: Path, package: Path) -> None:
    ran = subprocess.run(
        [fresh / "python", "-c", "import nbdeploy"],
        cwd=package,
        env=environment(package),
        capture_output=True,
        text=True,
    )
    assert "No module named 'nbdeploy'" in ran.stderr


def test_the_packages_own_tests_pass(fresh: Path, package: Path) -> None:
    ran = subprocess.run(
        [fresh / "python", "-m", "pytest", "-q"], cwd=package, env=environment(package), capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    assert " passed" in ran.stdout
    assert "skipped" not in ran.stdout


def test_it_serves_the_contracts_examples(fresh: Path, package: Path, tmp_path: Path) -> None:
    contract = json.loads((package / "contract.json").read_text())
    command = [fresh / "bentoml", "serve", "service:Service", "--host", "127.0.0.1"]
    with serving(command, tmp_path / "log", env=environment(package), cwd=package) as server:
        for example in contract["examples"]:
            (wanted,) = example["predictions"]
            (got,) = server.predict(example["request"])["predictions"]
            assert got["call"] == wanted["call"]
            assert got["churn_probability"] == pytest.approx(wanted["churn_probability"], rel=1e-9)
