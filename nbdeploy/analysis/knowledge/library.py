"""One data file: what is known of one library.

    [imports]              the roots it is imported by; entries of functions are below each of them
    numpy

    [includes]             other files that come with it
    [view_methods]         a field of `Knowledge`, then names; `#` starts a comment
    ravel reshape

    [draws numpy]          a field by random stream: numpy's
    random.normal random.uniform

A line format, and not TOML, because importing and running `tomllib` costs more than all the rest of the analysis's start.
`docs/knowledge.md` says what the fields mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

__all__ = [
    "BY_STREAM_FIELDS",
    "FUNCTION_FIELDS",
    "METHOD_FIELDS",
    "PLAIN_FIELDS",
    "Library",
    "library",
    "library_names",
]

FOLDER = Path(__file__).with_name("libraries")
SUFFIX = ".names"
Key = TypeVar("Key")

METHOD_FIELDS = frozenset(
    {
        "argument_changing_methods", "changing_methods", "delegating_methods", "file_reading_methods",
        "file_writing_methods", "fresh_answer_methods", "fresh_methods", "iterator_methods", "row_losing_methods",
        "row_order_methods", "shallow_methods", "show_methods", "switching_methods", "training_methods", "view_methods",
        "whole_column_methods",
    }
)  # fmt: skip
FUNCTION_FIELDS = frozenset(
    {
        "changing_functions", "clock_functions", "delegating", "file_readers", "file_writers", "fresh_functions",
        "interactive", "iterator_functions", "network", "out_positions", "row_order_functions", "shallow_functions", "shell",
        "show_functions", "state_functions", "swallowing", "view_functions", "whole_column_functions",
    }
)  # fmt: skip
BY_STREAM_FIELDS = frozenset({"advances", "draw_methods", "draws", "draws_bare", "draws_if", "draws_rarely", "seeds"})
PLAIN_FIELDS = frozenset(
    {"complete", "copy_keywords", "generator_keywords", "in_place_keywords", "operators_hold", "show_modules"}
)


@dataclass(frozen=True, slots=True)
class Library:
    """The contents of one file.

    `names` are by field; a name of a function is its path from an import root (`numpy.random.normal`). `streams` are the
    names of the fields that are by random stream. `draws_if` holds entries such as `sklearn.*.SVC:probability=True`.
    """

    name: str
    imports: tuple[str, ...]
    includes: tuple[str, ...]
    names: Mapping[str, frozenset[str]]
    streams: Mapping[tuple[str, str], frozenset[str]]


@cache
def library_names() -> frozenset[str]:
    """Return the import roots that have a file of their own."""
    return frozenset(path.stem for path in FOLDER.iterdir() if path.suffix == SUFFIX)


@cache
def library(name: str) -> Library:
    """Return what the file of the library says; OSError where there is none, ValueError where it has an unknown field."""
    names: dict[str, list[str]] = {}
    streams: dict[tuple[str, str], list[str]] = {}
    imports, includes = [name], list[str]()
    sections = list(_sections((FOLDER / f"{name}{SUFFIX}").read_text(encoding="utf-8")))
    for field, _, words in sections:  # the roots first: they stand before every function
        if field == "imports":
            imports = words
    for field, of_streams, words in sections:
        if field == "includes":
            includes += words
        elif field in BY_STREAM_FIELDS:
            rooted = words if field == "draw_methods" else _rooted(words, imports)
            for stream in of_streams:
                streams.setdefault((field, stream), []).extend(rooted)
        elif field in FUNCTION_FIELDS:
            names.setdefault(field, []).extend(_rooted(words, imports))
        elif field in METHOD_FIELDS or field in PLAIN_FIELDS:
            names.setdefault(field, []).extend(words)
        elif field != "imports":
            raise ValueError(f"{name}{SUFFIX}: no such field: {field}")
    return Library(name, tuple(imports), tuple(includes), _frozen(names), _frozen(streams))


def _sections(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each section: its field, the streams behind it, its words."""
    field, streams = "", list[str]()
    words: list[str] = []
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("["):
            if field:
                yield field, streams, words
            (field, *streams), words = line.strip("[]").split(), []
        else:
            words += line.split()
    if field:
        yield field, streams, words


def _rooted(words: list[str], imports: list[str]) -> list[str]:
    """Python's own file has no root: its entries are whole paths already."""
    return [f"{root}.{word}" for root in imports for word in words] if imports else words


def _frozen(lists: Mapping[Key, list[str]]) -> dict[Key, frozenset[str]]:
    return {key: frozenset(words) for key, words in lists.items()}
