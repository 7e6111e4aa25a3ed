"""What commands ask for: each writes what is wanted, sees that a supervisor works, and waits for what it wants to see.

A command that is killed has changed what is wanted or has not; it never leaves anything half done.
"""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nbdeploy.errors import Diagnostic, EnvironmentProblem, GateError, UsageError
from nbdeploy.operating.release import haproxy
from nbdeploy.operating.release.__main__ import begin as begin_supervisor
from nbdeploy.operating.release.__main__ import is_supervised
from nbdeploy.operating.release.packages import Served, served
from nbdeploy.operating.release.state import (
    HOST,
    PORT,
    Fallback,
    Limits,
    Phase,
    Release,
    State,
    Strategy,
    begin,
    go_back,
    promote,
    stop,
)
from nbdeploy.operating.release.status import status
from nbdeploy.operating.release.store import Store

__all__ = ["STEPS", "Wish", "history", "promote_version", "release", "roll_back", "stop_service"]

STEPS = (5, 25, 50, 100)
LIMITS = Limits()
SECONDS = 600.0  # for a version to start and to be asked
ALIAS_SECONDS = 90.0
LOOK = 0.2

Told = Callable[[str], None]
"""Takes each new sentence about what is being waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a version is to be released; None leaves it as it was, or as it is by default."""

    strategy: Strategy
    version: str | None = None
    why: str = ""
    every: float = 60.0
    steps: tuple[int, ...] = STEPS
    header: tuple[str, str] | None = None
    user: str | None = None
    limits: Limits = LIMITS
    host: str | None = None
    port: int | None = None
    replicas: int | None = None
    fallback: Fallback | None = None


def release(name: str, wish: Wish, *, wait: bool = False, told: Told = lambda text: None) -> dict[str, Any]:
    """Release a version of a deployed service; return its status once requests reach it, with `wait` at the release's end.

    Raises UsageError NBD603, NBD721, NBD722, NBD725-NBD727: it can't be begun; GateError NBD728: it went back by itself;
    EnvironmentProblem NBD730: there is no HAProxy; NBD731: the supervisor did not get there in time.
    """
    haproxy.check_installed()
    store = Store.of(name)
    known = store.read()
    package = served(name, wish.version)
    _check(name, wish, known, package)
    who = _who()

    def wanted(state: State) -> State:
        asked = Release(
            id=0,
            version=package.version,
            strategy=wish.strategy,
            origin=None,
            who=who,
            why=wish.why,
            began=time.time(),
            every=wish.every,
            steps=wish.steps if wish.strategy is Strategy.CANARY else (),
            header=wish.header,
            user=wish.user,
            limits=wish.limits,
        )
        return begin(_set_up(state, wish), asked, package.gates)

    after = store.change(wanted, first=State(name=name))
    assert after.release is not None
    begun = after.release.id
    _until(store, lambda state: _shown(state, begun), SECONDS, told)
    if wait:
        _until(store, lambda state: state.release is None or state.release.id != begun, float("inf"), told)
    _raise_if_back(store, begun)
    return _settled(store, told)


def promote_version(name: str, *, why: str = "", told: Told = lambda text: None) -> dict[str, Any]:
    """Give the version on trial all requests now, or end its watch. Raises UsageError NBD720, NBD723."""
    store = Store.of(name)
    store.state()
    who = _who()
    store.change(lambda state: promote(state, time.time(), who, why))
    return _settled(store, told)


def roll_back(name: str, *, to: str | None = None, why: str = "", told: Told = lambda text: None) -> dict[str, Any]:
    """Let the version before answer again, or the version `to`. Raises UsageError NBD603, NBD720, NBD722, NBD724, NBD725."""
    store = Store.of(name)
    store.state()
    version = served(name, to).version if to is not None else None
    who = _who()
    after = store.change(lambda state: go_back(state, time.time(), who, why, to=version))
    if after.release is not None:
        begun = after.release.id
        _until(store, lambda state: _shown(state, begun), SECONDS, told)
        _raise_if_back(store, begun)
    return _settled(store, told)


def stop_service(name: str, *, told: Told = lambda text: None) -> dict[str, Any]:
    """End the proxy and all servers of a service; what was live stays on record. Raises UsageError NBD720."""
    store = Store.of(name)
    if not store.state().stopped:
        who = _who()
        store.change(lambda state: stop(state, time.time(), who))
    _supervised(store)  # where none is left, one is needed to end the rest
    if is_supervised(store.folder):
        told("the last answers are given, then all ends")
        end = time.monotonic() + SECONDS
        while is_supervised(store.folder) and time.monotonic() < end:
            time.sleep(LOOK)
    return status(name)


def history(name: str) -> list[dict[str, Any]]:
    """Return what happened to a service's versions, the oldest first. Raises UsageError NBD720."""
    store = Store.of(name)
    store.state()
    return store.journal()


def _set_up(state: State, wish: Wish) -> State:
    given: Mapping[str, Any] = {
        key: value for key in ("host", "port", "replicas", "fallback") if (value := getattr(wish, key)) is not None
    }
    return replace(state, **given)


def _check(name: str, wish: Wish, known: State | None, package: Served) -> None:
    """Refuse what could never come to be, before anything is changed."""
    fallback = wish.fallback or (known.fallback if known else None)
    if fallback is Fallback.DEFAULT and package.default() is None:
        message = f"the notebook of {name} documents no default answer"
        fix = 'put "fallback": VALUE into metadata.nbdeploy of the notebook and deploy it again, or use --fallback previous'
        raise UsageError(Diagnostic(code="NBD726", message=message, fix=fix))
    runs = known is not None and not known.stopped
    host, port = (wish.host or (known.host if known else None)), (wish.port or (known.port if known else None))
    if runs and known is not None and (host, port) != (known.host, known.port):
        message = f"{name} answers on {known.host}:{known.port} already"
        fix = f"leave --host and --port out, or `nbdeploy release stop {name}` first"
        raise UsageError(Diagnostic(code="NBD727", message=message, fix=fix))
    if not runs:
        _check_free(name, host or HOST, port or PORT)


def _check_free(name: str, host: str, port: int) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as problem:
            message = f"{name} can't answer on {host}:{port}: {problem.strerror}"
            fix = f"choose another port: --port {port + 1}"
            raise UsageError(Diagnostic(code="NBD727", message=message, fix=fix)) from None


def _shown(state: State, begun: int) -> bool:
    """Whether the release has left its start, or is over."""
    return state.release is None or state.release.id != begun or state.release.phase is not Phase.STARTING


def _until(store: Store, reached: Callable[[State], bool], seconds: float, told: Told) -> State:
    """Wait until the state has come so far; a supervisor is started where none works."""
    end, last = time.monotonic() + seconds, ""
    while True:
        state = store.state()
        if reached(state):
            return state
        _supervised(store)
        words = _words(state, store.observed())
        if words != last:
            told(words)
        last = words
        if time.monotonic() > end:
            message = f"{store.folder.name} did not get there in {seconds:.0f} seconds: {words}"
            fix = (
                f"`nbdeploy release status {store.folder.name}` says what it waits for; the logs lie in {store.folder}"
            )
            raise EnvironmentProblem(Diagnostic(code="NBD731", message=message, fix=fix))
        time.sleep(LOOK)


def _supervised(store: Store) -> None:
    if not is_supervised(store.folder):
        begin_supervisor(store.folder)
        end = time.monotonic() + 10.0
        while not is_supervised(store.folder) and time.monotonic() < end:
            time.sleep(LOOK / 2)


def _words(state: State, seen: Mapping[str, Any]) -> str:
    problems: Mapping[str, str] = seen.get("problems", {})
    if problems:
        return "; ".join(f"{what}: {why}" for what, why in problems.items())
    release = state.release
    if release is None:
        return f"{state.live} is live"
    if release.phase is Phase.STARTING:
        return f"{release.version} starts, and its contract is asked"
    judgement = seen.get("judgement") or {}
    share = f"{release.share} % of the requests" if release.phase is not Phase.MIRRORED else "shadow"
    return f"{release.version}: {share}, {judgement.get('reason', 'watched')}"


def _settled(store: Store, told: Told) -> dict[str, Any]:
    """Wait until the supervisor has done what is wanted and MLflow says so, too; its store may take its time."""
    revision = store.state().revision
    end = time.monotonic() + ALIAS_SECONDS
    while time.monotonic() < end:
        _supervised(store)
        seen = store.observed()
        if seen.get("revision", -1) >= revision and (seen.get("aliases") or "aliases" in seen.get("problems", {})):
            break
        told("MLflow's aliases follow")
        time.sleep(LOOK)
    return status(store.folder.name)


def _raise_if_back(store: Store, begun: int) -> None:
    """Raise GateError NBD728 where the release went back by itself, or somebody took it back."""
    ends = [each for each in store.journal() if each["release"] == begun and each["event"] == "rolled back"]
    if ends and not _is_way_back(store, begun):
        end = ends[-1]
        message = f"{store.folder.name} {end['version']} was rolled back by {end['who']}: {end['why']}"
        fix = f"`nbdeploy release history {store.folder.name}` has the figures; {end['live'] or 'no version'} is live"
        raise GateError(Diagnostic(code="NBD728", message=message, fix=fix))


def _is_way_back(store: Store, begun: int) -> bool:
    return any(each["release"] == begun and each["event"] == "rollback begun" for each in store.journal())


def _who() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):
        return socket.gethostname()
