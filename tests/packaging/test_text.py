"""Python source as text: imports in order, statements indented and broken, data written as formatters write it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbdeploy.packaging.text import import_line, indented, module_text, sorted_imports, written


def test_imports_come_in_isorts_groups_and_order() -> None:
    lines = [
        "from .artifacts import model",
        "from churn import predict",
        "import pandas as pd",
        "from sklearn.compose import make_pipeline, ColumnTransformer",
        "from sklearn.compose import A_CONSTANT",
        "from . import artifacts",
        "import numpy as np\nimport re",
        "from __future__ import annotations",
        "from .artifacts import scaler_2 as scaler",
        "import pandas as pd",
        "from pathlib import Path",
    ]
    assert sorted_imports(lines, own={"churn"}).split("\n") == [
        "from __future__ import annotations",
        "",
        "import re",
        "from pathlib import Path",
        "",
        "import numpy as np",
        "import pandas as pd",
        "from sklearn.compose import A_CONSTANT, ColumnTransformer, make_pipeline",
        "",
        "from churn import predict",
        "",
        "from . import artifacts",
        "from .artifacts import model",
        "from .artifacts import scaler_2 as scaler",
    ]


def test_an_import_too_long_for_a_line_gets_one_name_a_line() -> None:
    names = [f"name_number_{each:02}" for each in range(12)]
    assert sorted_imports([f"from .x import {', '.join(names)}"]) == (
        "from .x import (\n" + "".join(f"    {name},\n" for name in names) + ")"
    )


@pytest.mark.parametrize(
    ("source", "name", "line"),
    [
        ("import os.path", "os", "import os.path"),
        ("import numpy as np, re", "np", "import numpy as np"),
        ("from a.b import c as d, e", "d", "from a.b import c as d"),
        ("from a.b import c as d, e", "e", "from a.b import e"),
        ("from . import sibling", "sibling", "from . import sibling"),
    ],
)
def test_one_name_is_imported_as_the_notebook_binds_it(source: str, name: str, line: str) -> None:
    [statement] = ast.parse(source).body
    assert isinstance(statement, ast.Import | ast.ImportFrom)
    assert import_line(statement, name) == line


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        pytest.param(f"x = f({'a' * 60}, {'b' * 50})", f"    x = f(\n        {'a' * 60}, {'b' * 50}\n    )", id="call"),
        pytest.param(
            f"x = f({'a' * 60}, g(1, 2), {'b' * 60})",
            f"    x = f(\n        {'a' * 60},\n        g(1, 2),\n        {'b' * 60},\n    )",
            id="one a line",
        ),
        pytest.param(
            f"x[0] = first({'a' * 10}).second({'b' * 90})[1]",
            f"    x[0] = first({'a' * 10}).second({'b' * 90})[\n        1\n    ]",
            id="the last brackets",
        ),
        pytest.param(f"x = f({'a' * 110})  # why", f"    x = f({'a' * 110})  # why", id="a comment"),
        pytest.param(f"x = '{'a' * 120}'", f"    x = '{'a' * 120}'", id="no brackets"),
        pytest.param(f"x = '({'a' * 120})'", f"    x = '({'a' * 120})'", id="brackets in a string"),
        pytest.param(f"x = f(i for i in {'a' * 130})", f"    x = f(i for i in {'a' * 130})", id="a generator"),
    ],
)
def test_a_line_that_indenting_makes_too_long_is_broken_where_that_is_safe(source: str, wanted: str) -> None:
    assert indented(source) == wanted


def test_a_statement_that_its_author_broke_stays_so() -> None:
    source = f"x = [\n  '{'a' * 130}'\n]"
    assert indented(source) == f"    x = [\n      '{'a' * 130}'\n    ]"


def test_a_module_has_its_parts_in_the_distance_that_formatters_want(tmp_path: Path) -> None:
    texts = {
        "plain": module_text('"""A."""', ["import re"], "X = re.compile('')", "def f() -> None:\n    pass"),
        "code": module_text('"""A."""', [], "def f() -> None:\n    pass", "# cell 1\nclass A:\n    pass"),
        "empty": module_text('"""A."""', []),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text.replace("''", '""'))
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=120", "--diff", "."]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout == ""


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner) | st.tuples(inner, inner),
    max_leaves=30,
)


@settings(max_examples=150, deadline=None)
@given(plain, st.sampled_from([0, 4, 8]))
def test_written_data_is_the_data(value: Any, indent: int) -> None:
    read = ast.literal_eval(written(value, indent)) if not contains_infinity(value) else value
    assert read == value


def contains_infinity(value: Any) -> bool:
    return "inf" in repr(value)


def test_data_too_long_for_a_line_gets_one_item_a_line() -> None:
    assert written({"a": 1, "b": ["it's", 'a "quote"']}) == '{"a": 1, "b": ["it\'s", \'a "quote"\']}'
    assert written(["a" * 60, "b" * 60], 4) == f'[\n        "{"a" * 60}",\n        "{"b" * 60}",\n    ]'
