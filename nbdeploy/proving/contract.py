"""The contract: what a version was proven on. Versioned JSON inside the package and the Bento.

`contract.schema.json` beside this file says what may stand in it, docs/contract.md what that means; `contract_file.py`
reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbdeploy.analysis.values import ROW_KINDS, Kind, Schema
from nbdeploy.packaging.package import Package
from nbdeploy.packaging.schema import RequestField, request_field, request_fields
from nbdeploy.packaging.service import request_body
from nbdeploy.proving.contract_file import CONTRACT_VERSION, model_digest
from nbdeploy.proving.fuzzing import with_value
from nbdeploy.proving.held_out import measured_terms
from nbdeploy.proving.odd_values import wrong_values
from nbdeploy.proving.verdict import Proof
from nbdeploy.recording.recording import Recording

__all__ = ["contract_of", "request_bodies", "single_bodies"]

EXAMPLES = 10  # requests of one row in the contract; the tests hold all recorded rows
REFUSALS = 3  # wrong values in the contract; the gate `robust` sends hundreds
ROWS_A_REQUEST = 1_000


def contract_of(
    package: Package,
    recording: Recording,
    requests: Mapping[str, Any],
    proof: Proof,
    budgets: Mapping[str, float] | None = None,
    segments: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the contract of a package as a JSON value. `budgets` and `segments` are what was asked for."""
    path = recording.path
    return {
        "contract": CONTRACT_VERSION,
        "name": package.name,
        "module": package.module,
        "version": package.version,
        "notebook": recording.program.notebook.path.rsplit("/", 1)[-1],
        "model": _model(package),
        "request": {
            "method": "POST",
            "path": "/predict",
            "field": request_field(package.input),
            "by_row": package.input.kind in ROW_KINDS,
        },
        "input": {**package.input.as_json(), "name": path.input.name},
        "output": {**package.output.as_json(), "name": path.output.label},
        "tolerance": package.tolerance.as_json(),
        "budgets": dict(budgets or {}),
        **measured_terms(recording, requests, segments),
        **_fallback(recording),
        "examples": list(_examples(package, requests)),
        "refusals": list(_refusals(package.input, requests["rows"])),
        "gates": proof.as_json(),
    }


def _examples(package: Package, requests: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows, answers = requests["rows"], requests["predictions"]
    if package.input.kind not in ROW_KINDS:
        return [{"request": request_body(package.input, rows), "predictions": answers}]
    return [
        {"request": request_body(package.input, [row]), "predictions": [answer]}
        for row, answer in zip(rows[:EXAMPLES], answers[:EXAMPLES], strict=True)
    ]


def _fallback(recording: Recording) -> dict[str, Any]:
    """Return what is to be answered when no model can answer, where the notebook documents that."""
    default = recording.program.notebook.settings.fallback
    return {} if default is None else {"fallback": default}


def _model(package: Package) -> dict[str, Any]:
    """Return what the artifacts are: a version with the same digest has the same fitted objects."""
    artifacts: Mapping[str, Any] = json.loads(package.texts["artifacts/manifest.json"])["artifacts"]
    told = ("file", "format", "type", "sha256", "size")
    listed = {name: {key: each[key] for key in told} for name, each in artifacts.items()}
    return {"digest": model_digest(artifacts), "artifacts": listed}


def _refusals(input: Schema, rows: Any) -> Iterator[dict[str, Any]]:
    """Give requests that must be refused with a 4xx that names row and field: values of a wrong type, a missing field."""
    fields = [each for each in request_fields(input) if each.column.required]
    if not rows or not fields:
        return
    table = input.kind in ROW_KINDS
    row = rows[0] if table else rows

    def refusal(wrong: Any, field: str | None, why: str) -> dict[str, Any]:
        request = request_body(input, [row, wrong] if table else wrong)
        return {"request": request, "row": 1 if table else None, "field": field, "why": why}

    wrong = ((field, value) for field in fields for value in _plain(wrong_values(field))[:1])
    for field, value in list(wrong)[:REFUSALS]:
        changed, key = with_value(input, row, field, value)
        yield refusal(changed, key, f"{_named(field)} is {field.column.dtype}, not {json.dumps(value)}")
    first = fields[0].key
    if input.kind in {Kind.TABLE, Kind.RECORD} and first is not None:
        lacking = {name: value for name, value in row.items() if name != first}
        yield refusal(lacking, first, f"{first} is missing")


def _plain(values: tuple[Any, ...]) -> list[Any]:
    """Leave out what is no JSON, such as NaN."""
    return [each for each in values if isinstance(each, bool | int | str) and "\x7f" not in str(each)]


def _named(field: RequestField) -> str:
    return "an item" if field.key is None else field.key


def request_bodies(input: Schema, requests: Mapping[str, Any]) -> tuple[list[bytes], list[Any]]:
    """Return all recorded rows as bodies of POST /predict, the first one alone, and what each must be answered."""
    rows, answers = requests["rows"], requests["predictions"]
    if input.kind not in ROW_KINDS:
        return [json.dumps(request_body(input, rows)).encode()], [answers]
    parts = [(0, 1), *((start, start + ROWS_A_REQUEST) for start in range(1, len(rows), ROWS_A_REQUEST))]
    return [json.dumps(request_body(input, rows[a:b])).encode() for a, b in parts], [answers[a:b] for a, b in parts]


def single_bodies(input: Schema, requests: Mapping[str, Any], most: int = 100) -> list[bytes]:
    """Return bodies of one recorded row each, of as many rows as there are up to `most`, from all over the recording."""
    rows = requests["rows"]
    if input.kind not in ROW_KINDS:
        return [json.dumps(request_body(input, rows)).encode()]
    step = max(1, len(rows) // most)
    return [json.dumps(request_body(input, [row])).encode() for row in rows[::step][:most]]
