from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from nbdeploy.operating.release import haproxy
from nbdeploy.operating.release.plan import Server, Slot, missing, routing, unwanted
from nbdeploy.operating.release.state import Fallback, Phase, Release, State, Strategy

ONE, TWO = Server("1", "a", 0, 4001, 11, ready=True), Server("2", "b", 0, 4002, 12, ready=True)
CANARY = Release(
    id=3,
    version="2",
    strategy=Strategy.CANARY,
    origin="1",
    who="ada",
    began=0.0,
    steps=(25, 100),
    phase=Phase.SHARED,
    user="X-User",
)
STATE = State(name="churn", live="1", release=CANARY)


def test_each_version_gets_a_lane_of_its_own_and_keeps_it() -> None:
    assert list(missing(replace(STATE, replicas=2), [ONE])) == [("1", "a", 1), ("2", "b", 0), ("2", "b", 1)]


def test_a_canary_has_its_share_and_the_live_version_behind_it() -> None:
    found = routing(STATE, [ONE, TWO])
    words = found.word
    assert {key: words[key] for key in ("live", "candidate", "share", "user", "mirror")} == {
        "live": "a", "candidate": "b", "share": "25", "user": "x-user", "mirror": "20",
    }  # fmt: skip
    assert Slot("b", "f0", 4001) in found.slots
    assert words["fallback-b"] == "live"


def test_a_version_that_is_starting_is_not_seen() -> None:
    starting = replace(STATE, release=replace(CANARY, phase=Phase.STARTING))
    found = routing(starting, [ONE, replace(TWO, ready=False)])
    assert (found.word["candidate"], found.word["share"]) == ("-", "0")
    assert {each.port for each in found.slots} == {4001}


def test_the_version_before_answers_when_the_live_one_can_t() -> None:
    after = State(name="churn", live="2", past=("1",))
    found = routing(after, [ONE, TWO])
    assert {Slot("b", "f0", 4001), Slot("fallback", "s0", 4001)} <= found.slots
    assert (found.word["fallback"], found.word["fallback-b"]) == ("previous", "previous")
    none = routing(replace(after, fallback=Fallback.NONE), [ONE, TWO])
    assert (none.word["fallback"], [each for each in none.slots if each.name == "f0"]) == ("-", [])
    default = routing(replace(after, fallback=Fallback.DEFAULT), [ONE, TWO], defaults=4009)
    assert Slot("fallback", "s0", 4009) in default.slots


def test_what_nothing_needs_is_drained() -> None:
    gone = Server("9", "c", 0, 4009, 19, ready=True)
    assert unwanted(STATE, [ONE, TWO, gone]) == [gone]
    assert Slot("c", "s0", 4009, drained=True) in routing(STATE, [ONE, TWO, gone]).slots


def test_what_is_left_of_a_lost_server_answers_until_another_one_is_ready() -> None:
    lost, fresh = replace(ONE, lost=True), replace(ONE, port=4011, pid=21, ready=False)
    assert list(missing(replace(STATE, release=None), [lost])) == [("1", "a", 0)]
    assert Slot("a", "s0", 4001) in routing(STATE, [lost, fresh]).slots
    now = replace(fresh, ready=True)
    assert Slot("a", "s0", 4011) in routing(STATE, [lost, now]).slots
    assert unwanted(replace(STATE, release=None), [lost, now]) == [lost]


def test_nothing_runs_once_it_is_stopped() -> None:
    stopped = replace(STATE, release=None, stopped=True)
    assert list(missing(stopped, [ONE])) == []
    assert unwanted(stopped, [ONE]) == [ONE]


def test_haproxy_takes_the_configuration_without_a_warning(tmp_path: Path) -> None:
    haproxy.write(tmp_path, "churn", "127.0.0.1", 3999, routing(STATE, [ONE, TWO]))
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert program is not None
    done = subprocess.run(
        [program, "-c", "-f", "haproxy.cfg"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "WARNING" in done.stdout + done.stderr) == (0, False), done.stderr
