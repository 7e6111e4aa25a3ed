"""Paths, other files' code, prompts, the network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nbdeploy.analysis.rules import findings
from nbdeploy.analysis.rules.edits import apply_edits, compatible_edits
from nbdeploy.errors import Severity
from tests.analysis.notebooks import program_of
from tests.analysis.rules.found import codes, only, places


@pytest.mark.parametrize(
    "path",
    ["/home/ada/x.csv", "~/x.csv", "C:\\data\\x.csv", "C:/data/x.csv", "/Users/ada/x", "/content/drive/x", "/mnt/d/x"],
)
def test_a_path_of_one_machine_is_found(path: str) -> None:
    assert places("NBD111", "import pandas as pd", f"df = pd.read_csv({path!r})") == [(1, 1)]
    assert places("NBD111", f"%cd {path}") == [(0, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "data/x.csv",
        "./x.csv",
        "../x.csv",
        "/predict",
        "/dev/null",
        "https://example.org/home/x",
        "a: b",
        "~",
        "^/home",
        "c:",
        "/",
    ],
)
def test_other_texts_are_left_alone(text: str) -> None:
    assert places("NBD111", f"x = {text!r}\nprint({text!r} * 2)") == []


def test_a_path_in_a_docstring_or_comment_is_left_alone_and_one_is_told_once() -> None:
    assert places("NBD111", '"""/home/ada/x.csv"""\n# /home/ada/x.csv') == []
    assert places("NBD111", "a = '/home/ada/x.csv'\nb = '/home/ada/x.csv'") == [(0, 1)]


@pytest.mark.parametrize(
    ("cell", "code", "severity"),
    [
        ("%run other.ipynb", "NBD117", Severity.WARNING),
        ("%load_ext autoreload\n%autoreload 2", "NBD114", Severity.INFO),
        ("import importlib, json\nimportlib.reload(json)", "NBD114", Severity.INFO),
        ("!pip install -q lightgbm", "NBD119", Severity.INFO),
        ("%conda install lightgbm", "NBD119", Severity.INFO),
        ("from . import helpers", "NBD113", Severity.INFO),
        ("import my_utils", "NBD113", Severity.INFO),
        ("import sys\nsys.path.append('..')\nfrom loading import load", "NBD113", Severity.INFO),
        ("from math import *", "NBD112", Severity.WARNING),
        ("name = input()", "NBD118", Severity.ERROR),
        ("import getpass\nword = getpass.getpass()", "NBD118", Severity.ERROR),
        ("if False:\n    breakpoint()", "NBD118", Severity.WARNING),
        ("def ask():\n    return input()", "NBD118", Severity.WARNING),
        ("import pdb\npdb.set_trace()", "NBD118", Severity.ERROR),
    ],
)
def test_what_ties_a_notebook_down_is_found(cell: str, code: str, severity: Severity) -> None:
    assert [each.severity for each in only(code, cell)] == [severity]


@pytest.mark.parametrize(
    "cell",
    [
        "%matplotlib inline\n%load_ext tensorboard",
        "!ls -l",
        "import numpy as np\nimport json\nfrom sklearn.utils import shuffle",
        "import sys\nsys.path.append('..')\nimport pandas as pd",
        "def input(): return 3\nname = input()",
        "input = 3\nprint(input)",
        "code = 1\nprint(code)",
    ],
)
def test_what_does_not_is_left_alone(cell: str) -> None:
    assert [each for each in codes(cell) if each.startswith("NBD11")] == []


@pytest.mark.parametrize(
    "cell",
    [
        "import requests\nrates = requests.get('https://example.org').json()",
        "import os\nos.system('ls')",
        "import subprocess\nsubprocess.run(['ls'])",
        "import urllib.request\ntext = urllib.request.urlopen('https://example.org').read()",
        "!ls",
        "import pandas as pd\nrates = pd.read_csv('https://example.org/rates.csv')",
    ],
)
def test_the_network_and_the_shell_matter_in_cells_that_are_served(cell: str) -> None:
    assert len(only("NBD126", ("preprocess", cell + "\nx = 1"))) == 1
    assert only("NBD126", cell) == only("NBD126", ("test", cell)) == []


def test_an_address_that_is_only_a_text_is_left_alone() -> None:
    assert only("NBD126", ("preprocess", "source = 'https://example.org'\nx = 1")) == []


def test_a_star_import_of_known_names_is_written_out() -> None:
    """The reader asks the module for its names and puts them among the effects of the statement."""
    program = program_of("from math import *", "area = pi * floor(2.5)")
    first = program.statements[0]
    known = replace(first, effects=replace(first.effects, defs=frozenset({"ceil", "floor", "pi"})))
    program = replace(program, statements=(known, *program.statements[1:]))
    sources = [cell.source for cell in program.notebook.cells]
    mended = apply_edits(sources, compatible_edits(findings(program)))
    assert mended[0] == "from math import floor, pi"
    assert codes(*mended) == []
