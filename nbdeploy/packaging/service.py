"""Write what stands between HTTP and the exported package: `schema.py`, `service.py` and `bentofile.yaml`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from string import Template
from textwrap import indent
from typing import TYPE_CHECKING, Any

from nbdeploy.analysis.values import ROW_KINDS, Kind, Schema
from nbdeploy.packaging.schema import parse_name, request_field, schema_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["bentofile", "key_variable", "request_body", "schema_module", "service_module"]

TEMPLATES = Path(__file__).parent / "templates"
MAX_EXAMPLE = 2_000  # characters: the example is there to be read
MAY_BREAK = "\x1f"  # never in JSON text, where it would be escaped

CHECK_ROWS = """\
if isinstance(sent, list) and len(sent) > MAX_ROWS:
    return refuse(f"{len(sent)} rows are more than the {MAX_ROWS} of one request", [], 413)
"""

SHAPES = {
    Kind.TABLE: "[{...}, ...]",
    Kind.RECORD: "{...}",
    Kind.SCALAR: "...",
}


def service_module(
    module: str, name: str, input: Schema, output: Schema, example: Any = None, *, single: bool = False
) -> str:
    """Return the text of `service.py`, the only file of a package that knows BentoML.

    `example` is a whole JSON-able request body, shown in the file's docstring. `single` as in `schema_module`.
    """
    field = request_field(input)
    by_row = not single and input.kind in ROW_KINDS
    text = _template("service.py.txt").substitute(
        module=module,
        name=name,
        name_literal=json.dumps(name),
        key_variable=key_variable(module),
        field=field,
        shape=SHAPES.get(input.kind, "[...]"),
        parse=parse_name(input),
        rows_of_import=", rows_of" if by_row else "",
        promise="; prediction i answers row i" if by_row else "",
        promise_doc="; prediction i answers row i" if by_row else "",
        summary=_one_line(f"Predicts with the model of {name}."),
        predict_doc="Predict for each row." if by_row else "Predict for one input.",
        max_rows="MAX_ROWS = 100_000  # in one request\n" if by_row else "",
        check_rows=indent(CHECK_ROWS, " " * 8).strip() if by_row else "",
        predict_body=indent(_predict_body(by_row), " " * 4).strip(),
        example=_example(example),
    )
    return text.replace("        \n", "")  # where there are no rows to count


def bentofile(name: str, *, labels: Mapping[str, str] | None = None, python_version: str | None = None) -> str:
    """Return the text of `bentofile.yaml`. `python_version` is `major.minor`; by default this interpreter's."""
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in sorted((labels or {}).items())]
    return _template("bentofile.yaml.txt").substitute(
        name=name,
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


def _predict_body(by_row: bool) -> str:
    empty = "if not sent:\n    return respond({'predictions': [], 'version': version()})\n".replace("'", '"')
    call = """\
try:
    output = predict(value)
except SYSTEM_FAULTS:
    raise
except Exception as error:  # of this very input, whatever library raised it
    logger.exception("the model refused a request that its schema allows")
    return refuse(f"the model can't answer this input: {type(error).__name__}: {error}", [], 422)
"""
    check = """\
if rows_of(output) != len(sent):
    return refuse(f"{len(sent)} rows were asked, {rows_of(output)} answered: none can be trusted", [], 422)
"""
    return (empty + call + check if by_row else call) + "predictions = answer(output)"
