"""What `from module import *` binds."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbdeploy import star_imports
from nbdeploy.star_imports import star_names


def module(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text, encoding="utf-8")


def test_a_module_of_the_standard_library_answers_its_public_names() -> None:
    names = star_names(["math"])["math"]
    assert {"sqrt", "pi"} <= set(names)
    assert not [each for each in names if each.startswith("_")]


def test_all_says_what_is_bound(tmp_path: Path) -> None:
    module(tmp_path, "chosen", "__all__ = ['b', '_c']\na = 1\nb = 2\n_c = 3\n")
    assert star_names(["chosen"], tmp_path) == {"chosen": ("_c", "b")}


def test_names_with_an_underscore_are_not_bound(tmp_path: Path) -> None:
    module(tmp_path, "plain", "import os\nb = 2\n_c = 3\ndef a(): pass\n")
    assert star_names(["plain"], tmp_path) == {"plain": ("a", "b", "os")}


def test_a_module_beside_the_notebook_goes_before_an_installed_one(tmp_path: Path) -> None:
    module(tmp_path, "sklearn", "mine = 1\n")
    assert star_names(["sklearn"], tmp_path) == {"sklearn": ("mine",)}


def test_a_module_that_is_not_there_answers_its_error_and_the_others_their_names(tmp_path: Path) -> None:
    module(tmp_path, "good", "a = 1\n")
    found = star_names(["no_such_module", "good"], tmp_path)
    assert found["good"] == ("a",)
    assert found["no_such_module"] == "ModuleNotFoundError: No module named 'no_such_module'"


def test_an_all_that_lies_is_an_error(tmp_path: Path) -> None:
    module(tmp_path, "lying", "__all__ = ['missing']\n")
    assert "missing" in star_names(["lying"], tmp_path)["lying"]
    assert isinstance(star_names(["lying"], tmp_path)["lying"], str)


def test_what_an_import_prints_goes_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    module(
        tmp_path,
        "loud",
        "import sys, os\nprint('hello')\nprint('hello', file=sys.stderr)\nos.system('echo hello')\na = 1\n",
    )
    assert "a" in star_names(["loud"], tmp_path)["loud"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("ending", ["import os\nos._exit(3)", "import sys\nsys.exit(3)", "raise KeyboardInterrupt"])
def test_a_module_that_ends_its_process_answers_a_text(tmp_path: Path, ending: str) -> None:
    module(tmp_path, "first", "a = 1\n")
    module(tmp_path, "deadly", ending)
    found = star_names(["first", "deadly"], tmp_path)
    assert found["first"] == ("a",)
    assert isinstance(found["deadly"], str)
    assert found["deadly"]


def test_an_import_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(star_imports, "TIME_LIMIT", 1.5)
    module(tmp_path, "first", "a = 1\n")
    module(tmp_path, "endless", "import time\ntime.sleep(60)\n")
    found = star_names(["first", "endless"], tmp_path)
    assert found == {"first": ("a",), "endless": "the import did not end within 1.5 s"}


def test_a_module_that_changes_the_folder_hurts_no_other(tmp_path: Path) -> None:
    module(tmp_path, "wanderer", "import os\nos.chdir('/')\n")
    module(tmp_path, "home", "a = 1\n")
    assert star_names(["wanderer", "home"], tmp_path)["home"] == ("a",)


@pytest.mark.parametrize("name", [".helpers", "", "a-b", "os; import sys"])
def test_what_is_no_dotted_name_is_not_asked(name: str) -> None:
    assert star_names([name]) == {name: "not a module that can be imported by name"}


def test_nothing_asked_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(star_imports.sys, "executable", "/nowhere")
    assert star_names([]) == {}


def test_a_file_named_like_a_module_of_ours_is_not_run_by_the_question(tmp_path: Path) -> None:
    module(tmp_path, "json", "raise SystemExit('not this one')\n")
    module(tmp_path, "good", "a = 1\n")
    assert star_names(["good"], tmp_path) == {"good": ("a",)}
