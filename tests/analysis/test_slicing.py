"""A slice makes the value that the whole notebook makes, and leaves the rest behind.

Each case is a notebook cell, the name that is wanted of it, and the statements that a slice for it should leave behind. Both
the slice and the whole are run, so that a case that is silently wrong is seen, whatever the slice looks like.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbdeploy.analysis.program import Program
from nbdeploy.analysis.slicing import Slice, Target, is_learnt, slice_for
from tests.analysis.notebooks import program_of, statement_with
from tests.analysis.slices.callbacks import CALLBACKS
from tests.analysis.slices.control import CONTROL
from tests.analysis.slices.definitions import DEFINITIONS
from tests.analysis.slices.hidden import HIDDEN
from tests.analysis.slices.holding import HOLDING
from tests.analysis.slices.in_place import IN_PLACE
from tests.analysis.slices.process import PROCESS
from tests.analysis.slices.sharing import SHARING
from tests.analysis.slices.subtle import SUBTLE


def sliced(program: Program, name: str) -> Slice:
    return slice_for(program, [Target(name, len(program.statements))])


def texts(found: Slice) -> list[str]:
    return [each.source for each in found.statements]


def run(source: str, name: str) -> str:
    """Run a program and return what a name holds then."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(source, namespace)
        except Exception as problem:
            return f"{type(problem).__name__}: {problem}"
    return repr(namespace.get(name, "nothing"))


@pytest.fixture
def clean_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a test an empty working directory, and take its environment variables away afterwards."""
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("clean_process")
@pytest.mark.parametrize(
    ("name", "source", "left_behind"),
    [*SHARING, *HOLDING, *IN_PLACE, *PROCESS, *DEFINITIONS, *CALLBACKS, *CONTROL, *HIDDEN, *SUBTLE],
)
def test_a_slice_makes_what_the_notebook_makes(
    name: str, source: str, left_behind: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "torch" in source:
        pytest.importorskip("torch")
    program = program_of(source)
    found = sliced(program, name)
    made = run("\n".join(texts(found)), name)  # before the whole, which leaves files and settings behind
    (tmp_path / "whole").mkdir()
    monkeypatch.chdir(tmp_path / "whole")
    assert made == run(source, name)
    kept = {each.place for each in found.statements}
    assert tuple(each.source for each in program.statements if each.place not in kept) == left_behind


def test_a_slice_crosses_cells_and_takes_the_name_as_it_stood() -> None:
    program = program_of("a = 1\nb = 2", "c = a + 1", "a = 5", "c = a + b")
    at_cell_1 = slice_for(program, [Target("c", statement_with(program, "c = a + 1").index + 1)])
    assert texts(at_cell_1) == ["a = 1", "c = a + 1"]
    assert texts(sliced(program, "c")) == ["b = 2", "a = 5", "c = a + b"]


def test_several_targets_each_stand_where_they_were_read() -> None:
    program = program_of("a = 1", "scaler = a", "a = 2", "model = a", "scaler = 'later'")
    targets = [
        Target("scaler", statement_with(program, "a = 2").index),
        Target("model", statement_with(program, "'later'").index),
    ]
    assert texts(slice_for(program, targets)) == ["a = 1", "scaler = a", "a = 2", "model = a"]


def test_a_slice_says_which_names_it_lacks() -> None:
    program = program_of("import numpy as np", "x = np.ones(size)")
    assert "size" in sliced(program, "x").missing
    assert not sliced(program_of("size = 2", "x = [0] * size"), "x").missing


def test_cells_tagged_skip_are_not_in_a_slice() -> None:
    assert texts(sliced(program_of("x = 1", ("skip", "x = 2")), "x")) == ["x = 1"]


def test_displays_inside_a_loop_are_left_behind_and_the_rest_stays_as_written() -> None:
    program = program_of(
        """
        total = 0
        for i in range(3):
            print(i)  # noisy
            total += i  # kept
            if i:
                display(i)
        """
    )
    assert texts(sliced(program, "total"))[-1].splitlines() == [
        "for i in range(3):",
        "    total += i  # kept",
    ]


# constants or learnt? ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "k = 0.5",
        "k = {'a': [1, 2]}",
        "base = 2\nk = base * 10",
        "k = sorted({'b', 'a'})",
        "import re\nk = re.compile('a')",
    ],
)
def test_what_is_written_in_the_notebook_is_not_learnt(source: str) -> None:
    program = program_of(source, "k")
    assert not is_learnt(program, "k", program.statements[-1])


@pytest.mark.parametrize(
    "source",
    [
        "import pandas as pd\nk = pd.read_csv('x.csv').age.median()",
        "rows = open('x').readlines()\nk = len(rows)",
        "import json\nsettings = json.load(open('x'))\nk = settings['threshold']",
        "def fetch():\n    return open('x').read()\nk = fetch()",
        "import numpy as np\nk = np.random.rand()",
    ],
)
def test_what_comes_from_data_is_learnt(source: str) -> None:
    program = program_of(source, "k")
    assert is_learnt(program, "k", program.statements[-1])
