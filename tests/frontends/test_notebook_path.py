"""The running notebook's file is found from what front ends tell, or by what was run, or asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nbdeploy.errors import UsageError
from nbdeploy.frontends.notebook_path import find_notebook

RAN = ("%load_ext nbdeploy", "x = 1", "%deploy titanic")


def write(path: Path, *sources: str) -> Path:
    cells = [{"cell_type": "code", "source": each.splitlines(keepends=True), "metadata": {}} for each in sources]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    return path


def find(folder: Path, sources: tuple[str, ...] = RAN, explicit: str | None = None, **told: Any) -> Path:
    environ = {name: told.pop(name) for name in list(told) if name == "JPY_SESSION_NAME"}
    return find_notebook(Path(explicit) if explicit else None, sources, told, environ, folder)


def test_the_users_word_comes_first(tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", *RAN)
    b = write(tmp_path / "b.ipynb")
    assert find(tmp_path, explicit="b.ipynb", JPY_SESSION_NAME=str(tmp_path / "a.ipynb")) == b


@pytest.mark.parametrize("name", ["PAPERMILL_INPUT_PATH", "__vsc_ipynb_file__", "JPY_SESSION_NAME"])
def test_a_front_ends_word_is_taken_where_the_file_is_there(tmp_path: Path, name: str) -> None:
    a = write(tmp_path / "a.ipynb", *RAN)
    write(tmp_path / "b.ipynb", *RAN)
    assert find(tmp_path, **{name: str(a)}) == a


@pytest.mark.parametrize("told", ["a.ipynb", "project/a.ipynb", "RTC:project/a.ipynb"])
def test_jupyters_word_can_be_below_the_servers_root(tmp_path: Path, told: str) -> None:
    a = write(tmp_path / "project" / "a.ipynb", *RAN)
    write(tmp_path / "project" / "b.ipynb", *RAN)
    assert find(tmp_path / "project", JPY_SESSION_NAME=told) == a


def test_an_unsaved_notebook_is_still_the_one_that_jupyter_named(tmp_path: Path) -> None:
    a = write(tmp_path / "a.ipynb", "")
    write(tmp_path / "b.ipynb", "other = 1")
    assert find(tmp_path, JPY_SESSION_NAME=str(a)) == a


def test_a_name_inherited_from_another_notebooks_kernel_gives_way_to_what_was_run(tmp_path: Path) -> None:
    outer = write(tmp_path / "outer.ipynb", "!papermill inner.ipynb out.ipynb")
    inner = write(tmp_path / "inner.ipynb", *RAN)
    assert find(tmp_path, JPY_SESSION_NAME=str(outer)) == inner


def test_after_a_rename_the_only_notebook_that_holds_what_ran_is_taken(tmp_path: Path) -> None:
    renamed = write(tmp_path / "renamed.ipynb", "y = 2", *RAN)
    write(tmp_path / "other.ipynb", "x = 1")
    (tmp_path / "broken.ipynb").write_text("{")
    assert find(tmp_path, JPY_SESSION_NAME=str(tmp_path / "old.ipynb")) == renamed


def test_parameters_that_papermill_injects_and_an_edited_call_are_no_obstacle(tmp_path: Path) -> None:
    a = write(tmp_path / "a.ipynb", "%load_ext nbdeploy", "x = 1", "%deploy titanic --check")
    assert find(tmp_path, (RAN[0], "# Parameters\nx = 5\n", *RAN[1:])) == a


def test_two_that_match_are_told_apart_by_the_call(tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", *RAN[:2], "%deploy boat")
    b = write(tmp_path / "b.ipynb", *RAN)
    assert find(tmp_path) == b


def test_none_or_several_ask_for_the_path_and_name_the_likeliest_first(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"(?s)NBD701 .*there is no \.ipynb file.*--notebook PATH\.ipynb"):
        find(tmp_path)
    write(tmp_path / "a.ipynb", "z = 3")
    write(tmp_path / "b.ipynb", *RAN)
    write(tmp_path / "c.ipynb", *RAN)
    with pytest.raises(
        UsageError, match=r"(?s)near here: b\.ipynb, c\.ipynb, a\.ipynb.*%deploy NAME --notebook b\.ipynb"
    ):
        find(tmp_path)


def test_a_path_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    write(tmp_path / "titanic.ipynb")
    with pytest.raises(UsageError, match=r"(?s)titanc\.ipynb: there is no such file.*titanic\.ipynb"):
        find(tmp_path, explicit="titanc.ipynb")
