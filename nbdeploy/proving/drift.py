"""The contract's metric on rows with known outcomes: the package's held-out ones, or those of a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbdeploy.errors import Diagnostic, GateError, UsageError
from nbdeploy.home import load_deployment
from nbdeploy.proving.blame import Answered, Metric
from nbdeploy.proving.clean_process import measured_metric
from nbdeploy.proving.contract import request_bodies
from nbdeploy.proving.contract_file import Contract

__all__ = ["Labelled", "labelled", "metric_home", "metric_of"]

METRIC_FILE = Path("tests", "metric.py")
ROUNDING = 1e-5  # of the contract's value, which is written with six digits


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rows as a client sends them, and their outcomes."""

    rows: list[Any]
    labels: list[Any]

    def bodies(self, contract: Contract) -> list[tuple[bytes, int]]:
        """Return requests with the number of their rows."""
        bodies, parts = request_bodies(contract.input, {"rows": self.rows, "predictions": self.labels})
        return [(body, len(part)) for body, part in zip(bodies, parts, strict=True)]


def labelled(file: Path, contract: Contract) -> Labelled:
    """Read a JSON file with the rows under the field of a request (`rows` or `input`), and as many `labels`.

    Raises UsageError NBD539: it is not of that form, or the contract has no metric.
    """
    if contract.metric.get("value") is None or not contract.by_row:
        raise _unusable(file, f"the contract of {contract.name} {contract.version} has no metric to judge labels by")
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as problem:
        raise _unusable(file, f"{file} can't be read as JSON: {problem}") from None
    rows, labels = (content.get(key) if isinstance(content, dict) else None for key in (contract.sent_as, "labels"))
    if not isinstance(rows, list) or not isinstance(labels, list) or len(rows) != len(labels) or not rows:
        raise _unusable(file, f"{file} must hold as many `labels` as `{contract.sent_as}`, and at least one")
    return Labelled(rows, labels)


def metric_home(contract: Contract, *places: Path | None) -> Path | None:
    """Return the package that has the contract's metric as code: one of these, or the one that was deployed from here."""
    for place in places:
        if place is not None and (place / METRIC_FILE).is_file():
            return place
    try:
        package = Path(load_deployment(contract.name, contract.version)["package"])
    except UsageError:
        return None
    return package if (package / METRIC_FILE).is_file() else None


def metric_of(
    contract: Contract, home: Path, answers: Sequence[Answered], labels: list[Any] | None, margin: float
) -> Metric | str:
    """Return the metric of these answers, or why there is none. Without `labels` they are those of the recording."""
    if any(each.status != 200 or not isinstance(each.predictions, list) for each in answers) or not answers:
        return "not all labelled rows were answered"
    predictions = [prediction for each in answers for prediction in each.predictions]
    try:
        report = measured_metric(home, predictions, labels)
    except GateError as problem:
        return problem.diagnostics[0].message
    if "value" not in report:
        return f"the metric can't be computed: {report['problem']}"
    promised = float(contract.metric["value"])
    return Metric(
        name=str(contract.metric["name"]),
        promised=promised,
        reached=float(report["value"]),
        rows=len(predictions),
        greater_is_better=bool(contract.metric["greater_is_better"]),
        allowed=margin + ROUNDING * abs(promised),
    )


def _unusable(file: Path, message: str) -> UsageError:
    fix = 'give a JSON file such as {"rows": [{...}, ...], "labels": [...]}, and a package whose notebook measures its answers'
    return UsageError(Diagnostic(code="NBD539", message=message, fix=fix))
