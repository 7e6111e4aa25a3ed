"""The gate `rowwise`: one row at a time = all rows at once = shuffled = with other rows around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbdeploy.errors import Diagnostic
from nbdeploy.proving.verdict import Outcome, Verdict
from nbdeploy.recording.recording import Recording

__all__ = ["rowwise"]


def rowwise(report: Mapping[str, Any], recording: Recording) -> Verdict:
    """Judge what the probe saw when it sent the recorded rows in other arrangements."""
    seen = report.get("rowwise")
    if seen is None:
        kind = recording.path.input.observation.schema.kind
        reason = f"one request is one {kind}" if kind in {"record", "scalar", "object"} else "`faithful` failed"
        return Verdict("rowwise", Outcome.SKIP, reason)
    figures = {"arrangements": seen["tried"], "rows": seen["rows"]}
    if seen["same"]:
        return Verdict("rowwise", Outcome.PASS, "every row gets its own answer, whatever comes with it", figures)
    diagnostic = _why(seen, recording)
    return Verdict(
        "rowwise", Outcome.FAIL, diagnostic.message, {**figures, "positions": seen["positions"]}, (diagnostic,)
    )


def _why(seen: Mapping[str, Any], recording: Recording) -> Diagnostic:
    statement = recording.path.output.statement
    place, what = (statement.cell, statement.line), seen["first"]
    if culprit := seen.get("culprit"):
        place, what = tuple(culprit["place"]), culprit["what"]
    if error := seen.get("error"):
        what = error["text"]
        place = tuple(error["place"]) if error["place"] and not culprit else place
    return Diagnostic(
        code="NBD510",
        cell=place[0],
        line=place[1],
        message=f"{seen['arrangement']} gets another answer than among all recorded rows ({what}): a service would answer"
        " differently depending on what is sent together",
        fix="compute what looks at all rows (mean, median, dummies, ranks, ...) once from the training rows in an untagged cell,"
        " and use that value here",
    )
