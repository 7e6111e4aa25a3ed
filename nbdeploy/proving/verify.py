"""Hold a package, a Bento or a running service to its contract, and say whose fault a fault is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, EnvironmentProblem, GateError, UsageError
from nbdeploy.packaging.bento import check_installed
from nbdeploy.progress import Event, Progress, silent
from nbdeploy.proving.blame import Answered, Fault, Finding, Metric, Refused, Seen, fault_of, judged, places_in
from nbdeploy.proving.budget import latencies, megabytes, sizes, under_load
from nbdeploy.proving.clean_process import recorded_requests
from nbdeploy.proving.contract import request_bodies
from nbdeploy.proving.contract_file import Contract, read_contract
from nbdeploy.proving.drift import labelled, metric_home, metric_of
from nbdeploy.proving.remote import Heard, Remote, remote
from nbdeploy.proving.server import running
from nbdeploy.proving.target import Target, target_of

if TYPE_CHECKING:
    from nbdeploy.proving.server import ServedBento

__all__ = ["Verification", "verify"]

LOAD = {"p50_ms", "p99_ms", "p50_ms_16", "p99_ms_16", "rps"}
CUT = 300  # characters of a refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found. `fault` is None where the contract is kept; `contract` is None where none could be asked for."""

    target: str
    kind: str
    contract: Contract | None
    findings: tuple[Finding, ...]
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def fault(self) -> Fault | None:
        return fault_of(self.findings)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return tuple(each.diagnostic for each in self.findings if each.diagnostic is not None)

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.fault is None,
            "target": self.target,
            "kind": self.kind,
            "name": self.contract.name if self.contract else None,
            "version": self.contract.version if self.contract else None,
            "fault": str(self.fault) if self.fault else None,
            "checks": [each.as_json() for each in self.findings],
            "notes": list(self.notes),
            "diagnostics": [each.as_json() for each in self.diagnostics],
            "seconds": self.seconds,
        }


def verify(
    target: str,
    *,
    contract: Path | None = None,
    labels: Path | None = None,
    margin: float = 0.0,
    api_key: str | None = None,
    load: bool = True,
    progress: Progress = silent,
) -> Verification:
    """Ask the target what its contract promises. `target` is a package's folder, a Bento, NAME[:VERSION] or a service's URL.

    `contract` is a file with another contract to hold it to; `labels` one with rows and their outcomes (see `drift.py`), on which
    the metric may be worse than the contract's by `margin`. Without `load` no budget is measured that only a load shows.
    Raises UsageError where there is no such target, or no contract (NBD539); EnvironmentProblem NBD634 where BentoML is needed
    and missing.
    """
    began = time.monotonic()
    told = _Told(progress)
    place = target_of(target)
    held = read_contract(_text(contract), str(contract)) if contract else None
    asked = _Asked(place, contract.parent if contract else None, labels, margin, api_key, told, load)
    findings, held = _remote(asked, held) if place.folder is None else _local(asked, held)
    seconds = round(time.monotonic() - began, 2)
    return Verification(
        target=target, kind=place.kind, contract=held, findings=findings, seconds=seconds, notes=tuple(told.notes)
    )


@dataclass(slots=True)
class _Told:
    """What is told while it goes on, and what is to be known about the answer."""

    progress: Progress
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, text: str) -> Iterator[None]:
        self.progress(Event("verify", "start", text))
        try:
            yield
        except BaseException:
            self.progress(Event("verify", "fail"))
            raise
        self.progress(Event("verify", "done"))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be verified, and how: the target, the folder of another contract, the file of labels, the key."""

    place: Target
    beside: Path | None
    labels: Path | None
    margin: float
    key: str | None
    told: _Told
    load: bool = True

    def metric(self, service: Remote, contract: Contract, recorded: Sequence[Answered]) -> Metric | str:
        """Ask the labelled rows of the file, or judge the answers to the recorded ones; a text says why that can't be."""
        home = metric_home(contract, self.place.folder, self.beside)
        if self.labels is None:
            known = contract.metric.get("value") is not None and recorded
            return metric_of(contract, home, recorded, None, self.margin) if known and home else Seen().metric
        sent = labelled(self.labels, contract)
        if home is None:
            return f"the metric is code of the package, and that of {contract.name} {contract.version} is not here"
        answers = [_answered(service.ask(body), rows, None) for body, rows in sent.bodies(contract)]
        return metric_of(contract, home, answers, sent.labels, self.margin)


# a service that runs somewhere ------------------------------------------------------------------------------------------


def _remote(asked: _Asked, held: Contract | None) -> tuple[tuple[Finding, ...], Contract | None]:
    service, told = remote(asked.place.url, asked.key), asked.told
    with told.stage(f"asking {service.url}"):
        heard = service.get("/contract")
        if heard.status == 0:
            return judged(held, Seen(trouble=heard.text)), held
        stated = None
        if held is None:
            held = stated = read_contract(heard.text, f"what {service.url}/contract answers (status {heard.status})")
        elif heard.status == 200:
            stated = _stated(heard, told)
        own = stated is not None and (stated.version, stated.digest) == (held.version, held.digest)
        figures, unmeasured = _remote_figures(service, held) if asked.load else ({}, _unasked(held))
        seen = _seen(service, held, _examples(held), figures=figures, unmeasured=unmeasured, is_own=own)
        seen = replace(seen, metric=asked.metric(service, held, ()))
    return judged(held, seen), held


def _stated(heard: Heard, told: _Told) -> Contract | None:
    """Return the contract that the service states of itself; one that can't be read is none."""
    try:
        return read_contract(heard.text, "the service's own contract")
    except UsageError as problem:
        told.notes.append(problem.diagnostics[0].message)
        return None


def _remote_figures(service: Remote, contract: Contract) -> tuple[dict[str, float], dict[str, str]]:
    figures, unmeasured = _load_figures(service, contract)
    for key in contract.budgets.keys() - LOAD:
        unmeasured[key] = "it can't be seen over HTTP"
    return figures, unmeasured


def _unasked(contract: Contract) -> dict[str, str]:
    return dict.fromkeys(sorted(contract.budgets), "it was not asked for")


# a package or a Bento, started here -------------------------------------------------------------------------------------


def _local(asked: _Asked, held: Contract | None) -> tuple[tuple[Finding, ...], Contract | None]:
    place, told = asked.place, asked.told
    assert place.folder is not None
    own = read_contract(_text(place.folder / "contract.json"), str(place.folder / "contract.json"))
    held = held or own
    is_own = (own.version, own.digest) == (held.version, held.digest)
    examples = _examples(held)
    bodies = [*examples, *(_recorded(place.folder, own, told) if is_own else ())]
    check_installed()
    try:
        with told.stage(f"starting {place.shown}"), running(place.served) as server:
            service = remote(server.url, asked.key)
            figures, unmeasured = _load_figures(service, held) if asked.load else ({}, _unasked(held))
            figures |= _own_figures(server, place)
            seen = _seen(service, held, bodies, figures=figures, unmeasured=unmeasured, is_own=is_own)
            seen = replace(seen, metric=asked.metric(service, held, seen.answers[len(examples) :]))
    except EnvironmentProblem as problem:
        seen = Seen(trouble=problem.diagnostics[0].message)
    return judged(held, seen), held


def _recorded(folder: Path, contract: Contract, told: _Told) -> list[tuple[bytes, int | None, Any]]:
    """Return all recorded rows that the package carries in its tests as requests."""
    try:
        found = recorded_requests(folder, contract.module)
    except GateError as problem:
        found = {"problem": problem.diagnostics[0].message}
    if "rows" not in found:
        told.notes.append(
            f"only the contract's examples are asked, the recorded rows can't be read: {found['problem']}"
        )
        return []
    bodies, wanted = request_bodies(contract.input, found)
    counted = [len(each) if contract.by_row else None for each in wanted]
    return list(zip(bodies, counted, wanted, strict=True))


def _own_figures(server: ServedBento, place: Target) -> dict[str, float]:
    assert place.folder is not None
    figures = {
        "memory_mb": round(server.memory_mb(), 1),
        "cold_start_s": round(server.ready_seconds, 2),
        "artifacts_mb": megabytes(place.folder / "artifacts"),
    }
    if place.kind != "bento":
        return figures
    return {**figures, **sizes(place.folder.parent)}


# asking -----------------------------------------------------------------------------------------------------------------


def _examples(contract: Contract) -> list[tuple[bytes, int | None, Any]]:
    def rows(request: Any) -> int | None:
        return len(request[contract.sent_as]) if contract.by_row else None

    return [(json.dumps(request).encode(), rows(request), wanted) for request, wanted in contract.examples]


def _seen(service: Remote, contract: Contract, bodies: Iterable[tuple[bytes, int | None, Any]], **known: Any) -> Seen:
    """Ask every right and every wrong request; one that is not answered at all ends it."""
    answers: list[Answered] = []
    headers: Mapping[str, str] = {}
    for body, rows, wanted in bodies:
        heard = service.ask(body)
        answers.append(_answered(heard, rows, wanted))
        headers = heard.headers or headers
        if heard.status == 0:
            break
    refusals: list[Refused] = []
    if not answers or answers[-1].status:
        refusals = [_refused(service, each) for each in contract.refusals]
    return Seen(
        answers=answers,
        refusals=refusals,
        digest=headers.get("x-model-digest"),
        version=headers.get("x-model-version"),
        **known,
    )


def _answered(heard: Heard, rows: int | None, wanted: Any) -> Answered:
    body = heard.json or {}
    text = "" if heard.status == 200 else str(body.get("error", heard.text))[:CUT]
    return Answered(rows, wanted, heard.status, body.get("predictions"), body.get("version"), text)


def _refused(service: Remote, refusal: Any) -> Refused:
    heard = service.ask(json.dumps(refusal.request).encode())
    return Refused(refusal, heard.status, tuple(places_in(heard.json)), heard.text[:CUT])


def _load_figures(service: Remote, contract: Contract) -> tuple[dict[str, float], dict[str, str]]:
    """Measure what the budgets limit, by requests of the examples; nothing where no budget is on that."""
    wanted = sorted(contract.budgets.keys() & LOAD)
    bodies: Sequence[bytes] = [body for body, _, _ in _examples(contract)]
    if not wanted or not bodies:
        return {}, dict.fromkeys(wanted, "the contract has no example")
    address = [service.address.hostname, service.port]
    headers = {name: value for name, value in service.headers.items() if name != "Content-Type"}
    asked = {"address": address, "path": service.path("/predict"), "headers": headers, "tls": service.is_tls}
    seen = under_load(asked, bodies)
    if "error" in seen:
        return {}, dict.fromkeys(wanted, f"the service did not answer under load: {seen['error']}")
    return latencies(seen), {}


def _text(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        message = f"{file} can't be read as a contract: {problem.strerror or problem}"
        fix = "give the contract.json of an exported package"
        raise UsageError(Diagnostic(code="NBD539", message=message, fix=fix)) from None
