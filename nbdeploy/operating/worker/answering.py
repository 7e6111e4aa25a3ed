"""From messages to replies, by the package's own `schema.py` and `predict`; knows no broker."""

from __future__ import annotations

import hashlib
import importlib
import itertools
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from .messages import Message, Reply

__all__ = ["Answering"]

logger = logging.getLogger("worker")
MAX_KEY = 256  # characters
MAX_ERROR = 2_000  # characters of an exception's text
MAX_REPLY = 900_000  # bytes: NATS and Kafka take messages of a million if nothing else was settled
SYSTEM_FAULTS = (ImportError, MemoryError, OSError, SystemError)  # no fault of a message: it is to be delivered again


class Refused(Exception):
    """A message can't be answered; `problems` name row, field and fault, as the service's do."""

    def __init__(self, error: str, problems: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(error)
        self.problems = list(problems)


def fault(field: str | None, message: str) -> Refused:
    """Return the refusal of a message as a whole, or of one field of it."""
    where = f"field {field!r}: " if field else ""
    return Refused(where + message, [{"row": None, "field": field, "message": message}])


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that was read: its key, and the value that it asks for (of a package that answers by row: rows)."""

    message: Message
    key: Any
    value: Any

    @property
    def request_id(self) -> str:
        """The same for the same key and body, however often it is sent and delivered."""
        return hashlib.sha256(to_json(self.key) + b"\n" + self.message.body).hexdigest()[:32]


class Answering:
    """The package in `folder`, asked message by message.

    A message is one row as JSON, or a request as the service takes it (`{"rows": [...]}`), with an optional "key" beside
    it. `key` names the field that holds the key instead. Without either it is the sender's header, else the message's place.
    """

    def __init__(self, folder: Path, key: str | None = None) -> None:
        contract = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
        self.name, self.version = str(contract["name"]), str(contract["version"])
        self.field, self.by_row = contract["request"]["field"], contract["request"]["by_row"]
        gates = {each["name"]: each["verdict"] for each in contract["gates"]}
        self.together = self.by_row and gates.get("rowwise") == "pass"  # else the rows beside it may change an answer
        self.key = key
        self.predict = importlib.import_module(contract["module"]).predict
        self.schema = importlib.import_module(f"{contract['module']}.schema")
        self.parse = self.schema.parse_rows if self.field == "rows" else self.schema.parse_input
        self.columns: frozenset[str] = getattr(self.schema, "KEYS", frozenset())

    def replies(self, messages: Sequence[Message]) -> list[Reply]:
        """Reply to each message, in their order. Raises SYSTEM_FAULTS."""
        read = [self._read(each) for each in messages]
        asked = [each for each in read if isinstance(each, Asked)]
        if self.together:
            answered = iter(self._together(asked))
        else:
            answered = iter([reply for each in asked for reply in self._together([each])])
        return [each if isinstance(each, Reply) else next(answered) for each in read]

    def _together(self, asked: list[Asked]) -> list[Reply]:
        """Ask for all at once; where that is refused, for halves, until those at fault are found."""
        if not asked:
            return []
        try:
            return [self._reply(each, found) for each, found in zip(asked, self._predictions(asked), strict=True)]
        except Refused as refused:
            if len(asked) == 1:
                return [self._dead(asked[0], refused)]
        middle = len(asked) // 2
        return self._together(asked[:middle]) + self._together(asked[middle:])

    def _predictions(self, asked: list[Asked]) -> list[Any]:
        if not self.by_row:
            return [self._predicted(each.value) for each in asked]
        found = (
            self._predicted([row for each in asked for row in each.value]) if any(each.value for each in asked) else []
        )
        ends = itertools.accumulate((len(each.value) for each in asked), initial=0)
        return [found[start:end] for start, end in itertools.pairwise(ends)]

    def _predicted(self, value: Any) -> Any:
        try:
            output = self.predict(self.parse(value))
            answer = self.schema.answer(output)
        except self.schema.BadRequest as bad:
            raise Refused(str(bad), bad.problems) from None
        except SYSTEM_FAULTS:
            raise
        except Exception as error:
            logger.debug("the model refused a message that its schema allows", exc_info=True)
            told = f"{type(error).__name__}: {error}"[:MAX_ERROR]
            raise Refused(f"the model can't answer this input: {told}") from None
        if self.by_row and self.schema.rows_of(output) != len(value):
            raise Refused(f"{len(value)} rows were asked, {self.schema.rows_of(output)} answered: none can be trusted")
        return answer

    def _read(self, message: Message) -> Asked | Reply:
        key: Any = message.key if message.key is not None else message.place
        try:
            sent = from_json(message.body)  # takes NaN, too: the schema refuses it by row and field
            if isinstance(sent, dict):
                key = self._taken_key(sent, key)
                sent = sent[self.field] if self._is_request(sent) else self._one(sent)
            else:
                sent = self._one(sent)
        except ValueError as error:
            return self._dead(Asked(message, key, None), fault(None, f"the body is not JSON: {error}"))
        except Refused as refused:
            return self._dead(Asked(message, key, None), refused)
        if self.by_row and not isinstance(sent, list):
            return self._dead(Asked(message, key, None), fault(self.field, "it must be a list"))
        return Asked(message, key, sent)

    def _is_request(self, sent: dict[str, Any]) -> bool:
        """Whether it is what the service takes, and no row that has but this one column."""
        return sent.keys() == {self.field} and self.field not in self.columns

    def _one(self, row: Any) -> Any:
        return [row] if self.by_row else row

    def _taken_key(self, sent: dict[str, Any], key: Any) -> Any:
        """Take the key out of a message; it stays in where the model reads the field, too."""
        name = self.key or "key"
        if name in sent and (self.key or name not in self.columns):
            key = sent[name] if name in self.columns else sent.pop(name)
            if not is_key(key):
                raise fault(name, f"a key is a text of at most {MAX_KEY} characters, or a number")
        elif self.key:
            raise fault(name, "missing field: it holds the key")
        return key

    def _reply(self, asked: Asked, predictions: Any) -> Reply:
        reply = self._written(asked, {"predictions": predictions})
        if len(reply.body) > MAX_REPLY:
            return self._dead(
                asked, Refused(f"the answer has more than {MAX_REPLY} bytes: send fewer rows in a message")
            )
        return reply

    def _dead(self, asked: Asked, why: Refused) -> Reply:
        """Return a dead letter with the message, cut where it would be too large for a broker."""
        for most in (len(asked.message.body), MAX_REPLY // 10, 0):
            message = asked.message.body[:most].decode(errors="replace")
            content = {"error": str(why), "problems": why.problems, "message": message}
            reply = self._written(asked, content, dead=True)
            if len(reply.body) <= MAX_REPLY:
                break
        return reply

    def _written(self, asked: Asked, content: dict[str, Any], *, dead: bool = False) -> Reply:
        body = {"key": asked.key, **content, "version": self.version, "request_id": asked.request_id}
        return Reply(f"{asked.request_id}:{self.version}", asked.key, to_json(body), dead)


def is_key(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_KEY
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)
