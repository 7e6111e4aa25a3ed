"""Small values are written as source that makes them again."""

from __future__ import annotations

import datetime
import decimal
import fractions
import http
import pathlib
import re
import uuid
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbdeploy.recording.digest import digest
from nbdeploy.recording.literals import Literal, literal

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text() | st.binary()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.sets(st.integers() | st.text())
        | st.frozensets(st.text())
    ),
    max_leaves=12,
)


def again(found: Literal) -> Any:
    namespace: dict[str, Any] = {}
    exec("\n".join([*found.imports, f"value = {found.source}"]), namespace)
    return namespace["value"]


@given(values)
def test_source_makes_the_same_value(value: Any) -> None:
    found = literal(value, limit=100_000)

    assert found is not None
    assert digest(again(found)) == digest(value)


@pytest.mark.parametrize(
    ("value", "source", "imports"),
    [
        (float("nan"), 'float("nan")', ()),
        (-0.0, "-0.0", ()),
        (complex(1, -0.0), "complex(1.0, -0.0)", ()),
        ("it's", '"it\'s"', ()),
        ((1,), "(1,)", ()),
        (set(), "set()", ()),
        (frozenset({"a"}), 'frozenset({"a"})', ()),
        (slice(1, None, 2), "slice(1, None, 2)", ()),
        (range(3), "range(0, 3)", ()),
        (np.float64(0.5), "np.float64(0.5)", ("import numpy as np",)),
        (np.float32("nan"), 'np.float32("nan")', ("import numpy as np",)),
        (np.dtype("f4"), 'np.dtype("float32")', ("import numpy as np",)),
        (np.datetime64("2024-01-01"), 'np.datetime64("2024-01-01")', ("import numpy as np",)),
        (datetime.date(2024, 1, 1), "datetime.date(2024, 1, 1)", ("import datetime",)),
        (decimal.Decimal("1.10"), 'decimal.Decimal("1.10")', ("import decimal",)),
        (fractions.Fraction(1, 3), "fractions.Fraction(1, 3)", ("import fractions",)),
        (uuid.UUID(int=1), 'uuid.UUID("00000000-0000-0000-0000-000000000001")', ("import uuid",)),
        (re.compile(r"\d+", re.I), 're.compile("\\\\d+", re.IGNORECASE)', ("import re",)),
        (pathlib.Path("a/b"), 'pathlib.Path("a/b")', ("import pathlib",)),
        (pd.Timestamp("2024-01-01"), 'pd.Timestamp("2024-01-01 00:00:00")', ("import pandas as pd",)),
        (pd.NA, "pd.NA", ("import pandas as pd",)),
        (pd.NaT, "pd.NaT", ("import pandas as pd",)),
        (pd.Index(["a", "b"]), 'pd.Index(["a", "b"], dtype="str")', ("import pandas as pd",)),
        (http.HTTPStatus.OK, "HTTPStatus.OK", ("from http import HTTPStatus",)),
        (
            datetime.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC")),
            'datetime.datetime(2024, 1, 1, 0, 0, tzinfo=zoneinfo.ZoneInfo(key="UTC"))',
            ("import datetime", "import zoneinfo"),
        ),
    ],
)
def test_values_are_written_as_people_would(value: Any, source: str, imports: tuple[str, ...]) -> None:
    assert literal(value) == Literal(source, imports)


def test_what_does_not_fit_on_a_line_gets_one_item_a_line() -> None:
    found = literal({"columns": [f"measurement number {number}" for number in range(5)], "rate": 0.5})

    assert found is not None
    assert found.source.splitlines() == [
        "{",
        '    "columns": [',
        '        "measurement number 0",',
        '        "measurement number 1",',
        '        "measurement number 2",',
        '        "measurement number 3",',
        '        "measurement number 4",',
        "    ],",
        '    "rate": 0.5,',
        "}",
    ]


class Text(str):
    """A class derived from a builtin is not the builtin."""


SHARED = [1]


@pytest.mark.parametrize(
    "value",
    [Text("a"), object(), print, int, np.array([1]), pd.Series([1]), [object()], [SHARED, SHARED]],
    ids=["derived", "object", "function", "class", "array", "series", "deep", "shared"],
)
def test_what_has_no_notation_has_no_literal(value: Any) -> None:
    assert literal(value) is None


@pytest.mark.parametrize("value", ["x" * 3000, list(range(100_000)), 10**5000], ids=["text", "list", "number"])
def test_what_is_too_long_has_no_literal(value: Any) -> None:
    assert literal(value) is None
