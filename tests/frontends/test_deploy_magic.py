"""`%deploy` and `%nbdeploy` in a real kernel, as far as no deploy is made: the whole road is under tests/e2e."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.frontends.conftest import Kernel, Ran

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def error(ran: Ran) -> str:
    """Return the only error that a cell showed, which has to be short."""
    assert ran.reply["status"] == "error"
    (text,) = [ANSI.sub("", each) for each in ran.errors]
    assert len(text.splitlines()) <= 6
    return text


def write(path: Path, *sources: str) -> Path:
    empty = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**empty, "source": each} for each in sources]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    return path


def test_a_notebook_that_is_not_found_is_a_short_error_that_asks_for_it(kernel: Kernel) -> None:
    text = error(kernel.run("%deploy titanic"))
    assert text.startswith("UsageError\nNBD701 which file is this notebook?")
    assert "%deploy NAME --notebook" in text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("%deploy titanic --inptu df", "unknown option --inptu (did you mean '--input'?)"),
        ("%deploy 'titanic", "no closing quotation"),
        ("%nbdeploy now", "%nbdeploy takes no arguments"),
    ],
)
def test_wrong_use_is_a_short_error(kernel: Kernel, line: str, message: str) -> None:
    assert message in error(kernel.run(line))


def test_help_is_printed_and_the_kernel_lives_on(kernel: Kernel) -> None:
    ran = kernel.run("%deploy --help")
    assert ran.reply["status"] == "ok"
    assert "usage: %deploy" in ran.text
    assert kernel.run("1 + 1").result == "2"


def test_the_panel_lists_the_cells_with_their_roles(start_kernel: Callable[..., Kernel], tmp_path: Path) -> None:
    unbuilt = "from pathlib import Path\nfrom nbdeploy.frontends import magics\nmagics.PANEL = Path('not-built')"
    write(tmp_path / "titanic.ipynb", "%load_ext nbdeploy", unbuilt, "%%preprocess\nX = 1 # <b>", "%nbdeploy")
    kernel = start_kernel()
    kernel.run("%load_ext nbdeploy")
    kernel.run(unbuilt)
    ran = kernel.run("%nbdeploy")
    assert "preprocess" in (ran.result or "")
    (html,) = [each["content"]["data"]["text/html"] for each in ran.outputs if each["msg_type"] == "execute_result"]
    assert "%%preprocess" in html
    assert "<b>preprocess</b>" in html


def test_a_check_shows_the_findings_and_the_parts_of_the_cells(kernel: Kernel, tmp_path: Path) -> None:
    sources = ("import pandas as pd\nX = pd.read_csv('<x>')\nm = pd.read_pickle('m')", "%%predict\ny = m.predict(X)\nX")
    path = write(tmp_path / "titanic.ipynb", *sources)
    ran = kernel.run(f"%deploy --check --output y --notebook {path}")
    assert ran.reply["status"] == "ok"
    assert "Assumed without a run: the input is X." in (ran.result or "")
    assert re.search(r"1 +served", ran.result or "")
    (html,) = [each["content"]["data"]["text/html"] for each in ran.outputs if each["msg_type"] == "execute_result"]
    assert "<b>served</b>" in html
    assert "&lt;x&gt;" not in html  # the first line alone is shown


def test_a_notebook_that_nbdeploy_runs_does_not_deploy_itself(start_kernel: Callable[..., Kernel]) -> None:
    kernel = start_kernel(NBDEPLOY_RECORDING="1")
    kernel.run("%load_ext nbdeploy")
    ran = kernel.run("%deploy titanic")
    assert (ran.reply["status"], ran.result) == ("ok", None)
    assert "%deploy does nothing here" in ran.text


DEPLOYMENT = """
from pathlib import Path
from nbdeploy import Deployment, Outcome, Proof, Verdict
faithful = Verdict("faithful", Outcome.PASS, figures={"rows": 20})
served = Verdict("served", Outcome.SKIP, "<no Bento>")
Deployment(
    name="titanic", version="1", package=Path("made"), module="titanic", input="df", output="y", bindings={},
    proof=Proof((faithful, served)), bento_tag="titanic:1", run_id="abc", experiment="titanic",
)
"""


def test_a_deployment_is_shown_as_tables_with_what_to_try_next(kernel: Kernel, tmp_path: Path) -> None:
    ran = kernel.run(DEPLOYMENT)
    text = ran.result or ""
    assert re.search(r"faithful +pass +rows 20", text)
    assert "nbdeploy serve titanic" in text
    (html,) = [each["content"]["data"]["text/html"] for each in ran.outputs if each["msg_type"] == "execute_result"]
    assert "&lt;no Bento&gt;" in html


def test_in_a_terminal_the_magics_work_too(tmp_path: Path) -> None:
    cells = ["%load_ext nbdeploy", "%%preprocess\nx = 20\nprint(x + 1)\n", "%deploy titanic"]
    run = "[shell.run_cell(cell, store_history=True) for cell in cells]"
    source = f"from IPython.core.interactiveshell import InteractiveShell as S\nshell, cells = S(), {cells!r}\n{run}"
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert ran.stdout.splitlines()[0] == "21"
    assert "NBD701" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr
