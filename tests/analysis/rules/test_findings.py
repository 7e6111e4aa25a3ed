"""All rules together: sorted, without doubles, and never an exception."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import nbdeploy
from nbdeploy.analysis.rules import findings
from tests.analysis.notebooks import program_of
from tests.analysis.rules.found import Cell, codes, found

IMPORTS = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
"""
CLEAN: list[Cell] = [
    IMPORTS,
    "df = pd.read_csv('people.csv')\ny = df.pop('y')",
    "AGE = df['age'].median()",
    ("preprocess", "X = df.copy()\nX['age'] = X['age'].fillna(AGE)\nX['log'] = np.log1p(X['fare'])"),
    "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)",
    "model = LogisticRegression(max_iter=1000).fit(X_train, y_train)",
    ("predict", "p = model.predict(X_test)"),
    ("test", "assert len(p) == len(X_test)"),
]


def test_a_clean_notebook_has_no_findings() -> None:
    assert codes(*CLEAN) == []


def test_an_empty_notebook_has_none() -> None:
    assert found() == ()


def test_they_come_by_cell_and_line_each_once() -> None:
    many = found("import random\nprint(gone)\nrandom.random()\nx = '/home/ada/x'", "y = '/home/bob/y'\nlist = 1\nmore")
    places = [(each.cell, each.line, each.code) for each in many]
    assert places == sorted(set(places), key=lambda place: (place[0], place[1], place[2]))
    assert [code for _, _, code in places] == ["NBD102", "NBD110", "NBD111", "NBD111", "NBD104", "NBD102"]


def test_a_notebook_without_roles_is_looked_at_as_well() -> None:
    assert codes("import random", "x = random.random()", "print(later)", "later = 1") == ["NBD101", "NBD110"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "roles", [(None, None), ("preprocess", "predict"), ("test", "preprocess"), ("predict", "test")]
)
def test_no_rule_raises_on_any_module_of_ours(roles: tuple[str | None, str | None]) -> None:
    files = sorted(Path(nbdeploy.__file__).parent.rglob("*.py"))
    for first, second in zip(files[::2], files[1::2], strict=False):
        cells = [(role, path.read_text(encoding="utf-8")) for role, path in zip(roles, (first, second), strict=True)]
        findings(program_of(*cells))


def test_no_rule_raises_on_any_statement_alone() -> None:
    """Every statement of Python's own `ast` and `inspect`, unparsed, as a tagged cell."""
    statements = [each for module in (ast, inspect) for each in ast.walk(ast.parse(inspect.getsource(module)))]
    for each in [each for each in statements if isinstance(each, ast.stmt)][::7]:
        findings(program_of(("preprocess", ast.unparse(each)), ("predict", "p = 1")))


def test_functions_that_call_each_other_are_looked_at_once() -> None:
    functions = "\n".join(f"def f{n}(t):\n    return f{n + 1}(t) + f{n + 2}(t)" for n in range(18))
    last = "def f18(t):\n    return t / t.max()\ndef f19(t):\n    return t"
    cells: list[Cell] = [
        "import pandas as pd\ndf = pd.read_csv('x.csv')\nmodel = pd.read_pickle('m')",
        ("preprocess", f"{functions}\n{last}\nX = f0(df)"),
        ("predict", "p = model.predict(X)"),
    ]
    assert [(each.code, each.line) for each in found(*cells) if each.cell == 1] == [("NBD120", 38)]
