"""Real servers behind a real HAProxy: each test goes on where the one before has left the service."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbdeploy.errors import GateError, UsageError
from nbdeploy.operating.release.control import Wish, history, promote_version, release, roll_back, stop_service
from nbdeploy.operating.release.state import Fallback, Limits, Strategy
from nbdeploy.operating.release.status import status
from tests.operating.release.versions import NAME, REQUEST, version

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
DEFAULT = -1.0


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Release version 1, with the documented default behind it; end all that runs at the end."""
    folder = tmp_path_factory.mktemp("release")
    with pytest.MonkeyPatch.context() as patch, socket.socket() as free:
        patch.setenv("NBDEPLOY_HOME", str(folder / "home"))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *sys.path]))
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        free.close()
        version(folder, "1", default=DEFAULT)
        version(folder, "2", "errors", default=DEFAULT)
        try:
            yield number
        finally:
            stop_service(NAME)


def released(port: int, number: str, strategy: Strategy = Strategy.BLUE_GREEN, **given: Any) -> dict[str, Any]:
    asked = {"port": port, "every": 2.0, "limits": Limits(requests=20), **given}
    return release(NAME, Wish(strategy=strategy, version=number, why="a test", **asked))


def ask(port: int) -> tuple[Any, Any]:
    """Return the version that answered and the word for it where it was a fallback; the status where there was no answer."""
    body = json.dumps(REQUEST).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as heard:
            return json.loads(heard.read())["version"], heard.headers.get("X-Fallback")
    except urllib.error.HTTPError as problem:
        return problem.code, None
    except OSError:
        return 0, None


def until(reached: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, status(NAME)
        time.sleep(0.05)


def process(kind: str) -> int:
    until(lambda: any(each["part"].startswith(kind) for each in status(NAME)["processes"]))
    pid: int = next(each["pids"][0] for each in status(NAME)["processes"] if each["part"].startswith(kind))
    return pid


def test_the_first_version_answers_once_it_was_asked_for_its_contract(port: int) -> None:
    found = released(port, "1", fallback=Fallback.DEFAULT)
    assert (found["live"], found["release"], ask(port)) == ("1", None, ("1", None))


def test_two_at_once_do_not_break_it(port: int) -> None:
    with pytest.raises(UsageError, match="NBD722"):
        released(port, "1")


def test_a_killed_supervisor_is_followed_by_the_one_that_stands_by(port: int) -> None:
    before = status(NAME)["supervisor"]
    os.kill(before, signal.SIGKILL)
    assert ask(port) == ("1", None)
    until(lambda: status(NAME)["supervisor"] not in (before, None))


def test_a_killed_proxy_is_back_within_seconds(port: int) -> None:
    os.kill(process("proxy"), signal.SIGKILL)
    until(lambda: ask(port)[0] == "1", seconds=15)


def test_the_documented_default_answers_and_is_marked_while_the_server_is_gone(port: int) -> None:
    until(lambda: any(each["part"].startswith("defaults") for each in status(NAME)["processes"]))
    server = next(each for each in status(NAME)["processes"] if each["part"].startswith("server"))
    for pid in server["pids"]:
        os.kill(pid, signal.SIGKILL)
    until(lambda: ask(port) == ("default", "default"), seconds=10)
    until(lambda: ask(port) == ("1", None))
    metrics = urllib.request.urlopen(f"http://127.0.0.1:{port}/proxy/metrics", timeout=10).read().decode()
    assert 'haproxy_frontend_http_requests_total{proxy="rescue"' in metrics
    fallback = [
        line
        for line in metrics.splitlines()
        if "server_http_responses_total" in line and 'server="f0",code="2xx"' in line
    ]
    assert sum(float(line.split()[-1]) for line in fallback) > 0


def test_a_shadow_is_asked_everything_and_answers_nothing(port: int) -> None:
    released(port, "2", Strategy.SHADOW, limits=Limits(errors=1.0))
    until(lambda: any(each["part"].startswith("witness") for each in status(NAME)["processes"]))
    asked = {ask(port) for _ in range(20)}
    assert asked == {("1", None)}
    until(lambda: (status(NAME)["comparison"] or {}).get("rows") == 20)
    found = status(NAME)
    assert (found["comparison"]["different"], found["comparison"]["dropped"], found["live"]) == (0, 0, "1")


def test_a_promotion_is_on_record_and_a_rollback_takes_a_moment(port: int) -> None:
    assert promote_version(NAME, why="it is better")["live"] == "2"
    until(lambda: ask(port)[0] == "2", seconds=5)
    assert roll_back(NAME, why="it is not")["live"] == "1"
    until(lambda: ask(port) == ("1", None), seconds=5)
    ends = [(each["event"], each["version"], each["why"]) for each in history(NAME)[-2:]]
    assert ends == [("promoted", "2", "it is better"), ("rolled back", "2", "it is not")]


def test_a_canary_that_fails_is_taken_back_and_users_get_the_fallback_meanwhile(port: int) -> None:
    until(lambda: [each["version"] for each in status(NAME)["versions"]] == ["1"])
    released(port, "2", Strategy.CANARY, steps=(50, 100), every=60.0)
    seen = [ask(port) for _ in range(20)]
    end = time.monotonic() + 60
    while status(NAME)["release"] is not None and time.monotonic() < end:
        seen.append(ask(port))
    assert {each for each in seen if each[0] not in ("1", "2", "default")} == set()
    last = history(NAME)[-1]
    assert (last["event"], last["version"], last["live"], last["who"]) == (
        "rolled back",
        "2",
        "1",
        "nbdeploy (automatic)",
    )
    assert "requests failed" in last["why"] or "contract" in last["why"]
    assert last["figures"]["requests"] > 0
    assert ("1", "live") in seen or "contract" in last["why"]  # nobody was told that the version on trial had failed


def test_a_version_that_breaks_its_contract_is_never_seen(port: int) -> None:
    version(Path(os.environ["NBDEPLOY_HOME"]).parent, "3", "broken", default=DEFAULT)
    with pytest.raises(GateError, match=r"NBD728.*does not keep its contract"):
        released(port, "3")
    assert (status(NAME)["live"], ask(port)) == ("1", ("1", None))


def test_nothing_is_left_when_it_is_stopped(port: int) -> None:
    stop_service(NAME)
    assert ask(port) == (0, None)
    assert not [each for each in Path("/proc").glob("[0-9]*/environ") if _is_of(each)]


def _is_of(environ: Path) -> bool:
    try:
        return f"NBDEPLOY_RELEASE_OF={os.environ['NBDEPLOY_HOME']}".encode() in environ.read_bytes()
    except OSError:
        return False
