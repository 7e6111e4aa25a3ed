"""How wide a text is before it is drawn, and what of it fits: an SVG can't ask, and its texts must not overlap.

Widths are in em and are upper bounds: of monospace fonts (the widest in use are 0.61 em a character), and of sans fonts by
kinds of letters (DejaVu Sans, the widest in use).
"""

from __future__ import annotations

import unicodedata

__all__ = ["elided", "mono_width", "sans_width"]

MONO = 0.61
NARROW, WIDE = frozenset("ijl|.,:;'!()[]fIrt `"), frozenset("mwMW@%&_—")
ELLIPSIS = "…"


def mono_width(text: str, size: float) -> float:
    """Return an upper bound of a text's width in a monospace font of `size` (the same unit)."""
    return sum(cells(char) for char in text) * MONO * size


def sans_width(text: str, size: float) -> float:
    """Return an upper bound of a text's width in a sans font of `size` (the same unit)."""
    return sum(sans_em(char) for char in text) * size


def elided(text: str, width: float, size: float) -> str:
    """Return the text in a monospace font, cut to fit into `width`; an empty text where not even one letter fits."""
    text = "".join(char if char.isprintable() else " " for char in text)
    if mono_width(text, size) <= width:
        return text
    room = width - mono_width(ELLIPSIS, size)
    kept = ""
    for char in text:
        if mono_width(kept + char, size) > room:
            break
        kept += char
    return kept.rstrip() + ELLIPSIS if kept else ""


def cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def sans_em(char: str) -> float:
    if cells(char) != 1:
        return float(cells(char))
    if char in NARROW:
        return 0.42
    if char in WIDE:
        return 1.0
    return 0.78 if char.isupper() else 0.65
