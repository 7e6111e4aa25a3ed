"""Lines as Python counts them: they end at a line feed, a carriage return or both, and at nothing else."""

from __future__ import annotations

import re

__all__ = ["offset_in", "python_lines"]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")


def python_lines(text: str) -> list[str]:
    """Return the lines with their ends; `str.splitlines` also breaks at form feeds and other separators."""
    return _LINE.findall(text)


def offset_in(text: str, line: int, column: int) -> int:
    """Turn ast's 1-based line and its column in utf-8 bytes into an offset in the text."""
    lines = python_lines(text)
    before = sum(len(each) for each in lines[: line - 1])
    return before + len(lines[line - 1].encode()[:column].decode())
