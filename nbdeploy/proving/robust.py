"""The gate `robust`: bad and odd requests get a clear refusal or the package's own answer, and the server stays well."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic
from nbdeploy.packaging.tolerance import STRICT, Tolerance
from nbdeploy.progress import Event, Progress, silent
from nbdeploy.proving.answers import same, shown
from nbdeploy.proving.client import Reply, exchange, post
from nbdeploy.proving.fuzzing import MANY_ROWS, Known, Right, Trial, fuzz
from nbdeploy.proving.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nbdeploy.proving.server import ServedBento

__all__ = ["most_rows", "robust"]

SECONDS = 9.0
REPLY_SECONDS = 65.0  # a little more than the service gives itself: after these a client was left alone
QUICK_SECONDS = 5.0  # within these a small request that is refused has to be
LARGE = 100_000  # bytes of a body that may take longer
COMPARED = 20_000  # bytes of a body that the package is asked again
LARGEST_BODY = 56 * 2**20  # bytes; the service takes no more than 64 MiB
MANY_SECONDS = 4.0  # what the request with very many rows may take, judged by the recorded ones
PAUSE_SECONDS = 6.0  # how long memory may take to come back
MEMORY = 0.10  # of what the server had before: as much may be left
ROUNDS = 6  # a leak takes its share in each; what an allocator keeps for the next time, it takes once
SHOWN = 5  # faults that are told


@dataclass(frozen=True, slots=True)
class _Fault:
    """What went wrong with one request: `kind` is the last digit of its diagnostic's code."""

    code: str
    what: str
    told: str

    def __str__(self) -> str:
        return f"{self.what}: {self.told}"


@dataclass(slots=True)
class _Seen:
    """What was seen so far: answers by status, faults, and the accepted requests that the package is asked, too."""

    tolerance: Tolerance
    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[_Fault] = field(default_factory=list)
    accepted: list[tuple[Trial, Any]] = field(default_factory=list)
    slowest: float = 0.0
    sent: int = 0
    compared: int = 0
    refused_at_place: int = 0


def robust(
    server: ServedBento,
    known: Known,
    ask_package: Callable[[Sequence[bytes]], list[dict[str, Any]]],
    progress: Progress = silent,
    tolerance: Tolerance = STRICT,
    *,
    count: int = 300,
    seed: int = 0,
    seconds: float = SECONDS,
) -> Verdict:
    """Send `count` bad and odd requests to the running Bento; see `fuzzing.py` for what they are. When the `seconds` are over,
    a slow model gets no more of those that only repeat their kind.

    `ask_package` gives for bodies what the package answers in a process of its own (`{"predictions": ...}` or
    `{"error": ...}`): whatever the service accepts must be answered like that. `tolerance` is for the recorded predictions.
    """
    began = time.monotonic()
    processes, seen = set(server.processes()), _Seen(tolerance)
    many_rows = most_rows(server, known)
    if known.by_row and known.count:
        # What an allocator takes for the largest request, it keeps for the next: that is no leak.
        post(server.address, known.body(known.some(many_rows)[0]), REPLY_SECONDS)
    memory = [server.memory_mb()]

    def trials() -> Iterator[Trial]:
        end = time.monotonic() + seconds
        every = fuzz(known, count, seed, many_rows)
        return takewhile(lambda each: not each.is_one_of_many or time.monotonic() < end, every)

    _send(server, trials(), seen, progress, count)
    _compare(seen, ask_package)
    seen.faults.extend(_afterwards(server, known, processes, tolerance))
    memory.append(_settled_memory(server, memory[0]))
    while not seen.faults and _has_grown(memory) and len(memory) <= ROUNDS:
        _send(server, (each for each in trials() if each.pace == "at once"), _Seen(tolerance), progress, count)
        memory.append(_settled_memory(server, memory[-1]))
    if len(memory) > ROUNDS and _has_grown(memory):
        told = f"{', '.join(f'{each:.0f}' for each in memory)} MB before and after each round of the same requests"
        seen.faults.append(_Fault("NBD543", "memory does not come back", told))
    figures = {
        "requests": seen.sent,
        "refused": sum(n for status, n in seen.statuses.items() if status.startswith("4")),
        "refusals_with_place": seen.refused_at_place,
        "answered": seen.statuses["200"],
        "compared_with_package": seen.compared,
        "server_errors": sum(n for status, n in seen.statuses.items() if status.startswith("5")),
        "faults": len(seen.faults),
        "slowest_ms": round(seen.slowest * 1000, 1),
        "memory_before_mb": round(memory[-2], 1),
        "memory_after_mb": round(memory[-1], 1),
        "memory_rounds": len(memory) - 1,
        "statuses": dict(sorted(seen.statuses.items())),
        "seconds": round(time.monotonic() - began, 2),
    }
    return _judged(seen, figures, server)


def most_rows(server: ServedBento, known: Known) -> int:
    """Return how many rows the largest request has: what a body holds and this model answers in seconds, at most 100,000."""
    if not known.by_row or not known.count:
        return MANY_ROWS
    some, seconds = 1, 0.0
    while seconds < 0.2 and some < 10_000:
        some *= 10
        seconds = post(server.address, known.body(known.some(some)[0]), REPLY_SECONDS).seconds
    bytes_a_row = len(known.body(known.some(100)[0])) / 100
    return max(1, min(MANY_ROWS, int(some * MANY_SECONDS / seconds), int(LARGEST_BODY / bytes_a_row)))


def _send(server: ServedBento, trials: Iterator[Trial], seen: _Seen, progress: Progress, count: int) -> None:
    """Send them one after the other, the slow ones beside the others."""
    slow: list[tuple[Trial, Any]] = []
    with ThreadPoolExecutor(2) as beside:
        for trial in trials:
            if trial.pace in {"slowly", "then silence"}:
                slow.append((trial, beside.submit(_reply, server, trial)))
                continue
            _note(trial, _reply(server, trial), seen)
            if seen.sent % 50 == 0:
                progress(Event("robust", "update", part_of="prove", done=seen.sent, total=max(seen.sent, count)))
        for trial, reply in slow:
            _note(trial, reply.result(), seen)


def _reply(server: ServedBento, trial: Trial) -> Reply:
    return exchange(server.address, trial.request, method=trial.method, pace=trial.pace, seconds=REPLY_SECONDS)


def _note(trial: Trial, reply: Reply, seen: _Seen) -> None:
    seen.sent += 1
    seen.statuses[str(reply.status or "none")] += 1
    seen.slowest = max(seen.slowest, reply.seconds if trial.pace == "at once" else 0.0)
    fault = _fault(trial, reply, seen.tolerance)
    if fault:
        seen.faults.append(_Fault(fault[0], trial.what, fault[1]))
    elif reply.status == 200 and trial.right is Right.EITHER and len(trial.body) <= COMPARED:
        seen.accepted.append((trial, reply.predictions))
    elif 400 <= reply.status < 500 and trial.place is not None and trial.place != (None, None):
        seen.refused_at_place += 1


def _fault(trial: Trial, reply: Reply, tolerance: Tolerance) -> tuple[str, str] | None:
    """Return the code of what is wrong with a reply, and the words for it."""
    if reply.status >= 500:
        return "NBD540", f"status {reply.status}: {_words(reply)}"
    if reply.status == 0:
        silent_is_right = trial.right is Right.UNHEARD and "timed out" not in reply.text.lower()
        return None if silent_is_right else ("NBD540", f"no answer: {reply.text}")
    if reply.status == 200:
        return _fault_of_answer(trial, reply, tolerance)
    if trial.pace == "at once" and reply.seconds > QUICK_SECONDS and len(trial.request) < LARGE:
        return "NBD540", f"refused only after {reply.seconds:.1f} seconds"
    return None if trial.right is Right.UNHEARD else _fault_of_refusal(trial, reply)


def _fault_of_answer(trial: Trial, reply: Reply, tolerance: Tolerance) -> tuple[str, str] | None:
    if trial.right is Right.REFUSED:
        return "NBD541", f"answered with {shown(reply.predictions)[:200]}; nothing of that kind was in the data"
    if trial.right is Right.UNHEARD:
        meant = trial.method != "POST" or (
            trial.answer is not None and same(reply.predictions, trial.answer, tolerance)
        )
        return None if meant else ("NBD541", f"answered with {_words(reply)}")
    if trial.rows is not None and (not isinstance(reply.predictions, list) or len(reply.predictions) != trial.rows):
        return "NBD541", f"{trial.rows} rows got {shown(reply.predictions)[:200]}"
    if trial.right is Right.ANSWERED and not same(reply.predictions, trial.answer, tolerance):
        return (
            "NBD541",
            f"answered with {shown(reply.predictions)[:200]} where the recorded answer is {shown(trial.answer)[:200]}",
        )
    return None


def _fault_of_refusal(trial: Trial, reply: Reply) -> tuple[str, str] | None:
    """A refusal says in JSON what is wrong, and names the row and the field where there is one."""
    if trial.right is Right.ANSWERED:
        return "NBD541", f"refused with status {reply.status}: {_words(reply)}"
    problems = (reply.json or {}).get("problems")
    if not (reply.json or {}).get("error") or not isinstance(problems, list):
        return "NBD542", f"status {reply.status} without a word: {_words(reply)}"
    if trial.right is Right.REFUSED and trial.place is not None and trial.place != (None, None):
        row, name = trial.place
        named = [each.get("field") for each in problems if each.get("row") == row]
        if name not in named and not (name is None and named):  # a field inside the row says more than asked
            return "NBD542", f"the refusal does not name row {row}, field {name!r}: {_words(reply)}"
    return None


def _compare(seen: _Seen, ask_package: Callable[[Sequence[bytes]], list[dict[str, Any]]]) -> None:
    """Ask the package what the service has accepted."""
    answers = ask_package([trial.body for trial, _ in seen.accepted]) if seen.accepted else []
    for (trial, got), wanted in zip(seen.accepted, answers, strict=True):
        seen.compared += 1
        if "predictions" not in wanted:
            told = f"answered with {shown(got)[:200]} where the package says {wanted['error']}"
            seen.faults.append(_Fault("NBD541", trial.what, told))
        elif not same(got, wanted["predictions"]):
            told = f"answered with {shown(got)[:200]} where the package says {shown(wanted['predictions'])[:200]}"
            seen.faults.append(_Fault("NBD541", trial.what, told))


def _afterwards(server: ServedBento, known: Known, processes: set[int], tolerance: Tolerance) -> Iterator[_Fault]:
    """Yield what is wrong with the server when all is over."""
    gone = processes - set(server.processes())
    if gone:
        yield _Fault("NBD540", "afterwards", f"{len(gone)} of the server's processes had died and were started anew")
    value, answer = known.value(min(known.count, 100)) if known.count else ([], [])
    reply = post(server.address, known.body(value), REPLY_SECONDS)
    if reply.status != 200:
        yield _Fault("NBD540", "a recorded request afterwards", _words(reply))
    elif not same(reply.predictions, answer, tolerance):
        yield _Fault("NBD541", "a recorded request afterwards", "gets another answer than before")


def _settled_memory(server: ServedBento, before: float) -> float:
    """Return the server's memory in MB once it is back, or after a pause."""
    end = time.monotonic() + PAUSE_SECONDS
    while _has_grown([before, memory := server.memory_mb()]) and time.monotonic() < end:
        time.sleep(0.25)
    return memory


def _has_grown(memory: Sequence[float]) -> bool:
    """Tell whether the last round left more behind than what is let pass."""
    return memory[-1] - memory[-2] > memory[0] * MEMORY


def _judged(seen: _Seen, figures: dict[str, Any], server: ServedBento) -> Verdict:
    if not seen.faults:
        reason = (
            f"{seen.sent} bad and odd requests: {figures['refused']} refused, {figures['answered']} answered as the package"
            f" does, none failed; memory {figures['memory_before_mb']:.0f} MB before, {figures['memory_after_mb']:.0f} after"
        )
        return Verdict("robust", Outcome.PASS, reason, figures)
    figures["examples"] = [str(each) for each in seen.faults[:20]]
    diagnostics = tuple(_diagnostic(code, seen, server) for code in FIXES if any(f.code == code for f in seen.faults))
    return Verdict("robust", Outcome.FAIL, "; ".join(each.message for each in diagnostics), figures, diagnostics)


TITLES = {
    "NBD540": "broke the service",
    "NBD541": "got a wrong answer",
    "NBD542": "got a refusal that does not say what is wrong",
    "NBD543": "left the service changed",
}
FIXES = {
    "NBD540": "let the served code raise ValueError for what it can't answer, or handle such values in a preprocess cell;"
    " `--allow robust` deploys in spite of it",
    "NBD541": "handle such values in a preprocess cell, so that the service and the package agree;"
    " `--allow robust` deploys in spite of it",
    "NBD542": "look at `schema.py` of the package: it reads the requests; `--allow robust` deploys in spite of it",
    "NBD543": "look for what the served code keeps from one request to the next (a cache, a list at module level);"
    " `--allow robust` deploys in spite of it",
}


def _diagnostic(code: str, seen: _Seen, server: ServedBento) -> Diagnostic:
    faults = [each for each in seen.faults if each.code == code]
    told = "; ".join(str(each) for each in faults[:SHOWN])
    more = f" (and {len(faults) - SHOWN} more)" if len(faults) > SHOWN else ""
    log = f"\n{server.log_tail(12)}" if code == "NBD540" else ""
    message = f"{len(faults)} of {seen.sent} requests {TITLES[code]}: {told}{more}{log}"
    return Diagnostic(code=code, message=message, fix=FIXES[code])


def _words(reply: Reply) -> str:
    return str((reply.json or {}).get("error") or reply.text or f"status {reply.status}")[:300]
