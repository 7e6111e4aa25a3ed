"""A printed slice runs where there is no IPython."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nbdeploy.analysis.slice_text import slice_text
from nbdeploy.analysis.slicing import Target, slice_for
from tests.analysis.notebooks import program_of


def text_for(name: str, *cells: str) -> str:
    program = program_of(*cells)
    return slice_text(program, slice_for(program, [Target(name, len(program.statements))]))


def test_the_cells_are_named_and_what_is_not_needed_is_left_out() -> None:
    assert text_for("b", "a = 1\nprint(a)", "unrelated = 2", "b = a + 1") == "# cell 0\na = 1\n\n# cell 2\nb = a + 1\n"


@pytest.mark.parametrize(
    ("cells", "name", "value"),
    [
        (["%matplotlib inline\na = 1", "%%time\nb = a + 1"], "b", "2"),
        (["files = !echo one\nn = len(files)"], "n", "1"),
        (["command = !echo 'it''s'"], "command", "['its']"),
        (["def f(x):\n    display(x)\n    return x", "y = f(3)"], "y", "3"),
        (["!pip install nothing\nx = 1"], "x", "1"),
    ],
)
def test_it_runs_in_plain_python(cells: list[str], name: str, value: str) -> None:
    source = f"{text_for(name, *cells)}print(repr({name}))\n"
    ran = subprocess.run([sys.executable, "-"], input=source, capture_output=True, text=True, timeout=60)
    assert (ran.stdout.splitlines()[-1:], ran.stderr) == ([value], "")


def test_what_is_not_run_is_told_in_a_comment() -> None:
    assert "# not run: !pip install nothing\n" in text_for("x", "!pip install nothing\nx = 1")
    assert "# not run: %cd data\n" in text_for("x", "%cd data\nx = 1")


def test_what_needs_ipython_says_so_first() -> None:
    assert text_for("x", "x = %who_ls").startswith("# This needs IPython")
    assert text_for("x", "import asyncio\nx = await asyncio.sleep(0, 1)").startswith("# This awaits outside a function")
