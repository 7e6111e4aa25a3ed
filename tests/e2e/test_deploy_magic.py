"""`%deploy` from a real kernel: live progress, the result, nothing recursive; and what a live object's deploy says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import EXAMPLES, Home, write_notebook

if TYPE_CHECKING:
    from pathlib import Path

MIME = "application/vnd.nbdeploy.progress+json"
STAGES = ["record", "export", "prove", "track", "build"]


@dataclass
class Session:
    """A notebook that was run top to bottom in a real kernel, with all that the kernel sent for its last cell."""

    notebook: Any
    messages: list[dict[str, Any]] = field(default_factory=list)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [each["content"] for each in self.messages if each["msg_type"] == kind]

    @property
    def boards(self) -> list[dict[str, Any]]:
        """Return the progress displays, the first one and its updates."""
        shown = [*self.of("display_data"), *self.of("update_display_data")]
        return [each["data"][MIME] for each in shown if MIME in each["data"]]

    @property
    def result(self) -> dict[str, str]:
        (result,) = self.of("execute_result")
        data: dict[str, str] = result["data"]
        return data


def run(path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Run a notebook's file in a fresh kernel, in its own folder, as `jupyter execute` would."""
    import nbformat
    from nbclient import NotebookClient

    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    session = Session(nbformat.read(path, as_version=4))
    last = len(session.notebook.cells) - 1

    class Client(NotebookClient):
        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            if cell_index == last:
                session.messages.append(msg)
            return super().process_message(msg, cell, cell_index)

    Client(session.notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    return session


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """A copy of an example notebook whose last cell deploys it."""
    import nbformat

    folder = tmp_path / "work"
    shutil.copytree(EXAMPLES / "data", folder / "data")
    notebook = nbformat.read(EXAMPLES / "reviews.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("%deploy reviews --onnx off"))
    nbformat.write(notebook, folder / "reviews.ipynb")
    return folder / "reviews.ipynb"


def test_deploy_in_a_notebook_shows_live_progress_and_the_result(
    reviews: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = run(reviews, home, monkeypatch)

    assert len(session.of("update_display_data")) > 20
    (first,) = [each for each in session.of("display_data") if MIME in each["data"]]
    handle = first["transient"]["display_id"]
    assert {each["transient"]["display_id"] for each in session.of("update_display_data")} == {handle}
    assert [each["stage"] for each in session.boards[0]["stages"]] == STAGES
    assert {each["state"] for each in session.boards[0]["stages"]} == {"waiting"}
    assert {each["state"] for each in session.boards[-1]["stages"]} == {"done"}
    counted = {each["stages"][0]["done"] for each in session.boards}
    assert len(counted) > 5  # cells, while the notebook was recorded

    assert "reviews:1" in session.result["text/plain"]
    assert "<b>reviews</b> 1 is deployed" in session.result["text/html"]

    # The notebook holds `%deploy` itself: recording it has to deploy nothing a second time.
    assert home.deployed()["bentos"] == ["reviews/1"]
    assert home.deployed()["packages"] == ["packages/reviews/1", "packages/reviews/1.json"]
    assert len(home.deployed()["runs"]) == 1
    assert [each for each in session.of("stream") if "Traceback" in each["text"]] == []


TRAINING = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

df = pd.DataFrame({"area": np.arange(30.0), "rooms": np.arange(30) % 5})
"""
FITTING = """
from pathlib import Path
scale = float(Path("scale.txt").read_text())  # stands for hours of training that would end elsewhere
model = LinearRegression().fit(X, scale * df["area"])
"""


def test_from_kernel_serves_the_live_object_and_says_so(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    (tmp_path / "scale.txt").write_text("7.0")
    spoil = "Path('scale.txt').write_text('-1000.0')\nlive = model.predict(X).tolist()"
    path = write_notebook(
        tmp_path / "areas.ipynb",
        "%load_ext nbdeploy",
        TRAINING,
        ("preprocess", "X = df[['area', 'rooms']]"),
        FITTING,
        ("predict", "price = model.predict(X)"),
        ("skip", spoil),  # after this a fresh run would train another model
        "%deploy areas --from kernel --onnx off",
    )
    session = run(path, home, monkeypatch)

    assert list(temporary.glob("nbdeploy-*")) == []  # the live objects were copied there: they may be huge, and secret
    saved = json.loads((home.data / "packages" / "areas" / "1.json").read_text())
    gates = {each["name"]: each for each in saved["gates"]}
    assert gates["reproduce"]["verdict"] == "skip"
    assert "model came from the live kernel; not run again: " in gates["reproduce"]["reason"]
    assert "cell 3 line 4" in gates["reproduce"]["reason"]
    assert {gates[name]["verdict"] for name in ("faithful", "rowwise", "served")} == {"pass"}
    assert "model came from the live kernel" in session.result["text/plain"]

    served = "import pandas as pd, areas; print(areas.predict(pd.DataFrame({'area': [10.0], 'rooms': [0]})).round(6))"
    ran = subprocess.run(
        [sys.executable, "-c", served], cwd=saved["package"], capture_output=True, text=True, timeout=120
    )
    assert ran.stdout.strip() == "[70.]", ran.stderr
