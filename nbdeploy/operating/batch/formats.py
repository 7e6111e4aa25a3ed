"""The formats of files, by the endings of their names."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["FORMATS", "format_of"]

FORMATS: Mapping[str, tuple[str, ...]] = {
    "parquet": (".parquet", ".pq"),
    "csv": (".csv", ".csv.gz"),
    "jsonl": (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"),
}


def format_of(name: str) -> str | None:
    """Return the format that a file's name tells, None where it tells none."""
    low = name.lower()
    return next((kind for kind, endings in FORMATS.items() if low.endswith(endings)), None)
