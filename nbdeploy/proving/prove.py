"""Export a package and prove it: the cheap gates first, each failed gate stops the deploy unless it is allowed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.analysis.values import Kind
from nbdeploy.clock import Clock
from nbdeploy.errors import EnvironmentProblem, GateError
from nbdeploy.packaging.export import Wishes, droppable_columns, export
from nbdeploy.packaging.package import Package
from nbdeploy.packaging.tests_tree import carried_tests
from nbdeploy.packaging.tolerance import STRICT
from nbdeploy.progress import Event, State
from nbdeploy.proving.better import Champion, better
from nbdeploy.proving.better import Wish as ComparisonWish
from nbdeploy.proving.budget import budget
from nbdeploy.proving.clean_process import answer_bodies, ask_package, run_package_tests
from nbdeploy.proving.contract import contract_of, request_bodies, single_bodies
from nbdeploy.proving.faithful import faithful
from nbdeploy.proving.fuzzing import Known
from nbdeploy.proving.inspected import inspected
from nbdeploy.proving.portable import Portable, portable, stays_native
from nbdeploy.proving.report import whole_proof
from nbdeploy.proving.reproduce import reproduce
from nbdeploy.proving.robust import robust
from nbdeploy.proving.rowwise import rowwise
from nbdeploy.proving.safe import Gathered, safe
from nbdeploy.proving.served import served
from nbdeploy.proving.server import running
from nbdeploy.proving.tested import tested
from nbdeploy.proving.verdict import Outcome, Proof, Verdict
from nbdeploy.recording.recording import Recording
from nbdeploy.request import Audit, OnnxWish

if TYPE_CHECKING:
    from nbdeploy.packaging.bento import BuiltBento
    from nbdeploy.proving.server import ServedBento

__all__ = ["Budget", "Proven", "ask_bento", "compare", "prove"]


AUTO = OnnxWish()
BATCH_SECONDS = 0.05  # that scoring several requests at once may take, where no budget asks for less
NOTHING_ASKED: Mapping[str, Any] = {"rows": [], "predictions": []}


@dataclass(frozen=True, slots=True)
class Proven:
    """A written package with its proof so far, and the recorded requests as JSON."""

    package: Package
    folder: Path
    proof: Proof
    requests: Mapping[str, Any]


def prove(
    recording: Recording,
    wishes: Wishes,
    folder: Path,
    allowed: frozenset[str],
    clock: Clock,
    limits: Mapping[str, float] | None = None,
    onnx: OnnxWish = AUTO,
    audit: Audit = "warn",
) -> Proven:
    """Write the package to `folder` and prove it there; raises GateError at the first failed gate that is not allowed.

    The package with the native models is asked first. Where models can be ONNX, the package with these takes its place,
    and is asked all over again; where any gate finds a fault in it, the native one comes back.
    """
    proof = _judged(Proof(), reproduce(recording), allowed, clock)
    native = _asked(recording, wishes, folder, clock)
    _stop_early(proof, native.verdicts, allowed, clock)
    found, chosen = _ported(recording, native, folder, onnx, clock)
    look = partial(inspected, allowed=allowed, audit=audit)
    package, verdict, seen = _finished(recording, chosen, found, proof, folder, clock, limits, look)
    if verdict.outcome is Outcome.FAIL and chosen.wishes.converted:
        found = stays_native(f"the package's tests fail with ONNX: {verdict.reason}", onnx)
        chosen = native
        package, verdict, seen = _finished(recording, chosen, found, proof, folder, clock, limits, look)
    for each in (*chosen.verdicts, found.verdict, verdict, safe(seen)):
        proof = _judged(proof, each, allowed, clock)
    return Proven(package, folder, proof, chosen.requests)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A package by its wishes, what the probe saw when it was asked, and what the gates say of that."""

    wishes: Wishes
    report: dict[str, Any]
    verdicts: tuple[Verdict, Verdict]  # faithful, rowwise

    @property
    def requests(self) -> Mapping[str, Any]:
        requests: Mapping[str, Any] = self.report.get("requests", NOTHING_ASKED)
        return requests


def _stop_early(proof: Proof, verdicts: Iterable[Verdict], allowed: frozenset[str], clock: Clock) -> None:
    """Tell the verdicts now where one of them ends the deploy: nothing is converted then."""
    verdicts = tuple(verdicts)
    if any(each.outcome is Outcome.FAIL and each.gate not in allowed for each in verdicts):
        for each in verdicts:
            proof = _judged(proof, each, allowed, clock)


def _ported(
    recording: Recording, native: _Asked, folder: Path, onnx: OnnxWish, clock: Clock
) -> tuple[Portable, _Asked]:
    """Choose the models to serve as ONNX, and ask the package with them: by the strict tolerance, then by the wider one."""
    if any(each.outcome is Outcome.FAIL for each in native.verdicts):
        return Portable(Verdict("portable", Outcome.SKIP, "the package with the native models has a fault")), native
    clock.progress(Event("portable", "start", "converting the models to ONNX and comparing", part_of="prove"))
    with clock.stage("prove", "converting the models to ONNX and comparing"):
        found = portable(recording, export(recording, native.wishes), folder, onnx)
    if not found.converted or found.verdict.outcome is Outcome.FAIL:
        return found, replace(native, wishes=replace(native.wishes, whole=found.whole, by_graph=False))
    why = ""
    for tolerance in dict.fromkeys((STRICT, found.tolerance)):
        wishes = replace(native.wishes, converted=found.converted, tolerance=tolerance, whole=found.whole)
        asked = _settled(recording, wishes, folder, clock)
        failed = [each for each in asked.verdicts if each.outcome is Outcome.FAIL]
        if not failed:
            return _with_graph_told(found, asked), asked
        why = f"the package's answers are others with ONNX: {failed[0].reason}"
    return stays_native(why, onnx), native


def _finished(
    recording: Recording,
    asked: _Asked,
    found: Portable,
    proof: Proof,
    folder: Path,
    clock: Clock,
    limits: Mapping[str, float] | None,
    look: Callable[[Recording, Package, Path, Mapping[str, Any]], Gathered],
) -> tuple[Package, Verdict, Gathered]:
    """Write the package as it is to be, with its contract, and run its tests; look through it while they run."""
    with clock.stage("export", "writing the package"):
        for each in (*asked.verdicts, found.verdict):
            proof += each
        wishes = replace(asked.wishes, batch_seconds=_batch_seconds(asked, limits or {}))
        contract = contract_of(export(recording, wishes), recording, asked.requests, proof, limits, wishes.segments)
        package = _written(export(recording, replace(wishes, contract=contract)), folder)
    with (
        clock.stage("prove", "running the package's tests, looking through its files"),
        ThreadPoolExecutor(1) as beside,
    ):
        looking = beside.submit(look, recording, package, folder, asked.requests)
        verdict = tested(run_package_tests(folder, package), carried_tests(recording))
        return package, verdict, looking.result()


def _batch_seconds(asked: _Asked, limits: Mapping[str, float]) -> float | None:
    """Return what scoring several requests at once may take: half of what a request may; None where a row must be alone."""
    rowwise = asked.verdicts[1]
    if rowwise.outcome is not Outcome.PASS:
        return None
    return min([BATCH_SECONDS, *(limits[key] / 2000 for key in ("p99_ms", "p99_ms_16") if key in limits)])


@dataclass(frozen=True, slots=True)
class Budget:
    """What the gate `budget` judges by: the limits, and the figures of the version before, where there is one."""

    limits: Mapping[str, float]
    before: Mapping[str, Any] | None = None
    when_quiet: Callable[[], object] = lambda: None  # waits until nothing else that this process does is in the figures


def ask_bento(proven: Proven, bento: BuiltBento, asked: Budget, allowed: frozenset[str], clock: Clock) -> Proven:
    """Start the built Bento, and hand the running server to the gates that ask it, one after the other.

    `robust` comes last: what it sends may leave its marks on the figures of `budget`. A gate that brings the server down
    has failed; where that is allowed, the next one gets a new server.
    """
    waiting = _questions(proven, bento, asked, clock)
    proof = proven.proof
    while waiting:
        gate = next(iter(waiting))
        clock.progress(Event(gate, "start", f"starting {bento.tag}", part_of="prove"))
        try:
            with running(bento) as server:
                proof = _timed(proof, gate, waiting.pop(gate), server, allowed, clock)
                while waiting and server.is_ready():
                    gate = next(iter(waiting))
                    clock.progress(Event(gate, "start", part_of="prove"))
                    proof = _timed(proof, gate, waiting.pop(gate), server, allowed, clock)
        except EnvironmentProblem as problem:
            proof = _judged(proof, _failed_by(gate, problem), allowed, clock)
            for left in waiting.keys() - {gate}:
                proof = _judged(proof, Verdict(left, Outcome.SKIP, "the server does not start"), allowed, clock)
            break
    return replace(proven, proof=proof)


def compare(
    proven: Proven,
    recording: Recording,
    champion: Champion | None,
    wish: ComparisonWish,
    allowed: frozenset[str],
    clock: Clock,
) -> Proven:
    """Compare a proven package with the version to beat; None where there is none."""
    what = f"comparing with version {champion.version}" if champion else "looking for a version before"
    clock.progress(Event("better", "start", what, part_of="prove"))
    with clock.stage("prove", what):
        began = time.monotonic()
        verdict = better(proven.folder, recording, champion, wish)
    seconds = time.monotonic() - began
    return replace(proven, proof=_judged(proven.proof, verdict, allowed, clock, seconds))


def _failed_by(gate: str, problem: EnvironmentProblem) -> Verdict:
    return Verdict(gate, Outcome.FAIL, problem.diagnostics[0].message, {}, problem.diagnostics)


_Question = Callable[["ServedBento"], Verdict]


def _questions(proven: Proven, bento: BuiltBento, asked: Budget, clock: Clock) -> dict[str, _Question]:
    """Return what each gate asks of a running server."""
    package, requests = proven.package, proven.requests
    bodies, expected = request_bodies(package.input, requests)
    known = Known(package.input, requests["rows"], requests["predictions"])
    singles = single_bodies(package.input, requests)

    def package_says(bodies: Sequence[bytes]) -> list[dict[str, Any]]:
        return answer_bodies(proven.folder, package, bodies)

    def measured(server: ServedBento) -> Verdict:
        asked.when_quiet()
        return budget(server, bento, singles, asked.limits, asked.before)

    return {
        "served": lambda server: served(server, bento.version, bodies, expected, clock.progress, package.tolerance),
        "budget": measured,
        "robust": lambda server: robust(server, known, package_says, clock.progress, package.tolerance),
    }


def _timed(
    proof: Proof, gate: str, question: _Question, server: ServedBento, allowed: frozenset[str], clock: Clock
) -> Proof:
    """Ask one question, and tell how long it took."""
    began = time.monotonic()
    try:
        verdict = question(server)
    except EnvironmentProblem as problem:
        verdict = _failed_by(gate, problem)
    return _judged(proof, verdict, allowed, clock, time.monotonic() - began)


def _asked(recording: Recording, wishes: Wishes, folder: Path, clock: Clock) -> _Asked:
    """Export and ask a package for the first time."""
    table = recording.path.input.observation.schema.kind is Kind.TABLE
    contract = {"version": wishes.version, "module": wishes.module}
    optional = droppable_columns(recording.path) if table else ()
    return _settled(recording, replace(wishes, contract=contract, optional=optional), folder, clock)


def _settled(recording: Recording, wishes: Wishes, folder: Path, clock: Clock) -> _Asked:
    """Export and ask until it is settled what the lock must hold and which columns a request may leave out.

    Two things show only when the package runs: modules that it loads beyond its own imports, and dropped columns that the
    answer does depend on. Each is corrected, and the package is asked again.
    """
    while True:
        with clock.stage("export", "writing the package"):
            package = _written(export(recording, wishes), folder)
        with clock.stage("prove", "asking the package in a clean process"):
            report = ask_package(folder, package, recording, wishes.optional)
        lacking = frozenset(report["denied"]) - wishes.roots if _failed(report) else frozenset()
        confirmed = _confirmed(wishes.optional, report)
        if not lacking and confirmed == wishes.optional:
            unneeded = frozenset(report.get("columns", {}).get("unneeded", ()))
            verdicts = faithful(report, recording), rowwise(report, recording)
            if f"{wishes.module}/graph.py" in package.texts:
                wishes = replace(wishes, by_graph=_answers_by_graph(report))
            return _Asked(replace(wishes, unneeded=unneeded), report, verdicts)
        wishes = replace(wishes, roots=wishes.roots | lacking, optional=confirmed)


def _answers_by_graph(report: Mapping[str, Any]) -> bool:
    """Tell whether the service may answer by the graph: that gave the notebook's answers, in every arrangement."""
    seen = report.get("by_graph", {"plain": 0})
    return seen["plain"] > 0 and not seen["fault"]


def _with_graph_told(found: Portable, asked: _Asked) -> Portable:
    """Add whether the service answers by the whole path's graph to what the gate says."""
    seen = asked.report.get("by_graph")
    if seen is None:
        return found
    told = {**found.verdict.figures["whole_path"], "serves": asked.wishes.by_graph, "plain_rows": seen}
    why = "by it the service answers plain rows" if asked.wishes.by_graph else f"not by the service: {seen['fault']}"
    figures = {**found.verdict.figures, "whole_path": told}
    return replace(found, verdict=replace(found.verdict, reason=f"{found.verdict.reason}; {why}", figures=figures))


def _failed(report: Mapping[str, Any]) -> bool:
    return "crash" in report or not report["faithful"]["same"]


def _confirmed(optional: tuple[str | int, ...], report: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Return those of the dropped columns without which the answers stay the same."""
    unneeded = report.get("columns", {}).get("unneeded")
    return optional if unneeded is None else tuple(each for each in optional if each in unneeded)


def _written(package: Package, folder: Path) -> Package:
    for each in folder.iterdir() if folder.is_dir() else ():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    package.write(folder)
    return package


def _judged(
    proof: Proof, verdict: Verdict, allowed: frozenset[str], clock: Clock, seconds: float | None = None
) -> Proof:
    """Tell a verdict, and add it to the proof."""
    state: State = {Outcome.PASS: "done", Outcome.FAIL: "fail", Outcome.SKIP: "skip"}[verdict.outcome]  # type: ignore[assignment]
    clock.progress(Event(verdict.gate, state, verdict.reason, part_of="prove", seconds=seconds))
    return _accepted(proof, verdict, allowed)


def _accepted(proof: Proof, verdict: Verdict, allowed: frozenset[str]) -> Proof:
    """Add a verdict; stop where it failed and nobody allowed that."""
    if verdict.outcome is not Outcome.FAIL:
        return proof + verdict
    if verdict.gate in allowed:
        return proof + replace(verdict, reason=f"{verdict.reason} (let pass by --allow {verdict.gate})")
    error = GateError(*verdict.diagnostics)
    error.gate = verdict.gate
    error.gates = whole_proof((proof + verdict).as_json())
    raise error
