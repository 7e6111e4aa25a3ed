"""A standard output that holds exactly one answer.

Libraries print, and the programs they start print too, so the file descriptor itself is guarded: while a command works,
descriptor 1 leads to stderr, and only the answer is written to what was stdout.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["guarded"]


@contextmanager
def guarded() -> Iterator[TextIO]:
    """Give the real stdout as a text stream, and send everything else that is written to stdout to stderr."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1)
    os.set_inheritable(kept, False)
    previous = sys.stdout
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    # A file's name may hold what UTF-8 has not: the escape that stands for it is one of JSON's own, too.
    answer = os.fdopen(os.dup(kept), "w", encoding="utf-8", errors="backslashreplace")
    try:
        yield answer
    finally:
        with suppress(OSError):  # the reader has gone (`nbdeploy list | head -1`), or a full disk has been told
            answer.close()
        sys.stdout = previous
        os.dup2(kept, 1)
        os.close(kept)
