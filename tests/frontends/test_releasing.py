from __future__ import annotations

import json
from pathlib import Path

import pytest

from nbdeploy.frontends.cli import main
from nbdeploy.operating.release.state import Release, State, Strategy, begin, expose, go_back
from nbdeploy.operating.release.store import Store

SECOND = Release(id=0, version="2", strategy=Strategy.BLUE_GREEN, origin=None, who="ada@here", why="better", began=1.0)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def rolled_back(home: Path) -> None:
    """Leave a service whose second version was taken back; nothing of it runs."""
    store = Store.of("churn")
    store.change(lambda state: begin(state, SECOND, {"faithful": "pass"}), first=State(name="churn", live="1"))
    store.change(lambda state: expose(state, 2.0))
    store.change(lambda state: go_back(state, 3.0, "bob@there", "complaints", figures={"errors": 7}))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["blue-green", "churn", "--steps", "5,100"], "--steps is not for blue-green"),
        (["canary", "churn", "--to", "1"], "--to is not for canary"),
        (["canary", "churn", "--steps", "50,5,100"], "must be rising percents that end with 100"),
        (["canary", "churn", "--steps", "5,50"], "must be rising percents that end with 100"),
        (["canary", "churn", "--steps", "0,100"], "shows the version to nobody"),
        (["canary", "churn", "--header", "X-Beta"], "must be NAME=VALUE"),
        (["canary", "churn", "--limit", "error=1"], "KEY one of errors"),
        (["canary", "churn", "--every", "0"], "is no number of seconds"),
        (["shadow", "churn", "--replicas", "9"], "not a number from 1 to 8"),
        (["sideways", "churn"], "'sideways' is not known"),
        (["status", "churn"], "NBD720"),
        (["status", "../churn"], "NBD602"),
        (["blue-green", "churn"], "NBD603"),
    ],
)
def test_what_makes_no_sense_is_refused_with_2(
    words: list[str], told: str, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["release", *words]) == 2
    assert told in " ".join(capfd.readouterr().err.split())


def test_the_history_says_who_why_and_what_was_seen(rolled_back: None, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["release", "history", "churn", "--json"]) == 0
    events = json.loads(capfd.readouterr().out)["events"]
    assert [(each["event"], each["live"], each["who"]) for each in events] == [
        ("release begun", "1", "ada@here"),
        ("promoted", "2", "ada@here"),
        ("rolled back", "1", "bob@there"),
    ]
    assert (events[0]["gates"], events[2]["figures"]) == ({"faithful": "pass"}, {"errors": 7})
    assert main(["release", "history", "churn"]) == 0
    assert "2 rolled back by bob@there: complaints; live: 1" in capfd.readouterr().out


def test_the_status_is_told_also_when_nothing_runs(rolled_back: None, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["release", "status", "churn", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["live"], found["release"], found["supervisor"]) == ("1", None, None)
    assert found["versions"][0] | {"servers": []} == {
        "version": "1", "role": "live", "share": 100, "healthy": 0, "replicas": 1, "servers": [],
    }  # fmt: skip
    assert found["problems"] == {"supervisor": "it tells nothing at the moment"}
    assert main(["release", "status", "churn"]) == 0
    assert "live: 1" in capfd.readouterr().out


def test_the_unit_runs_this_environment_s_supervisor(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["release", "unit", "churn"]) == 0
    text = capfd.readouterr().out
    assert f"Environment=NBDEPLOY_HOME={home}\n" in text
    assert "release run churn\n" in text
