"""JSON: lists and dicts of texts and numbers that are too long to be written as source."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAME = "json"
SUFFIX = ".json"
REQUIRES: tuple[str, ...] = ()


def accepts(value: object) -> bool:
    """Say whether the value is made of nothing but lists, dicts with text keys, texts, numbers, bools and None."""
    scalars = {type(None), bool, int, float, str}
    waiting: list[object] = [value]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if type(each) in scalars:
            continue
        if id(each) in seen:
            return False  # a container that is met twice is shared or holds itself: JSON would lose that
        seen.add(id(each))
        if type(each) is list:
            waiting.extend(each)
        elif type(each) is dict and all(type(key) is str for key in each):
            waiting.extend(each.values())
        else:
            return False
    return True


def save_json(value: object, path: Path) -> dict[str, object]:
    """Write a value made of lists, dicts, texts and numbers."""
    import json

    path.write_text(json.dumps(value, indent=1), encoding="utf-8")
    return {}


def load_json(path: Path) -> object:
    """Read what `save_json` wrote."""
    import json

    return json.loads(path.read_text(encoding="utf-8"))
