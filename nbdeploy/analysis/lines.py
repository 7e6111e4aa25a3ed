"""Lines as Python counts them: they end at a line feed, a carriage return or both, and at nothing else."""

from __future__ import annotations

import re
from itertools import accumulate

__all__ = ["Lines", "offset_in", "python_lines"]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")


def python_lines(text: str) -> list[str]:
    """Return the lines with their ends; `str.splitlines` also breaks at form feeds and other separators."""
    return _LINE.findall(text)


class Lines:
    """The lines of a text, and where they begin."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = python_lines(text)
        self.starts = list(accumulate((len(each) for each in self.lines), initial=0))

    def offset(self, line: int, column: int) -> int:
        """Turn ast's 1-based line and its column in utf-8 bytes into an offset in the text."""
        found = self.lines[line - 1]
        return self.starts[line - 1] + (column if found.isascii() else len(found.encode()[:column].decode()))


def offset_in(text: str, line: int, column: int) -> int:
    """Turn ast's 1-based line and its column in utf-8 bytes into an offset in the text."""
    return Lines(text).offset(line, column)
