"""Write what stands between HTTP and the exported package: `schema.py`, `answering.py`, `service.py` and `bentofile.yaml`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from string import Template
from textwrap import indent
from typing import TYPE_CHECKING, Any

from nbdeploy.analysis.values import ROW_KINDS, Kind, Schema
from nbdeploy.packaging.schema import parse_name, request_field, request_fields, schema_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["answering_module", "bentofile", "key_variable", "request_body", "schema_module", "service_module"]

TEMPLATES = Path(__file__).parent / "templates"
MAX_EXAMPLE = 2_000  # characters: the example is there to be read
MAY_BREAK = "\x1f"  # never in JSON text, where it would be escaped

RETURN_ROWS = """\
sent = request["FIELD"]
if not isinstance(sent, list):
    PARSE(sent)  # tells what it should be
return limited(sent)
"""

RETURN_ARRAY = 'return array_of(request["FIELD"])'

ARRAY_OF = '''\
def array_of(sent: Any) -> np.ndarray:
    """The rows as `predict` takes them. Raises BadRequest, Refused."""
    return parse_input(limited(sent) if isinstance(sent, list) else sent)


'''

READ_LINES = '''\
def read_lines(body: bytes) -> LINES_TYPE:
    """The rows of a body that has one on each line. Raises BadRequest, Refused."""
    rows = []
    for line in body.splitlines():
        if line.strip():
            try:
                rows.append(loads(line))
            except ValueError as error:
                raise not_json("the line", error, len(rows)) from None
    return TAKEN(rows)


def limited(rows: Any) -> Any:
    """The rows, if they are not too many. Raises Refused."""
    if len(rows) > MAX_ROWS:
        raise Refused(f"{len(rows)} rows are more than the {MAX_ROWS} of one request", 413)
    return rows


'''

READ_TABLE = '''\
def read_table(body: bytes) -> pa.RecordBatch:
    """The rows of a body that is an Arrow stream. Raises BadRequest, Refused."""
    try:
        with pa.ipc.open_stream(body) as stream:
            table = stream.read_all()
        table.validate(full=True)
        batches = limited(table).combine_chunks().to_batches()
    except (pa.ArrowException, OSError) as error:
        raise BadRequest([{"row": None, "field": None, "message": f"the body is no Arrow stream: {error}"}]) from None
    return batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)


'''

PREDICTED_TABLE = '''\


def predicted_table(sent: pa.RecordBatch) -> bytes:
    """The predictions as an Arrow stream. Raises BadRequest, Refused."""
    value, problems = tables.read(sent)
    if problems:
        raise BadRequest(problems[:MAX_PROBLEMS])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, tables.ANSWER) as stream:
        if sent.num_rows:
            stream.write_batch(tables.answers(asked(value, sent.num_rows), sent.num_rows))
    return bytes(sink.getvalue())
'''

NO_ROWS = """\
if not EMPTY:
    return []
"""

LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
ARROW = "application/vnd.apache.arrow.stream"
LINES_DOC = """\
                    Content-Type application/x-ndjson: a row on each line -> a prediction on each line
"""
ARROW_DOC = f"""\
                    Content-Type {ARROW}: record batches -> record batches
"""
WRITE_LINES = """\
def write_lines(predictions: list[Any]) -> bytes:
    return b"".join(dumps(each) + b"\\n" for each in predictions)


LINES = Form(b"application/x-ndjson", read_lines, write_lines)
"""

BY_GRAPH = """\
if (found := answered(sent)) is not None:
    return found
"""

CHECK_ROWS = """\
if rows_of(output) != rows:
    raise Refused(f"{rows} rows were asked, {rows_of(output)} answered: none can be trusted", 422)
"""

ORJSON = """\
try:
    return orjson.loads(body)
except ValueError:  # NaN and Infinity are taken by this one: the schema refuses them by row and field
    return from_json(body)
"""

SCORE_TOGETHER = '''\
def score(requests: list[Any]) -> list[Any]:
    """Predict for the rows of several requests at once: for each its predictions as JSON values, or what to raise."""
    if len(requests) == 1:
        return [alone(requests[0])]
    try:
        predictions = predicted(JOINED)
    except Exception:
        logger.info("one of %d requests is at fault: each is asked by itself", len(requests), exc_info=True)
        return [alone(sent) for sent in requests]
    ends = accumulate(map(len, requests))
    return [predictions[end - len(sent) : end] for sent, end in zip(requests, ends, strict=True)]
'''

SCORE_ALONE = '''\
def score(requests: list[Any]) -> list[Any]:
    """Predict for each request by itself: its predictions as JSON values, or what to raise."""
    return [alone(sent) for sent in requests]
'''

TOGETHER_DOC = """\
The gate `rowwise` has shown that a row's answer does not depend on the rows beside it, so rows of several requests are
predicted in one go."""
ALONE_DOC = "Each request is predicted by itself: that its answer would be the same beside others was not shown."
ONE_DOC = "A request is one input, and predicted by itself."

SHAPES = {
    Kind.TABLE: "[{...}, ...]",
    Kind.RECORD: "{...}",
    Kind.SCALAR: "...",
}


def service_module(
    module: str,
    name: str,
    input: Schema,
    example: Any = None,
    *,
    single: bool = False,
    batch_seconds: float | None = None,
    tables: bool = False,
) -> str:
    """Return the text of `service.py`, the only file of a package that knows BentoML.

    `example` is a whole JSON-able request body, shown in the file's docstring. `single` as in `schema_module`. `batch_seconds`
    is what the scoring of several requests at once may take, None: one by one. `tables`: as in `answering_module`.
    """
    field = request_field(input)
    by_row, arrays = not single and input.kind in ROW_KINDS, _as_arrays(input, single)
    return _template("service.py.txt").substitute(
        module=module,
        name=name,
        name_literal=json.dumps(name),
        key_variable=key_variable(module),
        workers_variable=f"{module.upper()}_WORKERS",
        field=field,
        shape=SHAPES.get(input.kind, "[...]"),
        promise="; prediction i answers row i" if by_row else "",
        promise_doc="; prediction i answers row i" if by_row else "",
        summary=_one_line(f"Predicts with the model of {name}."),
        predict_doc="Predict for each row." if by_row else "Predict for one input.",
        batch_seconds=repr(batch_seconds if by_row else None),
        rows="len(sent)" if by_row else "1",
        forms_doc=(LINES_DOC if by_row else "") + (ARROW_DOC if tables else ""),
        taken=f"array_of({field})" if arrays else field,
        array_reader="array_of, " if arrays else "",
        more_readers=(", read_lines" if by_row else "") + (", read_table" if tables else ""),
        write_lines=(WRITE_LINES if by_row else "")
        + (f'ARROW = Form(b"{ARROW}", read_table, bytes, together=False)\n' if tables else ""),
        forms=_forms(by_row, tables),
        example=_example(example),
    )


def _forms(by_row: bool, tables: bool) -> str:
    forms = [f'    b"{media}": LINES,\n' for media in LINES if by_row]
    forms += ["    ARROW.media: ARROW,\n"] if tables else []
    return "\n" + "".join(forms) if forms else ""


def answering_module(
    module: str,
    input: Schema,
    *,
    single: bool = False,
    together: bool = False,
    graph: bool = False,
    tables: bool = False,
) -> str:
    """Return the text of `<module>/answering.py`: from the body of a request to its predictions as JSON.

    `together`: rows of several requests may be predicted at once. `graph`: plain rows are answered by `<module>/graph.py`.
    `tables`: there is a `<module>/tables.py`.
    """
    by_row = not single and input.kind in ROW_KINDS
    together, arrays = together and by_row, _as_arrays(input, single)
    field, parse = request_field(input), parse_name(input)
    returned = (RETURN_ARRAY if arrays else RETURN_ROWS if by_row else 'return request["FIELD"]').replace(
        "FIELD", field
    )
    lines = READ_LINES.replace("LINES_TYPE", "np.ndarray" if arrays else "list[Any]")
    joined = "np.concatenate(requests)" if arrays else "list(chain.from_iterable(requests))"
    loads = "return from_json(body)  # whole numbers of any length" if _is_free(input) else ORJSON
    text = _template("answering.py.txt").substitute(
        module=module,
        doc=TOGETHER_DOC if together else ALONE_DOC if by_row else ONE_DOC,
        iterate_import=f"from itertools import accumulate{'' if arrays else ', chain'}\n" if together else "",
        numpy_import="import numpy as np\n" if arrays else "",
        parse=parse,
        rows_of_import=", rows_of" if by_row else "",
        max_rows="MAX_ROWS = 100_000  # in one request\n" if by_row else "",
        more_readers=(ARRAY_OF if arrays else "")
        + (lines.replace("TAKEN", "array_of" if arrays else "limited") if by_row else "")
        + (READ_TABLE if tables else ""),
        value="sent" if arrays else f"{parse}(sent)",
        arrow_import="import pyarrow as pa\n" if tables else "",
        max_problems="MAX_PROBLEMS, " if tables else "",
        predicted_table=PREDICTED_TABLE.rstrip("\n") if tables else "",
        one="predicted_table(sent) if isinstance(sent, pa.RecordBatch) else predicted(sent)"
        if tables
        else "predicted(sent)",
        count=", len(sent)" if by_row else "",
        count_argument=", rows: int" if by_row else "",
        field=field,
        may_refuse=", Refused" if by_row else "",
        returned=_block(returned.replace("PARSE", parse)),
        loads=_block(loads),
        score=(SCORE_TOGETHER.replace("JOINED", joined) if together else SCORE_ALONE).strip(),
        promise=", one a row" if by_row else "",
        graph_import=("from . import tables\n" if tables else "") + ("from .graph import answered\n" if graph else ""),
        by_graph=_block(BY_GRAPH) if graph else "",
        no_rows=_block(NO_ROWS.replace("EMPTY", "len(sent)" if arrays else "sent")) if by_row else "",
        check_rows=_block(CHECK_ROWS) if by_row else "",
    )
    return re.sub(r"^ +\n", "", text, flags=re.MULTILINE).rstrip() + "\n"


def _as_arrays(input: Schema, single: bool) -> bool:
    """Tell whether the rows of a request are made an array at once: what else there is has no quick way to be joined."""
    return input.kind is Kind.ARRAY and not single


def _is_free(input: Schema) -> bool:
    """Tell whether values of any kind are taken: then a whole number of a hundred digits must stay one."""
    return any(each.reader in {"anything", "objects", "as_is", "lists", "records"} for each in request_fields(input))


def _block(text: str) -> str:
    return indent(text, " " * 4).strip()


def bentofile(
    name: str, *, labels: Mapping[str, str] | None = None, python_version: str | None = None, graph: bool = False
) -> str:
    """Return the text of `bentofile.yaml`. `python_version` is `major.minor`; by default this interpreter's.

    `graph`: the service reads `edge/predict.onnx`.
    """
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in sorted((labels or {}).items())]
    return _template("bentofile.yaml.txt").substitute(
        name=name,
        unused="" if graph else '\n  - "edge/"',
        labels="\n".join(lines) if lines else "  {}",
        python_version=python_version or f"{sys.version_info.major}.{sys.version_info.minor}",
    )


def key_variable(module: str) -> str:
    """Return the environment variable with the keys that a package's service asks its clients for."""
    return f"{module.upper()}_API_KEY"


def request_body(input: Schema, value: Any) -> dict[str, Any]:
    """Wrap a JSON-able input (a table's records, else the value) as the service takes it."""
    return {request_field(input): value}


def _template(name: str) -> Template:
    return Template((TEMPLATES / name).read_text(encoding="utf-8"))


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("\\", "").replace('"""', "'''")


def _example(body: Any) -> str:
    if body is None:
        return ""
    text = json.dumps(body, ensure_ascii=True, allow_nan=False, separators=(f",{MAY_BREAK}", ": "))
    if len(text) > MAX_EXAMPLE:
        return ""
    shell = text.replace("'", "'\\''").replace("\\", "\\\\").replace('"""', '""\\"')
    lines = _wrapped(f"curl localhost:3000/predict -H 'Content-Type: application/json' -d '{MAY_BREAK}{shell}'")
    return "\n" + "".join(f"    {line}\n" for line in lines)


def _wrapped(text: str, width: int = 116) -> Iterator[str]:
    """Break a shell command between the items of its JSON body, where that is too long for a line."""
    first, *parts = text.split(MAY_BREAK)
    if len(first) + len(" ".join(parts)) <= width:
        yield first + " ".join(parts)
        return
    yield first
    line = " "
    for part in parts:
        if len(line) + len(part) + 1 > width:
            yield line
            line = " "
        line += f" {part}"
    yield line
