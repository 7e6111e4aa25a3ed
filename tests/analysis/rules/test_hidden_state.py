"""Names without a value in a run from the top: found where that is certain, and nowhere else."""

from __future__ import annotations

import json

import pytest

from nbdeploy.analysis.program import read_program
from nbdeploy.analysis.rules import findings
from nbdeploy.errors import Severity
from nbdeploy.notebook.cells import parse_notebook
from tests.analysis.notebooks import document_of
from tests.analysis.rules.found import Cell, codes, only, places


def hidden(*cells: Cell) -> list[str]:
    return [code for code in codes(*cells) if code in {"NBD101", "NBD102", "NBD103"}]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["total = sum(rows)", "rows = [1]"], ["NBD101"]),
        (["total = sum(rows)\nrows = [1]"], ["NBD101"]),
        (["total = sum(rows)"], ["NBD102"]),
        (["rows += [1]"], ["NBD102"]),
        (["rows.append(1)"], ["NBD102"]),
        (["rows = [1]\ndel rows", "rows"], ["NBD103"]),
        (["@cached\ndef f(): pass"], ["NBD102"]),
        (["def f(x=default): pass"], ["NBD102"]),
        (["def f():\n    return limit", "f()", "limit = 3"], ["NBD101"]),
        (["def f():\n    return g()\ndef g():\n    return limit", "f()"], ["NBD102"]),
        (["def f():\n    return limit"], ["NBD102"]),
        (["f = lambda x: x + limit", "f(2)", "limit = 3"], ["NBD101"]),
        (["class A:\n    def f(self):\n        return limit"], ["NBD102"]),
        (["[n * k for n in range(3)]"], ["NBD102"]),
        (["[n for n in range(3)]", "n"], ["NBD102"]),
        (["print(__file__)"], ["NBD102"]),
    ],
)  # fmt: skip
def test_a_name_without_a_value_is_found(cells: list[str], expected: list[str]) -> None:
    assert hidden(*cells) == expected


@pytest.mark.parametrize(
    "cells",
    [
        ["def f():\n    return limit", "limit = 3", "f()"],
        ["def f():\n    return limit", "limit = 3"],
        ["class A:\n    def f(self):\n        return limit\na = A()", "limit = 3", "a.f()"],
        ["def f(n):\n    return f(n - 1)\nf(2)"],
        ["def f():\n    global n\n    n = 1", "f()", "n"],
        ["def outer():\n    def inner():\n        return later\n    return inner", "g = outer()", "later = 1", "g()"],
        ["callbacks = {'show': lambda: later}", "later = 1"],
        ["for n in range(3):\n    pass", "n"],
        ["with open('f') as file:\n    text = file.read()", "text, file"],
        ["if (n := 3) > 2:\n    print(n)", "n"],
        ["try:\n    found\nexcept NameError:\n    found = None"],
        ["import contextlib\nwith contextlib.suppress(NameError):\n    del gone"],
        ["if True:\n    x = 1\nelse:\n    y = 2", "x, y"],
        ["match [1, 2]:\n    case [first, *rest]:\n        print(first, rest)"],
        ["[a + b for a in range(3) for b in range(a) if b]"],
        ["rows = [1]\ndel rows", "rows = [2]", "rows"],
        ["import os.path", "os.getcwd()"],
        ["In, Out, _, __, _3, _i, _ih, exit, get_ipython(), display(__name__)"],
        ["files = !ls\nprint(files)"],
        ["%%capture out\nprint(1)", "out.show()"],
        ["%%bash --out text\nls", "text"],
        ["%time answer = 3", "answer"],
        ["%%time\nanswer = 3", "answer"],
        ["%pylab inline", "plot(linspace(0, 1))"],
        ["%run other.py", "clean(1)"],
        ["%%cython\ndef fast(): pass", "fast()"],
        ["from no_such_module_anywhere import *", "anything(3)"],
        ["exec('k = 3')", "k"],
        ["globals()['k'] = 3", "k"],
        ["%store -r model", "model"],
        ["x: int = 3", "x"],
        ["print(f'{1 + 1:{2}}')"],
        ["await_ = 1\nawait_"],
        ["df = 1\n(lambda d: d + df)(2)"],
        ["def f(*args, **kwargs):\n    return args, kwargs\nf()"],
        ["class A:\n    x = 1\n    y = x + 1"],
        ["import sys\nif sys.version_info < (3,):\n    text = unicode('a')"],
    ],
)
def test_a_name_that_may_have_a_value_is_left_alone(cells: list[str]) -> None:
    assert hidden(*cells) == []


@pytest.mark.parametrize(
    ("cells", "severity"),
    [
        (["use(x)", "x = 1\ndef use(y): pass"], Severity.ERROR),
        (["flag = input", "if flag:\n    print(x)", "x = 1"], Severity.WARNING),
        (["for n in []:\n    print(x)", "x = 1"], Severity.WARNING),
        (["def f():\n    return limit"], Severity.WARNING),
        (["from no_such_module_anywhere import *", "print(x)", "x = 1"], Severity.WARNING),
    ],
)
def test_it_is_an_error_only_where_the_run_certainly_fails(cells: list[str], severity: Severity) -> None:
    found = [each for code in ("NBD101", "NBD102") for each in only(code, *cells)]
    assert {each.severity for each in found} == {severity}


def test_each_name_is_told_once_at_its_first_use() -> None:
    assert places("NBD102", "a = 1", "print(a)\nprint(gone)", "gone") == [(1, 2)]


def test_a_function_is_blamed_where_it_reads_and_the_call_is_named() -> None:
    found = only("NBD101", "def f():\n    return limit", "f()", "limit = 3")
    assert [(each.cell, each.line) for each in found] == [(0, 2)]
    assert "called in cell 1" in found[0].message


def test_a_cell_that_may_fail_gives_a_warning() -> None:
    document = document_of([(None, "print(gone)")])
    document["cells"][0]["metadata"]["tags"] = ["raises-exception"]
    found = findings(read_program(parse_notebook(json.dumps(document), "n.ipynb")))
    assert [(each.code, each.severity) for each in found] == [("NBD102", Severity.WARNING)]


def test_a_name_of_a_skipped_cell_is_told_as_such() -> None:
    found = only("NBD102", ("skip", "big = 1"), "print(big)")
    assert "cell 0 defines, and that is tagged 'skip'" in found[0].message
