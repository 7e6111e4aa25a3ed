"""The serving path whole: how each static value is carried, what functions bring along, and what is told."""

from __future__ import annotations

import pytest

from nbdeploy.analysis.serving import Frozen, ServingPath, Storage
from tests.analysis.models import DATA, FITTED, model_on, refusal
from tests.analysis.notebooks import path_of, served_source


def carried(path: ServingPath) -> dict[str, str]:
    return {each.name: str(each.storage) for each in path.values()}


def only(path: ServingPath, name: str) -> Frozen:
    [found] = [each for each in path.values() if each.name == name]
    return found


# roles ------------------------------------------------------------------------------------------------------------------


def test_a_notebook_without_a_predict_cell_is_told_which_one_looks_like_it() -> None:
    found = refusal(FITTED, ("preprocess", "X = df[['b']]"), "import math\np = model.predict(X)")
    assert (found.code, found.cell, found.line) == ("NBD201", 2, 2)
    assert "cells 1 carry other roles" in found.message
    assert "`predict`" in found.fix
    assert "%%predict" in found.fix


def test_a_notebook_without_tags_is_told_so() -> None:
    found = refusal("x = 1")
    assert (found.code, found.cell) == ("NBD201", None)
    assert "no cell is tagged" in found.message


def test_a_notebook_without_preprocess_cells_is_served() -> None:
    path = path_of(FITTED, ("predict", "p = model.predict(X)"))
    assert (path.input.name, path.output.label, served_source(path)) == ("X", "p", ["p = model.predict(X)"])
    assert path.diagnostics == ()


# storage ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "storage"),
    [
        ("k = 0.5", Storage.CONSTANT),
        ("k = -1", Storage.CONSTANT),
        ("k = {'a': [1, 2], 'b': None}", Storage.CONSTANT),
        ("k = ['a', 'b']", Storage.CONSTANT),
        ("k = pd.Timestamp('2024-01-31')", Storage.CONSTANT),
        ("import re\nk = re.compile('a+')", Storage.CONSTANT),
        ("k = df.b.median()", Storage.ARTIFACT),
        ("k = df.b.describe().to_dict()", Storage.ARTIFACT),
        ("k = sorted(df.b.unique().tolist())", Storage.ARTIFACT),
        ("k = sorted(df.b.unique())", Storage.ARTIFACT),
        ("k = (df.b.min(), df.b.max())", Storage.ARTIFACT),
        ("k = np.arange(1000)", Storage.ARTIFACT),
        ("k = LinearRegression()", Storage.ARTIFACT),
        ("import math\nk = math", Storage.IMPORT),
        ("import math as k", Storage.IMPORT),
        ("from math import sqrt as k", Storage.IMPORT),
        ("import os.path\nk = os.path.join", Storage.IMPORT),
        ("def k():\n    return 1", Storage.DEFINITION),
        ("class k:\n    pass", Storage.DEFINITION),
        ("def f():\n    return 1\nk = f", Storage.DEFINITION),
        ("k = lambda: 1", Storage.DEFINITION),
        ("from functools import lru_cache\n@lru_cache\ndef k():\n    return 1", Storage.DEFINITION),
        ("try:\n    import there_is_no_such_module as k\nexcept ImportError:\n    import math as k", Storage.IMPORT),
    ],
)
def test_each_kind_of_value_has_its_way_into_the_package(source: str, storage: Storage) -> None:
    path = path_of(FITTED, source, ("predict", "p = [(v, k)[0] for v in X.b]"))
    assert only(path, "k").storage is storage


def test_the_bare_values_of_the_kernel_are_not_carried() -> None:
    path = path_of(FITTED, ("predict", "p = [max(v, len('ab')) for v in model.predict(X)]"))
    assert carried(path) == {"model": "artifact"}


def test_functions_bring_along_what_they_read() -> None:
    path = path_of(
        DATA,
        """
        LIMIT = 3
        UNUSED = 4
        median = df.a.median()
        def fill(column, up_to=LIMIT):
            return column.fillna(median).clip(0, up_to)
        def clean(frame):
            return np.log1p(frame.apply(fill))
        def unused():
            return UNUSED
        """,
        ("preprocess", "X = clean(df)"),
        model_on("X"),
        ("predict", "p = model.predict(X)"),
    )
    assert carried(path) == {
        "LIMIT": "constant",
        "median": "artifact",
        "fill": "definition",
        "clean": "definition",
        "np": "import",
        "model": "artifact",
    }


def test_classes_bring_along_their_bases_and_what_methods_read() -> None:
    path = path_of(
        DATA,
        """
        FACTOR = 3
        class Base:
            def scale(self, v):
                return v * FACTOR
        class Model(Base):
            def __init__(self, shift):
                self.shift = shift
            def predict(self, rows):
                return [self.scale(row) + self.shift for row in rows]
        model = Model(2)
        rows = [1, 2, 3]
        """,
        ("predict", "p = model.predict(rows)"),
    )
    assert carried(path) == {"FACTOR": "constant", "Base": "definition", "Model": "definition", "model": "artifact"}


def test_a_lambda_brings_along_what_it_reads() -> None:
    path = path_of("rows = [1, 2]\nk = 2\nf = lambda v: v * k", ("predict", "p = [f(v) for v in rows]"))
    assert carried(path) == {"f": "definition", "k": "constant"}


def test_decorators_come_along() -> None:
    path = path_of(
        """
        SCALE = 3
        def scaled(function):
            return lambda v: function(v) * SCALE
        @scaled
        def ask(v):
            return v + 1
        rows = [1, 2]
        """,
        ("predict", "p = [ask(v) for v in rows]"),
    )
    assert carried(path) == {"SCALE": "constant", "scaled": "definition", "ask": "definition"}


def test_a_name_is_frozen_as_it_was_when_it_was_read() -> None:
    path = path_of(
        DATA,
        "k = 2",
        ("preprocess", "X = df[['b']] * k"),
        "k = 3",
        model_on("X"),
        ("predict", "p = model.predict(X) * k"),
        "k = 4",
    )
    assert [each.observation.literal for each in path.values() if each.name == "k"] == ["2", "3"]


def test_a_constant_bound_anew_after_the_function_that_reads_it() -> None:
    path = path_of(
        "k = 1\ndef f(v):\n    return v * k\nk = 2\nrows = [1, 2]", ("predict", "p = [f(v) for v in rows]"), "k = 3"
    )
    assert only(path, "k").observation.literal == "2"


def test_an_object_that_a_later_cell_changes_is_kept_as_it_was_and_told() -> None:
    path = path_of(FITTED, ("predict", "p = model.predict(X)"), "x = 1\nmodel.fit(X, [0] * 6)")
    [told] = path.diagnostics
    assert (told.code, told.severity, told.cell, told.line) == ("NBD216", "info", 2, 2)
    assert "'model' is changed here, after cell 1 has read it" in told.message


def test_a_name_bound_later_is_told() -> None:
    [told] = path_of(FITTED, ("predict", "p = model.predict(X)"), "model = None").diagnostics
    assert (told.code, told.cell, told.line) == ("NBD216", 2, 1)


def test_a_name_without_a_value_at_that_moment_is_refused() -> None:
    found = refusal(
        FITTED,
        ("predict", "if len(X) > 100:\n    p = later.predict(X)\nelse:\n    p = model.predict(X)"),
        "later = model",
    )
    assert (found.code, found.cell, found.line) == ("NBD211", 1, 1)
    assert "'later'" in found.message
    assert "define later in a cell above" in found.fix


# what preprocess hands over ----------------------------------------------------------------------------------------------


def test_a_preprocess_cell_that_no_request_passes_is_refused() -> None:
    found = refusal(FITTED, ("preprocess", "df['b'] = df['b'] * 2"), ("predict", "p = model.predict(X)"))
    assert (found.code, found.cell) == ("NBD213", 1)
    assert "would not be applied to requests" in found.message
    assert "--input X" in found.fix


def test_what_preprocess_learns_from_other_rows_is_frozen() -> None:
    path = path_of(
        DATA,
        "train = df.iloc[:3].copy()",
        ("preprocess", "fill = train.a.mean()\ndf['a'] = df['a'].fillna(fill)"),
        model_on("df"),
        ("predict", "p = model.predict(df)"),
        input="df",
    )
    assert served_source(path) == ["df['a'] = df['a'].fillna(fill)", "p = model.predict(df)"]
    assert carried(path) == {"fill": "artifact", "model": "artifact"}


def test_a_binding_that_the_answer_does_not_need_is_not_kept() -> None:
    path = path_of(
        DATA,
        ("preprocess", "X = df[['b']] * 2"),
        "X_test = X.iloc[:4]\nX_train = X.iloc[4:]\n" + model_on("X"),
        ("predict", "n = len(X_train)\np = model.predict(X_test)"),
    )
    assert dict(path.bindings) == {"X_test": "X"}
