"""Write the exported package's `graph.py`: plain rows are answered by the graph of the whole serving path."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from string import Template

from nbdeploy.analysis.values import Kind, Schema
from nbdeploy.packaging.schema import request_fields

__all__ = ["graph_module", "serves"]

TEMPLATE = Path(__file__).parent / "templates" / "graph.py.txt"

READERS = {
    ("floats", "float64"): """\
def plain_floats(values: list[Any], column: Column) -> np.ndarray | None:
    numbers = bare(values)
    if numbers is not None or not column.nullable or not set(map(type, values)) <= {float, int, type(None)}:
        return numbers
    numbers = np.array(values, np.float64)  # None becomes NaN
    return None if np.isinf(numbers).any() or np.isnan(numbers).sum() != values.count(None) else numbers""",
    ("integers", "int64"): """\
def plain_integers(values: list[Any], column: Column) -> np.ndarray | None:
    if set(map(type, values)) != {int} or not -(2**63) <= min(values) <= max(values) < 2**63:
        return None
    return np.array(values, np.int64)""",
    ("booleans", "bool"): """\
def plain_booleans(values: list[Any], column: Column) -> np.ndarray | None:
    return np.array(values, bool) if set(map(type, values)) == {bool} else None""",
    ("texts", ""): """\
def plain_texts(values: list[Any], column: Column) -> np.ndarray | None:
    if set(map(type, values)) != {str} or any("\\0" in each for each in values):
        return None
    return np.array(values, object)""",
    ("one_of", ""): """\
def plain_one_of(values: list[Any], column: Column) -> np.ndarray | None:
    if set(map(type, values)) != {str} or not set(values) <= set(column.categories):
        return None
    return np.array(values, object)""",
}
"""By the reader of `schema.py` and the dtype (none: any), how the values of a column are read where they are plain."""


LARGEST = 64 * 2**20  # bytes: what is in the graph is in memory twice


def serves(input: Schema, output: Schema, signature: Mapping[str, list[dict[str, object]]], size: int) -> bool:
    """Tell whether requests can be answered by the graph of the whole path, a file of `size` bytes."""
    readers = [_reader(each.reader, each.column.dtype) for each in request_fields(input)]
    names = [str(each["name"]) for each in signature["outputs"] if each["name"] != "refused"]
    records = output.kind is Kind.TABLE
    return (
        size <= LARGEST
        and input.kind is Kind.TABLE
        and all(readers)
        and all(isinstance(each.name, str) for each in input.columns)
        and output.kind in {Kind.TABLE, Kind.ARRAY, Kind.SERIES, Kind.LIST}
        and len(names) == (len(output.columns) if records else 1)
        and not (records and any("float32" in each.dtype for each in output.columns))
    )


def graph_module(
    input: Schema,
    output: Schema,
    signature: Mapping[str, list[dict[str, object]]],
    graph: bytes,
    made_of: Mapping[str, str],
) -> str:
    """Return the text of `<module>/graph.py`, for what it `serves`. `made_of` are the artifacts' names and digests."""
    readers = {_reader(each.reader, each.column.dtype): each.reader for each in request_fields(input)}
    helpers = ["bare"] if "floats" in readers.values() else []
    names = [str(each["name"]) for each in signature["outputs"]]
    refused = "    if found.pop().any():\n        return None\n" if names[-1] == "refused" else ""
    outputs = f"OUTPUTS = {json.dumps(names, ensure_ascii=False)}"
    if output.kind is Kind.TABLE:
        outputs += f"\nFIELDS = {json.dumps([each.key for each in output.columns], ensure_ascii=False)}"
        returned = (
            "    found = [answer(each) for each in found]\n"
            "    return [dict(zip(FIELDS, row, strict=True)) for row in zip(*found, strict=True)]"
        )
    else:
        returned = "    predictions: list[Any] = answer(found[0])\n    return predictions"
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        sha256=hashlib.sha256(graph).hexdigest(),
        made_of="".join(f'    "{name}": "{digest}",\n' for name, digest in made_of.items()),
        outputs=outputs,
        readers=", ".join(sorted({*readers.values(), *helpers})),
        refused=refused,
        returned=returned,
        functions="\n\n\n".join(READERS[each] for each in READERS if each in readers),
        table="".join(f"    {name}: plain_{name},\n" for name in sorted(readers.values())),
    )


def _reader(name: str, dtype: str) -> tuple[str, str] | None:
    return next((each for each in READERS if each[0] == name and each[1] in {"", dtype}), None)
