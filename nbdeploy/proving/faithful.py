"""The gate `faithful`: the exported package, in a clean process, gives the notebook's own outputs."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from nbdeploy.analysis.program import Statement
from nbdeploy.analysis.rules.labels import learnt_columns
from nbdeploy.analysis.serving import ServingPath
from nbdeploy.errors import Diagnostic
from nbdeploy.proving.rowwise import depends_on_others
from nbdeploy.proving.verdict import Outcome, Verdict
from nbdeploy.recording.recording import Recording

__all__ = ["faithful"]


def faithful(report: Mapping[str, Any], recording: Recording) -> Verdict:
    """Judge what the probe saw when it asked for all recorded rows at once, and with a column less each."""
    if "crash" in report:
        diagnostic = Diagnostic(
            code="NBD501",
            message=f"the exported package {_failing(report)}: {report['problem']}",
            fix=_missing_module(report)
            or "this is a defect of nbdeploy or a value that is tied to its kernel; see the log",
        )
        return Verdict("faithful", Outcome.FAIL, diagnostic.message, {}, (diagnostic,))
    seen = report["faithful"]
    figures = {
        "rows": seen["rows"],
        "mismatches": seen["mismatches"],
        "largest_difference": seen.get("largest"),
        "seconds": seen.get("seconds"),
    }
    if seen["same"] and seen.get("repeatable", True):
        if leak := _needed_label(report, recording):
            return Verdict("faithful", Outcome.FAIL, leak.message, figures, (leak,))
        return Verdict("faithful", Outcome.PASS, f"{seen['rows']} recorded rows answered as in the notebook", figures)
    diagnostic = _why(seen, recording)
    if apart := seen.get("apart"):
        figures |= {"apart": {key: apart[key] for key in ("positions", "smallest", "statements", "asks", "seconds")}}
    return Verdict("faithful", Outcome.FAIL, diagnostic.message, figures, (diagnostic,))


def _needed_label(report: Mapping[str, Any], recording: Recording) -> Diagnostic | None:
    """Tell of a column that requests have to bring though it is what the model learns to predict."""
    alone = report.get("columns", {}).get("alone")
    if alone is None:
        return None
    program, path = recording.program, recording.path
    learnt = learnt_columns(program, {each.name for each in path.artifacts})
    for column in path.input.observation.schema.columns:
        if column.name in learnt and column.name not in alone:
            fit = learnt[str(column.name)]
            reading = next((each.original for each in path.served if column.name in _written(each.original)), fit)
            return Diagnostic(
                code="NBD505",
                cell=reading.cell,
                line=reading.line,
                message=f"a request has to bring the column {column.name!r}, which the model is trained to predict"
                f" (cell {fit.cell}): nobody knows it when the service is asked",
                fix=f"{_without(column.name, path)}; `--allow faithful` deploys in spite of it",
            )
    return None


def _without(label: str | int, path: ServingPath) -> str:
    """Say how to do without a label: in the answer, where it is but handed back, else among the features."""
    known = {each.name for each in path.input.observation.schema.columns}
    answered = [each.name for each in path.output.observation.schema.columns]
    made = [each for each in answered if each not in known]
    if label in answered and made and path.output.name is not None:
        return f"end the predict cell with the columns to answer: {path.output.name}[{made!r}]"
    return f"drop {label!r} from the features, and make what is computed of it in a cell without a role"


def _written(statement: Statement) -> set[Any]:
    """Return the texts and attributes that a statement writes down."""
    nodes = list(ast.walk(statement.node))
    texts = {each.value for each in nodes if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    return texts | {each.attr for each in nodes if isinstance(each, ast.Attribute)}


def _failing(report: Mapping[str, Any]) -> str:
    return "loads, but can't be asked in a clean process" if report["loaded"] else "does not load in a clean process"


def _missing_module(report: Mapping[str, Any]) -> str:
    return (
        f"install what provides {', '.join(report['denied'])}"
        if report.get("denied") and "ModuleNotFound" in report["problem"]
        else ""
    )


def _why(seen: Mapping[str, Any], recording: Recording) -> Diagnostic:
    statement = recording.path.output.statement
    place = (statement.cell, statement.line)
    if seen["same"]:
        return Diagnostic(
            code="NBD503",
            cell=place[0],
            line=place[1],
            message=f"two requests with the same rows get different answers: {seen['first']}",
            fix="take the randomness out of the served cells, or seed it where it is used",
        )
    if (error := seen.get("error")) and not seen.get("apart"):
        place = tuple(error["place"]) if error["place"] else place
        return Diagnostic(
            code="NBD504",
            cell=place[0],
            line=place[1],
            message=f"the served code fails on the recorded rows: {error['text']}",
            fix="the notebook ran this with something that a request does not bring;"
            " make it from the input, or before the tagged cells",
        )
    if apart := seen.get("apart"):
        return depends_on_others(apart, recording)
    return Diagnostic(
        code="NBD502",
        cell=place[0],
        line=place[1],
        message=f"the exported package does not give the notebook's answers: {seen['first']}"
        f" ({seen['mismatches']} of {seen['rows']} rows differ)",
        fix="something that the tagged cells use was changed where nbdeploy did not see it; compute it inside the tagged cells",
    )
