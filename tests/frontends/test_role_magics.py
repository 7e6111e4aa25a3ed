"""A cell with a role runs exactly as it would without."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.frontends.conftest import Kernel

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def test_a_role_cell_binds_names_prints_and_shows_its_last_expression(kernel: Kernel) -> None:
    ran = kernel.run("%%preprocess --input df\nx = 20\nprint('printed')\nx + 22")
    assert (ran.reply["status"], ran.text, ran.result) == ("ok", "printed\n", "42")
    assert kernel.run("x, _").result == "(20, 42)"


@pytest.mark.parametrize("first", ["%%preprocess", "%%predict --output y", "%%test"])
def test_an_error_fails_the_cell_once_and_names_the_line_of_the_cell(kernel: Kernel, first: str) -> None:
    ran = kernel.run(f"{first}\nx = 1\n\n1 / 0")
    assert (ran.reply["status"], ran.reply["ename"]) == ("error", "ZeroDivisionError")
    (traceback,) = [ANSI.sub("", each) for each in ran.errors]
    assert "line 4" in traceback
    assert "----> 4 1 / 0" in traceback
    assert "nbdeploy" not in traceback.replace("%%", "")


def test_a_syntax_error_names_the_line_of_the_cell(kernel: Kernel) -> None:
    ran = kernel.run("%%predict\nx = 1\nif x\n    pass")
    assert ran.reply["ename"] == "SyntaxError"
    assert "line 3" in ran.reply["evalue"]


def test_top_level_await_works(kernel: Kernel) -> None:
    assert kernel.run("%%predict\nimport asyncio\nawait asyncio.sleep(0.01, 'slept')").result == "'slept'"


def test_line_magics_shell_lines_and_display_work_inside(kernel: Kernel) -> None:
    ran = kernel.run(
        "%%preprocess\nfrom IPython.display import display\ndisplay('shown')\n%who_ls str\n!echo shell\n7;"
    )
    assert (ran.reply["status"], ran.result) == ("ok", None)
    assert "shell" in ran.text
    assert [each["msg_type"] for each in ran.outputs].count("display_data") == 1


@pytest.mark.parametrize("source", ["%%preprocess\n\n%%time\ny = 5", "%%time\n%%preprocess\ny = 5"])
def test_another_cell_magic_can_stand_before_or_after(kernel: Kernel, source: str) -> None:
    ran = kernel.run(source)
    assert ran.reply["status"] == "ok"
    assert "Wall time" in ran.text
    assert kernel.run("y").result == "5"


def test_called_as_a_function_the_magic_runs_its_cell_and_raises_its_error_once(kernel: Kernel) -> None:
    assert kernel.run("get_ipython().run_cell_magic('preprocess', '', 'z = 3')\nz").result == "3"
    ran = kernel.run("get_ipython().run_cell_magic('preprocess', '', 'z = 3\\n1 / 0')")
    (traceback,) = [ANSI.sub("", each) for each in ran.errors]
    assert ran.reply["ename"] == "ZeroDivisionError"
    assert "----> 3 1 / 0" in traceback


def test_two_roles_on_one_cell_are_an_error_that_says_so(kernel: Kernel) -> None:
    ran = kernel.run("%%preprocess\n%%predict\ny = 1")
    assert ran.reply["ename"] == "UsageError"
    assert "a cell has one role: %%preprocess or %%predict" in ran.reply["evalue"]


def test_wrong_use_is_a_short_text_with_the_nearest_option_and_does_not_run_the_cell(kernel: Kernel) -> None:
    ran = kernel.run("%%preprocess --inptu df\nnever = 1")
    (traceback,) = ran.errors
    assert "unknown option --inptu (did you mean '--input'?)" in traceback
    assert len(traceback.splitlines()) <= 3
    assert kernel.run("'never' in globals()").result == "False"


def test_loading_twice_changes_nothing_and_unloading_takes_all_away(kernel: Kernel) -> None:
    state = "[len(ip.input_transformers_cleanup), len(ip.events.callbacks['pre_run_cell'])]"
    before = kernel.run(f"ip = get_ipython()\n{state}").result
    again = (
        "import nbdeploy\nnbdeploy.load_ipython_extension(ip)\nget_ipython().run_line_magic('reload_ext', 'nbdeploy')"
    )
    assert kernel.run(f"{again}\n{state}").result == before
    kernel.run("%unload_ext nbdeploy")
    assert kernel.run(f"{state} == [n - 1 for n in {before}]").result == "True"
    assert kernel.run("[ip.find_cell_magic('predict'), ip.find_line_magic('deploy')]").result == "[None, None]"
    assert kernel.run("%%predict\nx = 1").reply["status"] == "error"
    assert kernel.run("%load_ext nbdeploy\nip.find_line_magic('deploy') is None").result == "False"


def test_loading_the_extension_imports_nothing_heavy(start_kernel: Callable[..., Kernel]) -> None:
    kernel = start_kernel()
    kernel.run("import sys\nbefore = set(sys.modules)\n%load_ext nbdeploy\nnew = set(sys.modules) - before")
    heavy = "{'numpy', 'pandas', 'mlflow', 'bentoml', 'nbformat', 'rich', 'papermill', 'sklearn', 'html', 'nbclient'}"
    assert kernel.run(f"sorted({{name.partition('.')[0] for name in new}} & {heavy})").result == "[]"


def test_nbclient_sees_a_role_cell_fail(tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    cells = [nbformat.v4.new_code_cell(each) for each in ("%load_ext nbdeploy", "%%predict\n1 / 0", "never = 1")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        client.execute()
    assert notebook.cells[2].execution_count is None
