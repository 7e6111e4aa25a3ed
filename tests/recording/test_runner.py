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
