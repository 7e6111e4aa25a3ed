"""RabbitMQ: durable queues. What is not acknowledged is delivered again when the connection ends."""

from __future__ import annotations

import hashlib
import logging

from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage, RabbitQueue

from .line import BROKER_LOG, Line, Wish
from .messages import Message

__all__ = ["connected"]

logger = logging.getLogger("worker")


async def connected(wish: Wish, line: Line) -> RabbitBroker:
    """Return the broker, ready to start: what comes is answered, published, and only then acknowledged."""
    broker = RabbitBroker(
        wish.broker,
        default_channel=Channel(prefetch_count=wish.batch),
        apply_types=False,
        graceful_timeout=wish.patience,
        logger=BROKER_LOG,
        log_level=logging.DEBUG,
    )
    await broker.connect()
    for topic in (wish.out, wish.dead):
        await broker.declare_queue(RabbitQueue(topic, durable=True))

    @broker.subscriber(RabbitQueue(wish.topic, durable=True), ack_policy=AckPolicy.MANUAL, decoder=undecoded)
    async def answer(message: RabbitMessage) -> None:
        try:
            reply = await line.one(read(message))
            await broker.publish(
                reply.body,
                wish.place_of(reply),
                message_id=reply.id,
                headers={"key": str(reply.key)},
                content_type="application/json",
                persist=True,
            )
        except Exception:
            logger.exception("a message could not be answered; it is delivered again")
            await message.nack()
            return
        line.sent([reply])
        await message.ack()

    return broker


async def undecoded(message: RabbitMessage) -> RabbitMessage:
    """Hand on what came as it is: its body is read by the package's schema."""
    return message


def read(message: RabbitMessage) -> Message:
    """Read a message. The broker has no name of its own for it: where the sender gave none, its content is its name."""
    raw = message.raw_message
    place = raw.message_id or hashlib.sha256(raw.body).hexdigest()
    key = (raw.headers or {}).get("key")
    return Message(raw.body, place, None if key is None else str(key))
