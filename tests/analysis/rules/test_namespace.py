"""Names that mean something else than they seem to."""

from __future__ import annotations

import pytest

from tests.analysis.rules.found import only, places


@pytest.mark.parametrize(
    ("cells", "severity"),
    [
        (["sum = 0", "total = sum([1])"], "warning"),
        (["sum = 0", "total = sum + 1"], "info"),
        (["for id in range(3):\n    pass"], "info"),
        (["from sklearn import svm", "svm = svm.SVC()"], "info"),
        (["def max(a): return a", "max(3)"], "info"),
    ],
)
def test_a_name_that_is_taken_is_found(cells: list[str], severity: str) -> None:
    assert [str(each.severity) for each in only("NBD104", *cells)] == [severity]


@pytest.mark.parametrize(
    "cells",
    [
        ["df = 3", "df = 4"],
        ["import time", "start = time.time()"],
        ["def f(list): return list"],
        ["class A:\n    id = 3"],
        ["[id for id in range(3)]"],
        ["import numpy as np", "import numpy as np"],
        ["import os as path", "path = 'x'"],  # another name would do, but nothing is lost by it
    ],
)
def test_names_that_hide_nothing_are_left_alone(cells: list[str]) -> None:
    assert only("NBD104", *cells) == []


@pytest.mark.parametrize(
    "cell",
    [
        "globals()[name] = 3",
        "globals()['x'] = 3",
        "globals().update(more)",
        "exec(code)",
        "x = eval('k' + str(1))",
        "vars()[k] = 1",
    ],
)
def test_code_that_only_a_text_holds_is_found(cell: str) -> None:
    assert places("NBD105", "name = code = more = k = 'a'", cell) == [(1, 1)]


@pytest.mark.parametrize(
    "cell",
    [
        "eval('1 + 1')",
        "df = {}\ndf['a'] = 3",
        "print(globals())",
        "model = df = {}\nmodel.eval = 3",
        "def eval(x): pass\neval(k)",
    ],
)
def test_plain_code_is_left_alone(cell: str) -> None:
    assert only("NBD105", "k = 1", cell) == []


@pytest.mark.parametrize(
    "cell", ["np.float = float", "pd.DataFrame.clean = clean", "ssl.create_context = ssl.other_context",
             "np.load = lambda *a: old(*a)"],
)  # fmt: skip
def test_a_changed_library_is_found(cell: str) -> None:
    imports = "import numpy as np\nimport pandas as pd\nimport ssl\nold = np.load\ndef clean(df): return df"
    assert places("NBD115", imports, cell) == [(1, 1)]


@pytest.mark.parametrize(
    "cell",
    ["pd.options.display.max_rows = 10", "torch.backends.cudnn.deterministic = True", "plt.rcParams['figure.dpi'] = 3",
     "df.columns = names", "model.clean = clean", "np.random.seed(0)"],
)  # fmt: skip
def test_settings_and_objects_of_ones_own_are_left_alone(cell: str) -> None:
    imports = "import numpy as np\nimport pandas as pd\nimport torch\nimport matplotlib.pyplot as plt"
    assert only("NBD115", imports, "df = model = names = 1\ndef clean(): pass", cell) == []


@pytest.mark.parametrize(
    "cell",
    ["def f(a, seen=[]):\n    seen.append(a)", "def f(*, cache={}):\n    cache[1] = 2", "def f(a=set()):\n    a.add(1)",
     "def f(a, *, n=dict()):\n    n.update(a)"],
)  # fmt: skip
def test_a_default_that_is_changed_is_found(cell: str) -> None:
    assert places("NBD124", cell) == [(0, 1)]


@pytest.mark.parametrize(
    "cell",
    ["def f(columns=['a']):\n    return df[columns]", "def f(a, seen=None):\n    seen = seen or []\n    seen.append(a)",
     "def f(a, seen=()):\n    return seen", "def f(rows=[]):\n    rows = list(rows)\n    rows.append(1)"],
)  # fmt: skip
def test_a_default_that_is_only_read_is_left_alone(cell: str) -> None:
    assert only("NBD124", "df = 1", cell) == []
