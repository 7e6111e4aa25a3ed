"""A version's way through a release: brought up, asked, watched, judged, and let on or taken back."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nbdeploy.operating.release.comparison import Compared, compared_from
from nbdeploy.operating.release.figures import Requests
from nbdeploy.operating.release.fleet import Fleet, last_words
from nbdeploy.operating.release.judge import Evidence, Judgement, Verdict, judge
from nbdeploy.operating.release.packages import Served, served
from nbdeploy.operating.release.plan import Server
from nbdeploy.operating.release.state import Phase, Release, State, advance, expose, go_back, running, settle
from nbdeploy.operating.release.store import Store

__all__ = ["AUTOMATIC", "Trial"]

AUTOMATIC = "nbdeploy (automatic)"
START_SECONDS = 240.0  # for a version to come up
STARTS = 3  # of each of its servers
BASELINE_SECONDS = 300.0  # of the version before, to compare with


@dataclass(slots=True)
class Step:
    """What is remembered of the step that goes on. `contract` as in `Evidence`."""

    key: tuple[Any, ...] = ()
    since: float = 0.0
    asked: bool = False
    contract: str | None = None


class Trial:
    """Decides about the release that goes on."""

    def __init__(self, store: Store, fleet: Fleet, requests: Requests) -> None:
        self.store = store
        self.fleet = fleet
        self.requests = requests
        self.judgement: Judgement | None = None
        self._step = Step()
        self._began = time.time()

    def decide(self, state: State, servers: Sequence[Server]) -> None:
        """Bring the release one step further, or back."""
        release = state.release
        if release is None or state.stopped:
            self.judgement = None
            return
        if self._step.key != _key(release):
            if self._step.key[:1] != (release.id,):
                self.fleet.starts.pop(release.version, None)
            self._step = Step(_key(release), max(release.since, self._began))  # what was not watched does not count
            self.judgement = None
        own = [each for each in servers if each.version == release.version and each.ready and not each.lost]
        if release.phase is Phase.STARTING:
            self._bring_up(state, release, own, servers)
            return
        self._ask_contract(state.name, release, own)
        self._act(release, judge(release, self._evidence(state, release, servers)))

    def _act(self, release: Release, found: Judgement) -> None:
        self.judgement = found
        figures = {**found.figures, "reason": found.reason}
        if found.verdict is Verdict.BACK:
            self._back(release, found.reason, figures)
        elif found.verdict is Verdict.ON and release.phase is Phase.SHARED:
            self._change(release, lambda state: advance(state, time.time(), figures))
        elif found.verdict is Verdict.ON and release.phase is Phase.WATCHED:
            self._change(release, lambda state: settle(state, time.time(), figures))

    def _bring_up(self, state: State, release: Release, own: Sequence[Server], servers: Sequence[Server]) -> None:
        """Expose the version once all its servers are ready and it has kept its contract."""
        late = time.time() - self._step.since > START_SECONDS
        if len(own) < state.replicas:
            if late or self.fleet.starts.get(release.version, 0) > STARTS * state.replicas:
                self._back(release, f"it did not start: {last_words(self.fleet.folder, release.version)}", {})
            return
        if release.back:
            self._step.contract = ""  # it was live before, and every second counts
        self._ask_contract(state.name, release, own)
        if self._step.contract:
            why = f"it does not keep its contract: {self._step.contract}"
            self._back(release, why, {"contract": self._step.contract})
        elif self._step.contract == "":
            before = self.requests.since(_lane(state.live, servers), release.began - BASELINE_SECONDS)
            baseline = before.p99_ms if before.requests >= release.limits.requests else None
            self._change(release, lambda now: expose(now, time.time(), baseline))

    def _evidence(self, state: State, release: Release, servers: Sequence[Server]) -> Evidence:
        began = self._step.since
        return Evidence(
            seconds=time.time() - began,
            own=self.requests.since(_lane(release.version, servers), began),
            before=self.requests.since(_lane(release.origin, servers), began),
            compared=self._compared(release),
            comparable=release.origin in running(state),
            contract=self._step.contract,
            crashes=max(0, self.fleet.starts.get(release.version, 0) - state.replicas),
        )

    def _compared(self, release: Release) -> Compared:
        try:
            data = json.loads((self.store.folder / "comparison.json").read_text(encoding="utf-8"))
            return compared_from(data, release.id)
        except (OSError, ValueError, LookupError):
            return Compared()

    def _ask_contract(self, name: str, release: Release, own: Sequence[Server]) -> None:
        """Ask the version what its contract promises, once a step, in a thread."""
        if self._step.asked or self._step.contract is not None or not own:
            return
        self._step.asked = True
        package = served(name, release.version)
        threading.Thread(target=_ask, args=(self._step, package, own[0].port), daemon=True).start()

    def _back(self, release: Release, why: str, figures: dict[str, Any]) -> None:
        self._change(release, lambda state: go_back(state, time.time(), AUTOMATIC, why, figures=figures))

    def _change(self, release: Release, transition: Callable[[State], State]) -> None:
        """Change the state, unless somebody else was faster."""

        def unless_changed(state: State) -> State:
            now = state.release
            return transition(state) if now is not None and _key(now) == _key(release) else state

        self.store.change(unless_changed)


def _ask(step: Step, package: Served, port: int) -> None:
    from nbdeploy.proving.verify import verify

    try:
        found = verify(f"http://127.0.0.1:{port}", api_key=package.key, load=False)
    except Exception as problem:  # whatever it was: what can't be asked is not let on
        step.contract = f"it can't be asked: {problem}"[:300]
        return
    faults = [each.reason for each in found.findings if each.fault is not None]
    step.contract = "; ".join(faults)[:300]


def _key(release: Release) -> tuple[Any, ...]:
    return release.id, release.phase, release.step


def _lane(version: str | None, servers: Sequence[Server]) -> str | None:
    return next((each.lane for each in servers if each.version == version), None)
