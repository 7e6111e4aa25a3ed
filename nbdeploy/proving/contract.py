"""The contract: what a version was proven on. Versioned JSON inside the package and the Bento."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nbdeploy.packaging.package import Package
from nbdeploy.packaging.service import request_body
from nbdeploy.proving.held_out import measured_terms
from nbdeploy.proving.verdict import Proof
from nbdeploy.recording.recording import Recording

__all__ = ["CONTRACT_VERSION", "contract_of", "request_bodies", "single_bodies"]

CONTRACT_VERSION = 1
EXAMPLES = 10  # requests of one row in the contract; the tests hold all recorded rows
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
        "input": {**package.input.as_json(), "name": path.input.name},
        "output": {**package.output.as_json(), "name": path.output.label},
        "tolerance": package.tolerance.as_json(),
        "budgets": dict(budgets or {}),
        **measured_terms(recording, requests, segments),
        "examples": list(_examples(package, requests)),
        "gates": proof.as_json(),
    }


def _examples(package: Package, requests: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows, answers = requests["rows"], requests["predictions"]
    if not is_by_row(package):
        return [{"request": request_body(package.input, rows), "predictions": answers}]
    return [
        {"request": request_body(package.input, [row]), "predictions": [answer]}
        for row, answer in zip(rows[:EXAMPLES], answers[:EXAMPLES], strict=True)
    ]


def request_bodies(package: Package, requests: Mapping[str, Any]) -> tuple[list[bytes], list[Any]]:
    """Return all recorded rows as bodies of POST /predict, the first one alone, and what each must be answered."""
    from json import dumps

    rows, answers = requests["rows"], requests["predictions"]
    if not is_by_row(package):
        return [dumps(request_body(package.input, rows)).encode()], [answers]
    parts = [(0, 1), *((start, start + ROWS_A_REQUEST) for start in range(1, len(rows), ROWS_A_REQUEST))]
    bodies = [dumps(request_body(package.input, rows[a:b])).encode() for a, b in parts]
    return bodies, [answers[a:b] for a, b in parts]


def single_bodies(package: Package, requests: Mapping[str, Any], most: int = 100) -> list[bytes]:
    """Return bodies of one recorded row each, of as many rows as there are up to `most`, from all over the recording."""
    from json import dumps

    rows = requests["rows"]
    if not is_by_row(package):
        return [dumps(request_body(package.input, rows)).encode()]
    step = max(1, len(rows) // most)
    return [dumps(request_body(package.input, [row])).encode() for row in rows[::step][:most]]


def is_by_row(package: Package) -> bool:
    from nbdeploy.analysis.values import ROW_KINDS

    return package.input.kind in ROW_KINDS
