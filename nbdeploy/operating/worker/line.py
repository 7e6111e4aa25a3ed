"""What every broker's file gets: what the worker was asked for, and the replies to messages as they come."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .messages import Message, Reply

__all__ = ["BROKER_LOG", "Line", "Wish"]

logger = logging.getLogger("worker")
BROKER_LOG = logging.getLogger("worker.broker")
BROKER_LOG.setLevel(logging.WARNING)  # FastStream tells of each message
TELL_EVERY = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Wish:
    """Where messages come from and go to. `batch` is the most that are predicted at once.

    A message that was taken and not acknowledged within `patience` seconds is delivered again, to any worker of the `group`.
    """

    broker: str
    topic: str
    out: str
    dead: str
    group: str
    batch: int = 256
    patience: float = 30.0

    def place_of(self, reply: Reply) -> str:
        return self.dead if reply.dead else self.out


@dataclass(slots=True)
class Line:
    """Messages in, replies out: in a thread, so that the connection to the broker stays alive while the model computes."""

    replies: Callable[[Sequence[Message]], list[Reply]]
    most: int
    answered: int = 0
    dead: int = 0
    when_started: list[Callable[[], None]] = field(default_factory=list)
    _waiting: list[tuple[Message, asyncio.Future[Reply]]] = field(default_factory=list)
    _working: asyncio.Task[None] | None = None
    _told: float = field(default_factory=time.monotonic)

    async def all(self, messages: Sequence[Message]) -> list[Reply]:
        """Reply to messages that came together."""
        return await asyncio.to_thread(self.replies, messages)

    async def one(self, message: Message) -> Reply:
        """Reply to one message, together with those that wait at the same time."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, future))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # what came in the same moment goes along
            taken, self._waiting = self._waiting[: self.most], self._waiting[self.most :]
            try:
                replies = await self.all([message for message, _ in taken])
            except Exception as problem:
                for _, future in taken:
                    future.set_exception(problem)
            else:
                for (_, future), reply in zip(taken, replies, strict=True):
                    future.set_result(reply)
        self._working = None

    def sent(self, replies: Sequence[Reply]) -> None:
        """Count what was published, and tell it now and then."""
        dead = sum(each.dead for each in replies)
        self.dead += dead
        self.answered += len(replies) - dead
        if time.monotonic() - self._told > TELL_EVERY:
            self._told = time.monotonic()
            logger.info("%s", self)

    def __str__(self) -> str:
        return f"{self.answered:,} answered, {self.dead:,} dead letters"
