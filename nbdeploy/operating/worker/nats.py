"""NATS JetStream: subjects, kept in streams; a durable pull consumer that the workers of a group share."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.message import NatsBatchMessage
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from .line import BROKER_LOG, Line, Wish
from .messages import Message, Reply

__all__ = ["connected"]

logger = logging.getLogger("worker")
LATENCY = 0.05  # seconds: how long a message may wait for others to be predicted with
PAUSE = 1.0  # seconds, before what could not be answered is delivered again


async def connected(wish: Wish, line: Line) -> NatsBroker:
    """Return the broker, ready to start: what comes is answered, published, and only then acknowledged."""
    broker = NatsBroker(
        wish.broker,
        apply_types=False,
        max_reconnect_attempts=-1,
        graceful_timeout=wish.patience,
        logger=BROKER_LOG,
        log_level=logging.DEBUG,
    )
    jetstream = (await broker.connect()).jetstream()
    streams = {topic: await stream_of(topic, jetstream) for topic in (wish.topic, wish.out, wish.dead)}

    subscriber = broker.subscriber(
        wish.topic,
        stream=JStream(streams[wish.topic], declare=False),
        durable=allowed(wish.group),
        config=ConsumerConfig(ack_wait=wish.patience),
        deliver_policy=DeliverPolicy.ALL,
        pull_sub=PullSub(batch_size=wish.batch, timeout=LATENCY, batch=True),
        ack_policy=AckPolicy.MANUAL,
        decoder=undecoded,
    )

    @subscriber
    async def answer(message: NatsBatchMessage) -> None:
        try:
            replies = await line.all([read(each) for each in message.raw_message])
            await asyncio.gather(*(publish(each) for each in replies))
        except Exception:
            logger.exception("%d messages could not be answered; they are delivered again", len(message.raw_message))
            await message.nack(delay=PAUSE)
            return
        await message.ack()
        line.sent(replies)

    async def publish(reply: Reply) -> None:
        topic, headers = wish.place_of(reply), {"Nats-Msg-Id": reply.id}
        await jetstream.publish(topic, reply.body, stream=streams[topic], headers=headers, timeout=wish.patience)

    line.when_started.append(lambda: one_kind_of_timeout(subscriber.subscription))
    return broker


def one_kind_of_timeout(subscription: Any) -> None:
    """Let `fetch` raise NATS' own TimeoutError alone: FastStream drops what it has already fetched at Python's."""
    fetch = subscription.fetch

    async def fetched(batch: int, timeout: float) -> list[Msg]:
        try:
            found: list[Msg] = await fetch(batch, timeout=timeout)
            return found
        except TimeoutError:
            raise NatsTimeout from None

    subscription.fetch = fetched


async def undecoded(message: NatsBatchMessage) -> NatsBatchMessage:
    """Hand on the messages as they are: what they hold is read by the package's schema."""
    return message


def read(message: Msg) -> Message:
    at, headers = message.metadata, message.headers or {}
    return Message(message.data, f"{at.stream}:{at.sequence.stream}", headers.get("key"))


async def stream_of(topic: str, jetstream: JetStreamContext) -> str:
    """Return the stream that keeps a subject; one is made where there is none."""
    try:
        return await jetstream.find_stream_name_by_subject(topic)
    except NotFoundError:
        name = allowed(topic)
        await jetstream.add_stream(name=name, subjects=[topic])
        logger.info("made the stream %s for the subject %s", name, topic)
        return name


def allowed(name: str) -> str:
    """Return a name as streams and consumers may have it: without dots, blanks and wildcards."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)
