"""The gate `served`: the built Bento, started as a real server, answers the recorded requests as the notebook did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic
from nbdeploy.packaging.tolerance import STRICT, Tolerance
from nbdeploy.progress import Event, Progress, silent
from nbdeploy.proving.answers import Comparison, compared, shown
from nbdeploy.proving.client import Reply, post
from nbdeploy.proving.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbdeploy.proving.server import ServedBento

__all__ = ["served"]


def served(
    server: ServedBento,
    version: str,
    bodies: Sequence[bytes],
    expected: Sequence[Any],
    progress: Progress = silent,
    tolerance: Tolerance = STRICT,
) -> Verdict:
    """Ask the running Bento all requests; `expected[i]` is what `predictions` must be for body i, as JSON values.

    Numbers with a fraction may differ by the tolerance; everything else must be equal. A server that breaks down is
    a failed gate, not an exception.
    """
    seen, seconds = Comparison(tolerance=tolerance), []
    for number, (body, wanted) in enumerate(zip(bodies, expected, strict=True)):
        begun = time.perf_counter()
        reply = post(server.address, body)
        seconds.append(time.perf_counter() - begun)
        if reply.status != 200:
            return _refused(server, number, reply)
        if (reply.json or {}).get("version") != version:
            return _failed(f"version {(reply.json or {}).get('version')!r} answered for {version!r}", {})
        seen = compared(seen, reply.predictions, wanted)
        progress(Event("served", "update", part_of="prove", done=number + 1, total=len(bodies)))
    figures = {
        "rows": seen.rows,
        "requests": len(bodies),
        "ready_seconds": round(server.ready_seconds, 3),
        "largest_difference": seen.largest,
        "mismatches": seen.mismatches,
        "median_request_ms": round(sorted(seconds)[len(seconds) // 2] * 1000, 3) if seconds else None,
    }
    if seen.mismatches:
        return _failed(f"{seen.mismatches} of {seen.rows} predictions differ over HTTP; {seen.first}", figures)
    return Verdict("served", Outcome.PASS, f"{seen.rows} predictions over HTTP equal the notebook's", figures)


def _refused(server: ServedBento, number: int, reply: Reply) -> Verdict:
    what = f"status {reply.status}" if reply.status else "no answer"
    told = (reply.json or {}).get("error", reply.text)
    figures = {"requests": number + 1, "ready_seconds": round(server.ready_seconds, 3)}
    log = f"\n{server.log_tail()}" if not reply.status or reply.status >= 500 else ""
    return _failed(f"request {number} got {what}: {shown(told)}{log}", figures)


def _failed(reason: str, figures: dict[str, Any]) -> Verdict:
    fix = "compare the column types in schema.py with the notebook's input; `--allow served` deploys in spite of it"
    return Verdict("served", Outcome.FAIL, reason, figures, (Diagnostic(code="NBD530", message=reason, fix=fix),))
