"""Recognise Python 2 behind a syntax error, so that the message can name the real reason."""

from __future__ import annotations

import re

__all__ = ["is_python_2"]

_MESSAGES = (
    "Missing parentheses in call to 'print'",
    "Missing parentheses in call to 'exec'",
    "multiple exception types must be parenthesized",
    "leading zeros in decimal integer literals",
)
_SOURCE = re.compile(
    r"""^\s*print\s+[\w"'%]   # print x
    | ^\s*exec\s+["']         # exec "code"
    | ^\s*raise\s+\w+\s*,     # raise Error, "text"
    | ^\s*except\b[^:(]+,\s*\w+\s*:
    | \bur["']                # ur"text"
    | \b\d+L\b                # 10L
    | `[^`]+`                 # repr
    | \w\s*<>\s*\w
    """,
    re.VERBOSE,
)


def is_python_2(error: SyntaxError) -> bool:
    """Tell whether what Python 3 refuses looks like Python 2."""
    return any(message in error.msg for message in _MESSAGES) or bool(_SOURCE.search(error.text or ""))
