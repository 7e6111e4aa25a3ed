"""Requests that are there at once are scored in one go, and each gets its own answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nbdeploy.packaging.together import Together


def run(work: Callable[[Together], Awaitable[Any]], score: Callable[[list[Any]], Any], seconds: float | None) -> Any:
    async def inside() -> Any:
        return await work(Together(score, seconds))

    return asyncio.run(inside())


class Doubling:
    """Doubles numbers; keeps the batches that it was asked. A number is held back until its event is set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.held: dict[int, threading.Event] = {}

    def __call__(self, values: list[int]) -> list[int | Exception]:
        self.batches.append(values)
        for each in values:
            self.held.get(each, _SET).wait(10)
        return [ValueError("odd") if each == 13 else 2 * each for each in values]


_SET = threading.Event()
_SET.set()


async def ask_all(queue: Together, *values: int, rows: int = 1) -> list[Any]:
    return await asyncio.gather(*(queue.ask(each, rows) for each in values), return_exceptions=True)


def test_what_is_there_at_the_same_time_is_one_batch() -> None:
    double = Doubling()
    assert run(lambda queue: ask_all(queue, 1, 2, 3), double, 1.0) == [2, 4, 6]
    assert double.batches == [[1, 2, 3]]


def test_one_by_one_where_batches_are_not_allowed() -> None:
    double = Doubling()
    assert run(lambda queue: ask_all(queue, 1, 2, 3), double, None) == [2, 4, 6]
    assert double.batches == [[1], [2], [3]]


def test_what_comes_while_a_batch_is_scored_is_the_next_one() -> None:
    double = Doubling()
    double.held[1] = threading.Event()

    async def work(queue: Together) -> list[int]:
        first = queue.ask(1, 1)
        while not double.batches:
            await asyncio.sleep(0.001)
        others = [queue.ask(each, 1) for each in (2, 3)]
        await asyncio.sleep(0.01)
        assert double.batches == [[1]]
        double.held[1].set()
        return [await each for each in (first, *others)]

    assert run(work, double, 1.0) == [2, 4, 6]
    assert double.batches == [[1], [2, 3]]


def test_a_fault_is_the_fault_of_one() -> None:
    first, second, third = run(lambda queue: ask_all(queue, 1, 13, 3), Doubling(), 1.0)
    assert (first, third) == (2, 6)
    assert isinstance(second, ValueError)


def test_a_score_that_breaks_down_answers_all_and_the_queue_goes_on() -> None:
    def score(values: list[int]) -> list[int]:
        if 0 in values:
            raise RuntimeError("broken")
        return values

    async def work(queue: Together) -> list[Any]:
        return [*await ask_all(queue, 0, 1), *await ask_all(queue, 2)]

    broken, other, after = run(work, score, 1.0)
    assert [type(broken), type(other), after] == [RuntimeError, RuntimeError, 2]


def test_nobody_is_scored_whose_client_is_gone() -> None:
    double = Doubling()

    async def work(queue: Together) -> int:
        gone, stays = queue.ask(1, 1), queue.ask(2, 1)
        gone.cancel()
        return await stays

    assert run(work, double, 1.0) == 4
    assert double.batches == [[2]]


@pytest.mark.parametrize(("seconds", "grows"), [(1000.0, True), (0.0, False)])
def test_batches_grow_while_they_are_quick_and_shrink_beyond(seconds: float, grows: bool) -> None:
    async def work(queue: Together) -> int:
        before = queue.most
        for _ in range(3):
            await ask_all(queue, *range(8), rows=8)
        return queue.most - before

    assert (run(work, Doubling(), seconds) > 0) is grows


def test_a_request_larger_than_a_batch_goes_alone() -> None:
    double = Doubling()

    async def work(queue: Together) -> list[Any]:
        return await asyncio.gather(queue.ask(1, 1), queue.ask(2, 10_000), queue.ask(3, 1))

    assert run(work, double, 1.0) == [2, 4, 6]
    assert double.batches == [[1], [2], [3]]
