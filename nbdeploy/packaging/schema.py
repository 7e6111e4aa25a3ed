"""Write the exported package's `schema.py`: how a JSON request becomes the notebook's input, and its output JSON.

The functions are taken from `templates/schema.py.txt`, only those that the observed input and output need.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from nbdeploy.analysis.values import ROW_KINDS, ColumnSpec, Kind, Schema
from nbdeploy.errors import ArtifactError, Diagnostic
from nbdeploy.packaging.parts import needed, parts

__all__ = ["RequestField", "parse_name", "request_field", "request_fields", "schema_module"]

TEMPLATE = Path(__file__).parent / "templates" / "schema.py.txt"

PARSERS = {
    Kind.TABLE: ("parse_rows", "schema_of_rows"),
    Kind.SERIES: ("parse_series", "schema_of_list"),
    Kind.ARRAY: ("parse_array", "schema_of_list"),
    Kind.TENSOR: ("parse_array", "schema_of_list"),
    Kind.SPARSE: ("parse_array", "schema_of_list"),
    Kind.LIST: ("parse_list", "schema_of_list"),
    Kind.RECORD: ("parse_record", "schema_of_record"),
    Kind.SCALAR: ("parse_scalar", "schema_of_scalar"),
}

IMPORTS = (  # (a text that shows the need, the line)
    ("difflib.", "import difflib"),
    ("math.", "import math"),
    ("re.compile", "import re"),
    ('array("d"', "from array import array"),
    ("Callable[", "from collections.abc import Callable"),
    ("chain.", "from itertools import chain"),
    ("NamedTuple", "from typing import Any, NamedTuple"),
)
THIRD_PARTY = (
    ("np.", "import numpy as np"),
    ("pd.", "import pandas as pd"),
    ("scipy.sparse.", "import scipy.sparse"),
    ("torch.", "import torch"),
)

CONSTANTS = {
    "MAX_PROBLEMS": "MAX_PROBLEMS = 20  # named in one answer",
    "NEVER_MISSING": 'NEVER_MISSING = "null, and this field was never missing in the data"',
    "NOT_FINITE": 'NOT_FINITE = "NaN, Infinity and numbers beyond 1.8e308 are not JSON; a missing number is null"',
    "FLOATS": 'FLOATS = frozenset({"float16", "float32", "float64"})',
    "EXACT": "EXACT = 2**53  # whole numbers up to here are floats, each another one",
    "INFINITIES": 'INFINITIES = {"Infinity": math.inf, "-Infinity": -math.inf}',
    "OFFSET": 'OFFSET = re.compile(r"[T ].*(Z|[+-]\\d\\d(:?\\d\\d)?)$$")'.replace("$$", "$"),
    "JSON_TYPES": """\
JSON_TYPES: dict[str, dict[str, Any]] = {
    "integers": {"type": "integer"},
    "floats": {"type": "number"},
    "booleans": {"type": "boolean"},
    "strings": {"type": "string"},
    "texts": {"type": "string"},
    "datetimes": {"type": "string", "format": "date-time"},
    "durations": {"type": "string", "format": "duration"},
    "lists": {"type": "array", "items": {}},
    "records": {"type": "object"},
}""",
}


@dataclass(frozen=True, slots=True)
class _Reading:
    """How one request is read: the template's functions that it needs, its constants, and functions of its own."""

    roots: tuple[str, ...]
    fields: str
    own: str = ""


def schema_module(module: str, input: Schema, output: Schema, *, single: bool) -> str:
    """Return the text of `<module>/schema.py`. `single`: one request is one case, its answer is not row by row.

    Raises ArtifactError NBD450: JSON can't carry the input or the output; NBD451: two columns have the same JSON key.
    """
    _check_sendable(output, "output")
    reading = _reading(input)
    parser, describer = PARSERS[input.kind]
    roots = [parser, describer, "answer", *reading.roots, "BadRequest"]
    roots += ["rows_of"] if not single and input.kind in ROW_KINDS else []
    pandas = {Kind.TABLE, Kind.SERIES, Kind.OBJECT} & {output.kind} or {Kind.TABLE, Kind.SERIES} & {input.kind}
    rest = "_answer_pandas" if pandas else "_answer_other"
    before, after = _taken((*roots, rest))
    body = "\n\n\n".join(part for part in (before, reading.fields, after, reading.own) if part) + "\n"
    body = _renamed(body, input.kind, rest)
    return f"{_docstring(module, input, output)}\n\nfrom __future__ import annotations\n\n{_head(body)}\n\n{body}"


def parse_name(input: Schema) -> str:
    """Name the function of `schema.py` that reads a request."""
    return "parse_rows" if input.kind is Kind.TABLE else "parse_input"


def request_field(input: Schema) -> str:
    """Name the field of a request's body that holds the input."""
    return "rows" if input.kind is Kind.TABLE else "input"


def _docstring(module: str, input: Schema, output: Schema) -> str:
    return (
        f'"""What a client of `{module}` sends and gets, in JSON and as data.\n\n'
        f"In the notebook the input was {_described(input)},\n"
        f"the output {_described(output)}.\n"
        f'"""'
    )


def _described(schema: Schema) -> str:
    text = f"a {schema.type}"
    if schema.shape is not None:
        text += f" of shape {schema.shape}"
    return text + (f", {schema.dtype}" if schema.dtype else "")


def _renamed(body: str, kind: Kind, rest: str) -> str:
    parser, describer = PARSERS[kind]
    own_parser = kind in {Kind.TENSOR, Kind.SPARSE}
    if kind is not Kind.TABLE and not own_parser:
        body = re.sub(rf"\b{parser}\b", "parse_input", body)
    return re.sub(rf"\b{describer}\b", "input_schema", body).replace("ANSWER_REST", rest)


def _head(body: str) -> str:
    """Return the imports and constants that the body needs."""
    constants = "\n".join(text for name, text in CONSTANTS.items() if re.search(rf"\b{name}\b", body))
    fault = "Fault = Callable[[int, str], None]  # takes the position of a value and what is wrong with it"
    text = constants + fault + body
    standard = "\n".join(line for mark, line in IMPORTS if mark in text)
    others = "\n".join(line for mark, line in THIRD_PARTY if re.search(rf"\b{re.escape(mark)}", text))
    return f"{standard}\n\n{others}\n\n{constants}\n{fault}\n"


def _taken(roots: tuple[str, ...]) -> tuple[str, str]:
    """Return the template's functions that the roots need: the readers, which the columns name, and what uses them."""
    known = parts(TEMPLATE)
    border = list(known).index("parse_rows")
    readers = set(list(known)[:border])
    names = needed(known, roots)
    before = [known[name].text for name in names if name in readers]
    return "\n\n\n".join(before), "\n\n\n".join(known[name].text for name in names if name not in readers)


@dataclass(frozen=True, slots=True)
class RequestField:
    """One place of a row that a request fills: the template's function that reads it, and whether null is allowed.

    `key` is the field's name in JSON, None where a row is one value, or an array of them.
    """

    key: str | None
    reader: str
    column: ColumnSpec

    @property
    def takes_null(self) -> bool:
        return self.column.nullable or not self.column.required or self.reader == "as_is"


def request_fields(input: Schema) -> tuple[RequestField, ...]:
    """Return what a row of a request is made of, as the emitted `schema.py` reads it."""
    if input.kind in {Kind.TABLE, Kind.RECORD}:
        return tuple(RequestField(each.key, _column_reader(input, each)[0], each) for each in input.columns)
    column, reader = _item(input)
    return (RequestField(None, reader, column),)


def _reading(input: Schema) -> _Reading:
    if input.kind in {Kind.TABLE, Kind.RECORD}:
        return _record_reading(input)
    column, reader = _item(input)
    match input.kind:
        case Kind.SERIES:
            return _item_reading(column, reader, f"NAME = {_literal(input.name)}", shape=())
        case Kind.LIST:
            return _item_reading(column, reader, shape=())
        case Kind.SCALAR:
            numpy = input.type.startswith("numpy.") and reader in {"integers", "floats", "booleans"}
            return _item_reading(column, reader, f"NUMPY_SCALAR = {numpy}  # predict takes a numpy scalar")
    shape = tuple((input.shape or (0,))[1:])
    read = _item_reading(column, reader, f"DTYPE = np.dtype({_literal(column.dtype)})", shape=shape)
    return _Reading(read.roots, read.fields, _own_parser(input))


def _item(input: Schema) -> tuple[ColumnSpec, str]:
    """Return what the items of an input are, that is no table and no record, and the function that reads them."""
    match input.kind:
        case Kind.SERIES:
            column = input.columns[0] if input.columns else ColumnSpec("input", input.dtype or "object", nullable=True)
            return column, _reader(column.dtype, "input")
        case Kind.LIST | Kind.SCALAR:
            reader, dtype = _item_type(input.dtype or (input.type if input.kind is Kind.SCALAR else None))
            return ColumnSpec("input", dtype, nullable=reader == "floats"), reader
        case Kind.ARRAY | Kind.TENSOR | Kind.SPARSE:
            dtype = _array_dtype(input)
            reader = "strings" if dtype == "str" else _reader(dtype, "input", array=True)
            return ColumnSpec("input", dtype, nullable=reader in {"floats", "anything"}), reader
    raise _unsendable("input", input.type)


def _record_reading(input: Schema) -> _Reading:
    keys = [column.key for column in input.columns]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        message = (
            f"two columns of the input are both written {twice[0]!r} in JSON, so a request could not tell them apart"
        )
        raise ArtifactError(
            Diagnostic(code="NBD451", message=message, fix="rename one of them before the preprocess cells")
        )
    lines, roots = [], ["Column"]
    for column in input.columns:
        reader, dtype = _column_reader(input, column)
        roots.append(reader)
        lines.append(f"    {_column(column, dtype, reader)},")
    fields = (
        "COLUMNS: tuple[Column, ...] = (\n" + "\n".join(lines) + "\n)\n"
        if lines
        else "COLUMNS: tuple[Column, ...] = ()\n"
    )
    fields += "KEYS = frozenset(column.key for column in COLUMNS)\n"
    fields += "REQUIRED = frozenset(column.key for column in COLUMNS if column.required)"
    return _Reading(tuple(roots), fields)


def _column_reader(input: Schema, column: ColumnSpec) -> tuple[str, str]:
    """Return the function that reads a column of a table or a field of a record, and its dtype."""
    return (_reader(column.dtype, column.key), column.dtype) if input.kind is Kind.TABLE else _item_type(column.dtype)


def _item_reading(column: ColumnSpec, reader: str, *extra: str, shape: tuple[int, ...] | None = None) -> _Reading:
    lines = [f"ITEM = {_column(column, column.dtype, reader)}", *extra]
    if shape is not None:
        lines.append(f"ROW_SHAPE: tuple[int, ...] = {shape}  # of one row")
    return _Reading((reader, "Column"), "\n".join(lines))


def _array_dtype(input: Schema) -> str:
    name = (input.dtype or "float64").removeprefix("torch.")
    dtype = {"bfloat16": "float32"}.get(name, name)
    return "str" if re.match(r"(<|>|=|\|)?U\d+$|str", dtype) else dtype


def _own_parser(input: Schema) -> str:
    dtype = (input.dtype or "float64").removeprefix("torch.")
    if input.kind is Kind.TENSOR:
        made, value = "torch.Tensor", f"torch.from_numpy(parse_array(value)).to(torch.{dtype})"
    elif input.kind is Kind.SPARSE:
        made = f"scipy.sparse.{input.type.rpartition('.')[2]}"
        value = f"{made}(parse_array(value))"
    else:
        return ""
    what = "tensor" if input.kind is Kind.TENSOR else "sparse matrix"
    doc = f'    """Turn the nested lists of a request into the {what} that `predict` takes. Raises BadRequest."""'
    return f"def parse_input(value: list[Any]) -> {made}:\n{doc}\n    return {value}"


def _column(column: ColumnSpec, dtype: str, reader: str) -> str:
    parts = [_literal(column.name), _literal(dtype), reader]
    parts += ["nullable=True"] if column.nullable else []
    parts += ["required=False"] if not column.required else []
    if reader != "one_of":
        return f"Column({', '.join(parts)})"
    values = [_literal(_category(value)) for value in column.categories]
    line = f"Column({', '.join(parts)}, categories=({', '.join(values)}{',' if len(values) == 1 else ''}))"
    if len(line) <= 110:
        return line
    return f"Column({', '.join(parts)}, categories=(\n" + "".join(f"        {value},\n" for value in values) + "    ))"


def _literal(value: object) -> str:
    """Write a value as Python, texts in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _category(value: object) -> object:
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, str | int | float):
        return plain
    raise _unsendable("input", f"category of {type(value).__name__}")


def _reader(dtype: str, name: str, *, array: bool = False) -> str:
    """Name the function of the template that reads values of a pandas or numpy dtype."""
    base = dtype.partition("[")[0].lower()
    for pattern, reader in (
        (r"u?int\d*", "integers"),
        (r"float(16|32|64)?|double|halffloat", "floats"),
        (r"bool(ean)?", "booleans"),
        (r"object", "anything" if array else "objects"),
    ):
        if re.fullmatch(pattern, base):
            return reader
    for pattern, reader in (
        (r"category", "one_of"),
        (r"str(ing)?|large_string", "texts"),
        (r"datetime64|timestamp", "datetimes"),
        (r"timedelta64|duration", "durations"),
    ):
        if not array and re.fullmatch(pattern, base):
            return reader
    raise _unsendable("input", f"{name} of dtype {dtype}")


def _item_type(dtype: str | None) -> tuple[str, str]:
    """Return the reader and the dtype of a list's item, a record's field or a scalar, from its Python or numpy type."""
    base = (dtype or "").removeprefix("builtins.").removeprefix("numpy.")
    plain = {
        "str": ("strings", "str"),
        "str_": ("strings", "str"),
        "int": ("integers", "int64"),
        "float": ("floats", "float64"),
        "bool": ("booleans", "bool"),
        "bool_": ("booleans", "bool"),
        "list": ("lists", "list"),
        "tuple": ("lists", "list"),
        "dict": ("records", "dict"),
    }
    if base in plain:
        return plain[base]
    if re.fullmatch(r"u?int\d+", base):
        return "integers", base
    return ("floats", base) if re.fullmatch(r"float(16|32|64)", base) else ("as_is", "object")


def _check_sendable(output: Schema, role: str) -> None:
    bad = [each for each in (output.dtype, *(column.dtype for column in output.columns)) if each and "complex" in each]
    if bad:
        raise _unsendable(role, f"{output.type} of {bad[0]}")


def _unsendable(role: str, what: str) -> ArtifactError:
    message = f"the {role} holds {what}, which a JSON request or answer can't carry"
    fix = "convert it in the preprocess or predict cells from or to numbers, texts, true/false, times or lists of them"
    return ArtifactError(Diagnostic(code="NBD450", message=message, fix=fix))
