"""How many versions are tried at once, and what becomes of those that die. Real ones are served in tests/e2e/test_sidebar.py."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nbdeploy.errors import UsageError
from nbdeploy.frontends.trying import MOST, Trial, Trials
from nbdeploy.home import save_deployment

NOBODY = ("127.0.0.1", 9)  # nothing listens there


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Trials]:
    """Trials of the versions 1 to 9 of `tiny`, whose servers are ready at once and answer nothing."""

    @contextlib.contextmanager
    def running(*_: Any, **__: Any) -> Iterator[Any]:
        yield SimpleNamespace(address=NOBODY)

    monkeypatch.setattr("nbdeploy.proving.server.running", running)
    for version in "123456789":
        save_deployment("tiny", version, {"name": "tiny", "bento_path": str(tmp_path)})
    found = Trials()
    yield found
    found.stop_all()


def started(trials: Trials, version: str) -> Trial:
    trial = trials.started("tiny", version, ("python",))
    assert trial.settled.wait(10)
    return trial


def test_a_version_is_served_once(trials: Trials) -> None:
    assert started(trials, "1") is started(trials, "1")


def test_one_more_than_the_most_ends_the_oldest(trials: Trials) -> None:
    all_of_them = [started(trials, str(number)) for number in range(1, MOST + 2)]
    assert [each.state for each in all_of_them] == ["stopped"] + ["ready"] * MOST
    assert trials.get("tiny", "1") is None


def test_a_service_that_has_died_is_told_and_can_be_started_again(trials: Trials) -> None:
    dead = started(trials, "1")
    with pytest.raises(UsageError, match="NBD715"):
        dead.ask({"rows": []})
    assert dead.state == "stopped"
    assert started(trials, "1") is not dead


def test_a_version_without_a_bento_is_refused(trials: Trials) -> None:
    save_deployment("tiny", "1", {"name": "tiny", "version": "1"})
    with pytest.raises(UsageError, match="NBD708"):
        trials.started("tiny", "1", ("python",))


def test_a_python_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trial = Trial(tmp_path, (str(tmp_path / "no-python"),))
    trial.start()
    assert trial.settled.wait(30)
    assert trial.state == "failed"
    assert trial.problem is not None
    assert trial.problem.code == "NBD714"
