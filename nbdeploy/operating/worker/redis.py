"""Redis Streams: a consumer group that the workers share. Replies and acknowledgement are one transaction."""

from __future__ import annotations

import logging
from typing import Any

from faststream import AckPolicy
from faststream.redis import BinaryMessageFormatV1, RedisBroker, StreamSub
from faststream.redis.message import RedisBatchStreamMessage
from redis.exceptions import ResponseError

from .line import BROKER_LOG, Line, Wish
from .messages import Message

__all__ = ["connected"]

logger = logging.getLogger("worker")
BODY = b"__data__"  # FastStream's own name for the field of an entry that holds the body


class Unread(BinaryMessageFormatV1):
    """Leaves an entry as it is: the body is read by the package's schema."""

    @classmethod
    def parse(cls, data: Any) -> tuple[bytes, dict[str, Any]]:
        return b"null", {}


async def connected(wish: Wish, line: Line) -> RedisBroker:
    """Return the broker, ready to start."""
    broker = RedisBroker(
        wish.broker, apply_types=False, graceful_timeout=wish.patience, logger=BROKER_LOG, log_level=logging.DEBUG
    )
    client = await broker.connect()
    await group_of(wish, client)

    async def answer(message: RedisBatchStreamMessage) -> None:
        entries = list(zip(message.raw_message["message_ids"], message.raw_message["data"], strict=True))
        try:
            replies = await line.all([read(place, fields) for place, fields in entries])
            async with client.pipeline(transaction=True) as together:
                for each in replies:
                    together.xadd(wish.place_of(each), {BODY: each.body, "key": str(each.key), "id": each.id})
                together.xack(wish.topic, wish.group, *(place for place, _ in entries))
                await together.execute()
        except Exception:
            logger.exception("%d messages could not be answered; they are delivered again", len(entries))
            return
        line.sent(replies)

    new = {"last_id": ">", "max_records": wish.batch, "polling_interval": 500}
    left = {"min_idle_time": int(wish.patience * 1000), "polling_interval": 1000}  # by a worker that is gone
    for which in (new, left):
        stream = StreamSub(wish.topic, group=wish.group, consumer=wish.group, batch=True, **which)
        broker.subscriber(stream=stream, message_format=Unread, decoder=undecoded, ack_policy=AckPolicy.MANUAL)(answer)
    return broker


async def undecoded(message: RedisBatchStreamMessage) -> RedisBatchStreamMessage:
    """Hand on the entries as they are."""
    return message


def read(place: bytes, fields: dict[bytes, bytes]) -> Message:
    """Read an entry: its body in `__data__` or `data`, framed by FastStream or as it is."""
    body, headers = BinaryMessageFormatV1.parse(fields.get(BODY) or fields.get(b"data") or b"")
    key = fields.get(b"key")
    return Message(body, place.decode(), key.decode(errors="replace") if key else headers.get("key"))


async def group_of(wish: Wish, client: Any) -> None:
    """Make the group where there is none; it begins with the first entry of the stream."""
    try:
        await client.xgroup_create(wish.topic, wish.group, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
