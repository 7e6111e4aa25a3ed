from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nbdeploy.errors import UsageError
from nbdeploy.operating.release.state import State, stop
from nbdeploy.operating.release.store import Store

FIRST = State(name="churn", live="1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "churn")


def test_a_change_is_in_the_state_and_in_the_journal(store: Store) -> None:
    after = store.change(lambda state: stop(state, 1.0, "ada"), first=FIRST)
    assert store.read() == after
    assert [(each["seq"], each["event"], each["who"]) for each in store.journal()] == [(1, "stopped", "ada")]


@pytest.mark.parametrize("left", [b"", b'{"seq": 1, "at"'])
def test_what_a_killed_process_left_out_of_the_journal_is_added(store: Store, left: bytes) -> None:
    store.change(lambda state: stop(state, 1.0, "ada"), first=FIRST)
    (store.folder / "journal.jsonl").write_bytes(left)
    assert [each["seq"] for each in store.journal()] == [1]
    store.change(lambda state: stop(state, 2.0, "bob"))
    assert [(each["seq"], each["who"]) for each in store.journal()] == [(1, "ada"), (2, "bob")]


def test_a_transition_that_is_refused_changes_nothing(store: Store) -> None:
    store.change(lambda state: stop(state, 1.0, "ada"), first=FIRST)

    def refuse(state: State) -> State:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.change(refuse)
    assert [each["seq"] for each in store.journal()] == [1]


def test_many_at_once_come_one_after_the_other(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(40):
            pool.submit(store.change, lambda state, number=number: stop(state, number, "ada"), FIRST)
    assert [each["seq"] for each in store.journal()] == list(range(1, 41))
    assert store.state().revision == 40


def test_what_was_never_released_has_no_state(store: Store) -> None:
    assert store.read() is None
    with pytest.raises(UsageError, match="NBD720"):
        store.state()
