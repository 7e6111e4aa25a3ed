"""Write the exported package's `tables.py`: Arrow record batches in, predictions and the rows at fault out.

It reads by the rules of `schema.py`, so a row is refused by a batch job as it is by the service. The functions are taken from
`templates/tables.py.txt`, only those that the observed input and output need.
"""

from __future__ import annotations

import re
from pathlib import Path

from nbdeploy.analysis.values import Kind, Schema
from nbdeploy.packaging.parts import needed, parts
from nbdeploy.packaging.schema import request_fields

__all__ = ["answer_fields", "tables_module", "takes_tables"]

TEMPLATE = Path(__file__).parent / "templates" / "tables.py.txt"

READERS = {
    Kind.TABLE: "read_table",
    Kind.SERIES: "read_series",
    Kind.LIST: "read_list",
    Kind.ARRAY: "read_array",
    Kind.TENSOR: "read_array",
    Kind.SPARSE: "read_array",
}
FROM_SCHEMA = {  # what `tables.py` takes from `schema.py`
    "read_table": ("COLUMNS", "REQUIRED"),
    "read_series": ("ITEM", "NAME"),
    "read_list": ("ITEM",),
    "read_array": ("ITEM", "DTYPE", "ROW_SHAPE", "parse_input"),
}
QUICK = {
    "floats": "_floats",
    "integers": "_integers",
    "booleans": "_booleans",
    "texts": "_texts",
    "one_of": "_one_of",
    "datetimes": "_datetimes",
    "durations": "_durations",
}
HOW = {
    "read_table": "Columns are found by their names; others are passed over.",
    "read_series": "A batch has one column.",
    "read_list": "A batch has one column.",
    "read_array": "A batch has the array's columns in their order, or one column of lists.",
}

CONSTANTS = {
    "SYSTEM_FAULTS": "SYSTEM_FAULTS = (ImportError, MemoryError, OSError, RuntimeError, SystemError)  # no row is to blame",
    "CONTENT": 'CONTENT = b"content"  # metadata of a column whose texts stand for other values: CSV or JSON',
    "CSV": 'CSV = b"csv"',
    "JSON": 'JSON = b"json"',
    "MISSING": """\
MISSING = pa.array(  # in CSV, as pandas has it
    ["", "#N/A", "#N/A N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]
)""",
    "CSV_TYPES": 'CSV_TYPES = {"floats": pa.float64(), "integers": pa.int64(), "booleans": pa.bool_()}',
    "INTEGERS": """\
INTEGERS = {
    str(each): each
    for each in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
}""",
}
IMPORTS = (
    ("json.", "import json"),
    ("math.", "import math"),
    ("Callable[", "from collections.abc import Callable"),
    ("timedelta)", "from datetime import timedelta"),
    ("Decimal)", "from decimal import Decimal"),
    ("NamedTuple", "from typing import Any, NamedTuple"),
)
THIRD_PARTY = (
    ("np.", "import numpy as np"),
    ("pd.", "import pandas as pd"),
    ("pa.", "import pyarrow as pa"),
    ("pc.", "import pyarrow.compute as pc"),
    ("scipy.sparse.", "import scipy.sparse"),
    ("torch.", "import torch"),
)
OWN = ("BadRequest", "Column", "FLOATS", "answer", "rows_of")


def takes_tables(input: Schema) -> bool:
    """Say whether columns can carry such an input, a row for each answer."""
    return input.kind in READERS


def tables_module(module: str, input: Schema, output: Schema) -> str:
    """Return the text of `<module>/tables.py`. The input is one that `takes_tables`."""
    reader, answerer = READERS[input.kind], _answerer(output)
    readers = sorted({field.reader for field in request_fields(input)} & QUICK.keys())
    known = parts(TEMPLATE)
    roots = ["score", reader, answerer, *(QUICK[each] for each in readers)]
    body = "\n\n\n".join(known[name].text for name in needed(known, roots))
    body = re.sub(rf"\b{reader}\b", "read", re.sub(rf"\b{answerer}\b", "answers", body))
    quick = "".join(f'    "{each}": {QUICK[each]},\n' for each in readers)
    if re.search(r"\bQUICK\b", body):
        kind = "dict[str, Callable[[pa.Array, Column], Any]]"
        body += f"\n\n\nQUICK: {kind} = {{\n{quick}}}" if quick else f"\n\n\nQUICK: {kind} = {{}}"
    body = _made(body, input) + "\n"
    head = _head(body, FROM_SCHEMA[reader], output)
    doc = (
        f'"""Arrow record batches in, predictions out: what a batch job and `{module}` have in common.\n\n'
        f"A row is read by the rules of `schema.py`, and refused in the same words.\n{HOW[reader]}\n"
        f'"""'
    )
    return f"{doc}\n\nfrom __future__ import annotations\n\n{head}\n\n\n{body}"


def answer_fields(output: Schema) -> list[tuple[str, str]]:
    """Return the columns of the answer, each with its Arrow type as Python text."""
    if output.kind is Kind.TABLE:
        return [(each.key, _type(each.dtype, each.categories)) for each in output.columns]
    if output.kind in {Kind.ARRAY, Kind.TENSOR, Kind.SPARSE}:
        kind = _leaf(output)
        for _ in (output.shape or (0,))[1:]:
            kind = f"pa.list_({kind})"
        return [("prediction", kind)]
    if output.kind is Kind.SERIES and output.columns:
        return [("prediction", _type(output.columns[0].dtype, output.columns[0].categories))]
    return [("prediction", _type(output.dtype or "", ()))]


def _leaf(output: Schema) -> str:
    return _type((output.dtype or "float64").removeprefix("torch."), ())


def _answerer(output: Schema) -> str:
    if output.kind is Kind.TABLE:
        return "answers_table"
    nested = output.kind in {Kind.TENSOR, Kind.SPARSE} or (output.kind is Kind.ARRAY and len(output.shape or ()) > 1)
    return "answers_array" if nested else "answers_column"


def _type(dtype: str, categories: tuple[object, ...]) -> str:
    """Return the Arrow type, as Python text, that holds answers of a dtype; what has none is text."""
    base = dtype.removeprefix("builtins.").removeprefix("numpy.").lower()
    if base == "category":
        kinds = set(map(type, categories))
        return {frozenset({int}): "pa.int64()", frozenset({float}): "pa.float64()"}.get(frozenset(kinds), "pa.string()")
    if re.fullmatch(r"u?int(8|16|32|64)|float(16|32|64)", base):
        return f"pa.{base}()"
    if found := re.fullmatch(r"datetime64\[(s|ms|us|ns)(?:, (.+))?\]", dtype):
        return f'pa.timestamp("{found[1]}"' + (f', "{found[2]}")' if found[2] else ")")
    if found := re.fullmatch(r"timedelta64\[(s|ms|us|ns)\]", base):
        return f'pa.duration("{found[1]}")'
    plain = {"int": "pa.int64()", "float": "pa.float64()", "double": "pa.float64()", "bfloat16": "pa.float32()"}
    return "pa.bool_()" if base in {"bool", "bool_", "boolean"} else plain.get(base, "pa.string()")


def _made(body: str, input: Schema) -> str:
    """Write how an array becomes what `predict` takes."""
    dtype = (input.dtype or "float64").removeprefix("torch.")
    made = {
        Kind.TENSOR: rf"torch.from_numpy(\1).to(torch.{dtype})",
        Kind.SPARSE: rf"scipy.sparse.{input.type.rpartition('.')[2]}(\1)",
    }.get(input.kind, r"\1")
    return re.sub(r"MADE\((.*)\), \[\]", rf"{made}, []", body)


def _head(body: str, names: tuple[str, ...], output: Schema) -> str:
    """Return the imports and constants that the body needs."""
    fields = "".join(f'        pa.field("{name}", {kind}),\n' for name, kind in _quoted(answer_fields(output)))
    constants = [text for name, text in CONSTANTS.items() if re.search(rf"\b{name}\b", body)]
    constants.append(f"ANSWER = pa.schema(\n    [\n{fields}    ]\n)")
    constants += [f"LEAF = {_leaf(output)}"] if "LEAF" in body else []
    text = "\n".join(constants) + body
    standard = "\n".join(line for mark, line in IMPORTS if mark in text)
    others = "\n".join(line for mark, line in THIRD_PARTY if re.search(rf"\b{re.escape(mark)}", text))
    own = {each for each in OWN if re.search(rf"\b{each}\b", body)} | {
        each for each in names if re.search(rf"\b{each}\b", body)
    }
    listed = ", ".join(sorted(own, key=lambda name: (not name.isupper(), name[0].islower(), name)))
    relative = f"from .predict import predict\nfrom .schema import {listed}"
    return f"{standard}\n\n{others}\n\n{relative}\n\n" + "\n".join(constants)


def _quoted(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name.replace("\\", "\\\\").replace('"', '\\"'), kind) for name, kind in fields]
