"""Which servers must run, and how the proxy must route, for what is wanted and what is there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nbdeploy.operating.release.state import Fallback, Phase, State, running

__all__ = [
    "FALLBACK",
    "LANES",
    "NOTHING",
    "REPLICAS",
    "SAMPLED",
    "Routing",
    "Server",
    "Slot",
    "missing",
    "routing",
    "unwanted",
]

LANES = ("a", "b", "c", "d", "e")
"""Places in the proxy for a version each: live, on trial, before, and two that are being drained."""

REPLICAS = 8  # servers that a lane can hold
FALLBACK = "fallback"
NOTHING = "-"
SAMPLED = 20  # requests a second that a canary's answers are compared for; of a shadow's all are


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs. `ready` once it was asked and said so; from then on the proxy sees for itself.

    `lost` is one whose first process is gone: what is left of it may answer until another takes its place.
    """

    version: str
    lane: str
    index: int
    port: int
    pid: int = 0
    ready: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """A server's place in the proxy: `backend/name` leads to `port`, or takes nothing new where it is `drained`."""

    backend: str
    name: str
    port: int
    drained: bool = False


@dataclass(frozen=True, slots=True)
class Routing:
    """What the proxy is told: its slots, and the words that its rules look up."""

    slots: frozenset[Slot] = frozenset()
    words: tuple[tuple[str, str], ...] = ()

    @property
    def word(self) -> Mapping[str, str]:
        return dict(self.words)


def missing(state: State, servers: Sequence[Server]) -> Iterator[tuple[str, str, int]]:
    """Give the servers to start: version, lane, index. A version without a free lane has to wait."""
    lanes = {each.version: each.lane for each in servers}
    for version in running(state):
        free = (lane for lane in LANES if lane not in lanes.values())
        lane = lanes.get(version) or next(free, None)
        if lane is None:
            continue
        lanes[version] = lane
        there = {each.index for each in servers if each.version == version and not each.lost}
        yield from ((version, lane, index) for index in range(state.replicas) if index not in there)


def unwanted(state: State, servers: Iterable[Server]) -> list[Server]:
    """Return the servers that nothing needs: of other versions, more than were asked for, lost and replaced."""
    wanted = running(state)
    sound = {(each.version, each.index) for each in servers if each.ready and not each.lost}
    return [
        each
        for each in servers
        if each.version not in wanted
        or each.index >= state.replicas
        or (each.lost and (each.version, each.index) in sound)
    ]


def routing(state: State, servers: Sequence[Server], defaults: int | None = None) -> Routing:
    """Return how requests must go. `defaults` is the port that answers with the documented default."""
    gone = set(unwanted(state, servers))
    lanes = {each.version: each.lane for each in servers if each not in gone}
    seen = sorted((each for each in servers if each.ready), key=lambda each: each.lost, reverse=True)
    by_place = {(each.lane, f"s{each.index}"): each for each in seen}  # a sound one takes the place of a lost one
    slots = {Slot(*place, each.port, drained=each in gone) for place, each in by_place.items()}
    behind, word = _behind(state, servers, defaults)
    words = _words(state, lanes)
    for lane in LANES:
        is_candidate = lane == words["candidate"]
        ports = _ports(servers, state.live) if is_candidate else behind
        slots |= (
            {Slot(lane, f"f{place}", port) for place, port in enumerate(ports)} if lane in lanes.values() else set()
        )
        words[f"fallback-{lane}"] = "live" if is_candidate else word
    slots |= {Slot(FALLBACK, f"s{place}", port) for place, port in enumerate(behind)}
    words[FALLBACK] = word if behind else NOTHING
    return Routing(frozenset(slots), tuple(sorted(words.items())))


def _words(state: State, lanes: Mapping[str, str]) -> dict[str, str]:
    release = state.release
    lane = lanes.get(state.candidate or "", NOTHING)
    seen = release is not None and release.phase is Phase.SHARED and lane != NOTHING
    header = release.header if release and seen else None
    return {
        "live": lanes.get(state.live or "", NOTHING),
        "candidate": lane if seen else NOTHING,
        "share": str(release.share if release and seen else 0),
        "salt": f"{state.name}-{release.id}" if release else NOTHING,
        "header": header[0].lower() if header else NOTHING,
        "value": header[1] if header else NOTHING,
        "user": release.user.lower() if release and release.user and seen else NOTHING,
        "mirror": _mirrored(state),
    }


def _mirrored(state: State) -> str:
    """Say which requests are shown to the other version, too: all, so many a second, or none."""
    release = state.release
    if release is None or release.back or release.origin is None or release.phase is Phase.STARTING:
        return NOTHING
    if release.origin not in running(state):
        return NOTHING
    return "all" if release.phase is Phase.MIRRORED else str(SAMPLED)


def _behind(state: State, servers: Sequence[Server], defaults: int | None) -> tuple[list[int], str]:
    """Return the ports that answer when the live version can't, and the word for them."""
    if state.fallback is Fallback.DEFAULT:
        return ([defaults] if defaults else []), "default"
    if state.fallback is Fallback.PREVIOUS and state.previous in running(state):
        return _ports(servers, state.previous), "previous"
    return [], NOTHING


def _ports(servers: Iterable[Server], version: str | None) -> list[int]:
    return [each.port for each in servers if each.version == version and each.ready][:REPLICAS]
