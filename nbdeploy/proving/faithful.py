"""The gate `faithful`: the exported package, in a clean process, gives the notebook's own outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbdeploy.errors import Diagnostic
from nbdeploy.proving.rowwise import depends_on_others
from nbdeploy.proving.verdict import Outcome, Verdict
from nbdeploy.recording.recording import Recording

__all__ = ["faithful"]


def faithful(report: Mapping[str, Any], recording: Recording) -> Verdict:
    """Judge what the probe saw when it asked for all recorded rows at once."""
    if "crash" in report:
        diagnostic = Diagnostic(
            code="NBD501",
            message=f"the exported package does not load in a clean process: {report['problem']}",
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
        return Verdict("faithful", Outcome.PASS, f"{seen['rows']} recorded rows answered as in the notebook", figures)
    diagnostic = _why(seen, recording)
    if apart := seen.get("apart"):
        figures |= {"apart": {key: apart[key] for key in ("positions", "smallest", "statements", "asks", "seconds")}}
    return Verdict("faithful", Outcome.FAIL, diagnostic.message, figures, (diagnostic,))


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
