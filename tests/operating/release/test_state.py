from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbdeploy.errors import UsageError
from nbdeploy.operating.release.state import (
    Phase,
    Release,
    State,
    Strategy,
    advance,
    begin,
    expose,
    go_back,
    promote,
    running,
    settle,
    state_from,
    stop,
)

Move = Callable[[State, float], State]


def asked(
    version: str, strategy: Strategy = Strategy.BLUE_GREEN, *, at: float = 0.0, steps: tuple[int, ...] = ()
) -> Release:
    return Release(id=0, version=version, strategy=strategy, origin=None, who="ada", began=at, every=10.0, steps=steps)


def live(*versions: str) -> State:
    """Return the state after these versions were released one after the other."""
    state = State(name="churn")
    for version in versions:
        state = expose(begin(state, asked(version), {}), 0.0)
        state = settle(state, 0.0, {}) if state.release else state
    return state


def canary(state: State, version: str = "3", steps: tuple[int, ...] = (10, 50, 100)) -> State:
    return expose(begin(state, asked(version, Strategy.CANARY, steps=steps), {}), 0.0)


def test_the_first_version_is_live_at_once_for_there_is_nothing_to_go_back_to() -> None:
    state = live("1")
    assert (state.live, state.previous, state.release) == ("1", None, None)


def test_a_blue_green_switch_is_watched_with_the_version_before_still_running() -> None:
    state = expose(begin(live("1"), asked("2"), {}), 5.0)
    assert state.release is not None
    assert (state.live, state.previous, state.release.phase) == ("2", "1", Phase.WATCHED)
    assert running(state) == ("2", "1")


def test_a_canary_gets_its_shares_and_then_is_live() -> None:
    state, shares = canary(live("1", "2")), []
    while state.release is not None and state.release.phase is not Phase.WATCHED:
        shares.append((state.release.share, state.live))
        state = advance(state, 1.0, {})
    assert shares == [(10, "2"), (50, "2")]
    assert (state.live, state.past) == ("3", ("1", "2"))


def test_a_shadow_is_never_given_requests_until_it_is_promoted() -> None:
    state = expose(begin(live("1"), asked("2", Strategy.SHADOW), {}), 0.0)
    assert state.release is not None
    assert (state.release.phase, state.release.share, state.live) == (Phase.MIRRORED, 0, "1")
    assert promote(state, 1.0, "ada").live == "2"


def test_recreate_wants_one_version_at_a_time() -> None:
    state = begin(live("1"), asked("2", Strategy.RECREATE), {})
    assert running(state) == ("2",)
    assert running(expose(state, 0.0)) == ("2",)
    assert running(go_back(state, 1.0, "ada", "no")) == ("1",)


def test_going_back_twice_leads_to_the_one_before_that_and_not_to_the_bad_one() -> None:
    state = live("1", "2", "3")
    once = go_back(state, 1.0, "ada", "wrong")
    assert (once.live, once.past) == ("2", ("1",))
    with_start = go_back(once, 2.0, "ada", "wrong, too")
    assert (with_start.live or with_start.release) == "1"


def test_a_version_that_does_not_run_is_started_before_it_is_live() -> None:
    state = go_back(live("1", "2", "3"), 1.0, "ada", "all are wrong", to="1")
    assert state.release is not None
    assert (state.live, state.release.version, state.release.back) == ("3", "1", True)
    back = expose(state, 2.0)
    assert (back.live, back.past, back.release) == ("1", (), None)


def test_going_back_from_a_watch_leads_to_what_was_live_before() -> None:
    watched = expose(begin(live("1"), asked("2"), {}), 0.0)
    state = go_back(watched, 1.0, "nbdeploy", "errors")
    assert (state.live, state.past, state.release) == ("1", (), None)
    assert state.event is not None
    assert (state.event.event, state.event.version, state.event.release) == (
        "rolled back",
        "2",
        watched.release and watched.release.id,
    )


@pytest.mark.parametrize(
    ("move", "code"),
    [
        (lambda: begin(canary(live("1")), asked("4"), {}), "NBD721"),
        (lambda: begin(live("1"), asked("1"), {}), "NBD722"),
        (lambda: go_back(live("1", "2"), 0.0, "ada", "", to="2"), "NBD722"),
        (lambda: promote(live("1"), 0.0, "ada"), "NBD723"),
        (lambda: promote(begin(live("1"), asked("2"), {}), 0.0, "ada"), "NBD723"),
        (lambda: go_back(live("1"), 0.0, "ada", ""), "NBD724"),
    ],
)
def test_what_makes_no_sense_is_refused(move: Callable[[], State], code: str) -> None:
    with pytest.raises(UsageError, match=code):
        move()


def test_the_next_release_may_end_a_watch_whose_time_is_over() -> None:
    watched = expose(begin(live("1"), asked("2"), {}), 100.0)
    with pytest.raises(UsageError, match="NBD721"):
        begin(watched, asked("3", at=105.0), {})
    assert begin(watched, asked("3", at=111.0), {}).release is not None


MOVES: dict[str, Move] = {
    **{
        f"{strategy} {version}": lambda state, now, strategy=strategy, version=version: begin(  # type: ignore[misc]
            state, asked(version, strategy, at=now, steps=(5, 50, 100)), {}
        )
        for strategy in Strategy
        for version in "123"
    },
    "expose": lambda state, now: (
        expose(state, now) if state.release and state.release.phase is Phase.STARTING else state
    ),
    "advance": lambda state, now: (
        advance(state, now, {}) if state.release and state.release.phase is Phase.SHARED else state
    ),
    "settle": lambda state, now: (
        settle(state, now, {}) if state.release and state.release.phase is Phase.WATCHED else state
    ),
    "promote": lambda state, now: promote(state, now, "ada"),
    "back": lambda state, now: go_back(state, now, "ada", "why"),
    "back to 1": lambda state, now: go_back(state, now, "ada", "why", to="1"),
    "stop": lambda state, now: stop(state, now, "ada"),
}


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(MOVES)), st.floats(0, 30)), max_size=30))
def test_whatever_is_done_in_whatever_order_the_state_makes_sense(moves: list[tuple[str, float]]) -> None:
    state, now = State(name="churn"), 0.0
    for move, seconds in moves:
        now += seconds
        try:
            after = MOVES[move](state, now)
        except UsageError:
            continue
        if after is not state:
            assert after.revision == state.revision + 1
            assert after.event is not None
            assert after.event.seq == after.revision
            assert after.event.live == after.live
        if after.live != state.live:  # it changes where it is said to, and is told
            assert after.event is not None
            assert after.event.event in {"promoted", "rolled back"}
        state = after
        assert state.live not in state.past
        assert len(set(state.past)) == len(state.past)
        assert len(running(state)) <= 3
        if not state.stopped and state.live and not (state.release and state.release.strategy is Strategy.RECREATE):
            assert running(state)[0] == state.live
        assert state_from(json.loads(json.dumps(state.as_json()))) == replace(state)
