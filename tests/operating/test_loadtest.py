"""`nbdeploy loadtest`: the clock asks, overload is seen in rate and latency, and sizes follow from CPU time."""

from __future__ import annotations

import ast
import asyncio
import json
import shlex
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.errors import GateError, UsageError
from nbdeploy.operating.delivery.sizing import read_sizing
from nbdeploy.operating.loadtest import probe
from nbdeploy.operating.loadtest.ladder import Limits, Step, judged, knee, next_rate, step_of
from nbdeploy.operating.loadtest.loadtest import LoadWish, loadtest
from nbdeploy.operating.loadtest.locust import locustfile
from nbdeploy.operating.loadtest.probe import Probe
from nbdeploy.operating.loadtest.shapes import plan_of, read_day
from nbdeploy.operating.loadtest.sizes import advice, replicas_for, sizing_from
from tests.operating.deployed import deployed
from tests.proving.contracts import FakeService

if TYPE_CHECKING:
    from pathlib import Path

UNHURRIED = 60_000.0  # milliseconds: a limit that a busy machine keeps, too


def step(offered: float, achieved: float | None = None, **changes: Any) -> Step:
    told: dict[str, Any] = {
        "offered": offered,
        "achieved": offered if achieved is None else achieved,
        "requests": 100,
        "errors": 0,
        "p50_ms": 10.0,
        "p90_ms": 15.0,
        "p99_ms": 20.0,
        "max_ms": 25.0,
        "in_flight": offered * 0.01,
        "statuses": {"200": 100},
    }
    return Step(**{**told, **changes})


def climbed(capacity: float, first: float = 5.0, most: float = 2_000.0) -> list[Step]:
    """Climb a service that answers so many requests a second, and no more."""
    steps: list[Step] = []
    while (rate := next_rate(steps, first, most)) is not None:
        steps.append(judged(step(rate, min(rate, capacity)), steps, Limits()))
    return steps


# the ladder -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capacity", [6.0, 33.0, 150.0, 1_234.0])
def test_the_knee_is_found_within_a_quarter_and_in_few_steps(capacity: float) -> None:
    steps = climbed(capacity)
    found = knee(steps)
    assert found is not None
    assert capacity / 1.4 <= found <= capacity / 0.95
    assert len(steps) <= 12


def test_the_ladder_ends_where_nothing_faster_is_asked_for_and_where_nothing_is_kept() -> None:
    assert [each.offered for each in climbed(1e9, most=30.0)] == [5.0, 10.0, 20.0, 30.0]
    steps = climbed(1.0)
    assert (len(steps), knee(steps)) == (1, None)


def test_a_lucky_step_above_one_that_failed_is_no_knee() -> None:
    steps = [step(10.0), step(20.0, why="slow"), step(40.0)]
    assert knee(steps) == 10.0
    assert next_rate(steps, 5.0, 2_000.0) is None


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (step(40.0, 38.0), ""),
        (step(40.0, 37.0), "37 of 40 a second are achieved"),
        (step(40.0, errors=2), "2 of 100 requests got no answer"),
        (step(40.0, p99_ms=201.0), "p99 is 201 ms, above 200"),
    ],
)
def test_overload_shows_without_a_single_error(seen: Step, why: str) -> None:
    assert judged(seen, [step(5.0)], Limits()).why == why
    assert judged(step(40.0, p99_ms=21.0), [step(5.0)], Limits(p99_ms=20.0)).why == "p99 is 21 ms, above 20"


def test_a_step_is_told_from_latencies_since_the_due_time() -> None:
    seen = {
        "sent": 5,
        "latencies": [0.03, 0.01, 0.02, 0.09],
        "statuses": {"200": 4, "none": 1},
        "seconds": 2.0,
        "late": 0.0,
    }
    found = step_of(2.5, seen)
    assert (found.achieved, found.errors, found.p50_ms, found.max_ms) == (2.0, 1, 30.0, 90.0)
    assert found.in_flight == pytest.approx(2.0 * 0.0375, abs=0.005)


# sizes ----------------------------------------------------------------------------------------------------------------------


def test_replicas_are_those_of_the_arithmetic() -> None:
    """10.5 ms of CPU a request: 10,000 calls in half an hour, and in a minute."""
    capacity = 1000 / 10.5
    assert replicas_for(10_000 / 1_800, capacity) == 1 + 1
    assert replicas_for(10_000 / 60, capacity) == 3 + 1


def test_sizes_come_from_cpu_time_which_a_busy_machine_does_not_change() -> None:
    steps = [step(5.0, cpu_ms=11.0, memory_mb=180.0), step(20.0, cpu_ms=10.0, memory_mb=190.0), step(40.0, cpu_ms=10.4)]
    sizing = sizing_from([*steps, step(80.0, 33.0, cpu_ms=30.0, why="33 of 80")], peak=160.0, usual=30.0, cores=1.0)
    assert (sizing.least, sizing.most, sizing.cpu_millis, sizing.cpu_percent) == (2, 4, 1000, 65)
    assert (sizing.memory_request_mib, sizing.memory_limit_mib) == (192, 320)
    assert "10.4 ms of CPU a request, so 96.2 requests a second for a replica; 30 usual, 160 at the peak" in sizing.why
    more = sizing_from(steps, peak=160.0, usual=30.0, cores=0.5)
    assert (more.least, more.most, more.cpu_millis) == (2, 7, 500)
    told = advice(steps, sizing, 160.0, 9.0)
    assert "0.4 on the average at 40 a second" in told[0]
    assert "by the 40 a second that were kept here it would be 8 replicas" in told[1]
    assert "set minReplicas to 4 before it" in told[2]


def test_without_cpu_time_the_knee_has_to_do() -> None:
    sizing = sizing_from([step(20.0), step(40.0, why="slow")], peak=50.0, usual=None, cores=1.0)
    assert (sizing.least, sizing.most) == (2, 5)
    assert "the highest rate that was kept, so 20 requests a second" in sizing.why


# shapes ---------------------------------------------------------------------------------------------------------------------


def calls(plan: tuple[tuple[float, float], ...], first: float = 0.0, last: float = 1e9) -> float:
    total, begun = 0.0, 0.0
    for until, rate in plan:
        total += rate * max(0.0, min(until, last) - max(begun, first))
        begun = until
    return total


@pytest.mark.parametrize("number", [100, 1_000, 10_000])
def test_a_spike_has_its_calls_in_its_middle_third(number: int) -> None:
    plan = plan_of("spike", 1.0, 60.0, calls=number)
    assert calls(plan, 20.0, 40.0) == pytest.approx(number)
    assert calls(plan) == pytest.approx(1.2 * number)


def test_shapes_reach_their_rate_and_end_in_time(tmp_path: Path) -> None:
    for shape in ("steady", "ramp", "replay"):
        plan = plan_of(shape, 40.0, 30.0)
        assert max(rate for _, rate in plan) == 40.0
        assert plan[-1][0] == 30.0
    day = tmp_path / "day.txt"
    day.write_text("\n".join(["3600"] * 12 + ["36000"] * 12))
    assert plan_of("replay", 1.0, 24.0, day=read_day(day))[11:13] == ((12.0, 1.0), (13.0, 10.0))
    day.write_text("many\n")
    with pytest.raises(UsageError, match="NBD754"):
        read_day(day)


def test_the_file_for_locust_is_python_that_knows_nothing_of_nbdeploy() -> None:
    text = locustfile("risk", "spike", plan_of("spike", 1.0, 9.0), [{"rows": [{"age": None, "name": "<< plan"}]}])
    tree = ast.parse(text)
    imported = {each.names[0].name for each in ast.walk(tree) if isinstance(each, ast.Import)}
    assert imported == {"itertools", "json", "os"}
    assert "'name': '<< plan'" in text


# for real -------------------------------------------------------------------------------------------------------------------


@dataclass
class OneAtATime(FakeService):
    """A service that takes 40 ms for each request, one after the other: 25 a second, whatever the machine."""

    turn: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, rows: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        with self.turn:
            time.sleep(0.04)
            return super().answer(rows)


def test_latency_counts_from_when_a_request_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five requests are due at once and one connection sends them, so the last one waits for the four before it."""
    monkeypatch.setattr(probe, "CONNECTIONS", 1)
    with OneAtATime().running() as url:
        address = ["127.0.0.1", int(url.rpartition(":")[2])]
        seen = asyncio.run(Probe({"address": address, "bodies": ['{"rows": [{"age": 20.0}]}'], "due": [0.0] * 5}).run())
    assert seen["statuses"] == {"200": 5}
    assert max(seen["latencies"]) >= 5 * 0.04


def test_a_service_is_asked_until_it_does_not_keep_up(tmp_path: Path) -> None:
    with OneAtATime().running() as url:
        found = loadtest(url, LoadWish(first=4.0, seconds=1.0, peak=100.0, p99_ms=UNHURRIED))
    assert found.knee is not None
    assert found.knee <= 30.0, "it can't answer more than 25 a second"
    last = found.steps[-1]
    assert not last.is_kept
    assert (last.errors, last.why.endswith("a second are achieved")) == (0, True)
    assert last.max_ms > found.steps[0].p50_ms, "those that waited for their turn are counted from when they were due"
    assert found.sizing.most == replicas_for(100.0, found.knee)
    assert found.steps[0].cpu_ms is None
    assert "CPU and memory can't be seen over HTTP" in found.notes[0]


def test_a_service_that_refuses_or_is_not_there_is_a_failure() -> None:
    with (
        FakeService(status=503).running() as url,
        pytest.raises(GateError, match=r"NBD755 .*5 of 5 requests got no answer.*503"),
    ):
        loadtest(url, LoadWish(first=10.0, seconds=0.5))
    with pytest.raises(GateError, match=r"NBD755 .*can't be loaded"):
        loadtest(url, LoadWish())


@pytest.mark.slow
def test_users_of_locust_play_a_shape_and_the_figures_become_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NBDEPLOY_API_KEY", "word")
    deployed("1")
    out, users = tmp_path / "loadtest.json", tmp_path / "locustfile.py"
    command = [sys.executable, "-m", "nbdeploy.frontends.cli"]
    options = shlex.split("--first 4 --most 8 --seconds 1 --shape spike --shape-seconds 4 --calls 100")
    options += ["--slow", str(UNHURRIED), "--peak", "30", "--out", str(out), "--locustfile", str(users)]
    with FakeService(key="word").running() as url:
        ran = subprocess.run([*command, "loadtest", url, *options], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    shape = json.loads(out.read_text(encoding="utf-8"))["shape"]
    assert shape["users"]["requests"] > 20
    assert (shape["users"]["failures"], shape["probe"]["errors"], shape["probe"]["requests"]) == (0, 0, 8)
    assert "one replica keeps 8 requests a second" in ran.stdout
    ast.parse(users.read_text(encoding="utf-8"))
    sizing = read_sizing(out)
    assert sizing.most == replicas_for(30.0, 8.0) == 7
    options = ["--target", "kubernetes", "--sizing", str(out), "--out", str(tmp_path), "--json"]
    ran = subprocess.run([*command, "ci", "risk", *options], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    scaler = (tmp_path / "deploy/risk/kubernetes/base/hpa.yaml").read_text(encoding="utf-8")
    assert f"minReplicas: {sizing.least}\n  maxReplicas: 7\n" in scaler
