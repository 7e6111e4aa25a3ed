from __future__ import annotations

from dataclasses import replace

import pytest

from nbdeploy.operating.release.comparison import Compared
from nbdeploy.operating.release.figures import Sample
from nbdeploy.operating.release.judge import Evidence, Verdict, judge
from nbdeploy.operating.release.state import Limits, Phase, Release, Strategy

CANARY = Release(
    id=7,
    version="2",
    strategy=Strategy.CANARY,
    origin="1",
    who="ada",
    began=0.0,
    every=60.0,
    steps=(10, 100),
    phase=Phase.SHARED,
)
STEADY = Sample(1000, 0, (5.0,) * 1000)
GOOD = Evidence(seconds=61.0, own=STEADY, before=STEADY, compared=Compared(rows=500), contract="")


def sample(requests: int, errors: int = 0, ms: float = 5.0) -> Sample:
    return Sample(requests, errors, (ms,) * (requests - errors))


def test_a_version_that_kept_all_limits_for_its_time_goes_on() -> None:
    assert judge(CANARY, GOOD).verdict is Verdict.ON


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (replace(GOOD, own=sample(400, 20)), "20 of 400 requests failed"),
        (replace(GOOD, own=Sample(300, 0, (5.0,) * 270 + (400.0,) * 30)), "30 of 300 answers took more than 30 ms"),
        (
            replace(GOOD, compared=Compared(rows=400, different=400, disagreed=100)),
            "disagrees with the version before on 25.0%",
        ),
        (replace(GOOD, compared=Compared(rows=400, drift=0.6)), "distributed otherwise: distance 0.60"),
        (replace(GOOD, contract="3 of 10 examples are answered otherwise"), "does not keep its contract: 3 of 10"),
        (replace(GOOD, crashes=3), "servers ended 3 times"),
    ],
)
def test_a_broken_limit_takes_it_back_before_its_time_is_over(evidence: Evidence, reason: str) -> None:
    found = judge(CANARY, replace(evidence, seconds=2.0))
    assert (found.verdict, reason in found.reason) == (Verdict.BACK, True), found.reason


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (replace(GOOD, seconds=59.0), "59 of 60 seconds"),
        (replace(GOOD, own=Sample()), "0 of the 50 requests"),
        (replace(GOOD, compared=Compared()), "0 of the 50 compared answers"),
        (replace(GOOD, contract=None), "contract is being asked"),
        (replace(GOOD, own=sample(60, 1)), "failed, which may still be chance"),
    ],
)
def test_what_is_not_known_yet_lets_nothing_pass(evidence: Evidence, reason: str) -> None:
    found = judge(CANARY, evidence)
    assert (found.verdict, reason in found.reason) == (Verdict.WAIT, True), found.reason


def test_one_failure_among_few_requests_is_no_reason_to_go_back() -> None:
    assert judge(CANARY, replace(GOOD, own=sample(20, 1))).verdict is Verdict.WAIT


def test_what_the_version_before_suffers_from_is_not_the_new_one_s_fault() -> None:
    both = replace(GOOD, own=sample(1000, 50), before=sample(1000, 50))
    assert judge(CANARY, both).verdict is Verdict.ON


def test_a_shadow_is_judged_by_what_the_witness_saw() -> None:
    shadow = replace(CANARY, strategy=Strategy.SHADOW, phase=Phase.MIRRORED)
    seen = replace(GOOD, own=Sample(), compared=Compared(sample(200, 20), rows=180))
    assert "20 of 200 requests failed" in judge(shadow, seen).reason


def test_the_limits_are_the_user_s() -> None:
    strict = replace(CANARY, limits=Limits(p99_ms=4.0))
    assert "took more than 4 ms" in judge(strict, GOOD).reason
    lax = replace(CANARY, limits=Limits(errors=0.1))
    assert judge(lax, replace(GOOD, own=sample(400, 20))).verdict is Verdict.ON
