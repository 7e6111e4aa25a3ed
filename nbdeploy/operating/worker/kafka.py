"""Kafka: a consumer group. A batch's offsets are committed when all of its replies are published."""

from __future__ import annotations

import asyncio
import logging

from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from .line import BROKER_LOG, Line, Wish
from .messages import Message

__all__ = ["connected"]

logger = logging.getLogger("worker")
PAUSE = 1.0  # seconds, before a batch is tried again


async def connected(wish: Wish, line: Line) -> KafkaBroker:
    """Return the broker, ready to start."""
    broker = KafkaBroker(
        wish.broker.partition("://")[2].split(","),
        acks="all",
        enable_idempotence=True,
        apply_types=False,
        graceful_timeout=wish.patience,
        logger=BROKER_LOG,
        log_level=logging.DEBUG,
    )
    await broker.connect()

    @broker.subscriber(
        wish.topic,
        group_id=wish.group,
        batch=True,
        max_records=wish.batch,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        decoder=undecoded,
    )
    async def answer(message: KafkaMessage) -> None:
        records = message.raw_message
        while True:
            try:
                replies = await line.all([read(each) for each in records])
                sent = [
                    broker.publish(each.body, wish.place_of(each), key=str(each.key).encode(), headers={"id": each.id})
                    for each in replies
                ]
                await asyncio.gather(*sent)
                break
            except Exception:
                logger.exception("%d messages could not be answered; they are tried again", len(records))
                await asyncio.sleep(PAUSE)
        line.sent(replies)
        await message.ack()

    return broker


async def undecoded(message: KafkaMessage) -> KafkaMessage:
    """Hand on what came as it is: its body is read by the package's schema."""
    return message


def read(record: object) -> Message:
    place = f"{record.topic}-{record.partition}-{record.offset}"  # type: ignore[attr-defined]
    key = record.key  # type: ignore[attr-defined]
    return Message(record.value or b"", place, key.decode(errors="replace") if key else None)  # type: ignore[attr-defined]
