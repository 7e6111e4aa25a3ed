"""Scores requests that are there at the same time in one go, batch after batch; no request waits for others to come.

A batch is what has come by the time that the one before is done, or within the same turn of the event loop. It may grow
while it takes no longer than it should, and is halved beyond.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Together"]

QUICK_SECONDS = 0.01  # what takes no longer is done in the event loop: a thread costs more than it spares
MOST_ROWS = 100_000  # in one batch

logger = logging.getLogger("bentoml.serve")


class Waiting(NamedTuple):
    """A value of so many rows, its answer that is to come, and whether it must be scored by itself."""

    value: Any
    rows: int
    answer: asyncio.Future[Any]
    alone: bool


class Together:
    """A queue of one: `score` gets the inputs of one batch, and answers each; only one batch is scored at a time.

    `seconds` is what a batch of several requests may take, None: each request is scored by itself. An answer that is an
    exception is raised where it is waited for.
    """

    def __init__(self, score: Callable[[list[Any]], Sequence[Any]], seconds: float | None) -> None:
        self.score, self.seconds = score, seconds
        self.waiting: deque[Waiting] = deque()
        self.busy = False
        self.most = 64  # rows of a batch; one request may have more
        self.took: dict[int, float] = {}  # seconds by the binary length of the number of rows
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="score")

    def ask(self, value: Any, rows: int, *, alone: bool = False) -> asyncio.Future[Any]:
        """Return what will be the answer to a value of so many rows."""
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        self.waiting.append(Waiting(value, rows, answer, alone or self.seconds is None))
        if not self.busy:
            self.busy = True
            loop.call_soon(self._next)
        return answer

    def _next(self) -> None:
        """Score a batch of what waits: here, or in the thread where that takes longer."""
        batch, rows = self._taken()
        if not batch:
            self.busy = False
            return
        loop = asyncio.get_running_loop()
        values = [each.value for each in batch]
        if self.took.get(rows.bit_length(), 1.0) < QUICK_SECONDS:
            self._done(batch, rows, self._scored(values))
        else:
            scoring = loop.run_in_executor(self.thread, self._scored, values)
            scoring.add_done_callback(lambda done: self._done(batch, rows, done.result()))

    def _taken(self) -> tuple[list[Waiting], int]:
        """Take the first that waits, and others after it that fit; nobody waits for a cancelled one."""
        batch: list[Waiting] = []
        rows = 0
        while self.waiting and (not batch or self._fits(batch[0], rows)):
            each = self.waiting.popleft()
            if not each.answer.done():
                batch.append(each)
                rows += each.rows
        return batch, rows

    def _fits(self, first: Waiting, rows: int) -> bool:
        after = self.waiting[0]
        return not (first.alone or after.alone) and rows + after.rows <= self.most

    def _scored(self, values: list[Any]) -> tuple[Sequence[Any], float]:
        began = time.perf_counter()
        try:
            answers = self.score(values)
        except Exception as problem:
            logger.exception("scoring broke down")
            answers = [problem] * len(values)
        return answers, time.perf_counter() - began

    def _done(self, batch: list[Waiting], rows: int, scored: tuple[Sequence[Any], float]) -> None:
        answers, seconds = scored
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.answer.done():
                continue  # its client is gone
            if isinstance(answer, Exception):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)
        size = rows.bit_length()
        self.took[size] = 0.8 * self.took.get(size, seconds) + 0.2 * seconds
        if self.seconds is not None and len(batch) > 1:
            self._adapt(rows, seconds)
        asyncio.get_running_loop().call_soon(self._next)

    def _adapt(self, rows: int, seconds: float) -> None:
        assert self.seconds is not None
        if seconds > self.seconds:
            self.most = max(1, rows // 2)
        elif rows > self.most // 2 and seconds < self.seconds / 2:
            self.most = min(2 * self.most, MOST_ROWS)
