"""`jupyter nbconvert --to nbdeploy` writes the package; a notebook that can't be exported ends with text, not a traceback."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from nbconvert.exporters import get_exporter

from nbdeploy.errors import NotebookError, UsageError
from nbdeploy.frontends.exporter import PackageExporter

EXAMPLES = Path(__file__).resolve().parents[2] / "example_notebooks"


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path / "home"))


def nbconvert(*arguments: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nbconvert", "--to", "nbdeploy", *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=300, check=False)


def written(path: Path, *cells: dict[str, object]) -> Path:
    document = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def code(source: str, *tags: str) -> dict[str, object]:
    metadata = {"tags": list(tags)}
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [], "execution_count": None}


def test_nbconvert_knows_the_exporter_by_its_name() -> None:
    assert entry_points(group="nbconvert.exporters", name="nbdeploy")["nbdeploy"].load() is PackageExporter
    assert get_exporter("nbdeploy") is PackageExporter


@pytest.mark.slow
def test_nbconvert_writes_a_package_that_answers_and_passes_its_own_tests(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "notebooks")
    done = nbconvert(tmp_path / "notebooks" / "house_prices.ipynb", "--output-dir", tmp_path / "out")

    assert done.returncode == 0, done.stderr
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["house_prices_package"]
    package = tmp_path / "out" / "house_prices_package"
    contract = json.loads((package / "contract.json").read_text(encoding="utf-8"))
    files = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    scripts = {f"{contract['module']}/{name}.py" for name in ("__init__", "preprocess", "predict", "train", "pipeline")}
    assert {"README.md", "service.py", "requirements.lock", "artifacts/manifest.json"} | scripts <= files
    verdicts = {each["name"]: each["verdict"] for each in contract["gates"]}
    assert {gate for gate, verdict in verdicts.items() if verdict == "skip"} >= {"served", "robust", "budget"}
    assert {verdicts[gate] for gate in ("reproduce", "faithful", "rowwise", "portable", "tested")} == {"pass"}
    assert {"notebook/report.html", "notebook/report.json"} <= files
    assert (package / "README.md").read_text(encoding="utf-8").startswith("# ")
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    ran = subprocess.run(tests, cwd=package, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.slow
def test_a_refusal_ends_nbconvert_with_the_finding_and_writes_nothing(tmp_path: Path) -> None:
    notebook = written(tmp_path / "untagged.ipynb", code("x = 1"))
    done = nbconvert(notebook, "--output-dir", tmp_path / "out")

    assert done.returncode == 1
    assert "NBD201" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.slow
def test_a_stream_is_refused_as_wrong_use(tmp_path: Path) -> None:
    text = written(tmp_path / "untagged.ipynb", code("x = 1")).read_text(encoding="utf-8")
    done = nbconvert("--stdin", "--output-dir", tmp_path / "out", text=text)

    assert done.returncode == 2
    assert "NBD712" in done.stderr
    assert "Traceback" not in done.stderr


def test_as_a_library_the_exporter_raises_our_own_errors(tmp_path: Path) -> None:
    notebook = written(tmp_path / "odd.ipynb", code("x = 1", "predct"))
    with pytest.raises(NotebookError, match=r"NBD006 .*'predct' looks like a role"):
        PackageExporter().from_filename(str(notebook))


def test_as_a_library_a_notebook_without_a_file_is_refused() -> None:
    import nbformat

    with pytest.raises(UsageError, match=r"NBD712 .*there is no file"):
        PackageExporter().from_notebook_node(nbformat.v4.new_notebook())
