"""Laws of the translation: Python passes unchanged, IPython agrees, nothing but SyntaxError comes out."""

from __future__ import annotations

import ast
import json
import string
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from nbdeploy.errors import NotebookError
from nbdeploy.notebook.cells import parse_notebook
from nbdeploy.notebook.syntax import plain_python, runnable

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")
Refusal = TypeVar("Refusal", bound=Exception)
FLAGS = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

tricky = st.text(alphabet="%!?'\"\\\n#{}[]():;,/=ab1 \t", max_size=12)


def parsed(source: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return compile(source, "<cell>", "exec", FLAGS, dont_inherit=True)  # type: ignore[no-any-return]
        except (SyntaxError, ValueError):
            return None


def read(reader: Callable[[str], Value], text: str, refusal: type[Refusal]) -> Value | Refusal:
    """What `reader` makes of the text, or its refusal; anything else that it raises fails the test."""
    try:
        return reader(text)
    except refusal as error:
        return error


def quoted(text: str, quote: str, prefix: str) -> str:
    return f"{prefix}{quote}{text}{quote}"


literals = st.builds(
    quoted, tricky, st.sampled_from(["'", '"', "'''", '"""']), st.sampled_from(["", "r", "b", "f", "rf", "Rb", "u"])
).filter(lambda literal: parsed(f"x = {literal}") is not None)

expressions = st.recursive(
    st.sampled_from(["a", "b.c", "1", "-x", "a % b", "a != b", "d['k']", "f(x=1)"]) | literals,
    lambda inner: st.one_of(
        st.builds("({}\n% {})".format, inner, inner),
        st.builds("[{},  # ? %m\n\n!x]".replace("!x", "{}").format, inner, inner),
        st.builds("{} \\\n  % ({})".format, inner, inner),
        st.builds("f({}, k={})".format, inner, inner),
    ),
    max_leaves=4,
)
statements = st.one_of(
    expressions,
    st.builds("x = {}".format, expressions),
    st.builds("x = y = {}; z += {}".format, expressions, expressions),
    st.builds("# {}".format, st.text(alphabet="%!?'\"\\ab ", max_size=8)),
    st.sampled_from(
        ["", "%m a 'b", "!ls 'x' | y", "if a:\n    !ls\n    x = !ls -l\n    %m", "o?", "a.b??", "x = %m a \\\n b"]
    ),
)


def normal(tree: ast.Module) -> str:
    """The tree with every call into IPython, and every `pass`, taken for the same."""

    class Calls(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.stmt:
            return ast.Pass() if "get_ipython()" in ast.unparse(node.value)[:14] else node

        def visit_Call(self, node: ast.Call) -> ast.expr:
            if ast.unparse(node.func).startswith("get_ipython()"):
                return ast.Call(node.func, [], [])
            self.generic_visit(node)
            return node

    return ast.dump(Calls().visit(tree))


@settings(deadline=None, max_examples=300)
@given(st.lists(statements, max_size=6).map("\n".join))
def test_ipython_reads_the_same(source: str) -> None:
    theirs = parsed(TransformerManager().transform_cell(source))
    if theirs is None:
        return
    ours = parsed(plain_python(source).python)
    assert ours is not None
    assert normal(ours) == normal(theirs)


@settings(deadline=None, max_examples=300)
@given(st.lists(statements, max_size=6).map("\n".join))
def test_valid_python_passes_unchanged_but_for_blanks_on_blank_lines(source: str) -> None:
    if parsed(source) is None:
        return
    expected = [line if line.strip() else "" for line in source.split("\n")]
    assert plain_python(source).python.split("\n") == expected


@settings(deadline=None, max_examples=500)
@given(st.text(alphabet=string.printable + "é\u2028\ud800", max_size=60) | st.lists(tricky, max_size=6).map("\n".join))
@example(";\t#")
def test_any_text_gives_as_many_lines_of_python_or_a_syntax_error_inside_it(source: str) -> None:
    lines = source.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    code = read(plain_python, source, SyntaxError)
    if isinstance(code, SyntaxError):
        assert 1 <= (code.lineno or 0) <= lines
        return
    assert code.python.count("\n") + 1 == lines
    assert parsed(code.python) is not None
    assert plain_python(code.python).python == code.python


@pytest.mark.parametrize("module", ["argparse", "ast", "dataclasses", "inspect", "textwrap", "tokenize", "typing"])
def test_the_standard_library_passes_unchanged(module: str) -> None:
    source = Path(__import__(module).__file__ or "").read_text(encoding="utf-8")
    code = plain_python(source)
    assert code.python == "\n".join(line if line.strip() else "" for line in source.split("\n"))
    assert code.magics == ()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["code", "predict", "%%predict"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cell_type", "source", "metadata", "tags", "id", "nbdeploy"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
odd_cells = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "markdown"]) | values},
    optional={"source": tricky | values, "metadata": values, "id": values},
)


@settings(deadline=None, max_examples=300)
@given(st.lists(odd_cells | values, max_size=3), values, st.sampled_from([4, 4, 4, 4, 3, 5, None, "4"]))
def test_any_json_gives_a_notebook_or_coded_problems(cells: list[Any], metadata: Any, version: Any) -> None:
    text = json.dumps({"nbformat": version, "cells": cells, "metadata": metadata})
    notebook = read(lambda given: parse_notebook(given, "a.ipynb"), text, NotebookError)
    if isinstance(notebook, NotebookError):
        assert all(each.code.startswith("NBD00") and each.fix for each in notebook.diagnostics)
        assert str(notebook)
        return
    for cell in notebook.cells:
        assert runnable(cell).count("\n") == cell.source.count("\n")
