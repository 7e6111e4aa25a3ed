"""What validation gives to a real kernel: the cell without role magics, every line where it was."""

from __future__ import annotations

import json

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from nbdeploy.notebook.cells import Cell, parse_notebook
from nbdeploy.notebook.syntax import runnable


def cell_of(source: str, kind: str = "code") -> Cell:
    cell = {"cell_type": kind, "source": source, "metadata": {}}
    return parse_notebook(json.dumps({"nbformat": 4, "cells": [cell]}), "a.ipynb").cells[0]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%%predict --output y\ny = f(x)", "#\ny = f(x)"),
        ("%%time\nx = 1", "#\nx = 1"),
        ("\n\n%%test\nassert x", "#\n#\n#\nassert x"),
        ("  %%test\n  assert x", "  #\n  assert x"),
        ("\n  x = 1\n  y = 2", "  #\n  x = 1\n  y = 2"),
        ("%%predict\n%%time\ny = 1", "#\n#\ny = 1"),
        ("%%predict\n%%capture out\ny = 1", "\n%%capture out\ny = 1"),
        ("%%capture\n%%time\ny = 1", "%%capture\n#\ny = 1"),
        ("\n%%bash\nls", "\n%%bash\nls"),
        ("%%timeit\nf()", "%%timeit\nf()"),
        ("if x:\n    %deploy titanic \\\n      --input X\ny = 1", "if x:\n    pass\n\ny = 1"),
        ("%nbdeploy\n%load_ext nbdeploy", "pass\n%load_ext nbdeploy"),
        ("r = %deploy titanic", "r = None"),
        ("deploy titanic", "pass"),
        ("\npip install a", "\npip install a"),
        ("x = 1\n!ls\n%matplotlib inline\nf?", "x = 1\n!ls\n%matplotlib inline\nf?"),
        ("s = '''\n%deploy\n'''", "s = '''\n%deploy\n'''"),
    ],
)
def test_only_role_timing_and_deploy_magics_are_replaced(source: str, expected: str) -> None:
    assert runnable(cell_of(source)) == expected


def test_a_markdown_cell_is_untouched() -> None:
    assert runnable(cell_of("%%predict\n# title", "markdown")) == "%%predict\n# title"


@pytest.mark.parametrize("source", ["\n\n%%predict\n\nx = 1 / 0", "\n \nx = 1 / 0", "%%time\n%%test\nx = 1 / 0"])
def test_ipython_keeps_the_line_numbers_of_what_it_is_given(source: str) -> None:
    transformed = TransformerManager().transform_cell(runnable(cell_of(source)))
    assert transformed.split("\n").index("x = 1 / 0") == source.split("\n").index("x = 1 / 0")
