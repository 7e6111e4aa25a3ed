"""What is live, what is on trial, and how both do: the state, beside what the supervisor saw last."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from nbdeploy.operating.release.__main__ import is_supervised
from nbdeploy.operating.release.state import Phase, State, running
from nbdeploy.operating.release.store import Store

__all__ = ["status"]

SILENT = {"supervisor": "it tells nothing at the moment"}
OLD = 5.0  # seconds after which what was seen is no longer how it is


def status(name: str) -> dict[str, Any]:
    """Return the status of a service as a JSON value. Raises UsageError NBD720: nothing was ever released.

    Shares are percents, times milliseconds; the figures are of the last five minutes.
    """
    store = Store.of(name)
    state, seen = store.state(), store.observed()
    supervised = is_supervised(store.folder)
    fresh = supervised and time.time() - seen.get("at", 0.0) < OLD
    return {
        "name": name,
        "url": f"http://{state.host}:{state.port}",
        "live": state.live,
        "previous": state.previous,
        "stopped": state.stopped,
        "fallback": str(state.fallback),
        "release": _release(state),
        "versions": [_version(state, version, seen) for version in _versions(state, seen)],
        "comparison": (seen.get("judgement") or {}).get("comparison"),
        "judgement": seen.get("judgement"),
        "fallbacks": seen.get("fallbacks", 0),
        "aliases_settled": bool(seen.get("aliases")),
        "supervisor": seen.get("supervisor") if supervised else None,
        "processes": seen.get("processes", []) if fresh else [],
        "problems": seen.get("problems", {}) | ({} if fresh or state.stopped else SILENT),
        "last": dataclasses.asdict(state.event) if state.event else None,
        "revision": state.revision,
    }


def _release(state: State) -> dict[str, Any] | None:
    release = state.release
    if release is None:
        return None
    told = dataclasses.asdict(release)
    return {**told, "strategy": str(release.strategy), "phase": str(release.phase), "share": release.share}


def _versions(state: State, seen: Mapping[str, Any]) -> list[str]:
    there = [each["version"] for each in seen.get("servers", [])]
    return list(dict.fromkeys([*running(state), *([state.live] if state.live else []), *there]))


def _version(state: State, version: str, seen: Mapping[str, Any]) -> dict[str, Any]:
    servers = [each for each in seen.get("servers", []) if each["version"] == version]
    return {
        "version": version,
        "role": _role(state, version),
        "share": _share(state, version),
        "healthy": sum(each["ready"] and not each["lost"] for each in servers),
        "replicas": state.replicas if version in running(state) else 0,
        "servers": servers,
        **seen.get("figures", {}).get(version, {}),
    }


def _role(state: State, version: str) -> str:
    if version == state.live:
        return "live"
    release = state.release
    if release is not None and version == release.version:
        return {Phase.STARTING: "starting", Phase.MIRRORED: "shadow"}.get(release.phase, "on trial")
    return "previous" if version == state.previous and version in running(state) else "leaving"


def _share(state: State, version: str) -> int:
    share = state.release.share if state.release and state.candidate else 0
    return 100 - share if version == state.live else share if version == state.candidate else 0
