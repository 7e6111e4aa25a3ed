"""The emitted functions predict what the notebook predicted and train what it trained, whatever its names are."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbdeploy.errors import ServingPathError
from nbdeploy.packaging.compare import compare
from tests.packaging.emitted import Emitted, emitted

DATA = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

df = pd.DataFrame({"a": [1.0, 2.0, None, 4.0, 5.0, 7.0], "b": [1.0, 0.0, 1.0, 0.0, 1.0, 0.5]})
y = [1.0, 2.0, 3.0, 4.0, 5.0, 8.0]
"""
FIT = "model = LinearRegression().fit(X, y)"
PREDICT = ("predict", "p = model.predict(X)")

CASES: dict[str, list[Any]] = {
    "a closure": [
        "def make(k):\n    def f(v):\n        return v * k\n    return f\ng = make(3)\nrows = [1, 2]",
        ("predict", "p = [g(v) for v in rows]"),
    ],
    "options handed on with two stars": [
        "def f(*a, **k):\n    return sum(a) + k.get('z', 0)\noptions = {'z': 3}\nrows = [1, 2]",
        ("predict", "p = [f(v, **options) for v in rows]"),
    ],
    "a plain notebook": [DATA, ("preprocess", "X = df[['b']] * 2"), FIT, PREDICT],
    "an answer that is an expression": [DATA, "X = df[['b']]\nk = 2", FIT, ("predict", "model.predict(X) * k")],
    "an answer over several lines": [
        DATA,
        f"X = df[['b']]\n{FIT}",
        ("predict", "(\n    model\n    .predict(X)  # ask\n    * 2\n)"),
    ],
    "an answer with a string over several lines": [
        "rows = ['x', 'y']",
        ("predict", '[\n  row + """a\n b""" for row in rows]'),
    ],
    "fit_transform": [DATA, ("preprocess", "s = StandardScaler()\nX = s.fit_transform(df[['b']])"), FIT, PREDICT],
    "one scaler fitted twice": [
        DATA,
        "s = StandardScaler()",
        ("preprocess", "A = s.fit_transform(df[['b']])\nX = s.fit_transform(A * 3)"),
        FIT,
        PREDICT,
    ],
    "a value learnt from the rows": [
        DATA,
        "low = df.b.mean()",
        ("preprocess", "X = df.copy()\nX['b'] = X['b'] - low\nX = X[['b']]"),
        FIT,
        PREDICT,
    ],
    "a constant with two values": [
        DATA,
        "k = 2",
        ("preprocess", "X = df[['b']] * k"),
        f"k = 3\n{FIT}",
        ("predict", "p = model.predict(X) * k"),
    ],
    "a constant bound anew after its function": [
        DATA,
        "k = 1\ndef f(v):\n    return v * k\nX = df[['b']]\nmodel = LinearRegression().fit(f(X), y)\nk = 5",
        ("predict", "p = model.predict(f(X))"),
    ],
    "a function defined twice": [
        DATA,
        "def f(v):\n    return v * 2",
        ("preprocess", "X = f(df[['b']])"),
        f"def f(v):\n    return v * 3\n{FIT}",
        ("predict", "p = f(model.predict(X))"),
    ],
    "a function that reads an artifact": [
        DATA,
        "middle = df.a.median()\ndef f(v):\n    return v.fillna(middle)\nX = df[['a']]",
        "model = LinearRegression().fit(f(X), y)",
        ("predict", "p = model.predict(f(X))"),
    ],
    "a function called predict": [
        DATA,
        f"X = df[['b']]\n{FIT}\ndef predict(rows):\n    return model.predict(rows)",
        ("predict", "p = predict(X)"),
    ],
    "a function called preprocess": [
        DATA,
        "def preprocess(frame):\n    return frame[['b']] * 2",
        ("preprocess", "X = preprocess(df)"),
        FIT,
        ("predict", "p = model.predict(X)"),
    ],
    "a function called preprocess in the predict cell": [
        DATA,
        "def preprocess(frame):\n    return frame * 2",
        ("preprocess", "X = df[['b']]"),
        FIT,
        ("predict", "p = model.predict(preprocess(X))"),
    ],
    "a function called train": [
        DATA,
        "def train(m, X, y):\n    m.fit(X, y)\n    return m\nX = df[['b']]\nmodel = train(LinearRegression(), X, y)",
        PREDICT,
    ],
    "names of the package's own": [
        DATA,
        "out = df[['b']]\nmade = y\nartifacts = LinearRegression()\nartifacts.fit(out, made)",
        ("predict", "p = artifacts.predict(out)"),
    ],
    "names of the package's modules": [
        DATA,
        "constants = 3\nk = 2\nX = df[['b']]",
        ("predict", "p = [v * constants * k for v in X.b]\nk = 4\np = [v * k for v in p]"),
    ],
    "an import bound anew": [
        "from math import tau\nrows = [1.0, 2.0]",
        ("predict", "first = [tau * r for r in rows]\ntau = 3\np = [tau * r for r in first]"),
    ],
    "strings over several lines": [
        "T = '''a\n  \n  {}b\n'''\nrows = ['x', 'y']",
        ("predict", "p = [T.format(r) + '''q\n   z''' for r in rows]"),
    ],
    "a lambda": ["k = 2\nf = lambda v: v * k\nrows = [1, 2]", ("predict", "p = [f(v) for v in rows]")],
    "a decorator": [
        "S = 3\ndef scaled(f):\n    return lambda v: f(v) * S\n@scaled\ndef ask(v):\n    return v + 1\nrows = [1, 2]",
        ("predict", "p = [ask(v) for v in rows]"),
    ],
    "an import that is tried": [
        "try:\n    import there_is_no_such_module as m\nexcept ImportError:\n    import math as m\nrows = [1.0, 4.0]",
        ("predict", "p = [m.sqrt(v) for v in rows]"),
    ],
    "a class and a dataclass": [
        """
        from dataclasses import dataclass

        K = 3

        @dataclass
        class Settings:
            k: int = 4

        class Base:
            def scale(self, v):
                return v * K

        class Model(Base):
            def predict(self, rows, settings):
                return [self.scale(v) + settings.k for v in rows]

        model, settings, rows = Model(), Settings(), [1, 2]
        """,
        ("predict", "p = model.predict(rows, settings)"),
    ],
    "a function in a table": [
        "def double(v):\n    return v * 2\ntable = {'d': double}\nrows = [1, 2]",
        ("predict", "p = [table['d'](v) for v in rows]"),
    ],
    "what a loop catches": [
        "rows = [1, 0]",
        (
            "predict",
            "p = []\nfor v in rows:\n    try:\n        p.append(1 / v)\n    except ZeroDivisionError:\n        p.append(0.0)",
        ),
    ],
    "a model fitted again later": [DATA, f"X = df[['b']]\n{FIT}", PREDICT, "model.fit(X, y[::-1])"],
    "an input changed in place": [DATA, ("preprocess", "df['a'] = df['a'].fillna(0)\nX = df"), FIT, PREDICT],
}


@pytest.mark.parametrize("cells", CASES.values(), ids=CASES)
def test_the_emitted_functions_do_what_the_notebook_did(cells: list[Any]) -> None:
    with emitted(*cells) as package:
        assert compare(package.output, package.predict(package.input)).same
        assert compare(package.output, package.predict(package.input)).same  # the first call has changed nothing
        made = package.train()
        assert made.keys() == package.artifacts.keys()
        for name, value in package.artifacts.items():
            assert same_state(made[name], value), name


def same_state(one: Any, other: Any) -> bool:
    """Compare what fitted objects hold."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_state(one[name], other[name]) for name in one)
    if isinstance(one, FunctionType):
        return one.__qualname__ == other.__qualname__
    if hasattr(one, "__dict__") and not hasattr(one, "iloc"):
        left, right = vars(one), vars(other)
        return left.keys() == right.keys() and all(same_state(left[name], right[name]) for name in left)
    return compare(one, other).same


@pytest.mark.parametrize("name", CASES)
def test_emitted_files_are_as_a_formatter_and_a_linter_want_them(name: str, tmp_path: Path) -> None:
    with emitted(*CASES[name]) as package:
        for file, text in package.texts.items():
            (tmp_path / f"{file}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length=120", "--extend-select=I"]
    command += ["--ignore=F841,RUF059,E731", "."]  # what the notebook's own statements may do
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_callers_table_stays_as_it_is() -> None:
    with emitted(DATA, ("preprocess", "df['a'] = df['a'].fillna(0)\nX = df"), FIT, PREDICT) as package:
        before = package.input.copy()
        package.predict(package.input)
        pd.testing.assert_frame_equal(package.input, before)


def test_columns_that_are_only_dropped_may_be_left_out() -> None:
    cells = (DATA, "DROPPED = ['a']", ("preprocess", "X = df.drop(columns=DROPPED)"), FIT, PREDICT)
    with emitted(*cells, optional=("a",)) as package:
        answer = package.predict(package.input.drop(columns="a"))
        np.testing.assert_array_equal(answer, package.output)
        assert 'DROPPED_ = ["a"]' in package.texts["preprocess"]


def test_train_takes_the_parameters_of_the_notebook_as_keywords() -> None:
    cells = (DATA, ("parameters", "strength = 2.0\nlabel = 'x'"), f"X = df[['b']] * strength\n{FIT}", PREDICT)
    with emitted(*cells) as package:
        assert "def train(out: str | Path | None = None, *, strength: float = 2.0)" in package.texts["train"]
        twice = package.train(strength=4.0)["model"].coef_
        np.testing.assert_allclose(twice * 2, package.train()["model"].coef_)


def test_train_gives_parameters_to_the_functions_that_read_them() -> None:
    scale = "def scale(v):\n    return v * strength"
    cells = (
        DATA,
        ("parameters", "strength = 2.0"),
        scale,
        "X = df[['b']]\nmodel = LinearRegression().fit(scale(X), y)",
    )
    with emitted(*cells, ("predict", "p = model.predict(scale(X))")) as package:
        np.testing.assert_allclose(package.train(strength=4.0)["model"].coef_ * 2, package.train()["model"].coef_)


def test_train_gives_the_new_artifacts_to_the_functions_that_read_them() -> None:
    fill = "middle = df.a.median() + shift\ndef fill(v):\n    return v.fillna(middle)\nX = df[['a']]"
    cells = (DATA, ("parameters", "shift = 0.0"), fill, "model = LinearRegression().fit(fill(X), y)")
    with emitted(*cells, ("predict", "p = model.predict(fill(X))")) as package:
        moved = package.train(shift=3.0)
        assert moved["middle"] == package.artifacts["middle"] + 3
        assert moved["model"].coef_ != pytest.approx(package.artifacts["model"].coef_)


def test_train_writes_the_artifacts_where_it_is_told() -> None:
    with emitted(DATA, f"X = df[['b']]\n{FIT}", PREDICT) as package:
        package.train("new")
        assert {name: folder for name, (_, folder) in package.saved.items()} == {"model": Path("new")}


def test_training_leaves_behind_what_only_shows_and_what_only_requests_need() -> None:
    cells = (DATA, "import matplotlib.pyplot as plt\nX = df[['b']]\nprint(X)\nplt.figure()", FIT, "threshold = 3")
    with emitted(*cells, ("predict", "p = model.predict(X) > threshold")) as package:
        assert (
            body(package, "train")[:3] == ["# cell 0", "df = pd.DataFrame({", "'a'"][:1] + body(package, "train")[1:3]
        )
        text = package.texts["train"]
        assert "print" not in text
        assert "plt" not in text
        assert "threshold" not in text


def test_training_does_not_repeat_what_the_package_has_already() -> None:
    code = "SCALE = 2\ndef scale(v):\n    return np.asarray(v) * SCALE"
    cells = (DATA, code, "X = df[['b']]\nmodel = LinearRegression().fit(scale(X), y)")
    with emitted(*cells, ("predict", "p = model.predict(scale(X))")) as package:
        assert "from .definitions import scale" in package.texts["train"]
        assert "SCALE" not in package.texts["train"]
        assert "numpy" not in package.texts["train"]


def scaling(by: int) -> str:
    return f"def scale(v):\n    return np.asarray(v) * {by}"


def test_a_function_that_was_defined_before_otherwise_is_still_the_packages_own() -> None:
    cells = (DATA, scaling(1), "tried = scale(df[['b']])", scaling(2), "X = df[['b']]")
    fit = "model = LinearRegression().fit(scale(X), y)"
    with emitted(*cells, fit, ("predict", "p = model.predict(scale(X))"), scaling(3)) as package:
        assert "from .definitions import scale" in package.texts["train"]
        np.testing.assert_allclose(package.train()["model"].coef_, package.artifacts["model"].coef_)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(scaling(1), scaling(2), id="the function"),
        pytest.param(
            "BY = 1\ndef scale(v):\n    return np.asarray(v) * BY", "BY = 2", id="a constant that the function reads"
        ),
    ],
)
def test_training_keeps_a_function_that_does_something_else_for_a_request(before: str, after: str) -> None:
    cells = (DATA, before, "X = df[['b']]\nmodel = LinearRegression().fit(scale(X), y)", after)
    with emitted(*cells, ("predict", "p = model.predict(scale(X))")) as package:
        assert "from .definitions" not in package.texts["train"]
        np.testing.assert_allclose(package.train()["model"].coef_, package.artifacts["model"].coef_)


def test_constants_are_written_in_the_notebooks_own_words_with_its_comment() -> None:
    source = (
        "import re\nrows = ['a1']\n# Digits, as the export writes them.\nDIGITS = re.compile(r'\\d+')\nMANY = 1_000"
    )
    with emitted(source, ("predict", "p = [DIGITS.sub(str(MANY), row) for row in rows]")) as package:
        assert package.texts["constants"].split("\n\n")[-1].splitlines() == [
            "# Digits, as the export writes them.",
            "DIGITS = re.compile(r'\\d+')  # cell 0",
            "MANY = 1_000  # cell 0",
        ]


def test_all_parts_of_a_package_that_the_notebook_has_imported_are_imported() -> None:
    imports = "import xml.sax.saxutils\nimport xml.dom.minidom\nrows = ['a<b']"
    with emitted(imports, ("predict", "p = [xml.sax.saxutils.escape(row) for row in rows]")) as package:
        assert "import xml.dom.minidom\nimport xml.sax.saxutils\n" in package.texts["predict"]


def test_another_module_by_the_name_of_a_package_is_the_one_that_is_imported() -> None:
    imports = "import xml.dom.minidom\nimport xml.sax.saxutils as xml\nrows = ['a<b']"
    with emitted(imports, ("predict", "p = [xml.escape(row) for row in rows]")) as package:
        assert "import xml.sax.saxutils as xml\n" in package.texts["predict"]
        assert "minidom" not in package.texts["predict"]


def test_comments_and_cells_come_along() -> None:
    predict = "# Ask the model,\n# then round.\np = model.predict(X).round()  # to whole numbers"
    with emitted(DATA, f"X = df[['b']]\n{FIT}", ("predict", predict)) as package:
        assert body(package, "predict") == [
            "# cell 2",
            "# Ask the model,",
            "# then round.",
            "p = model.predict(X).round()  # to whole numbers",
            "return p",
        ]


def body(package: Emitted, file: str) -> list[str]:
    """The lines of a file's function below its docstring."""
    text = package.texts[file]
    [function] = [each for each in ast.parse(text).body if isinstance(each, ast.FunctionDef) and each.name == file]
    lines = text.splitlines()[function.body[0].end_lineno : function.end_lineno]
    return [line.removeprefix("    ") for line in lines]


def test_training_keeps_a_copy_of_what_a_later_statement_changes() -> None:
    cells = (DATA, "limits = df.b.describe().to_dict()", ("preprocess", "X = df[['b']] - limits['mean']"))
    later = f"{FIT}\nlimits['mean'] = 0\nshift = limits['max'] + limits['mean']"
    with emitted(*cells, later, ("predict", "p = model.predict(X) + shift")) as package:
        made = package.train()
        assert made.keys() == package.artifacts.keys() == {"limits", "model", "shift"}
        assert made["limits"] == package.artifacts["limits"]
        assert "kept_limits = deepcopy(limits)" in package.texts["train"]


def test_an_await_at_the_top_of_a_served_cell_is_refused() -> None:
    with (
        pytest.raises(ServingPathError, match=r"NBD219 .*cell 1, line 1: the served statement awaits"),
        emitted("async def ask(v):\n    return v\nrows = [1]", ("predict", "p = [await ask(rows[0])]")),
    ):
        pass


def test_a_function_that_reads_one_constant_with_two_values_is_refused() -> None:
    cells = [
        DATA,
        "k = 2\ndef f(v):\n    return v * k",
        ("preprocess", "X = f(df[['b']])"),
        f"k = 3\n{FIT}",
        ("predict", "p = f(model.predict(X))"),
    ]
    refusal = r"NBD218 .*cell 4, line 1: the function 'f' reads the global 'k'"
    with pytest.raises(ServingPathError, match=refusal), emitted(*cells):
        pass
