"""What a field of a request may be sent: values that it must refuse, and odd ones that it may take."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbdeploy.packaging.schema import RequestField

__all__ = ["literal", "odd_values", "written", "wrong_values"]

_LITERAL = re.compile(r'"\x7f(.*?)\x7f"')


def literal(text: str) -> str:
    """Return a text that `written` puts into JSON as it stands, without quotes: what json.dumps would never write."""
    return f"\x7f{text}\x7f"


def written(value: Any) -> bytes:
    """Return a value as JSON, literals as they stand."""
    text = json.dumps(value)
    return _LITERAL.sub(r"\1", text.replace("\\u007f", "\x7f")).encode()


NAN, INFINITE, HUGE = literal("NaN"), literal("-Infinity"), literal("1e400")
MANY_DIGITS = literal("9" * 400)
NOT_JSON_NUMBERS = (NAN, INFINITE, HUGE)

WRONG: dict[str, tuple[Any, ...]] = {
    "integers": ("x", "3", 3.5, True, [], {}, 2**64, -(2**63) - 1, 1e300, MANY_DIGITS, *NOT_JSON_NUMBERS),
    "floats": ("x", "1.5", "nan", True, [], {}, [1.5], MANY_DIGITS, *NOT_JSON_NUMBERS),
    "booleans": (0, 1, 1.0, "true", "", [], {}, NAN),
    "strings": (5, 1.5, True, [], {}, ["x"], *NOT_JSON_NUMBERS),
    "texts": (5, 1.5, True, [], {}, ["x"], *NOT_JSON_NUMBERS),
    "one_of": ("a category that the data never had", "", [], {}, NAN, HUGE),
    "datetimes": ("yesterday", "now", "NaT", "", "2020-13-45T00:00:00", 5, True, [], {}, NAN),
    "durations": ("a while", "NaT", "", 5, True, [], {}, NAN),
    "lists": ("x", 5, True, {}, NAN, [NAN], [[HUGE]]),
    "records": ("x", 5, True, [], NAN, {"a": NAN}),
    "anything": (*NOT_JSON_NUMBERS, [NAN], {"a": [HUGE]}),
    "objects": (*NOT_JSON_NUMBERS, [NAN], {"a": [HUGE]}),
    "as_is": (*NOT_JSON_NUMBERS, [NAN], {"a": [HUGE]}),
}
TEXTS = (
    "",
    " ",
    "\x00",
    "never seen before",
    "Ωç√ \U0001f642 \u202e",
    "' OR 1=1 --",
    "\n\t\r",
    "NaN",
    "null",
    "a" * 9_999,
)
ANYTHING: tuple[Any, ...] = (5, -1.5, "x", "", True, [], {}, [[1]], {"a": {"b": None}})
ODD: dict[str, tuple[Any, ...]] = {
    "integers": (0, -1, 1, 127, 3.0, literal("1e1"), literal("-0")),
    "floats": (0, -0.0, 5e-324, 1.7976931348623157e308, -1e300, 10**15, literal("0.1E1"), "Infinity", "-Infinity"),
    "booleans": (True, False),
    "strings": TEXTS,
    "texts": TEXTS,
    "one_of": (),
    "datetimes": ("1677-09-22T00:00:00", "2262-04-11T00:00:00", "2020-02-29T00:00:00", "0001-01-01T00:00:00"),
    "durations": ("P1DT2H", "PT0S", "P1D"),
    "lists": ([], [None], [[[]]], [0] * 999, ["x"]),
    "records": ({}, {"a": 1}, {"": None}, {"a": {"b": []}}),
    "anything": ANYTHING,
    "objects": ANYTHING,
    "as_is": ANYTHING,
}


def wrong_values(field: RequestField) -> tuple[Any, ...]:
    """Return values that a request must not have in this field."""
    wrong = [each for each in WRONG[field.reader] if each not in field.column.categories]
    return tuple(wrong) if field.takes_null else (*wrong, None)


def odd_values(field: RequestField) -> tuple[Any, ...]:
    """Return values that are unusual and of the field's own kind: they are answered, or refused with a reason."""
    known = field.column.categories if field.reader == "one_of" else ODD[field.reader]
    plain = [each.item() if hasattr(each, "item") else each for each in known]
    zoned = field.reader == "datetimes" and "," in field.column.dtype
    return (*(f"{each}Z" if zoned else each for each in plain), *((None,) if field.takes_null else ()))
