"""Draws that no seed settles."""

from __future__ import annotations

import pytest

from tests.analysis.rules.found import fixed, only, places

SPLIT = "from sklearn.model_selection import train_test_split"
FOREST = "from sklearn.ensemble import RandomForestClassifier"


@pytest.mark.parametrize(
    "cells",
    [
        [SPLIT, "a, b = train_test_split(X)"],
        [SPLIT, "a, b = train_test_split(X, random_state=None)"],
        ["import sklearn.ensemble", "model = sklearn.ensemble.RandomForestClassifier(10)"],
        ["from sklearn.model_selection import KFold", "folds = KFold(5, shuffle=True)"],
        ["from sklearn.linear_model import LogisticRegression", "m = LogisticRegression(solver='saga')"],
        ["import numpy as np", "x = np.random.rand(3)"],
        ["import numpy as np", "rng = np.random.default_rng()"],
        ["import random", "random.shuffle(rows)"],
        ["import torch", "w = torch.randn(3)"],
        ["import numpy as np", "x = np.random.rand(3)", "np.random.seed(0)"],
        [SPLIT + "\nimport random\nrandom.seed(0)", "a, b = train_test_split(X)"],
    ],
)
def test_a_draw_without_a_seed_is_found(cells: list[str]) -> None:
    assert places("NBD110", *cells) == [(1, 1)]


@pytest.mark.parametrize(
    "cells",
    [
        [SPLIT, "a, b = train_test_split(X, random_state=3)"],
        [SPLIT, "a, b = train_test_split(X, shuffle=False)"],
        [SPLIT, "a, b = train_test_split(X, **options)"],
        [SPLIT + "\nimport numpy as np\nnp.random.seed(1)", "a, b = train_test_split(X)"],
        ["import numpy as np\ndef seed_all():\n    np.random.seed(1)\nseed_all()", SPLIT, "a, b = train_test_split(X)"],
        ["from sklearn.model_selection import KFold", "folds = KFold(5)"],
        ["from sklearn.linear_model import LogisticRegression", "m = LogisticRegression()"],
        ["from sklearn.neighbors import KNeighborsClassifier", "m = KNeighborsClassifier()"],
        ["import numpy as np", "rng = np.random.default_rng(7)\nx = rng.normal(size=3)"],
        ["import torch\ntorch.manual_seed(0)", "w = torch.randn(3)"],
        ["df.sample(5)"],
        ["from mine import train_test_split", "a, b = train_test_split(X)"],
        ["def train_test_split(x): return x", "train_test_split(1)"],
    ],
)
def test_a_draw_that_is_settled_is_left_alone(cells: list[str]) -> None:
    assert places("NBD110", *cells) == []


def test_a_global_stream_is_told_once() -> None:
    cells = ["import numpy as np", "x = np.random.rand(3)", "y = np.random.rand(3)\nz = np.random.normal()"]
    assert places("NBD110", *cells) == [(1, 1)]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("a, b = train_test_split(X, y)", "a, b = train_test_split(X, y, random_state=0)"),
        ("a, b = train_test_split(X, y,)", "a, b = train_test_split(X, y, random_state=0)"),
        ("a, b = train_test_split(\n    X,\n    y,\n)", "a, b = train_test_split(\n    X,\n    y, random_state=0\n)"),
        ("a, b = train_test_split((X))", "a, b = train_test_split((X), random_state=0)"),
        ("a, b = train_test_split(X, (y, z))", "a, b = train_test_split(X, (y, z), random_state=0)"),
        ("äöü, b = train_test_split('ß', X)", "äöü, b = train_test_split('ß', X, random_state=0)"),
        ("a, b = train_test_split(X, y  # all\n)", "a, b = train_test_split(X, y  # all\n)"),
        ("%time a = train_test_split(X)", "%time a = train_test_split(X)"),
        ("%%time\na = train_test_split(X)", "%%time\na = train_test_split(X, random_state=0)"),
    ],
)
def test_the_edit_adds_a_seed_where_positions_can_be_trusted(cell: str, expected: str) -> None:
    assert fixed(SPLIT + "\nX = y = z = []", cell)[1] == expected


def test_after_the_edits_nothing_is_found() -> None:
    cells = [FOREST, "m = RandomForestClassifier()\nn = RandomForestClassifier(n_estimators=3,)"]
    assert len(only("NBD110", *cells)) == 2
    mended = fixed(*cells)
    assert mended[1].count("random_state=0") == 2
    assert only("NBD110", *mended) == []


def test_a_generator_is_given_its_seed() -> None:
    assert fixed("import numpy as np\nrng = np.random.default_rng()") == [
        "import numpy as np\nrng = np.random.default_rng(0)"
    ]
