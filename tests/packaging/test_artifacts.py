"""The package's `artifacts.py` reads what was stored, without nbdeploy, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from nbdeploy.packaging.artifacts import ArtifactEntry, artifacts_module, manifest
from nbdeploy.recording.formats import FORMATS, store, suffix

if TYPE_CHECKING:
    from pathlib import Path

X, y = load_iris(return_X_y=True, as_frame=True)

VALUES: dict[str, tuple[Any, str, str | None]] = {
    "model": (
        LogisticRegression(max_iter=900).fit(X, y),
        "LogisticRegression",
        "from sklearn.linear_model import LogisticRegression",
    ),
    "scaler": (StandardScaler().fit(X), "StandardScaler", "from sklearn.preprocessing import StandardScaler"),
    "medians": (X.median(), "pd.Series", "import pandas as pd"),
    "weights": (np.arange(3.0), "np.ndarray", "import numpy as np"),
    "words": ({"a": [1, 2]}, "dict[str, list[int]]", None),
}


def entry(name: str, folder: Path) -> ArtifactEntry:
    value, type_name, type_import = VALUES[name]
    stored = store(value, folder, name)
    return ArtifactEntry(
        name=name,
        file=stored.file,
        format=stored.format,
        arguments=stored.arguments,
        sha256=stored.sha256,
        size=stored.size,
        type_name=type_name,
        type_import=type_import,
        cell=12,
        line=3,
    )


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An exported package with every kind of artifact, as the emitted file wants to find it."""
    root = tmp_path / "package"
    (root / "flowers").mkdir(parents=True)
    entries = [entry(name, root / "artifacts") for name in VALUES]
    (root / "flowers" / "__init__.py").touch()
    (root / "flowers" / "artifacts.py").write_text(artifacts_module(entries, module="flowers"))
    (root / "artifacts" / "manifest.json").write_text(manifest(entries))
    return root


def run(package: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=package,
        env={**os.environ, "PYTHONPATH": "", **environment},
    )


@pytest.mark.slow
def test_the_package_reads_its_artifacts_without_nbdeploy(package: Path) -> None:
    code = (
        "import sys; from flowers import artifacts as a; from sklearn.datasets import load_iris\n"
        "X, _ = load_iris(return_X_y=True, as_frame=True)\n"
        "print(a.model.predict_proba(X).tobytes().hex()[-64:], a.words, a.weights.sum(), a.medians.name)\n"
        "assert not any(name.startswith('nbdeploy') for name in sys.modules)"
    )

    done = run(package, code)

    expected = VALUES["model"][0].predict_proba(X).tobytes().hex()[-64:]
    assert (done.stdout, done.stderr) == (f"{expected} {{'a': [1, 2]}} 3.0 None\n", "")


def test_a_changed_file_is_named_with_both_digests_and_not_opened(package: Path) -> None:
    known = json.loads((package / "artifacts" / "manifest.json").read_text())["artifacts"]["model"]["sha256"]
    with (package / "artifacts" / "model.skops").open("ab") as file:
        file.write(b"!")

    done = run(package, "import flowers.artifacts")

    assert "ArtifactProblem" in done.stderr
    assert "model.skops was changed: its sha256 is " in done.stderr
    assert f"recorded was {known}" in done.stderr


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "weights.npz").unlink(), "weights.npz is missing; artifact 'weights' was recorded"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda folder: (folder / "manifest.json").write_text('{"version": 2}'), "has version 2, this code reads 1"),
        (
            lambda folder: (folder / "manifest.json").write_text('{"version": 1, "artifacts": {}}'),
            "knows no artifact 'model'",
        ),
    ],
    ids=["file", "manifest", "version", "entry"],
)
def test_what_is_missing_is_said(package: Path, spoil: Any, words: str) -> None:
    spoil(package / "artifacts")

    assert words in run(package, "import flowers.artifacts").stderr


def test_another_folder_can_be_named_by_the_environment(package: Path, tmp_path: Path) -> None:
    (package / "artifacts").rename(tmp_path / "elsewhere")

    done = run(
        package, "from flowers.artifacts import words; print(words)", FLOWERS_ARTIFACTS=str(tmp_path / "elsewhere")
    )

    assert done.stdout == "{'a': [1, 2]}\n"


@pytest.mark.slow
def test_training_writes_files_and_manifest_that_are_read_again(package: Path, tmp_path: Path) -> None:
    names = list(VALUES)
    code = (
        "import sys; from pathlib import Path; from flowers import artifacts as a\n"
        f"for name in {names}: a.save(name, getattr(a, name), Path({str(tmp_path / 'new')!r}))"
    )

    assert run(package, code).stderr == ""
    again = run(
        package, "from flowers.artifacts import *; print(words, weights)", FLOWERS_ARTIFACTS=str(tmp_path / "new")
    )

    assert again.stdout == "{'a': [1, 2]} [0. 1. 2.]\n"
    assert {each.name for each in (tmp_path / "new").iterdir()} == {
        "manifest.json",
        "model.skops",
        "scaler.skops",
        "medians.parquet",
        "weights.npz",
        "words.json",
    }


@pytest.mark.slow
def test_a_failed_save_leaves_the_old_artifact_whole(package: Path) -> None:
    before = {each.name: each.read_bytes() for each in (package / "artifacts").iterdir()}
    code = "from flowers import artifacts as a; a.save('words', {'a': object()}, a.FOLDER)"

    done = run(package, code)

    assert "not JSON serializable" in done.stderr
    assert {each.name: each.read_bytes() for each in (package / "artifacts").iterdir()} == before


def test_each_artifact_is_one_line_with_its_type_and_cell(package: Path) -> None:
    text = (package / "flowers" / "artifacts.py").read_text()

    assert text.splitlines()[-5:] == [
        'model: LogisticRegression = _load("model")  # cell 12',
        'scaler: StandardScaler = _load("scaler")  # cell 12',
        'medians: pd.Series = _load("medians")  # cell 12',
        'weights: np.ndarray = _load("weights")  # cell 12',
        'words: dict[str, list[int]] = _load("words")  # cell 12',
    ]
    assert "load_torch" not in text


def test_the_manifest_is_versioned_and_complete(tmp_path: Path) -> None:
    found = entry("weights", tmp_path)

    assert json.loads(manifest([found])) == {
        "version": 1,
        "artifacts": {
            "weights": {
                "file": "weights.npz",
                "format": "npz",
                "arguments": {"kind": "array"},
                "sha256": found.sha256,
                "size": (tmp_path / "weights.npz").stat().st_size,
                "type": "np.ndarray",
                "cell": 12,
                "line": 3,
            }
        },
    }


@pytest.mark.parametrize("formats", [FORMATS, FORMATS[:1], ("skops",), ()], ids=["all", "json", "skops", "none"])
def test_the_text_is_formatted_and_free_of_findings(formats: tuple[str, ...], tmp_path: Path) -> None:
    entries = [ArtifactEntry(name=f"a_{name}", file=f"a{suffix(name)}", format=name, cell=1) for name in formats]
    path = tmp_path / "artifacts.py"
    path.write_text(artifacts_module(entries, module="flowers"))
    ruff = [sys.executable, "-m", "ruff"]
    rules = ["--isolated", "--line-length=120", "--select=E,F,W,I,UP,B,C4,SIM,RUF,RET,PTH"]

    check = subprocess.run([*ruff, "check", *rules, str(path)], capture_output=True, text=True)
    layout = subprocess.run(
        [*ruff, "format", "--isolated", "--line-length=120", "--diff", str(path)], capture_output=True, text=True
    )

    assert (check.returncode, layout.returncode) == (0, 0), check.stdout + layout.stdout


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arguments": {"trusted": ["posix.system"]}}, "model.skops would build posix.system"),
        ({"format": "npz"}, "model.skops is in the format npz; 'model' is kept as skops"),
    ],
    ids=["a type", "a format"],
)
def test_a_manifest_can_add_nothing_to_what_the_code_trusts(package: Path, changes: dict[str, Any], words: str) -> None:
    """Who changes a file can change the digest beside it, too."""
    path = package / "artifacts" / "manifest.json"
    content = json.loads(path.read_text())
    content["artifacts"]["model"] |= changes
    path.write_text(json.dumps(content))

    assert f"ArtifactProblem: {package}/artifacts/{words}" in run(package, "import flowers.artifacts").stderr
