"""What is wanted of one service's versions, and how that may change. Values in, values out; nothing is run here.

    begin     a version is to be tried          STARTING: its servers start, its contract is asked
    expose    it may be seen                    MIRRORED (shadow), SHARED (canary) or WATCHED (it has all the traffic)
    advance   a step went well                  the next share; after the last one WATCHED
    settle    the watch is over                 no release goes on; the version is simply live
    go_back   at any time                       the version before answers again

`live` is who answers. It changes in two places: where a release comes to WATCHED, and in `go_back`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from nbdeploy.errors import Diagnostic, UsageError

__all__ = [
    "HOST",
    "PORT",
    "Event",
    "Fallback",
    "Limits",
    "Phase",
    "Release",
    "State",
    "Strategy",
    "advance",
    "begin",
    "expose",
    "go_back",
    "promote",
    "settle",
    "state_from",
    "stop",
]

HOST, PORT = "127.0.0.1", 3000
REMEMBERED = 20  # versions that were live before


class Strategy(StrEnum):
    RECREATE = "recreate"
    BLUE_GREEN = "blue-green"
    CANARY = "canary"
    SHADOW = "shadow"


class Phase(StrEnum):
    STARTING = "starting"
    MIRRORED = "mirrored"
    SHARED = "shared"
    WATCHED = "watched"


class Fallback(StrEnum):
    """Who answers when the live version can't."""

    PREVIOUS = "previous"
    DEFAULT = "default"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a version on trial may do. Shares are 0 to 1, times milliseconds.

    Without `p99_ms` a slow answer is one that takes `slower` times the p99 of the version before. `drift` is Wasserstein's
    distance over the standard deviation for numbers, the Jensen-Shannon distance for classes. Less than `requests`
    requests show nothing.
    """

    errors: float = 0.01
    p99_ms: float | None = None
    slower: float = 3.0
    disagreement: float = 0.10
    drift: float = 0.20
    requests: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version on trial. `every` are the seconds of a step, `steps` percents, `since` when this phase or step began.

    `header` (name, value) names requests that always go to the version on trial; `user` a header whose value decides who
    is part of the share, so that a user stays. `baseline_ms` is the p99 of the version before. `back` marks a way back
    to a version that has to be started first.
    """

    id: int
    version: str
    strategy: Strategy
    origin: str | None
    who: str
    why: str = ""
    began: float
    every: float = 60.0
    steps: tuple[int, ...] = ()
    header: tuple[str, str] | None = None
    user: str | None = None
    limits: Limits = Limits()
    phase: Phase = Phase.STARTING
    step: int = 0
    since: float = 0.0
    baseline_ms: float | None = None
    back: bool = False

    @property
    def share(self) -> int:
        """The percent of requests that the version on trial answers."""
        if self.phase is Phase.WATCHED:
            return 100
        return self.steps[self.step] if self.phase is Phase.SHARED else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A line of the journal: what happened to which version, who wanted it, why, and what was known then."""

    seq: int
    at: float
    event: str
    version: str | None
    release: int | None = None
    live: str | None = None
    who: str = ""
    why: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict, hash=False)
    gates: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is wanted of a service. `past` are the versions that were live before, the latest last.

    `warm` says whether the version before is kept running; `event` is the latest change, already in the journal or about to be.
    """

    name: str
    host: str = HOST
    port: int = PORT
    replicas: int = 1
    fallback: Fallback = Fallback.PREVIOUS
    live: str | None = None
    past: tuple[str, ...] = ()
    warm: bool = True
    release: Release | None = None
    stopped: bool = False
    revision: int = 0
    event: Event | None = None

    @property
    def previous(self) -> str | None:
        return self.past[-1] if self.past else None

    @property
    def candidate(self) -> str | None:
        """The version on trial, as long as it is not the live one."""
        return self.release.version if self.release and self.release.phase is not Phase.WATCHED else None

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def begin(state: State, release: Release, gates: Mapping[str, str]) -> State:
    """Try a version. Raises UsageError NBD721: another release goes on; NBD722: it is live already."""
    settled = _over(state, release.began)
    if settled.release is not None:
        raise _going_on(state)
    if release.version == settled.live and not state.stopped:
        message = f"{state.name} {release.version} is live already"
        raise _refused("NBD722", message, f"`nbdeploy release status {state.name}` shows it; name another version")
    wanted = replace(release, id=state.revision + 1, origin=settled.live, since=release.began)
    happened = "rollback begun" if release.back else "release begun"
    began = replace(settled, release=wanted, stopped=False)
    return _noted(began, happened, release.began, version=wanted.version, who=wanted.who, why=wanted.why, gates=gates)


def expose(state: State, now: float, baseline_ms: float | None = None) -> State:
    """Let the version that has started and kept its contract be seen, as its strategy says."""
    release = _going(state)
    exposed = replace(release, since=now, baseline_ms=baseline_ms)
    if state.live is None or release.back or state.live == release.version:
        return _made_live(state, exposed, now, watched=False)
    if release.strategy is Strategy.SHADOW:
        shadowing = replace(state, release=replace(exposed, phase=Phase.MIRRORED))
        return _noted(shadowing, "shadowing", now, version=release.version)
    if release.strategy is Strategy.CANARY and release.steps[0] < 100:
        shared = replace(state, release=replace(exposed, phase=Phase.SHARED))
        return _noted(shared, f"{release.steps[0]} % shared", now, version=release.version)
    return _made_live(state, exposed, now, watched=True)


def advance(state: State, now: float, figures: Mapping[str, Any]) -> State:
    """Give a canary its next share; the last one makes it live."""
    release = _going(state)
    following = release.step + 1
    if following >= len(release.steps) or release.steps[following] >= 100:
        return _made_live(state, replace(release, since=now), now, watched=True, figures=figures)
    shared = replace(state, release=replace(release, step=following, since=now))
    happened = f"{release.steps[following]} % shared"
    return _noted(shared, happened, now, version=release.version, figures=figures)


def promote(state: State, now: float, who: str, why: str = "") -> State:
    """Give the version on trial all the traffic now, or end its watch. Raises UsageError NBD723: there is nothing to promote."""
    release = state.release
    if release is None or release.phase is Phase.STARTING:
        message = f"no version of {state.name} is on trial" if release is None else "its servers are still starting"
        tries = f"`nbdeploy release canary {state.name}:VERSION` tries one"
        fix = f"{tries}; `nbdeploy release status {state.name}` shows what goes on"
        raise _refused("NBD723", message, fix)
    if release.phase is Phase.WATCHED:
        return settle(state, now, {}, who=who, why=why)
    return _made_live(state, replace(release, since=now), now, watched=True, who=who, why=why)


def settle(state: State, now: float, figures: Mapping[str, Any], who: str = "", why: str = "") -> State:
    """End the watch: the version has shown itself."""
    release = _going(state)
    done = replace(state, release=None)
    return _noted(done, "watch over", now, version=release.version, figures=figures, who=who or release.who, why=why)


def go_back(
    state: State, now: float, who: str, why: str, *, to: str | None = None, figures: Mapping[str, Any] | None = None
) -> State:
    """Let the version before answer again, or the version `to`; a release that goes on ends.

    Raises UsageError NBD724: there is no version to go back to; NBD722: `to` is live already.
    """
    release, bare = state.release, replace(state, release=None)
    unmoved = release is not None and release.phase is not Phase.WATCHED  # the live version was never left
    if unmoved and to in (None, state.live):
        assert release is not None
        return _noted(bare, "rolled back", now, version=release.version, who=who, why=why, figures=figures, of=release)
    target = to if to is not None else state.previous
    if target is None:
        message = f"no version of {state.name} was live before"
        raise _refused("NBD724", message, "name one: --to VERSION")
    if target == state.live:
        raise _refused("NBD722", f"{state.name} {target} is live already", "name another version")
    if target in running(state):
        back = replace(bare, live=target, past=_before(state.past, target), warm=True)
        return _noted(back, "rolled back", now, version=state.live, who=who, why=why, figures=figures, of=release)
    way = Release(
        id=state.revision + 1,
        version=target,
        strategy=Strategy.BLUE_GREEN if state.warm else Strategy.RECREATE,
        origin=state.live,
        who=who,
        why=why,
        began=now,
        since=now,
        back=True,
    )
    started = replace(bare, release=way)
    return _noted(started, "rollback begun", now, version=target, who=who, why=why, figures=figures, of=release)


def stop(state: State, now: float, who: str) -> State:
    """Want nothing to run any more; what is live stays on record."""
    return _noted(replace(state, release=None, stopped=True), "stopped", now, version=state.live, who=who)


def running(state: State) -> tuple[str, ...]:
    """Return the versions that must run, the most important one first."""
    release = state.release
    if state.stopped:
        return ()
    if release is not None and release.strategy is Strategy.RECREATE:
        return (release.version,)
    kept = state.previous if state.warm else None
    found = (state.live, release.version if release else None, kept)
    return tuple(dict.fromkeys(each for each in found if each is not None))


def state_from(data: Mapping[str, Any]) -> State:
    """Read back what `State.as_json` gave."""
    release, event = data.get("release"), data.get("event")
    return State(
        **{
            **data,
            "fallback": Fallback(data["fallback"]),
            "past": tuple(data["past"]),
            "release": _release_from(release) if release else None,
            "event": Event(**event) if event else None,
        }
    )


def _release_from(data: Mapping[str, Any]) -> Release:
    header = data["header"]
    return Release(
        **{
            **data,
            "strategy": Strategy(data["strategy"]),
            "phase": Phase(data["phase"]),
            "steps": tuple(data["steps"]),
            "header": (header[0], header[1]) if header else None,
            "limits": Limits(**data["limits"]),
        }
    )


def _made_live(
    state: State,
    release: Release,
    now: float,
    *,
    watched: bool,
    figures: Mapping[str, Any] | None = None,
    who: str = "",
    why: str = "",
) -> State:
    past = _before(state.past, release.version) if release.back else _after(state, release.version)
    live = replace(
        state,
        live=release.version,
        past=past,
        warm=release.strategy is not Strategy.RECREATE,
        release=replace(release, phase=Phase.WATCHED) if watched else None,
    )
    happened = "rolled back" if release.back else "promoted"
    version = state.live if release.back else release.version
    return _noted(
        live,
        happened,
        now,
        version=version,
        figures=figures,
        who=who or release.who,
        why=why or release.why,
        of=release,
    )


def _after(state: State, version: str) -> tuple[str, ...]:
    """Return what was live before, once `version` is live: each version once, where it was last."""
    seen = [*state.past, *([state.live] if state.live else [])]
    return tuple(each for each in dict.fromkeys(reversed(seen)) if each != version)[:REMEMBERED][::-1]


def _before(past: tuple[str, ...], version: str) -> tuple[str, ...]:
    """Return what was live before `version` was; what came after it is forgotten, or a second way back would lead there."""
    return past[: past.index(version)] if version in past else past


def _over(state: State, now: float) -> State:
    """Let the next release end a watch whose time is over, even if too few requests came to judge by."""
    release = state.release
    over = release is not None and release.phase is Phase.WATCHED and now - release.since >= release.every
    return replace(state, release=None) if over else state


def _noted(
    state: State,
    happened: str,
    now: float,
    *,
    version: str | None,
    who: str = "",
    why: str = "",
    figures: Mapping[str, Any] | None = None,
    gates: Mapping[str, str] | None = None,
    of: Release | None = None,
) -> State:
    """Raise the revision, and say what happened: who writes the state writes the journal, too."""
    release = of or state.release
    event = Event(
        seq=state.revision + 1,
        at=now,
        event=happened,
        version=version,
        release=release.id if release else None,
        live=state.live,
        who=who or (release.who if release else ""),
        why=why,
        figures=figures or {},
        gates=gates or {},
    )
    return replace(state, revision=state.revision + 1, event=event)


def _going(state: State) -> Release:
    if state.release is None:
        raise RuntimeError("no release goes on")  # the supervisor asks before
    return state.release


def _going_on(state: State) -> UsageError:
    release = _going(state)
    message = f"a {release.strategy} of {state.name} {release.version}, begun by {release.who}, is {release.phase}"
    fix = f"`nbdeploy release promote {state.name}` or `nbdeploy release rollback {state.name} --why TEXT` ends it"
    return _refused("NBD721", message, fix)


def _refused(code: str, message: str, fix: str) -> UsageError:
    return UsageError(Diagnostic(code=code, message=message, fix=fix))
