"""Notebooks as values: roles from tags and magics, and every problem told at once."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from nbdeploy.errors import Diagnostic, NotebookError, Severity
from nbdeploy.notebook.cells import Notebook, Role, parse_notebook


def code(source: str | list[str] = "", *tags: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}, **more}


def read(*cells: Any, **notebook: Any) -> Notebook:
    return parse_notebook(json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": list(cells), **notebook}), "a.ipynb")


def problems(*cells: Any, **notebook: Any) -> list[Diagnostic]:
    with pytest.raises(NotebookError, match="NBD0") as raised:
        read(*cells, **notebook)
    return list(raised.value.diagnostics)


def codes(*cells: Any, **notebook: Any) -> list[tuple[str, int | None, int | None]]:
    return [(each.code, each.cell, each.line) for each in problems(*cells, **notebook)]


def test_cells_keep_their_index_id_kind_and_source() -> None:
    notebook = read(
        {"cell_type": "markdown", "source": ["# a\n", "b"], "attachments": {"x": {}}},
        code(["x = 1\n", "y = 2"], id="abc", outputs=[{"any": "thing"}]),
        {"cell_type": "raw", "source": "r", "id": "abc"},
    )
    assert [(c.index, c.id, c.kind, c.source) for c in notebook.cells] == [
        (0, "cell-0", "markdown", "# a\nb"),
        (1, "abc", "code", "x = 1\ny = 2"),
        (2, "cell-2", "raw", "r"),
    ]
    assert [cell.code is None for cell in notebook.cells] == [True, False, True]
    assert notebook.code_cells == notebook.cells[1:2]


def test_a_tag_and_a_cell_magic_mean_the_same() -> None:
    notebook = read(code("x", "preprocess", "mine"), code("%%predict\nx"), code("%%time\n%%test\nx", "test"), code("x"))
    assert [c.role for c in notebook.cells] == [Role.PREPROCESS, Role.PREDICT, Role.TEST, None]
    assert notebook.with_role(Role.TEST, Role.PREPROCESS) == (notebook.cells[0], notebook.cells[2])


def test_parameters_and_skip_are_roles() -> None:
    assert [c.role for c in read(code("x = 1", "parameters"), code("x", "skip")).cells] == [Role.PARAMETERS, Role.SKIP]


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("%%preprocess --input raw_df\nx", {"input": "raw_df"}),
        ("%%predict --output=y  # why\nx", {"output": "y"}),
        ("%%predict\nx", {}),
    ],
)
def test_a_role_magic_names_input_and_output(source: str, options: dict[str, str]) -> None:
    assert read(code(source)).cells[0].options == options


@pytest.mark.parametrize(
    ("first_line", "message"),
    [
        ("%%predict --input x", r"it has no option '--input' \(did you mean --output\?\)"),
        ("%%predict --ouput y", r"it has no option '--ouput' \(did you mean --output\?\)"),
        ("%%preprocess --input", "--input needs the name of a variable, not ''"),
        ("%%preprocess --input a.b", "--input needs the name of a variable, not 'a.b'"),
        ("%%preprocess --input if", "not 'if'"),
        ("%%preprocess --input a --input b", "given twice"),
        ("%%test now", "it has no option 'now'"),
        ("%%predict --output 'y", "its options can't be read: No closing quotation"),
    ],
)
def test_bad_options_of_a_role_magic_are_refused(first_line: str, message: str) -> None:
    with pytest.raises(NotebookError, match=message) as raised:
        read(code(f"\n{first_line}\nx = 1"))
    assert [(d.code, d.cell, d.line) for d in raised.value.diagnostics] == [("NBD007", 0, 2)]


@pytest.mark.parametrize(
    "cell",
    [
        code("x", "predict", "test"),
        code("%%predict\nx", "preprocess"),
        code("x", "predict", "skip"),
        code("x = 1", "parameters", "preprocess"),
        code("x = 1", "parameters", "skip"),
        code("%%predict\n%%test\nx"),
    ],
)
def test_two_roles_on_one_cell_are_refused(cell: dict[str, Any]) -> None:
    assert [each[:2] for each in codes(code("x"), cell)] == [("NBD004", 1)]


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("Predict", "predict"),
        (" predict", "predict"),
        ("predictions", "predict"),
        ("predcit", "predict"),
        ("pre-process", "preprocess"),
        ("pre_processing", "preprocess"),
        ("preproces", "preprocess"),
        ("tests", "test"),
        ("TEST", "test"),
        ("Parameters", "parameters"),
        ("parameter", "parameters"),
        ("Skip", "skip"),
    ],
)
def test_a_tag_that_looks_like_a_role_is_refused(tag: str, meant: str) -> None:
    with pytest.raises(NotebookError, match=f"did you mean '{meant}'") as raised:
        read(code("x", tag))
    assert [(d.code, d.cell) for d in raised.value.diagnostics] == [("NBD006", 0)]


@pytest.mark.parametrize(
    "tag",
    [
        "best",
        "block:predict",
        "block:x",
        "exercise",
        "functions",
        "hide-input",
        "hide_output",
        "hyperparameters",
        "imports",
        "injected-parameters",
        "latest",
        "nbval-skip",
        "params",
        "pipeline-metrics",
        "postprocess",
        "pretty",
        "prev:test",
        "prev:x",
        "preview",
        "process",
        "product",
        "raises-exception",
        "remove-cell",
        "remove_input",
        "skipped",
        "solution",
        "step:a",
        "test-data",
        "text",
        "train",
    ],
)
def test_other_tags_are_the_users_own(tag: str) -> None:
    assert read(code("x", tag)).cells[0].role is None


def test_a_role_on_a_cell_that_is_not_code_is_refused() -> None:
    markdown = {"cell_type": "markdown", "source": "text", "metadata": {"tags": ["predict"]}}
    skipped = {"cell_type": "markdown", "source": "text", "metadata": {"tags": ["skip", "tests"]}}
    assert codes(skipped, markdown) == [("NBD008", 1, None)]


@pytest.mark.parametrize("source", ["%%bash\nls", "%%timeit\nf(x)"])
def test_a_role_on_a_cell_that_binds_nothing_is_refused(source: str) -> None:
    assert codes(code(source, "predict")) == [("NBD008", 0, 1)]


def test_a_syntax_error_names_cell_line_and_text() -> None:
    (problem,) = problems(code("x = 1"), code("x = 1\ny = = 2"))
    assert (problem.code, problem.notebook, problem.cell, problem.line) == ("NBD005", "a.ipynb", 1, 2)
    assert problem.message == "invalid syntax: y = = 2"


@pytest.mark.parametrize(
    "source",
    [
        "print 'a'",
        "print x",
        "exec 'x'",
        "try:\n    x\nexcept ValueError, e:\n    x",
        "raise ValueError, 'x'",
        "x = 0777",
        "x = 10L",
        "x = ur'a'",
        "x = `y`",
        "x <> y",
    ],
)
def test_python_2_is_called_by_its_name(source: str) -> None:
    (problem,) = problems(code(source))
    assert problem.code == "NBD005"
    assert problem.message.startswith("this is Python 2 (")
    assert "print(x)" in problem.fix


@pytest.mark.parametrize("tag", ["skip", "raises-exception"])
def test_broken_code_that_is_not_to_succeed_is_a_warning(tag: str) -> None:
    notebook = read(code("a b\nc", tag))
    assert [(d.code, d.severity) for d in notebook.diagnostics] == [("NBD005", Severity.WARNING)]
    assert notebook.cells[0].code is not None
    assert (notebook.cells[0].code.python, notebook.cells[0].code.opaque) == ("#\n#", True)


def test_broken_code_in_a_served_cell_is_an_error_even_if_it_may_raise() -> None:
    assert codes(code("a b", "raises-exception", "predict")) == [("NBD005", 0, 1)]


def test_all_problems_are_told_at_once() -> None:
    found = codes(
        code("a b", "predict", "test"),
        code("x", "Predict"),
        "no cell",
        code("%%predict --x\ny = 1"),
        metadata={"nbdeploy": {"nam": "x"}},
    )
    assert found == [
        ("NBD001", 2, None),
        ("NBD009", None, None),
        ("NBD005", 0, 1),
        ("NBD004", 0, None),
        ("NBD006", 1, None),
        ("NBD007", 3, 1),
    ]


def test_another_language_is_refused_without_reading_its_code() -> None:
    (problem,) = problems(code("x <- 1 +"), metadata={"kernelspec": {"name": "ir", "language": "R"}})
    assert (problem.code, problem.message) == (
        "NBD003",
        "the notebook's language is 'R'; nbdeploy deploys Python notebooks only",
    )


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        None,
        {"kernelspec": {"name": "python3", "language": "python"}, "language_info": {"name": "R"}},
        {"language_info": {"name": "python", "version": "3.11"}},
        {"kernelspec": None, "language_info": 3},
    ],
)
def test_python_or_nothing_said_is_python(metadata: Any) -> None:
    notebook = read(code("x"), metadata=metadata)
    assert (notebook.language, notebook.diagnostics) == ("python", ())


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"name": "python2", "language": "python"}},
        {"language_info": {"name": "python", "version": "2.7.11"}},
    ],
)
def test_a_python_2_kernel_is_a_warning(metadata: Any) -> None:
    (warning,) = read(code("print(1)"), metadata=metadata).diagnostics
    assert (warning.code, warning.severity, warning.notebook) == ("NBD003", Severity.WARNING, "a.ipynb")


def test_a_notebook_and_its_error_pickle_and_hash() -> None:
    notebook = read(code("%%predict --output y\ny = 1"), metadata={"nbdeploy": {"bind": {"a": "b"}}})
    assert pickle.loads(pickle.dumps(notebook)) == notebook
    assert len({notebook, *notebook.cells}) == 2
    with pytest.raises(NotebookError, match="NBD005") as raised:
        read(code("a b"))
    assert pickle.loads(pickle.dumps(raised.value)).diagnostics == raised.value.diagnostics
