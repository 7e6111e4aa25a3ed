"""Look for secrets in all texts of a written package. The patterns are those of the rule that `check` has (NBD116)."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbdeploy.analysis.rules.secret_texts import hint, is_secret, secrets_in

__all__ = ["Place", "Secret", "scanned", "secrets_in_requests"]

TEXTS = frozenset({".cfg", ".csv", ".html", ".ipynb", ".json", ".lock", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"})
DATA = frozenset({".csv", ".html", ".json", ".lock"})
"""Here only the keys of known services count: `token` may be a column of words, and HTML is a notebook told again."""
_EMBEDDED = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a secret stands: the file in the package; `cell` (0-based) in a notebook, `line` (1-based) in it or the file."""

    file: str
    cell: int | None = None
    line: int | None = None
    part: str = ""

    def __str__(self) -> str:
        cell = f"cell {self.cell}" if self.cell is not None else ""
        line = f"line {self.line}" if self.line is not None else ""
        where = ", ".join(each for each in (cell, line, self.part) if each)
        return f"{self.file} ({where})" if where else self.file


@dataclass(frozen=True, slots=True)
class Secret:
    """What was found, shown by its first characters alone, and every place where it stands."""

    what: str
    shown: str
    places: tuple[Place, ...]


_Found = Iterator[tuple[Place, str, str]]


def scanned(folder: Path, requests: Mapping[str, Any] | None = None) -> tuple[Secret, ...]:
    """Return the secrets in the texts of a package's folder and in the recorded requests, each once with all its places."""
    found: dict[str, tuple[str, list[Place]]] = {}
    for place, what, secret in _everywhere(folder, requests or {}):
        places = found.setdefault(secret, (what, []))[1]
        if place not in places:
            places.append(place)
    return tuple(Secret(what, hint(secret), tuple(places)) for secret, (what, places) in found.items())


def _everywhere(folder: Path, requests: Mapping[str, Any]) -> _Found:
    files = [each for each in folder.rglob("*") if each.is_file() and each.suffix in TEXTS]
    for file in sorted(files, key=lambda each: (each.name != "source.ipynb", each.as_posix())):
        name = file.relative_to(folder).as_posix()
        text = file.read_text(encoding="utf-8", errors="replace")
        if file.suffix == ".ipynb":
            yield from _in_notebook(name, text)
        else:
            yield from _in_text(name, html.unescape(text) if file.suffix == ".html" else text, file.suffix not in DATA)
    yield from secrets_in_requests(requests)


def _in_text(name: str, text: str, named: bool) -> _Found:
    for number, line in enumerate(_EMBEDDED.sub("", text).splitlines(), 1):
        for what, secret in secrets_in(line, named=named):
            yield Place(name, line=number), what, secret


def _in_notebook(name: str, text: str) -> _Found:
    """Look at a notebook cell by cell: its file is JSON, in which a quoted text is no text any more."""
    try:
        content = json.loads(text)
        cells = list(content.get("cells") or ())
    except (ValueError, AttributeError):
        yield from _in_text(name, text, True)
        return
    for index, cell in enumerate(cells):
        for number, line in enumerate(_joined(cell.get("source", "")).splitlines(), 1):
            for what, secret in secrets_in(line):
                yield Place(name, index, number), what, secret
        for what, secret in _in_value(cell.get("outputs"), keys=False):  # a library's own JSON has keys of any name
            yield Place(name, index, part="output"), what, secret
        for what, secret in _in_value(cell.get("metadata")):
            yield Place(name, index, part="metadata"), what, secret
    for what, secret in _in_value(content.get("metadata")):
        yield Place(name, part="metadata"), what, secret


def _in_value(value: Any, key: str = "", *, keys: bool = True) -> Iterator[tuple[str, str]]:
    """Look at every text in a JSON value, but at no picture; with `keys` also at what a text is filed under."""
    if isinstance(value, dict):
        for name, item in value.items():
            if not name.startswith(("image/", "application/pdf")):
                yield from _in_value(item, name, keys=keys)
    elif isinstance(value, list) and not all(isinstance(each, str) for each in value):
        for item in value:
            yield from _in_value(item, key, keys=keys)
    elif isinstance(value, list | str):
        text = _joined(value)
        if keys and is_secret(key, text):
            yield f"what {key!r} holds", text
        for line in _EMBEDDED.sub("", text).splitlines():
            yield from secrets_in(line)


def secrets_in_requests(requests: Mapping[str, Any]) -> _Found:
    """Look at the recorded rows and answers; only the keys of known services count, for a column may have any name."""
    for part in ("rows", "predictions"):
        rows = requests.get(part)
        if rows is None or not any(secrets_in(json.dumps(rows, default=str), named=False)):
            continue
        for number, row in enumerate(rows if isinstance(rows, list) else [rows]):
            for what, secret in secrets_in(json.dumps(row, ensure_ascii=False, default=str), named=False):
                yield Place(f"the recorded {part}", part=f"row {number}"), what, secret


def _joined(text: Any) -> str:
    return "".join(text) if isinstance(text, list) else str(text)
