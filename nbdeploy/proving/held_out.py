"""The held-out rows: those that the notebook predicted, with the labels that it measured its answers by."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from nbdeploy.analysis.values import Kind
from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.packaging.metric_file import METRIC_FILE
from nbdeploy.recording.recording import Recording
from nbdeploy.suggestions import did_you_mean

__all__ = ["check_segments", "measured_terms"]


def measured_terms(recording: Recording, requests: Mapping[str, Any], segments: Sequence[str]) -> dict[str, Any]:
    """Return what the contract says of it: `metric`, `labels` (each null where the notebook has none), `segments`.

    `rows_sha256` tells whether two versions were measured on the same rows.
    """
    if recording.measure is None:
        return {"metric": None, "labels": None, "segments": list(segments)}
    measure = recording.measure.measure
    rows = json.dumps(requests["rows"], sort_keys=True, default=str)
    return {
        "metric": {
            "name": measure.name,
            "greater_is_better": measure.greater_is_better,
            "value": float(f"{measure.value:.6g}") if math.isfinite(measure.value) else None,  # what any machine gets
            "cell": measure.cell,
            "line": measure.line,
            "file": METRIC_FILE,
        },
        "labels": {
            "name": recording.measure.labels_name,
            "rows": recording.example.rows,
            "file": f"tests/data/{recording.measure.labels.file}",
            "rows_sha256": hashlib.sha256(rows.encode()).hexdigest(),
        },
        "segments": list(segments),
    }


def check_segments(recording: Recording, segments: Sequence[str]) -> None:
    """Refuse segments by what is no column of the input. Raises UsageError (NBD583)."""
    schema = recording.path.input.observation.schema
    columns = [str(each.name) for each in schema.columns] if schema.kind is Kind.TABLE else []
    unknown = [each for each in segments if each not in columns]
    if unknown:
        has = f"its columns are {', '.join(columns)}" if columns else f"it is {schema}, without columns"
        what = f"the input {recording.path.input.name!r} has no column {unknown[0]!r}"
        message = f"{what}{did_you_mean(unknown[0], columns)}: {has}"
        raise UsageError(
            Diagnostic(code="NBD583", message=message, fix="name columns of the input with --segment COLUMN")
        )
