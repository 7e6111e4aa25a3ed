"""What flows through a batch job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["Chunk", "Mark", "Scored", "Source", "Target"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a source: behind its first `rows` rows; `after` is the key of the last one where the source has keys."""

    rows: int = 0
    after: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a source, one after the other: all columns, the number of each row, and the place behind them.

    `broken` are rows that can't even be read, as problems with `row` and `message`, and `text` where there is one; their
    numbers are not in `rows`. `share` is how much of the source ends with this chunk, 0 to 1, None where that is not known.
    """

    batch: pa.RecordBatch
    rows: np.ndarray
    end: Mark
    broken: tuple[Mapping[str, Any], ...] = ()
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A chunk with its predictions: of the rows that have no problem, in their order. Problems name a row of the source."""

    chunk: Chunk
    predictions: pa.RecordBatch
    problems: tuple[Mapping[str, Any], ...]

    @property
    def bad_rows(self) -> frozenset[int]:
        return frozenset(each["row"] for each in self.problems)


class Source(Protocol):
    """Where rows come from. `identity` changes with its content; `total` counts its rows where that costs nothing."""

    @property
    def identity(self) -> Mapping[str, Any]: ...

    @property
    def total(self) -> int | None: ...

    def schema(self) -> pa.Schema:
        """Return all columns."""

    def chunks(self, start: Mark, rows: int) -> Iterator[Chunk]:
        """Yield the rows behind `start`, `rows` of them at a time."""


class Target(Protocol):
    """Where answers go. Nothing of a part is there before it is committed."""

    def resume(self) -> tuple[Mark, Mapping[str, int]]:
        """Return where a killed job is to go on, and its counts (`rows`, `bad`)."""

    def write(self, answers: pa.RecordBatch, bad: list[dict[str, Any]]) -> None:
        """Add answers, and the rows at fault, to the part."""

    def commit(self, mark: Mark, counts: Mapping[str, int]) -> None:
        """Keep the part: whoever goes on does so behind `mark`."""

    def finish(self) -> Mapping[str, Any]:
        """Publish all parts. Return `out`, and `bad_rows`: where the rows at fault are, None without any."""
