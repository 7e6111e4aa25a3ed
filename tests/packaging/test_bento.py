"""A Bento is built inside the process, holds the whole package, and leaves the process as it was."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from nbdeploy.errors import ArtifactError, EnvironmentProblem
from nbdeploy.packaging.bento import build, delete, find

_spec = importlib.util.spec_from_file_location("packages", Path(__file__).with_name("packages.py"))
packages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(packages)

pytestmark = pytest.mark.slow  # the first build of a process imports BentoML


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "bentoml"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return texts_package(tmp_path / "package")


def texts_package(folder: Path, predict: str = packages.TEXTS_PREDICT) -> Path:
    return packages.write_package(folder, "texts", predict, packages.TEXTS, packages.TEXTS)


def test_a_bento_holds_the_whole_package(folder: Path, tmp_path: Path) -> None:
    bento = build(folder, "texts", "1", {"run_id": "abc"})
    assert (bento.tag, bento.version) == ("texts:1", "1")
    assert bento.path == tmp_path / "bentoml" / "bentos" / "texts" / "1"
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == {path.relative_to(bento.path / "src").as_posix() for path in bento.path.glob("src/**/*.*")}
    assert {"artifacts/manifest.json", "notebook/source.ipynb", "tests/test_notebook.py", "contract.json"} <= written
    info = yaml.safe_load((bento.path / "bento.yaml").read_text())
    assert (info["name"], info["version"], info["labels"]) == ("texts", "1", {"run_id": "abc"})
    assert (bento.path / "README.md").read_text() == "# texts\n"


def test_a_package_below_a_hidden_folder_is_built_too(tmp_path: Path) -> None:
    """The default data folder is ~/.local/share/nbdeploy; BentoML refuses to read files below a hidden folder."""
    folder = texts_package(tmp_path / ".local" / "share" / "1.partial")
    before = sorted(folder.rglob("*"))
    bento = build(folder, "texts", "1", {})
    assert (bento.path / "src" / "texts" / "predict.py").read_text() == (folder / "texts" / "predict.py").read_text()
    assert sorted(folder.rglob("*")) == before


def test_a_container_would_install_the_lock_with_its_hashes(folder: Path) -> None:
    lock = (folder / "requirements.lock").read_text()
    found = (build(folder, "texts", "1", {}).path / "env" / "python" / "requirements.txt").read_text()
    assert found.startswith(lock)
    rest = found.removeprefix(lock).split()
    assert set(rest) <= {lock.split()[0]}  # BentoML names itself once more, in the locked version


def test_a_lock_without_bentoml_is_refused(folder: Path) -> None:
    (folder / "requirements.lock").write_text("numpy==2.0.0\n")
    with pytest.raises(ArtifactError, match=r"NBD638 .*does not pin bentoml=="):
        build(folder, "texts", "1", {})


def test_the_process_is_left_as_it_was(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    own = ModuleType("texts")
    sys.modules["texts"] = own
    before = (list(sys.path), Path.cwd(), sys.dont_write_bytecode, logging.getLogger("bentoml").level)
    try:
        build(folder, "texts", "1", {})
        assert sys.modules["texts"] is own
    finally:
        del sys.modules["texts"]
    assert (list(sys.path), Path.cwd(), sys.dont_write_bytecode, logging.getLogger("bentoml").level) == before
    assert not [name for name in sys.modules if name == "service" or name.startswith("texts.")]
    assert not list(folder.rglob("__pycache__"))
    assert capfd.readouterr() == ("", "")


def test_the_same_module_name_can_be_built_again_from_other_code(folder: Path, tmp_path: Path) -> None:
    first = build(folder, "texts", "1", {})
    other = packages.write_package(
        tmp_path / "other", "texts", "def predict(x): return x\n", packages.MIXED, packages.LABELS
    )
    second = build(other, "texts", "2", {})
    apis = [yaml.safe_load((bento.path / "apis" / "openapi.yaml").read_text()) for bento in (first, second)]
    fields = [list(api["components"]["schemas"]["predict__Input"]["properties"]) for api in apis]
    assert fields == [["input"], ["rows"]]


def test_a_package_that_cannot_be_imported_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    broken = texts_package(tmp_path / "broken", "import no_such_module_here\n")
    with pytest.raises(ArtifactError, match=r"NBD631 .*no_such_module_here"):
        build(broken, "texts", "1", {})
    assert not (tmp_path / "bentoml" / "bentos" / "texts").exists()
    assert "texts" not in sys.modules


def test_a_version_is_never_built_twice(folder: Path) -> None:
    build(folder, "texts", "1", {})
    with pytest.raises(ArtifactError, match=r"NBD632 .*texts:1 exists already"):
        build(folder, "texts", "1", {})


@pytest.mark.parametrize(
    ("name", "version"), [("Texts", "1"), ("a b", "1"), ("../x", "1"), ("texts", "a/b"), ("", "1")]
)
def test_a_name_that_bentoml_does_not_take_is_told(folder: Path, name: str, version: str) -> None:
    with pytest.raises(ArtifactError, match="NBD633"):
        build(folder, name, version, {})


def test_a_store_that_cannot_be_written_is_told(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(EnvironmentProblem, match="NBD635"):
        build(folder, "texts", "1", {})


def test_a_bento_is_found_by_its_exact_tag_only(folder: Path) -> None:
    built = build(folder, "texts", "10", {})
    assert find("texts:10") == find("texts") == find("texts:latest") == built
    with pytest.raises(EnvironmentProblem, match=r"NBD636 .*no Bento texts:1 "):
        find("texts:1")
    for tag in ("other", "texts:..", "../bentos/texts:10", ""):
        with pytest.raises(EnvironmentProblem, match="NBD636"):
            find(tag)


def test_a_deleted_bento_is_gone(folder: Path) -> None:
    bento = build(folder, "texts", "1", {})
    build(folder, "texts", "2", {})
    delete("texts:1")
    assert not bento.path.exists()
    assert find("texts").tag == "texts:2"
    with pytest.raises(EnvironmentProblem, match="NBD636"):
        delete("texts:1")


def test_a_second_build_takes_a_second_at_most(folder: Path) -> None:
    build(folder, "texts", "1", {})
    started = time.monotonic()
    build(folder, "texts", "2", {})
    assert time.monotonic() - started < 5  # measured: 0.2; a busy machine is slower
    assert os.environ["BENTOML_DO_NOT_TRACK"] == "True"
