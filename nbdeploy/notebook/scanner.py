"""Where Python's logical lines begin and end: strings, comments, brackets and backslashes understood, nothing else.

IPython's special syntax counts only at the start of a logical line (`%magic`, `!shell`), right after its first `=`
outside brackets (`x = !ls`) or at its very end (`obj?`). `tokenize` can't be used to find those places: it stops at the
first thing that is no Python, and what stops it differs from one Python version to the next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["LogicalLine", "logical_line"]

_STRING = r"""(?P<prefix>\b(?i:[rbuft]|br|rb|fr|rf|tr|rt))?(?P<quote>\"\"\"|'''|"|')"""
_EVENT = re.compile(
    rf"""(?P<comment>\#[^\n]*)
    | {_STRING}
    | (?P<open>[(\[{{])
    | (?P<close>[)\]}}])
    | (?P<joined>\\\n)
    | (?P<newline>\n)
    | (?P<operator>(?:[=!<>:+\-*%@&|^]|//|\*\*|<<|>>|/)=)
    | (?P<assign>=)
    | (?P<question>\?)
    """,
    re.VERBOSE,
)
_FIELD = re.compile(
    rf"""(?P<comment>\#[^\n]*)
    | {_STRING}
    | (?P<open>[(\[{{])
    | (?P<close>[)\]}}])
    | (?P<spec>:)
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """Offsets into the text: `end` lies after the newline (or at the end of the text).

    `assign` lies after the first `=` that no bracket holds; `question` lies after a `?` that ends the line.
    """

    start: int
    end: int
    assign: int | None = None
    question: int | None = None


def logical_line(text: str, start: int) -> LogicalLine:
    """Scan the logical line that begins at `start`; a comment or a blank line is one by itself."""
    depth, position, assign, question = 0, start, None, None
    while event := _EVENT.search(text, position):
        kind, position = event.lastgroup, event.end()
        if kind == "newline" and depth == 0:
            return LogicalLine(start, position, assign, _if_last(text, question, event.start()))
        if kind == "quote":
            position = _string_end(text, event)
        elif kind == "open":
            depth += 1
        elif kind == "close":
            depth = max(0, depth - 1)
        elif kind == "question":
            question = position
        elif kind == "assign" and depth == 0 and assign is None:
            assign = position
    return LogicalLine(start, len(text), assign, _if_last(text, question, len(text)))


def _if_last(text: str, question: int | None, end: int) -> int | None:
    return question if question is not None and not text[question:end].strip() else None


def _string_end(text: str, opening: re.Match[str]) -> int:
    """Offset after the string that `opening` starts; an unclosed one ends before the newline, or with the text."""
    quote, prefix = opening["quote"], (opening["prefix"] or "").lower()
    formatted = "f" in prefix or "t" in prefix
    stop = _stops(quote, formatted)
    position = opening.end()
    while event := stop.search(text, position):
        position = event.end()
        found = event.group()
        if found == quote:
            return position
        if found == "\n":
            return event.start()
        if found == "{":
            position = _field_end(text, position, quote)
    return len(text)


def _stops(quote: str, formatted: bool) -> re.Pattern[str]:
    """What matters inside a string: an escape, its end, and in an f-string the start of a replacement field."""
    escape = r"\\[^{]|\{\{|\{" if formatted else r"\\[\s\S]"
    newline = r"|\n" if len(quote) == 1 else ""
    return re.compile(f"{escape}|{quote}{newline}")


def _field_end(text: str, position: int, quote: str) -> int:
    """Offset after the replacement field that begins at `position` (strings may nest, as Python 3.12 allows)."""
    depth = 0
    while event := _FIELD.search(text, position):
        kind, position = event.lastgroup, event.end()
        if kind == "quote":
            position = _string_end(text, event)
        elif kind == "open":
            depth += 1
        elif kind == "close" and depth == 0:
            return position
        elif kind == "close":
            depth -= 1
        elif kind == "spec" and depth == 0:
            return _spec_end(text, position, quote)
    return len(text)


def _spec_end(text: str, position: int, quote: str) -> int:
    """Offset after the field whose format specification begins at `position`; other quotes are plain there."""
    stop = re.compile(rf"\\[^{{}}]|\{{|\}}|{quote}")
    while event := stop.search(text, position):
        if event.group() == quote:
            return event.start()
        position = event.end()
        if event.group() == "}":
            return position
        if event.group() == "{":
            position = _field_end(text, position, quote)
    return len(text)
