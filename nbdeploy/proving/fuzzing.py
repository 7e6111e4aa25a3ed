"""Bad and odd requests, made of a package's own schema and recorded rows: pure, seeded, the same each time."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import cycle, islice
from random import Random
from typing import TYPE_CHECKING, Any

from nbdeploy.analysis.values import ROW_KINDS, Kind, Schema
from nbdeploy.packaging.schema import request_field, request_fields
from nbdeploy.proving.client import request_bytes
from nbdeploy.proving.odd_values import literal, odd_values, written, wrong_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nbdeploy.packaging.schema import RequestField
    from nbdeploy.proving.client import Pace

__all__ = ["MANY_ROWS", "Known", "Right", "Trial", "fuzz", "with_value"]

MANY_ROWS = 100_000
MEGABYTE = 1_000_000
DEEP = 100_000  # brackets
MANY_FIELDS = 40  # of a table with thousands, these are left out one by one
Place = tuple[int | None, str | None]


class Right(StrEnum):
    """What is the right thing to do with a request, besides being quick about it."""

    REFUSED = "refused"  # a 4xx that says what is wrong, and where, if that can be known
    ANSWERED = "answered"  # the recorded predictions
    EITHER = "either"  # a 4xx that says what is wrong, or what the package itself answers
    UNHEARD = "unheard"  # a 4xx, or a closed connection: it is no request that the service ever sees


@dataclass(frozen=True, slots=True)
class Trial:
    """One request: what is odd about it, its bytes, what is right, and how it is written.

    `place` is the row and the field that a refusal has to name; `rows` counts the predictions of an answer;
    `answer` are the recorded predictions, where they are known to be right. `body` is what the package can be asked. Those that
    are `is_one_of_many` can be left out where time is short.
    """

    what: str
    request: bytes
    right: Right
    place: Place | None = None
    rows: int | None = None
    answer: Sequence[Any] | None = None
    body: bytes = b""
    method: str = "POST"
    pace: Pace = "at once"
    is_one_of_many: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What was recorded: the form of the input, its rows as JSON values, and the predictions for them."""

    input: Schema
    rows: Any
    predictions: Any

    @property
    def by_row(self) -> bool:
        return self.input.kind in ROW_KINDS

    @property
    def count(self) -> int:
        return len(self.rows) if self.by_row else 1

    def body(self, value: Any) -> bytes:
        return written({request_field(self.input): value})

    def some(self, count: int, start: int = 0) -> tuple[list[Any], list[Any]]:
        """Return `count` rows and their predictions, from row `start` on and round again."""
        places = [(start + n) % len(self.rows) for n in range(count)]
        return [self.rows[n] for n in places], [self.predictions[n] for n in places]

    def value(self, count: int = 1, start: int = 0) -> tuple[Any, Any]:
        """Return an input and its predictions; where a request is one case, that case."""
        return self.some(count, start) if self.by_row else (self.rows, self.predictions)


def fuzz(known: Known, count: int = 300, seed: int = 0, many_rows: int = MANY_ROWS) -> Iterator[Trial]:
    """Yield `count` requests: first each kind of them once, then values of all fields in random rows.

    The first ones are always there, even if they are more than `count`. Some are huge: let go of each before the next. A
    recording without rows gives what needs no row.
    """
    random = Random(seed)
    made = 0
    for trial in _of_each_kind(known, random, many_rows):
        yield trial
        made += 1
    if known.count:
        yield from islice(_values(known, random), max(0, count - made))


def _of_each_kind(known: Known, random: Random, many_rows: int) -> Iterator[Trial]:
    if known.count:
        yield from _slow(known)  # sent beside all others
    yield from _transport(known)
    yield from _whole(known)
    yield from _large(known, many_rows)
    if known.count:
        yield from _broken(known, random)
        yield from _rows(known)


def _refused(what: str, body: bytes, place: Place | None = None, **more: Any) -> Trial:
    return Trial(what, request_bytes(body), Right.REFUSED, place, body=body, **more)


def _either(what: str, body: bytes, rows: int | None, **more: Any) -> Trial:
    return Trial(what, request_bytes(body), Right.EITHER, rows=rows, body=body, **more)


def _answered(what: str, body: bytes, answer: Any, request: bytes | None = None, **more: Any) -> Trial:
    rows = len(answer) if isinstance(answer, list) else None
    return Trial(what, request or request_bytes(body), Right.ANSWERED, rows=rows, answer=answer, body=body, **more)


# HTTP -------------------------------------------------------------------------------------------------------------------


def _slow(known: Known) -> Iterator[Trial]:
    value, answer = known.value()
    body = known.body(value)
    longer = request_bytes(body, length=len(body) + 9)
    yield Trial("a body that stops coming", longer, Right.UNHEARD, pace="then silence")
    yield _answered("a body that comes a byte at a time", body, answer, pace="slowly")


def _transport(known: Known) -> Iterator[Trial]:
    """Make requests that are odd before their body is looked at."""
    value, answer = known.value() if known.count else ([], [])
    body = known.body(value)
    unheard: dict[str, tuple[bytes, dict[str, Any]]] = {
        f"method {method}": (request_bytes(body, method=method), {"method": method})
        for method in ("GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW")
    }
    plain: dict[str, bytes] = {
        "another path": request_bytes(body, target="/predictions"),
        "a path that goes up": request_bytes(body, target="/../../etc/passwd"),
        "a very long path": request_bytes(body, target="/" + "a" * 70_000),
        "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "no version of HTTP": b"POST /predict\r\n\r\n" + body,
        "a header without a colon": request_bytes(body).replace(b"Host: ", b"Host "),
        "a negative length": request_bytes(body, length=-5),
        "a length that is no number": request_bytes(body).replace(b"Content-Length: ", b"Content-Length: x"),
        "two lengths": request_bytes(body, headers=(("content-length", "1"), ("Content-Length", "2"))),
        "a length that is too small": request_bytes(body, length=len(body) // 2),
        "chunks that are none": request_bytes(b"zz\r\nno\r\n", headers=(("Transfer-Encoding", "chunked"),), length=-1),
        "a gzip body": request_bytes(_zipped(body), headers=(("Content-Encoding", "gzip"),)),
        "a body that only claims to be gzip": request_bytes(body, headers=(("Content-Encoding", "gzip"),)),
    }
    unheard |= {what: (request, {}) for what, request in plain.items()}
    unheard["a length that is too large"] = (request_bytes(body, length=len(body) + 9), {"pace": "then gone"})
    for what, (request, more) in unheard.items():
        yield Trial(what, request, Right.UNHEARD, **more)
    long = request_bytes(body, headers=(("X-Long", "a" * 100_000),))
    yield Trial("a header of 100,000 letters", long, Right.UNHEARD, answer=answer)
    if known.count:
        for what, request in _unusual(body).items():
            yield _answered(what, body, answer, request)


def _unusual(body: bytes) -> dict[str, bytes]:
    """Return requests that are unusual and right."""
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    media = ("text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "a/b; charset=latin-1", "")
    return {
        "chunks": request_bytes(chunked, headers=(("Transfer-Encoding", "chunked"),), length=-1),
        "90 headers": request_bytes(body, headers=tuple((f"X-{n}", "x") for n in range(90))),
        "an odd request id": request_bytes(body, headers=(("X-Request-Id", "\xe9 \t{}"),)),
        "an odd Accept": request_bytes(body, headers=(("Accept", "image/png;q=x,,"),)),
        "a query": request_bytes(body, target="/predict?rows=[]&x=%00"),
        **{f"content type {each!r}": request_bytes(body, headers=(("Content-Type", each),)) for each in media},
    }


def _zipped(body: bytes) -> bytes:
    import gzip

    return gzip.compress(body, mtime=0)


# JSON -------------------------------------------------------------------------------------------------------------------


def _whole(known: Known) -> Iterator[Trial]:
    """Make bodies that are no request as a whole."""
    field = request_field(known.input)
    tops = (b"", b" ", b"{}", b"[]", b"null", b"5", b'"x"', b"true", b"{", b"\x00", b"\xff\xfe", b"NaN", b"{}{}")
    wrong: dict[str, bytes] = {f"the body {body!r}": body for body in tops}
    wrong |= {
        "the field in capitals": written({field.upper(): known.rows if not known.by_row else []}),
        "100,000 brackets": b"[" * DEEP,
        "100,000 brackets in the field": b'{"%s": %s%s}' % (field.encode(), b"[" * DEEP, b"]" * DEEP),
        "100,000 objects in each other": b'{"%s":' % field.encode() * DEEP + b"1" + b"}" * DEEP,
        "a number of 10,000 digits": b'{"%s": %s}' % (field.encode(), b"9" * 10_000),
    }
    for what, body in wrong.items():
        yield _refused(what, body, (None, None))
    bad = [5, "x", True, literal("NaN"), literal("1e400")] if known.input.kind is not Kind.SCALAR else []
    bad += [None, {}] if known.by_row else []
    for each in bad:
        yield _refused(f"{each!r} for all rows", known.body(each), (None, None))
    if known.by_row:
        yield _answered("no rows", known.body([]), [])


def _broken(known: Known, random: Random) -> Iterator[Trial]:
    """Make valid bodies that were damaged, or written in an unusual way."""
    value, answer = known.value(3)
    body = known.body(value)
    text = json.dumps({request_field(known.input): value}, ensure_ascii=False)
    wrong = {
        "a byte order mark": b"\xef\xbb\xbf" + body,
        **{name: body.decode().encode(name) for name in ("utf-16", "utf-32", "cp037")},
        "bytes that are no UTF-8": body.replace(b'"', b'"\xe9\x28', 1),
        "single quotes": body.replace(b'"', b"'"),
        "a comma at the end": body[:-1] + b",}",
        "a comment": b"/* x */" + body,
        "two bodies": body + body,
        "letters after it": body + b" x",
        "a half of a surrogate": body.replace(b'"', b'"\\ud800', 1),
        **{f"only its first {at} bytes": body[:at] for at in sorted(random.sample(range(1, len(body)), 8))},
    }
    for what, each in wrong.items():
        yield _refused(what, each, (None, None))
    right = {
        "spaces and line ends": json.dumps(json.loads(body), indent=3).encode(),
        "escaped letters": _escaped(request_field(known.input), body),
        "letters as they are": text.encode(errors="replace"),
        "the field twice": body.replace(b"{", b'{"%s": 7, ' % request_field(known.input).encode(), 1),
        "a field beside it": body.replace(b"{", b'{"other": [1, {}], ', 1),
    }
    for what, each in right.items():
        yield _answered(what, each, answer)
    for at in sorted(random.sample(range(len(body)), min(20, len(body)))):
        damaged = body[:at] + bytes([random.randrange(32, 127)]) + body[at + 1 :]
        yield _either(f"another byte at {at}", damaged, None)


def _escaped(field: str, body: bytes) -> bytes:
    """Write the field's name in escapes: it is the same name."""
    return body.replace(field.encode(), "".join(f"\\u{ord(each):04x}" for each in field).encode(), 1)


# rows -------------------------------------------------------------------------------------------------------------------


def _rows(known: Known) -> Iterator[Trial]:
    """Make requests in which a row as a whole is wrong."""
    keys = [each.key for each in request_fields(known.input) if each.key is not None]
    if known.by_row:
        yield from _wrong_rows(known, bool(keys))
    for place, field in enumerate(request_fields(known.input)[: len(keys)][:MANY_FIELDS]):
        yield _lacking(known, place, field)
    if keys:
        row, _, put = _one(known, 1)
        for odd in (f" {keys[0]}", f"{keys[0]}\x00", "", "__class__", "a" * 300, "k" * MEGABYTE):
            if odd not in keys:
                yield _unknown(odd, *put({**row, odd: 1}, odd))
        many, _ = put({**row, **{f"extra {n}": n for n in range(1_000)}}, None)
        yield _refused("a thousand unknown fields", many)


def _lacking(known: Known, place: int, field: RequestField) -> Trial:
    row, _, put = _one(known, place)
    body, where = put({name: value for name, value in row.items() if name != field.key}, field.key)
    if field.column.required:
        return _refused(f"{field.key} is missing", body, where)
    return _either(f"{field.key} is left out", body, 3 if known.by_row else None)


def _unknown(key: str, body: bytes, where: Place) -> Trial:
    """A refusal need not repeat a megabyte."""
    return _refused(f"an unknown field {key[:20]!r} of {len(key)} letters", body, where if len(key) < 50 else None)


def _one(known: Known, start: int) -> tuple[Any, Any, Callable[[Any, str | None], tuple[bytes, Place]]]:
    """Return a row, the predictions, and what puts another row in its place: the last of three, where there are rows."""
    if not known.by_row:
        return known.rows, known.predictions, lambda row, key: (known.body(row), (None, key))
    rows, answer = known.some(3, start)
    return rows[2], answer, lambda row, key: (known.body([*rows[:2], row]), (2, key))


def _wrong_rows(known: Known, records: bool) -> Iterator[Trial]:
    rows, _ = known.some(5)
    shaped = known.input.kind in {Kind.ARRAY, Kind.TENSOR, Kind.SPARSE} and len(known.input.shape or ()) > 1
    bad: list[Any] = [None, 5, "x", True, [], [rows[0]]] if records else []
    bad += [None, 5, "x", {}, [], rows[0] + rows[0][:1], rows[0][1:], [rows[0]]] if shaped else []
    for each in bad:
        body = known.body([*rows[:3], each, rows[4]])
        yield _refused(f"{written(each)[:40]!r} for a row", body, (3, None))
    if bad:
        yield _refused("a hundred bad rows", known.body([bad[0]] * 100), (0, None))


def _large(known: Known, many_rows: int) -> Iterator[Trial]:
    """Make what is large."""
    yield _refused("a body of 65 MB", b" " * (65 * 1024 * 1024), (None, None))
    if not known.count:
        return
    if known.by_row:
        rows, answer = known.some(many_rows)
        yield _answered(f"{many_rows:,} rows", known.body(rows), answer)
        row = written(known.rows[0])
        body = b'{"%s": [%s]}' % (request_field(known.input).encode(), b",".join([row] * (MANY_ROWS + 1)))
        yield _refused("100,001 rows", body, (None, None))
    for number, field in enumerate(request_fields(known.input)[:3]):
        yield _sent(known, field, "a" * MEGABYTE, 1, 0, number)


# values -----------------------------------------------------------------------------------------------------------------


def _values(known: Known, random: Random) -> Iterator[Trial]:
    """Yield for ever: each field with each of its wrong and odd values, in a row of a few."""
    fields = request_fields(known.input)
    if not fields:
        return
    pairs = [(field, value) for field in fields for value in (*wrong_values(field), *odd_values(field))]
    random.shuffle(pairs)
    for field, value in cycle(pairs):
        count = random.choice((1, 1, 2, 7)) if known.by_row else 1
        sent = _sent(known, field, value, count, random.randrange(count), random.randrange(known.count))
        yield replace(sent, is_one_of_many=True)


def _sent(known: Known, field: RequestField, value: Any, count: int, row: int, start: int) -> Trial:
    """Make a request of `count` rows, in which one field of one row has this value."""
    rows, _ = known.value(count, start)
    wrong = any(value is each or (type(value), value) == (type(each), each) for each in wrong_values(field))
    if known.by_row:
        rows[row], key = with_value(known.input, rows[row], field, value)
    else:
        row, (rows, key) = None, with_value(known.input, rows, field, value)  # type: ignore[assignment]
    body = known.body(rows)
    shown = written(value)
    what = (
        f"{shown[:60].decode()}{'...' if len(shown) > 60 else ''} for {field.key or 'a value'} ({field.column.dtype})"
    )
    if isinstance(value, str) and len(value) == MEGABYTE and not _takes_any_text(field):
        return _refused("a megabyte of text: " + what, body, (row, key))
    if wrong:
        return _refused(what, body, (row, key))
    return _either(what, body, count if known.by_row else None)


def _takes_any_text(field: RequestField) -> bool:
    return field.reader in {"strings", "texts", "anything", "objects", "as_is"}


def with_value(input: Schema, row: Any, field: RequestField, value: Any) -> tuple[Any, str | None]:
    """Return the row with the value in the field, and the field's name as a refusal gives it."""
    if field.key is not None:
        return {**row, field.key: value}, field.key
    shape = (input.shape or ())[1:] if input.kind in {Kind.ARRAY, Kind.TENSOR, Kind.SPARSE} else ()
    place = tuple(min(1, size - 1) for size in shape)
    return _replaced(row, place, value), "".join(f"[{each}]" for each in place) or None


def _replaced(row: Any, place: tuple[int, ...], value: Any) -> Any:
    if not place:
        return value
    return [_replaced(item, place[1:], value) if n == place[0] else item for n, item in enumerate(row)]
