"""Ask a service more and more, find where it stops keeping up, and say how large it is to be."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, GateError, UsageError
from nbdeploy.operating.delivery.sizing import Sizing
from nbdeploy.operating.loadtest import probe
from nbdeploy.operating.loadtest.ladder import Limits, Step, judged, knee, next_rate, step_of
from nbdeploy.operating.loadtest.locust import Played, check_locust, locustfile, playing, read_played
from nbdeploy.operating.loadtest.shapes import plan_of
from nbdeploy.operating.loadtest.sizes import advice, sizing_from
from nbdeploy.packaging.bento import check_installed
from nbdeploy.progress import Event, Progress, silent
from nbdeploy.proving.contract_file import Contract, read_contract
from nbdeploy.proving.remote import Remote, remote
from nbdeploy.proving.server import running
from nbdeploy.proving.target import target_of

if TYPE_CHECKING:
    from nbdeploy.proving.server import ServedBento

__all__ = ["LoadReport", "LoadWish", "loadtest"]

BESIDE = 2.0  # requests a second of the probe beside locust's users
SETTLING = 10  # times that a service is asked whether it has worked off an overload
LATE_MS = 50.0  # a probe that is late by more was itself too busy


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadWish:
    """What a load test is to do. Rates are requests a second, times seconds.

    `peak` and `usual` are the rates to size for (default: what one replica keeps, and a quarter of the peak), of replicas with so
    many `cores`. Each step lasts `seconds`; the first is `first`, none is above `most`. `shape` is played by locust's users
    for `shape_seconds` besides, at `peak`, or with so many `calls` in a spike, or a `day` of rates.
    """

    peak: float | None = None
    usual: float | None = None
    cores: float = 1.0
    seconds: float = 5.0
    first: float = 5.0
    most: float = 2_000.0
    p99_ms: float | None = None
    shape: str | None = None
    shape_seconds: float = 60.0
    calls: int = 1_000
    day: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What was seen: each rate, the knee (the highest that was kept), the shape, and what follows."""

    target: str
    contract: Contract
    steps: tuple[Step, ...]
    sizing: Sizing
    advice: tuple[str, ...]
    notes: tuple[str, ...]
    shape: Mapping[str, Any] | None = None

    @property
    def knee(self) -> float | None:
        return knee(self.steps)

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": True,
            "target": self.target,
            "name": self.contract.name,
            "version": self.contract.version,
            "steps": [each.as_json() for each in self.steps],
            "knee": self.knee,
            "shape": self.shape,
            "sizing": self.sizing.as_json(),
            "advice": list(self.advice),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """The service that is asked, the contract that says with what, and its processes where it was started here."""

    service: Remote
    contract: Contract
    server: ServedBento | None = None

    @property
    def bodies(self) -> list[str]:
        return [json.dumps(request) for request, _ in self.contract.examples]

    def seen(self, due: Sequence[float]) -> dict[str, Any]:
        """Send a request at each of these seconds, from a process of its own, and return what it reports."""
        service = self.service
        job = {
            "address": [service.address.hostname, service.port],
            "path": service.path("/predict"),
            "headers": {name: value for name, value in service.headers.items() if name != "Content-Type"},
            "tls": service.is_tls,
            "bodies": self.bodies,
            "due": list(due),
        }
        with tempfile.TemporaryDirectory(prefix="nbdeploy-load-") as scratch:
            asked, report = Path(scratch, "job.json"), Path(scratch, "report.json")
            asked.write_text(json.dumps(job), encoding="utf-8")
            command = [sys.executable, "-I", str(probe.__file__), str(asked), str(report)]
            done = subprocess.run(command, capture_output=True, timeout=due[-1] + 60, check=False)
            if not report.exists():
                said = done.stderr.decode(errors="replace").strip()[-300:]
                raise _no_answer(service.url, said)
            found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
            return found

    def step(self, rate: float, seconds: float) -> Step:
        """Offer a rate for so long."""
        count = max(1, round(rate * seconds))
        before = self.server.cpu_seconds() if self.server else 0.0
        step = step_of(rate, self.seen([number / rate for number in range(count)]))
        if self.server is None:
            return step
        spent = self.server.cpu_seconds() - before
        return replace(step, cpu_ms=round(1000 * spent / count, 3), memory_mb=round(self.server.memory_mb(), 1))


def loadtest(target: str, wanted: LoadWish, *, api_key: str | None = None, progress: Progress = silent) -> LoadReport:
    """Load a service with the requests of its contract. `target` is as for `verify`; what is not a URL is started here.

    Raises UsageError where there is no such target or no contract (NBD539), or one without an example (NBD754);
    EnvironmentProblem NBD756 where a shape is asked for and locust is missing; GateError NBD755: the lowest rate is not kept.
    """
    if wanted.shape:
        check_locust()
    with _service(target, api_key, progress) as asked:
        if not asked.contract.examples:
            message = f"the contract of {asked.contract.name} has no example to ask with"
            raise UsageError(Diagnostic(code="NBD754", message=message, fix="deploy it again with this nbdeploy"))
        asked.step(2.0, 2.0)  # the first requests of a server are slower: they are not counted
        steps = _climbed(asked, wanted, progress)
        shape = _shaped(asked, wanted, knee(steps) or wanted.first, progress) if wanted.shape else None
        start = asked.server.ready_seconds if asked.server else None
    sizing = sizing_from(steps, wanted.peak, wanted.usual, wanted.cores)
    return LoadReport(
        target=target,
        contract=asked.contract,
        steps=steps,
        sizing=sizing,
        advice=tuple(advice(steps, sizing, wanted.peak, start)),
        notes=tuple(_notes(asked, steps)),
        shape=shape,
    )


@contextmanager
def _service(target: str, key: str | None, progress: Progress) -> Iterator[Asked]:
    place = target_of(target)
    if place.folder is None:
        service = remote(place.url, key)
        heard = service.get("/contract")
        if heard.status != 200:
            raise _no_answer(service.url, f"GET /contract: {heard.status or heard.text}")
        yield Asked(service, read_contract(heard.text, f"what {service.url}/contract answers"))
        return
    contract = read_contract((place.folder / "contract.json").read_bytes(), str(place.folder / "contract.json"))
    check_installed()
    progress(Event("loadtest", "start", f"starting {place.shown}"))
    with running(place.served) as server:
        progress(Event("loadtest", "done"))
        yield Asked(remote(server.url, key), contract, server)


def _climbed(asked: Asked, wanted: LoadWish, progress: Progress) -> tuple[Step, ...]:
    limits = Limits(
        p99_ms=wanted.p99_ms or asked.contract.budgets.get("p99_ms_16", asked.contract.budgets.get("p99_ms"))
    )
    steps: list[Step] = []
    progress(Event("load", "start", "offering more and more requests a second"))
    while (rate := next_rate(steps, wanted.first, wanted.most)) is not None:
        progress(Event("load", "update", f"{rate:g} requests a second"))
        steps.append(judged(asked.step(rate, wanted.seconds), steps, limits))
        if not steps[-1].is_kept and len(steps) > 1:
            _settled(asked)
        if not steps[0].is_kept:
            progress(Event("load", "fail"))
            raise GateError(_not_kept(asked, steps[0]))
    progress(Event("load", "done"))
    return tuple(sorted(steps, key=lambda each: each.offered))


def _settled(asked: Asked) -> None:
    """Wait until the service has worked off what it was offered too much: else the next rate would pay for it."""
    for _ in range(SETTLING):
        if not asked.step(2.0, 1.0).errors:
            return


def _shaped(asked: Asked, wanted: LoadWish, rate: float, progress: Progress) -> dict[str, Any]:
    """Let locust's users play a shape, and the probe ask beside them, from the clock."""
    assert wanted.shape is not None
    plan = plan_of(wanted.shape, wanted.peak or rate, wanted.shape_seconds, wanted.calls, wanted.day)
    service = asked.service
    before = asked.server.cpu_seconds() if asked.server else 0.0
    progress(Event("shape", "start", f"{wanted.shape}, for {plan[-1][0]:g} seconds"))
    with tempfile.TemporaryDirectory(prefix="nbdeploy-locust-") as scratch:
        file, figures = Path(scratch, "locustfile.py"), Path(scratch, "figures")
        requests = [request for request, _ in asked.contract.examples]
        file.write_text(
            locustfile(asked.contract.name, wanted.shape, plan, requests, service.path("/predict")), "utf-8"
        )
        host = f"{service.address.scheme}://{service.address.netloc}"
        with playing(file, host, service.key, figures) as users:
            count = max(1, int(plan[-1][0] * BESIDE))
            beside = step_of(BESIDE, asked.seen([number / BESIDE for number in range(count)]))
            users.wait(timeout=plan[-1][0] + 60)
        played = read_played(figures)
    progress(Event("shape", "done"))
    spent = asked.server.cpu_seconds() - before if asked.server else None
    return {
        "name": wanted.shape,
        "plan": [list(each) for each in plan],
        "users": played.as_json(),
        "probe": beside.as_json(),
        "cpu_ms": _cpu_ms(spent, played, beside),
    }


def _cpu_ms(spent: float | None, played: Played, beside: Step) -> float | None:
    return None if spent is None else round(1000 * spent / max(1, played.requests + beside.requests), 3)


def _notes(asked: Asked, steps: Sequence[Step]) -> Iterator[str]:
    if asked.server is None:
        yield "CPU and memory can't be seen over HTTP: replicas follow from the knee, requests and limits are the usual ones"
    else:
        yield "the requests came from this machine and took CPU from the service: elsewhere it keeps up with more"
    late = max(each.late_ms for each in steps)
    if late > LATE_MS:
        yield f"the probe itself was up to {late:g} ms late: the machine was busy, and latencies are the worse for it"
    if all(each.is_kept for each in steps):
        yield f"the service kept up with all rates: --most {2 * steps[-1].offered:g} looks further"


def _not_kept(asked: Asked, step: Step) -> Diagnostic:
    message = f"{asked.service.url} does not keep up with {step.offered:g} requests a second: {step.why}; {dict(step.statuses)}"
    fix = "begin lower (--first 1), look at the service's log, or name the latency that is well (--slow)"
    return Diagnostic(code="NBD755", message=message, fix=fix)


def _no_answer(url: str, why: str) -> GateError:
    message = f"{url} can't be loaded: {why}"
    fix = "`nbdeploy verify` says what it answers; NBDEPLOY_API_KEY holds the key of a service that wants one"
    return GateError(Diagnostic(code="NBD755", message=message, fix=fix))
