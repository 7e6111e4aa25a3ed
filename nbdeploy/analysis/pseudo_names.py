"""Names for what no name of the notebook holds: seeds, options, files, random numbers.

They stand among the names in `Effects`, in angle brackets.
"""

from __future__ import annotations

from posixpath import basename

__all__ = [
    "AMBIENT_STATE",
    "EVERYTHING",
    "FILES",
    "UNKNOWN_FILE",
    "file_name",
    "is_pseudo",
    "is_stream",
    "random_stream",
]

AMBIENT_STATE = "<process>"
"""Options, environment variables, the import path: everything after a change of it depends on it."""
FILES = "<files>"
"""Changed by whatever writes a file, read by whatever may read any file."""
UNKNOWN_FILE = "<some file>"
"""Changed by what writes nobody knows where, read by whatever reads a file."""
EVERYTHING = "<everything>"
"""Read by code that is a text (`eval(text)`): it may read any name."""


def file_name(path: str) -> str:
    """Return the pseudo-name of a file, by the last part of its path: two spellings of one path must not be two files."""
    return f"<file {basename(path)}>"


def random_stream(library: str) -> str:
    """Return the pseudo-name of a library's process-wide random numbers."""
    return f"<random {library}>"


def is_stream(name: str) -> bool:
    return name.startswith("<random ")


def is_pseudo(name: str) -> bool:
    return name.startswith("<")
