"""What a worker takes and gives: messages, and the replies to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Message", "Reply"]


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came. `place` is the broker's own name for it, the same each time that it is delivered.

    `key` is what its sender put beside the body, such as a header.
    """

    body: bytes
    place: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a message, or, where it can't be answered, the dead letter.

    `id` is made of the message and of the model's version alone, so that a message that is delivered twice is answered
    under one id.
    """

    id: str
    key: Any
    body: bytes
    dead: bool = False
