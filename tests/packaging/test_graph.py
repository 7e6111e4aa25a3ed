"""The emitted `graph.py`: it answers plain rows by the graph, and leaves to the code whatever is odd."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nbdeploy.analysis.values import ColumnSpec, Kind, Schema
from nbdeploy.packaging.graph import graph_module, serves
from nbdeploy.packaging.onnx_graph import GraphWriter
from nbdeploy.packaging.service import answering_module

_spec = importlib.util.spec_from_file_location("packages", Path(__file__).with_name("packages.py"))
packages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(packages)

INPUT = Schema(
    kind=Kind.TABLE,
    type="pandas.DataFrame",
    rows=4,
    shape=(4, 5),
    columns=(
        ColumnSpec("price", "float64", nullable=True),
        ColumnSpec("count", "int64"),
        ColumnSpec("paid", "bool"),
        ColumnSpec("city", "str"),
        ColumnSpec("id", "int64", required=False),
    ),
)
SIGNATURE = {"inputs": [], "outputs": [{"name": "prediction"}, {"name": "refused"}]}
ROW = {"price": 2.5, "count": 3, "paid": True, "city": "Köln", "id": 7}

PREDICT = '''
def predict(df):
    """Says that the code has answered, not the graph."""
    return (df["price"] * df["count"] + 1000.0).to_numpy()
'''


def product_graph() -> bytes:
    """price times count; a row whose count is 13 is refused."""
    graph = GraphWriter()
    price, count = graph.input("price", "double"), graph.input("count", "int64")
    graph.refused.append(graph.node("Equal", count, graph.constant(13, "int64")))
    product = graph.node("Mul", price, graph.cast(count, "double"))
    return graph.file({"prediction": (product, "double", None)})


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    content = product_graph()
    extra = {
        "m/graph.py": graph_module(INPUT, packages.LABELS, SIGNATURE, content, {}),
        "m/answering.py": answering_module("m", INPUT, together=True, graph=True, tables=True),
    }
    packages.write_package(tmp_path, "m", PREDICT, INPUT, packages.LABELS, extra=extra)
    (tmp_path / "edge").mkdir()
    (tmp_path / "edge" / "predict.onnx").write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [each for each in sys.modules if each.partition(".")[0] == "m"]:
        del sys.modules[name]


def imported(name: str) -> ModuleType:
    return importlib.import_module(f"m.{name}")


def test_plain_rows_are_answered_without_the_code(package: Path) -> None:
    without = {key: value for key, value in ROW.items() if key != "id"}
    assert imported("graph").answered([ROW, {**ROW, "count": 0}]) == [7.5, 0.0]
    assert imported("answering").score([[ROW], [{**ROW, "price": None}, {**ROW, "price": 1}]]) == [
        [7.5],
        [None, 3.0],
    ]
    assert imported("graph").answered([without]) == [7.5]


@pytest.mark.parametrize(
    "odd",
    [
        {"count": 3.0},
        {"count": True},
        {"count": None},
        {"count": 2**63},
        {"count": 13},
        {"price": "Infinity"},
        {"price": float("nan")},
        {"price": float("inf")},
        {"price": 10**400},
        {"paid": 1},
        {"city": None},
        {"city": "a\0b"},
        {"id": None},
        {"other": 1},
    ],
    ids=str,
)
def test_whatever_is_odd_is_left_to_the_code(package: Path, odd: dict[str, Any]) -> None:
    assert imported("graph").answered([ROW, {**ROW, **odd}]) is None


@pytest.mark.parametrize("rows", [[ROW, 5], [ROW, {}], [[1]], [None]], ids=str)
def test_what_is_no_record_is_left_to_the_code(package: Path, rows: list[Any]) -> None:
    assert imported("graph").answered(rows) is None


def test_the_code_answers_or_refuses_what_the_graph_leaves(package: Path) -> None:
    answered, refused = imported("answering").score([[{**ROW, "count": 13}], [{**ROW, "count": "x"}]])
    assert answered == [1032.5]
    assert refused.problems == [{"row": 0, "field": "count", "message": "'x' is not a whole number"}]


def test_beside_other_artifacts_the_code_answers(package: Path) -> None:
    manifest = {"version": 1, "artifacts": {"model": {"sha256": hashlib.sha256(b"new").hexdigest()}}}
    (package / "artifacts" / "manifest.json").write_text(json.dumps(manifest))
    assert imported("graph").SESSION is None
    assert imported("answering").score([[ROW]]) == [[1007.5]]


def test_another_graph_is_not_read(package: Path) -> None:
    (package / "edge" / "predict.onnx").write_bytes(b"another")
    assert imported("answering").score([[ROW]]) == [[1007.5]]


def test_answers_are_not_the_graphs_where_it_can_not_know_all_columns() -> None:
    dated = Schema(**{**INPUT.as_json(), "kind": Kind.TABLE, "columns": (ColumnSpec("when", "datetime64[us]"),)})
    assert serves(INPUT, packages.LABELS, SIGNATURE, 100)
    assert not serves(dated, packages.LABELS, SIGNATURE, 100)
    assert not serves(INPUT, packages.LABELS, SIGNATURE, 10**9)
    assert not serves(INPUT, packages.MIXED, SIGNATURE, 100)
