"""What is emitted reads JSON into the notebook's own kind of value, refuses what it must, and keeps every bit."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import math
import os
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from nbdeploy.analysis.values import ColumnSpec, Kind, Schema
from nbdeploy.errors import ArtifactError
from nbdeploy.packaging.service import bentofile, request_body, schema_module, service_module

_spec = importlib.util.spec_from_file_location("packages", Path(__file__).with_name("packages.py"))
packages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(packages)
LABELS, MIXED, ROW = packages.LABELS, packages.MIXED, packages.ROW


def module_for(input: Schema, output: Schema = LABELS, *, single: bool = False) -> ModuleType:
    """The emitted schema.py, imported."""
    module = ModuleType("emitted_schema")
    sys.modules["emitted_schema"] = module
    exec(compile(schema_module("m", input, output, single=single), "schema.py", "exec"), module.__dict__)
    return module


def array(shape: tuple[int, ...], dtype: str, kind: Kind = Kind.ARRAY, type: str = "numpy.ndarray") -> Schema:
    return Schema(kind=kind, type=type, rows=shape[0], shape=shape, dtype=dtype)


def items(dtype: str | None, type: str = "list") -> Schema:
    return Schema(kind=Kind.LIST, type=type, rows=3, dtype=dtype)


EVERY_KIND = {
    "table": MIXED,
    "series": Schema(kind=Kind.SERIES, type="pandas.Series", rows=3, shape=(3,), dtype="float64", name="x"),
    "matrix": array((5, 2), "float64"),
    "tensor": array((5, 2), "torch.float32", Kind.TENSOR, "torch.Tensor"),
    "sparse": array((5, 2), "float64", Kind.SPARSE, "scipy.sparse._csr.csr_matrix"),
    "texts": items("str"),
    "record": Schema(kind=Kind.RECORD, type="dict", rows=1, columns=(ColumnSpec("a", "int"), ColumnSpec("b", "str"))),
    "scalar": Schema(kind=Kind.SCALAR, type="float", rows=1, dtype="float"),
}


@pytest.fixture(scope="module")
def mixed() -> ModuleType:
    return module_for(MIXED)


def problems_of(module: ModuleType, rows: Any) -> list[tuple[int | None, str | None, str]]:
    parse = getattr(module, "parse_rows", None) or module.parse_input
    with pytest.raises(module.BadRequest) as caught:
        parse(rows)
    return [(each["row"], each["field"], each["message"]) for each in caught.value.problems]


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_emitted_files_are_clean_and_know_nothing_of_nbdeploy(kind: str, tmp_path: Path) -> None:
    input = EVERY_KIND[kind]
    (tmp_path / "schema.py").write_text(schema_module("m", input, LABELS, single=False))
    (tmp_path / "service.py").write_text(service_module("m", "m", input, {"input": "it's"}))
    rules = "E,F,W,UP,B,C4,SIM,RUF,RET,PIE"
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length=120", f"--select={rules}", "."]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    for file in tmp_path.glob("*.py"):
        imported = [
            node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert "nbdeploy" not in "".join(ast.unparse(node) for node in imported)


@pytest.mark.parametrize(("told", "keys"), [(None, []), ("one", [b"one"]), (" old\tnew ", [b"old", b"new"])])
def test_the_keys_are_read_from_the_environment_of_the_service(
    told: str | None, keys: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("M_API_KEY", raising=False)
    if told is not None:
        monkeypatch.setenv("M_API_KEY", told)
    assert function_of_the_service("keys_to_bring")() == keys


def test_a_key_that_is_set_but_empty_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M_API_KEY", " ")
    with pytest.raises(RuntimeError, match="M_API_KEY is set but empty"):
        function_of_the_service("keys_to_bring")()


def function_of_the_service(name: str) -> Any:
    """A function of the emitted service.py, without the BentoML service around it."""
    tree = ast.parse(service_module("m", "m", MIXED))
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    names: dict[str, Any] = {"os": os, "KEY_VARIABLE": "M_API_KEY"}
    exec(compile(ast.Module([function], []), "service.py", "exec"), names)
    return names[name]


def test_only_the_service_knows_bentoml() -> None:
    assert "import bentoml" not in schema_module("m", MIXED, LABELS, single=False)


def test_a_table_gets_the_notebooks_columns_order_and_dtypes(mixed: ModuleType) -> None:
    shuffled = dict(reversed(ROW.items()))
    frame = mixed.parse_rows([shuffled, {**shuffled, "Name": None, "Embarked": None, "when": None, "any": None}])
    assert list(frame.columns) == [column.name for column in MIXED.columns]
    assert [str(dtype) for dtype in frame.dtypes] == [column.dtype for column in MIXED.columns]
    assert list(frame["Embarked"].cat.categories) == ["C", "Q", "S"]
    assert frame.loc[0, "when"] == pd.Timestamp("1912-04-15T02:20:00")
    assert frame.loc[1, ["Name", "Embarked", "when", "any"]].isna().all()
    assert frame.loc[0, 7] == 0.1


def test_an_optional_column_may_be_left_out_and_is_then_missing(mixed: ModuleType) -> None:
    without = {key: value for key, value in ROW.items() if key != "id"}
    assert mixed.parse_rows([without, ROW])["id"].isna().tolist() == [True, False]


def test_whole_numbers_are_taken_for_floats_and_3_0_for_a_whole_number(mixed: ModuleType) -> None:
    frame = mixed.parse_rows([{**ROW, "Age in years": 3, "Pclass": 3.0}])
    assert (str(frame["Age in years"].dtype), str(frame["Pclass"].dtype)) == ("float64", "int64")


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"Pclass": 3.5}, "Pclass", "3.5 is not a whole number"),
        ({"Pclass": True}, "Pclass", "True is not a whole number"),
        ({"Pclass": None}, "Pclass", "null, and this field was never missing in the data"),
        ({"Pclass": 2**63}, "Pclass", "9223372036854775808 is out of the range of int64"),
        ({"Pclass": -1e17}, "Pclass", "-1e+17 is out of the range of int64, or not surely what was meant"),
        ({"7": "0.1"}, "7", "'0.1' is not a number"),
        ({"7": False}, "7", "False is not a number"),
        ({"7": 10**400}, "7", "the number is too large"),
        ({"Name": 5}, "Name", "5 is not a text"),
        ({"alive": 1}, "alive", "1 is not true or false"),
        ({"Embarked": "Z"}, "Embarked", "'Z' is not one of the known categories ['C', 'Q', 'S']"),
        ({"Embarked": ["C"]}, "Embarked", "['C'] is not one of the known categories ['C', 'Q', 'S']"),
        ({"when": "soon"}, "when", "'soon' is not a date and time that datetime64[us] can hold"),
        ({"when": "2020-01-01T00:00:00+01:00"}, "when", "'2020-01-01T00:00:00+01:00' must not have an offset from UTC"),
        ({"pclass": 3}, "pclass", "unknown field; did you mean 'Pclass'?"),
    ],
)
def test_a_wrong_value_is_named_with_its_row_and_field(
    mixed: ModuleType, change: dict[str, Any], field: str, message: str
) -> None:
    assert problems_of(mixed, [ROW, {**ROW, **change}]) == [(1, field, message)]


def test_a_missing_field_is_named(mixed: ModuleType) -> None:
    without = {key: value for key, value in ROW.items() if key != "Pclass"}
    assert problems_of(mixed, [ROW, without]) == [(1, "Pclass", "missing field")]


def test_problems_of_all_rows_are_told_up_to_twenty(mixed: ModuleType) -> None:
    both = problems_of(mixed, [{**ROW, "Pclass": "x"}, {**ROW, "alive": "x", "new": 1}])
    assert both == [
        (1, "new", "unknown field"),
        (0, "Pclass", "'x' is not a whole number"),
        (1, "alive", "'x' is not true or false"),
    ]
    assert len(problems_of(mixed, [{**ROW, "Pclass": "x"}] * 100)) == 20


@pytest.mark.parametrize("rows", [None, 5, "text", {"Pclass": 3}])
def test_rows_that_are_no_list_are_refused(mixed: ModuleType, rows: Any) -> None:
    with pytest.raises(mixed.BadRequest, match="rows must be a list of records"):
        mixed.parse_rows(rows)


def test_a_time_zone_is_kept_and_its_offset_asked_for() -> None:
    zoned = Schema(
        kind=Kind.TABLE, type="pandas.DataFrame", columns=(ColumnSpec("at", "datetime64[ns, Europe/Berlin]"),)
    )
    module = module_for(zoned)
    frame = module.parse_rows([{"at": "2020-06-01T12:00:00.123456789+02:00"}, {"at": "2020-06-01T10:00:00Z"}])
    assert str(frame["at"].dtype) == "datetime64[ns, Europe/Berlin]"
    assert frame["at"][0].isoformat() == "2020-06-01T12:00:00.123456789+02:00"
    assert problems_of(module, [{"at": "2020-06-01T12:00:00"}])[0][2].endswith("lacks its offset from UTC")


@pytest.mark.parametrize(
    "dtype", ["Int64", "UInt8", "Float64", "boolean", "string", "int8", "float32", "timedelta64[ns]"]
)
def test_the_exact_dtype_is_restored(dtype: str) -> None:
    value = {"boolean": True, "string": "a", "timedelta64[ns]": "P1DT2H"}.get(dtype, 7)
    schema = Schema(
        kind=Kind.TABLE, type="pandas.DataFrame", columns=(ColumnSpec("x", dtype, nullable=dtype[0].isupper()),)
    )
    frame = module_for(schema).parse_rows([{"x": value}, {"x": None if dtype[0].isupper() else value}])
    assert str(frame["x"].dtype) == dtype


def test_two_columns_with_one_json_key_are_refused() -> None:
    schema = Schema(kind=Kind.TABLE, type="pandas.DataFrame", columns=(ColumnSpec("1", "str"), ColumnSpec(1, "str")))
    with pytest.raises(ArtifactError, match="NBD451"):
        schema_module("m", schema, LABELS, single=False)


def test_what_json_cannot_carry_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"NBD450 .*complex128"):
        schema_module("m", array((3, 2), "complex128"), LABELS, single=False)
    with pytest.raises(ArtifactError, match="NBD450"):
        schema_module("m", Schema(kind=Kind.OBJECT, type="socket.socket"), LABELS, single=False)


def test_a_series_keeps_name_and_dtype() -> None:
    found = module_for(EVERY_KIND["series"]).parse_input([1, 2.5, None])
    pd.testing.assert_series_equal(found, pd.Series([1, 2.5, math.nan], name="x"))


def test_arrays_have_the_rows_shape_and_dtype() -> None:
    module = module_for(array((5, 2, 2), "float32"))
    found = module.parse_input([[[1, 2], [3, None]], [["Infinity", 6], [7, 8]]])
    assert (found.shape, found.dtype) == ((2, 2, 2), np.float32)
    assert math.isnan(found[0, 1, 1])
    assert found[1, 0, 0] == math.inf
    assert problems_of(module, [[[1, 2], [3, "x"]]]) == [(0, "[1][1]", "'x' is not a number")]
    assert problems_of(module, [[[1, 2], [3, 4]], [[1], [2, 3]]]) == [
        (1, None, "1 items where 2 are needed; the shape of a row is (2, 2)")
    ]
    assert problems_of(module, [[1, 2]])[0][2].startswith("1 is not a list")


def test_an_empty_list_is_an_empty_array() -> None:
    assert module_for(array((5, 2), "float64")).parse_input([]).shape == (0, 2)


def test_a_list_is_given_as_it_came_and_its_items_checked() -> None:
    module = module_for(items("str"))
    assert module.parse_input(["a", "b"]) == ["a", "b"]
    assert problems_of(module, ["a", 5]) == [(1, None, "5 is not a text")]
    assert problems_of(module, "a") == [(None, None, "input must be a list, not 'a'")]
    assert module_for(items("float")).parse_input([1, 2.5]) == [1.0, 2.5]
    assert module_for(items("dict")).parse_input([{"a": 1}]) == [{"a": 1}]


def test_a_record_is_one_and_has_the_observed_keys() -> None:
    module = module_for(EVERY_KIND["record"], single=True)
    assert module.parse_input({"b": "x", "a": 1}) == {"a": 1, "b": "x"}
    assert problems_of(module, [{"a": 1, "b": "x"}]) == [(None, None, "send one record a request, not a list of them")]
    assert problems_of(module, {"a": "1", "c": 2}) == [
        (None, "c", "unknown field"),
        (None, "b", "missing field"),
        (None, "a", "'1' is not a whole number"),
    ]


def test_a_scalar_keeps_its_type() -> None:
    assert module_for(EVERY_KIND["scalar"], single=True).parse_input(2) == 2.0
    numpy = Schema(kind=Kind.SCALAR, type="numpy.float32", rows=1, dtype="float32")
    assert type(module_for(numpy, single=True).parse_input(2)) is np.float32


def test_a_sparse_matrix_is_sparse_again() -> None:
    found = module_for(EVERY_KIND["sparse"]).parse_input([[0, 1.5], [0, 0]])
    assert (type(found).__name__, found.nnz) == ("csr_matrix", 1)


@pytest.mark.slow
def test_a_tensor_is_a_tensor_again() -> None:
    import torch

    found = module_for(EVERY_KIND["tensor"]).parse_input([[0, 1.5], [0, 0.1]])
    assert torch.equal(found, torch.tensor([[0, 1.5], [0, 0.1]], dtype=torch.float32))
    assert module_for(EVERY_KIND["tensor"]).answer(found) == found.double().tolist()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (np.array([1, 2]), [1, 2]),
        (np.array([[0.1, np.nan], [np.inf, -np.inf]]), [[0.1, None], ["Infinity", "-Infinity"]]),
        (np.array([0.1], np.float32), [0.10000000149011612]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["a", None, 1.5], object), ["a", None, 1.5]),
        (np.array([True]), [True]),
        (np.array(["2020-01-01", "NaT"], "datetime64[D]"), ["2020-01-01", None]),
        (np.float64(2.5), 2.5),
        (np.str_("a"), "a"),
        (pd.Series(["a", None]), ["a", None]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (pd.Series(pd.Categorical(["x", "y"])), ["x", "y"]),
        (pd.Series(pd.to_datetime(["2020-01-01T01:02:03", None])), ["2020-01-01T01:02:03", None]),
        (pd.DataFrame({"a": [1, 2], 5: [0.5, math.nan]}), [{"a": 1, "5": 0.5}, {"a": 2, "5": None}]),
        ((1, "x", None, 2.5), [1, "x", None, 2.5]),
        ({"a": np.int64(1), 2: [np.float64(0.1)]}, {"a": 1, "2": [0.1]}),
    ],
)
def test_an_answer_is_plain_json(mixed: ModuleType, output: Any, expected: Any) -> None:
    found = mixed.answer(output)
    assert found == expected
    assert from_json(to_json(found)) == expected
    json.dumps(found, allow_nan=False)


def test_an_output_that_json_cannot_say_is_an_error(mixed: ModuleType) -> None:
    with pytest.raises(TypeError, match="complex"):
        mixed.answer(np.array([1j]))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
@settings(max_examples=200, deadline=None)
def test_floats_survive_both_ways_bit_for_bit(numbers: list[float]) -> None:
    module = _FLOATS
    frame = module.parse_rows(from_json(json.dumps([{"x": number} for number in numbers])))
    back = from_json(to_json(module.answer(frame["x"])))
    assert [struct.pack("d", each) for each in back] == [struct.pack("d", each) for each in numbers]


_FLOATS = module_for(Schema(kind=Kind.TABLE, type="pandas.DataFrame", columns=(ColumnSpec("x", "float64"),)))


ODD = st.one_of(st.booleans(), st.none(), st.text(max_size=3), st.just(math.nan), st.just([1.0]), st.just(10**400))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70), min_size=1), st.data())
@settings(max_examples=200)
def test_bare_numbers_are_told_from_all_else(numbers: list[float], data: st.DataObject) -> None:
    bare = module_for(array((5, 2), "float64")).bare
    numbers *= data.draw(st.sampled_from((1, 300)))  # the long way and the quick one
    assert bare(numbers).tobytes() == np.array(numbers, np.float64).tobytes()
    numbers[data.draw(st.integers(0, len(numbers) - 1))] = data.draw(ODD)
    assert bare(numbers) is None


def test_the_rows_of_an_array_are_read_with_their_request_and_scored_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = "def predict(X):\n    return X.sum(axis=1)\n"
    output = Schema(kind=Kind.ARRAY, type="numpy.ndarray", rows=5, shape=(5,), dtype="float64")
    packages.write_package(tmp_path / "sums", "sums", predict, array((5, 2), "float64"), output)
    monkeypatch.syspath_prepend(tmp_path / "sums")
    answering = importlib.import_module("sums.answering")
    requests = [
        answering.read(b'{"input": [[1, 2], [3, 4.5]]}'),
        answering.read_lines(b"[5, 6]\n"),
        answering.array_of([]),
    ]
    assert answering.score(requests) == [[3.0, 7.5], [11.0], []]
    for wrong, where in ((b"[[1, true]]", "[1]"), (b"[[1, null], [1]]", None), (b"{}", None)):
        with pytest.raises(answering.BadRequest) as caught:
            answering.read(b'{"input": ' + wrong + b"}")
        assert where in {problem["field"] for problem in caught.value.problems}
    with pytest.raises(answering.Refused, match="100001 rows"):
        answering.read(b'{"input": [' + b"0," * 100_000 + b"0]}")


def test_a_table_is_sent_as_rows_and_anything_else_as_input() -> None:
    assert request_body(MIXED, [ROW]) == {"rows": [ROW]}
    assert request_body(items("str"), ["a"]) == {"input": ["a"]}


def test_the_bentofile_takes_the_lock_as_it_is() -> None:
    import yaml

    found = yaml.safe_load(bentofile("titanic", labels={"team": "a: b"}, python_version="3.12"))
    assert found["labels"] == {"team": "a: b"}
    assert found["python"] == {"requirements_txt": "./requirements.lock", "lock_packages": False}
    assert found["docker"]["python_version"] == "3.12"
    assert yaml.safe_load(bentofile("titanic"))["labels"] == {}
