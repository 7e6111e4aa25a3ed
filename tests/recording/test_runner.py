"""Where a notebook runs, and what is told when it does not."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import nbformat
import pytest

from nbdeploy.errors import RecordingError
from nbdeploy.reading import open_notebook
from nbdeploy.recording.runner import record
from nbdeploy.request import DeployRequest

if TYPE_CHECKING:
    from pathlib import Path

    from nbdeploy.recording.recording import Recording


def recorded(folder: Path, *cells: str) -> Recording:
    """Record a notebook whose last cell predicts."""
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
    written.cells[-1].metadata.tags = ["predict"]
    path = folder / "doubled.ipynb"
    nbformat.write(written, path)
    return record(open_notebook(path), DeployRequest(notebook=path), "doubled", folder / "recording")


def test_the_kernel_is_of_this_interpreter_whatever_the_users_kernel_of_that_name_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    installed.parent.mkdir(parents=True)
    other = ["/another/environment/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    installed.write_text(json.dumps({"argv": other, "display_name": "Python 3", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    own = f"import sys\nassert sys.prefix == {sys.prefix!r}\nnumbers = [1.0, 2.0]"
    assert recorded(tmp_path, own, "doubled = [2 * number for number in numbers]").path.output.label == "doubled"


def test_a_library_that_is_not_here_is_told_with_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(RecordingError) as caught:
        recorded(tmp_path, "numbers = [1.0]\n%load_ext no_such_thing", "doubled = [2 * each for each in numbers]")
    told = caught.value.diagnostics[0]
    assert (told.code, told.cell, told.line) == ("NBD301", 0, 2)
    assert f"{sys.executable} -m pip install no_such_thing" in told.fix


def test_what_the_kernels_process_itself_writes_is_not_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    loud = "import os\nos.system('echo from a child; echo in trouble >&2')\nnumbers = [1.0, 2.0]"
    recorded(tmp_path, loud, "doubled = [2 * number for number in numbers]")
    told = capfd.readouterr()
    assert "child" not in told.out
    assert "trouble" not in told.err
    assert "from a child" in (tmp_path / "recording" / "kernel.log").read_text()


def test_native_code_that_crashes_is_told_with_its_line(tmp_path: Path) -> None:
    crash = "\n# the next line reads where nothing is\nimport ctypes\nctypes.string_at(0)"
    with pytest.raises(RecordingError) as caught:
        recorded(tmp_path, "numbers = [1.0]", crash, "doubled = [2 * each for each in numbers]")
    told = caught.value.diagnostics[0]
    assert (told.code, told.cell, told.line) == ("NBD302", 1, 4)
    assert "native code crashed (Segmentation fault)" in told.message


def test_a_kernel_that_never_starts_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ipykernel_launcher.py").write_text("raise SystemExit('no licence found')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(RecordingError) as caught:
        recorded(tmp_path, "numbers = [1.0]", "doubled = [2 * each for each in numbers]")
    told = caught.value.diagnostics[0]
    assert (told.code, told.cell) == ("NBD302", None)
    assert told.message == "the kernel died before the first cell ran: no licence found"
