"""What the analysis is told of a value."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from nbdeploy.analysis.values import ColumnSpec, Kind, Schema
from nbdeploy.recording.describe import describe


def test_a_table_is_described_over_all_of_its_rows() -> None:
    table = pd.DataFrame(
        {"age": [1.5, None], "name": ["x", "y"], "grade": pd.Categorical(["b", "b"], categories=["a", "b"]), 7: [1, 2]}
    )

    assert describe(table) == Schema(
        kind=Kind.TABLE,
        type="pandas.DataFrame",
        rows=2,
        shape=(2, 4),
        columns=(
            ColumnSpec("age", "float64", nullable=True),
            ColumnSpec("name", "str"),
            ColumnSpec("grade", "category", categories=("a", "b")),
            ColumnSpec(7, "int64"),
        ),
    )


@pytest.mark.parametrize(
    ("value", "kind", "rows", "dtype"),
    [
        (pd.Series([1, 2], name="a"), Kind.SERIES, 2, "int64"),
        (np.zeros((3, 2), dtype="f4"), Kind.ARRAY, 3, "float32"),
        (np.float64(1), Kind.SCALAR, 1, "float64"),
        (np.array(1), Kind.SCALAR, 1, "int64"),
        (scipy.sparse.csr_matrix((4, 2)), Kind.SPARSE, 4, "float64"),
        (["a", "b"], Kind.LIST, 2, "str"),
        ((1, 2.5), Kind.LIST, 2, None),
        ([{"a": 1}], Kind.LIST, 1, "dict"),
        ([[1.0], [2.0]], Kind.LIST, 2, "list"),
        ({"a": 1, "b": [1, 2]}, Kind.RECORD, 1, None),
        ("text", Kind.SCALAR, 1, None),
        (None, Kind.SCALAR, 1, None),
        ([object()], Kind.OBJECT, None, None),
        ({1: 2}, Kind.OBJECT, None, None),
        (print, Kind.OBJECT, None, None),
    ],
)
def test_every_kind_has_its_rows_and_its_dtype(value: Any, kind: Kind, rows: int | None, dtype: str | None) -> None:
    found = describe(value)

    assert (found.kind, found.rows, found.dtype) == (kind, rows, dtype)


def test_a_tensor_is_described() -> None:
    torch = pytest.importorskip("torch")

    assert describe(torch.zeros(3, 2)) == Schema(
        kind=Kind.TENSOR, type="torch.Tensor", rows=3, shape=(3, 2), dtype="torch.float32"
    )


def test_a_schema_of_any_table_is_json() -> None:
    table = pd.DataFrame({"bin": pd.cut([1, 5, 9], 3), "day": pd.Categorical(pd.to_datetime(["2024-01-01"] * 3))})

    schema = describe(table)

    assert Schema.from_json(json.loads(json.dumps(schema.as_json()))) == schema


def test_what_fails_to_be_looked_at_is_an_object() -> None:
    class Hostile(list):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            raise RuntimeError("no")

        def __len__(self) -> int:
            raise RuntimeError("no")

    assert describe(Hostile()).kind is Kind.OBJECT


def test_looking_imports_nothing() -> None:
    code = (
        "import sys; from nbdeploy.recording.describe import describe, digest\n"
        "[(describe(value), digest(value)) for value in ([1], {'a': 1}, object(), print)]\n"
        "print(sorted({'numpy', 'pandas', 'scipy', 'torch'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
