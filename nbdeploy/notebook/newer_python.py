"""Recognise syntax of a newer Python behind a syntax error, so that the message can name the real reason."""

from __future__ import annotations

import re
import sys

__all__ = ["newer_python"]

_SINCE = {
    re.compile(r"^\s*type\s+\w+\s*(\[.*\]\s*)?="): (3, 12),
    re.compile(r"^\s*(async\s+)?(def|class)\s+\w+\["): (3, 12),
    re.compile(r"\bt(r?)[\"'].*\{"): (3, 14),
}


def newer_python(error: SyntaxError) -> tuple[int, int] | None:
    """Return the version that a refused line seems to be written for, where this Python is older."""
    text = error.text or ""
    found = [version for pattern, version in _SINCE.items() if pattern.search(text)]
    if error.msg.startswith("f-string:"):
        found.append((3, 12))  # quotes of the same kind, backslashes and comments inside the braces
    return max((each for each in found if each > sys.version_info[:2]), default=None)
