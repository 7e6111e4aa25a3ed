"""Export a package and prove it: the cheap gates first, each failed gate stops the deploy unless it is allowed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.analysis.values import Kind
from nbdeploy.clock import Clock
from nbdeploy.errors import GateError
from nbdeploy.packaging.export import Wishes, droppable_columns, export
from nbdeploy.packaging.package import Package
from nbdeploy.packaging.tests_tree import carried_tests
from nbdeploy.progress import Event
from nbdeploy.proving.clean_process import ask_package, run_package_tests
from nbdeploy.proving.contract import contract_of, request_bodies
from nbdeploy.proving.faithful import faithful
from nbdeploy.proving.reproduce import reproduce
from nbdeploy.proving.rowwise import rowwise
from nbdeploy.proving.served import served
from nbdeploy.proving.tested import tested
from nbdeploy.proving.verdict import Outcome, Proof, Verdict
from nbdeploy.recording.recording import Recording

if TYPE_CHECKING:
    from nbdeploy.packaging.bento import BuiltBento

__all__ = ["Proven", "ask_bento", "prove"]


@dataclass(frozen=True, slots=True)
class Proven:
    """A written package with its proof so far, and the recorded requests as JSON."""

    package: Package
    folder: Path
    proof: Proof
    requests: Mapping[str, Any]


def prove(recording: Recording, wishes: Wishes, folder: Path, allowed: frozenset[str], clock: Clock) -> Proven:
    """Write the package to `folder` and prove it there; raises GateError at the first failed gate that is not allowed."""
    proof = _judged(Proof(), reproduce(recording), allowed, clock)
    optional = droppable_columns(recording.path) if recording.path.input.observation.schema.kind is Kind.TABLE else ()
    package, report = _asked(recording, replace(wishes, optional=optional), folder, clock)
    confirmed = _confirmed(optional, report)
    if confirmed != optional:
        package, report = _asked(recording, replace(wishes, optional=confirmed), folder, clock)
    proof = _judged(proof, faithful(report, recording), allowed, clock)
    proof = _judged(proof, rowwise(report, recording), allowed, clock)
    settled = replace(
        wishes,
        optional=confirmed,
        unneeded=frozenset(report.get("columns", {}).get("unneeded", ())),
        contract={"version": wishes.version, "module": wishes.module},
    )
    with clock.stage("export", "writing the package"):
        draft = export(recording, settled)
        contract = contract_of(draft, recording, report["requests"], proof)
        package = _written(export(recording, replace(settled, contract=contract)), folder)
    with clock.stage("prove", "running the package's tests"):
        verdict = tested(run_package_tests(folder, package), carried_tests(recording))
    proof = _judged(proof, verdict, allowed, clock)
    return Proven(package, folder, proof, report["requests"])


def ask_bento(proven: Proven, bento: BuiltBento, allowed: frozenset[str], clock: Clock) -> Proven:
    """Start the built Bento and ask it the recorded rows over HTTP."""
    bodies, expected = request_bodies(proven.package, proven.requests)
    verdict = served(bento, bodies, expected, clock.progress)
    return replace(proven, proof=_judged(proven.proof, verdict, allowed, clock))


def _asked(recording: Recording, wishes: Wishes, folder: Path, clock: Clock) -> tuple[Package, dict[str, Any]]:
    """Export with the requirements seen in the code; what the run needs besides is added to the lock, and asked again."""
    roots: frozenset[str] = frozenset()
    while True:
        contract = {"version": wishes.version, "module": wishes.module}
        with clock.stage("export", "writing the package"):
            package = _written(export(recording, replace(wishes, roots=roots, contract=contract)), folder)
        with clock.stage("prove", "asking the package in a clean process"):
            report = ask_package(folder, package, recording, wishes.optional)
        lacking = frozenset(report["denied"]) - roots if _failed(report) else frozenset()
        if not lacking:
            return package, report
        roots |= lacking


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


def _judged(proof: Proof, verdict: Verdict, allowed: frozenset[str], clock: Clock) -> Proof:
    """Add a verdict; stop where it failed and nobody allowed that."""
    state = {Outcome.PASS: "done", Outcome.FAIL: "fail", Outcome.SKIP: "skip"}[verdict.outcome]
    clock.progress(Event(verdict.gate, state, verdict.reason, part_of="prove"))  # type: ignore[arg-type]
    if verdict.outcome is not Outcome.FAIL:
        return proof + verdict
    if verdict.gate in allowed:
        return proof + replace(verdict, reason=f"{verdict.reason} (let pass by --allow {verdict.gate})")
    error = GateError(*verdict.diagnostics)
    error.gates = tuple((proof + verdict).as_json())
    raise error
