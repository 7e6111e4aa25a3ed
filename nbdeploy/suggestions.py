"""Near words: what the user may have meant, and what a name may be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean", "slug"]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the nearest known word, or an empty text."""
    folded = {each.casefold(): each for each in known}
    near = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f" (did you mean {folded[near[0]]!r}?)" if near else ""


def slug(text: str) -> str:
    """Return a text as a service's name: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-._")[:63]
