"""The gate `served`: the built Bento, started as a real server, answers the recorded requests as the notebook did."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, EnvironmentProblem
from nbdeploy.packaging.tolerance import STRICT, Tolerance
from nbdeploy.progress import Event, Progress, silent
from nbdeploy.proving.server import ServedBento, running
from nbdeploy.proving.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbdeploy.packaging.bento import BuiltBento

__all__ = ["served"]

REQUEST_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What was seen so far: rows compared, the largest difference of two numbers, rows that differ, the first one."""

    rows: int = 0
    largest: float = 0.0
    mismatches: int = 0
    first: str = ""
    tolerance: Tolerance = STRICT


@dataclass(slots=True)
class _Difference:
    """The largest difference of two numbers inside one answer, and what it may be."""

    tolerance: Tolerance
    largest: float = field(default=0.0)


def served(
    bento: BuiltBento,
    request_bodies: Sequence[bytes],
    expected: Sequence[Any],
    progress: Progress = silent,
    tolerance: Tolerance = STRICT,
) -> Verdict:
    """Ask the served Bento all requests; `expected[i]` is what `predictions` must be for body i, as JSON values.

    Numbers with a fraction may differ by the tolerance; everything else must be equal. A server that
    does not start, or breaks down, is a failed gate, not an exception.
    """
    started = time.monotonic()
    progress(Event("served", "start", f"starting {bento.tag}", part_of="prove"))
    try:
        with running(bento) as server:
            verdict = _asked(server, bento, request_bodies, expected, progress, tolerance)
    except EnvironmentProblem as problem:
        verdict = Verdict("served", Outcome.FAIL, problem.diagnostics[0].message, {}, problem.diagnostics)
    state = "done" if verdict.outcome is Outcome.PASS else "fail"
    progress(Event("served", state, verdict.reason, part_of="prove", seconds=time.monotonic() - started))  # type: ignore[arg-type]
    return verdict


def _asked(
    server: ServedBento,
    bento: BuiltBento,
    bodies: Sequence[bytes],
    expected: Sequence[Any],
    progress: Progress,
    tolerance: Tolerance,
) -> Verdict:
    seen, seconds = _Comparison(tolerance=tolerance), []
    for number, (body, wanted) in enumerate(zip(bodies, expected, strict=True)):
        begun = time.perf_counter()
        status, answer = _post(server, body)
        seconds.append(time.perf_counter() - begun)
        if status != 200:
            return _refused(server, number, status, answer)
        if answer.get("version") != bento.version:
            return _failed(f"version {answer.get('version')!r} answered for {bento.tag}", {})
        seen = _compared(seen, answer.get("predictions"), wanted)
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


def _post(server: ServedBento, body: bytes) -> tuple[int, dict[str, Any]]:
    """Return status and JSON answer; status 0 where there was none."""
    connection = HTTPConnection(server.host, server.port, timeout=REQUEST_SECONDS)
    try:
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        return response.status, answer if isinstance(answer, dict) else {"error": str(answer)}
    except (OSError, HTTPException, ValueError) as error:
        return 0, {"error": f"{type(error).__name__}: {error}"}
    finally:
        connection.close()


def _compared(seen: _Comparison, got: Any, wanted: Any) -> _Comparison:
    if not isinstance(wanted, list) or not isinstance(got, list) or len(got) != len(wanted):
        whole = isinstance(got, list) and isinstance(wanted, list)
        lengths = f"{len(wanted)} predictions expected, got {len(got)}" if whole else None
        got, wanted = [got], [wanted]
        if lengths:
            rows = seen.rows + len(wanted[0])
            return replace(seen, rows=rows, mismatches=seen.mismatches + len(wanted[0]), first=seen.first or lengths)
    difference = _Difference(seen.tolerance)
    wrong = [index for index, (a, b) in enumerate(zip(got, wanted, strict=True)) if not _same(a, b, difference)]
    first = seen.first
    if wrong and not first:
        at = wrong[0]
        first = f"the first is row {seen.rows + at}: expected {_shown(wanted[at])}, got {_shown(got[at])}"
    return _Comparison(
        rows=seen.rows + len(wanted),
        largest=max(seen.largest, difference.largest),
        mismatches=seen.mismatches + len(wrong),
        first=first,
        tolerance=seen.tolerance,
    )


def _same(got: Any, wanted: Any, difference: _Difference) -> bool:
    if isinstance(wanted, float) and wanted != wanted:  # NaN travels as null
        return got is None
    if isinstance(got, list) and isinstance(wanted, list | tuple):
        return len(got) == len(wanted) and all(_same(a, b, difference) for a, b in zip(got, wanted, strict=True))
    if isinstance(got, dict) and isinstance(wanted, dict):
        return got.keys() == wanted.keys() and all(_same(got[key], wanted[key], difference) for key in wanted)
    if float in {type(got), type(wanted)} and _is_number(got) and _is_number(wanted):
        return _close(float(got), float(wanted), difference)
    return type(got) is type(wanted) and bool(got == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _close(got: float, wanted: float, difference: _Difference) -> bool:
    if got == wanted:
        return True
    difference.largest = max(difference.largest, abs(got - wanted))
    return abs(got - wanted) <= max(difference.tolerance.absolute, difference.tolerance.relative * abs(wanted))


def _refused(server: ServedBento, number: int, status: int, answer: dict[str, Any]) -> Verdict:
    what = f"status {status}" if status else "no answer"
    reason = f"request {number} got {what}: {_shown(answer.get('error', answer))}"
    figures = {"requests": number + 1, "ready_seconds": round(server.ready_seconds, 3)}
    return _failed(reason + (f"\n{server.log_tail()}" if not status or status >= 500 else ""), figures)


def _failed(reason: str, figures: dict[str, Any]) -> Verdict:
    fix = "compare the column types in schema.py with the notebook's input; `--allow served` deploys in spite of it"
    return Verdict("served", Outcome.FAIL, reason, figures, (Diagnostic(code="NBD530", message=reason, fix=fix),))


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 300 else text[:297] + "..."
