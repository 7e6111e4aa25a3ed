"""Rows from files: Parquet, CSV and JSON lines, one file, many by a pattern, or a folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.operating.batch.columns import as_column, field_for
from nbdeploy.operating.batch.formats import FORMATS, format_of
from nbdeploy.operating.batch.values import Chunk, Mark

if TYPE_CHECKING:
    import pyarrow as pa

    from nbdeploy.operating.batch.places import Place

__all__ = ["FileSource", "file_source"]

BLOCK = 4 * 1024 * 1024  # bytes of a text file that are looked at at once
LOOK_AHEAD = 10_000  # lines of JSON that tell which columns there are
SHOWN = 1_000  # characters of a line that can't be read


@dataclass(frozen=True, slots=True)
class Piece:
    """What a reader gives: rows of one file, in the order of their positions; those left out are broken."""

    batch: pa.RecordBatch
    positions: Iterable[int] | None = None  # of the rows in the file; None: one after the other
    broken: tuple[Mapping[str, Any], ...] = ()
    count: int = 0  # rows, broken ones among them
    share: float | None = None


@dataclass(frozen=True, slots=True)
class FileSource:
    """Files of one format, row after row in the order of their names."""

    files: tuple[Place, ...]
    format: str

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"files": [each.fingerprint() for each in self.files], "format": self.format}

    @property
    def total(self) -> int | None:
        if self.format != "parquet":
            return None
        import pyarrow.parquet as pq

        counts = []
        for file in self.files:
            with file.read() as stream:
                counts.append(pq.ParquetFile(stream).metadata.num_rows)
        return int(sum(counts))

    def schema(self) -> pa.Schema:
        file = self.files[0]
        with _reading(file):
            found: pa.Schema = READERS[self.format].schema(file)
        if twice := sorted({name for name in found.names if found.names.count(name) > 1}):
            raise UsageError(_unreadable(file.shown, f"it has two columns called {twice[0]!r}"))
        return found

    def chunks(self, start: Mark, rows: int) -> Iterator[Chunk]:
        reader, wanted = READERS[self.format], self.schema()
        sizes = [each.size() or 1 for each in self.files]
        done, first = 0, 0
        for file, size in zip(self.files, sizes, strict=True):
            with _reading(file):
                count: int | None = reader.count(file)
                skip = 0 if count is None else min(count, max(0, start.rows - first))
                end = skip
                for piece, at in _sized(reader.pieces(file, wanted, skip, rows), rows, skip):
                    end = at + piece.count
                    if first + end > start.rows:
                        yield _chunk(piece, first + at, (done + size * (piece.share or 0)) / sum(sizes))
            first, done = first + end, done + size


@contextmanager
def _reading(file: Place) -> Iterator[None]:
    """Turn what Arrow says of a file into a UsageError that names it."""
    try:
        yield
    except (OSError, ValueError) as problem:
        why = str(problem).partition("\n")[0][:300]
        raise UsageError(_unreadable(file.shown, f"{why} (texts have to be UTF-8)" if "UTF" in why else why)) from None


def _chunk(piece: Piece, first: int, share: float) -> Chunk:
    import numpy as np

    found = np.arange(piece.count) if piece.positions is None else np.asarray(list(piece.positions))
    broken = tuple({**each, "row": first + each["row"]} for each in piece.broken)
    return Chunk(piece.batch, first + found, Mark(first + piece.count), broken, share)


def _sized(pieces: Iterable[Piece], rows: int, skip: int) -> Iterator[tuple[Piece, int]]:
    """Give pieces of just so many rows, but the last, with the position of the first: boundaries never depend on a resumption.

    The first piece begins at the position `skip`, a multiple of `rows`.
    """
    kept: list[Piece] = []
    size, at = 0, skip
    for piece in pieces:
        kept.append(piece)
        size += piece.count
        while size >= rows:
            whole = _joined(kept)
            head, tail = _cut(whole, rows)
            yield head, at
            kept, size, at = ([tail] if tail.count else []), tail.count, at + rows
    if size:
        yield _joined(kept), at


def _joined(pieces: list[Piece]) -> Piece:
    import pyarrow as pa

    if len(pieces) == 1:
        return pieces[0]
    batch = pa.concat_batches([each.batch for each in pieces])
    if all(each.positions is None for each in pieces):
        return Piece(batch, count=batch.num_rows, share=pieces[-1].share)
    positions: list[int] = []
    broken: list[Mapping[str, Any]] = []
    first = 0
    for each in pieces:
        positions += [first + at for at in (range(each.count) if each.positions is None else each.positions)]
        broken += [{**one, "row": first + one["row"]} for one in each.broken]
        first += each.count
    return Piece(batch, positions, tuple(broken), first, pieces[-1].share)


def _cut(piece: Piece, rows: int) -> tuple[Piece, Piece]:
    import bisect

    positions = None if piece.positions is None else list(piece.positions)
    at = rows if positions is None else bisect.bisect_left(positions, rows)
    head_broken = tuple(each for each in piece.broken if each["row"] < rows)
    tail_broken = tuple({**each, "row": each["row"] - rows} for each in piece.broken if each["row"] >= rows)
    head_positions = None if positions is None else positions[:at]
    tail_positions = None if positions is None else [each - rows for each in positions[at:]]
    return (
        Piece(piece.batch.slice(0, at), head_positions, head_broken, rows, piece.share),
        Piece(piece.batch.slice(at), tail_positions, tail_broken, piece.count - rows, piece.share),
    )


# the formats ------------------------------------------------------------------------------------------------------------


class Parquet:
    def schema(self, file: Place) -> pa.Schema:
        import pyarrow.parquet as pq

        with file.read() as stream:
            return pq.ParquetFile(stream).schema_arrow.remove_metadata()

    def count(self, file: Place) -> int | None:
        import pyarrow.parquet as pq

        with file.read() as stream:
            return int(pq.ParquetFile(stream).metadata.num_rows)

    def pieces(self, file: Place, schema: pa.Schema, skip: int, rows: int) -> Iterator[Piece]:
        import pyarrow.parquet as pq

        with file.read() as stream:
            found = pq.ParquetFile(stream, pre_buffer=False)
            about, total = found.metadata, found.metadata.num_rows
            group, passed = 0, 0
            while group < about.num_row_groups and passed + about.row_group(group).num_rows <= skip:
                passed += about.row_group(group).num_rows
                group += 1
            groups = list(range(group, about.num_row_groups))
            for batch in found.iter_batches(row_groups=groups) if groups else ():
                before, passed = passed, passed + batch.num_rows
                left = batch.slice(max(0, skip - before))
                left = left if left.schema.equals(schema) else left.cast(schema)
                yield Piece(left, count=left.num_rows, share=passed / total)


class Csv:
    """All columns are read as the texts that they are; what they stand for is told by the package's own schema."""

    def schema(self, file: Place) -> pa.Schema:
        import pyarrow as pa
        from pyarrow import csv

        with file.read() as stream:
            names = csv.open_csv(stream, self._reading(), *self._parsing([])).schema.names
        return pa.schema([pa.field(name, pa.string(), metadata={"content": "csv"}) for name in names])

    def count(self, file: Place) -> int | None:
        return None

    def pieces(self, file: Place, schema: pa.Schema, skip: int, rows: int) -> Iterator[Piece]:
        from pyarrow import csv

        bad: list[Any] = []
        size = file.size() or 1
        with file.read() as stream:
            types = {name: field.type for name, field in zip(schema.names, schema, strict=True)}
            first, told = 0, 0
            for batch in csv.open_csv(stream, self._reading(), *self._parsing(bad, types)):
                piece, told = self._placed(batch.cast(schema), bad, first, told)
                first += piece.count
                yield replace(piece, share=_share(file, stream, size))

    def _reading(self) -> Any:
        from pyarrow import csv

        return csv.ReadOptions(use_threads=False, block_size=BLOCK)

    def _parsing(self, bad: list[Any], types: Mapping[str, Any] | None = None) -> tuple[Any, Any]:
        from pyarrow import csv

        def skip(row: Any) -> str:
            bad.append(row)
            return "skip"

        return (
            csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
            csv.ConvertOptions(column_types=types, strings_can_be_null=False, null_values=[]),
        )

    def _placed(self, batch: pa.RecordBatch, bad: list[Any], first: int, told: int) -> tuple[Piece, int]:
        """Give the rows of a batch their positions: those that CSV could not be read from lie between them."""
        places: list[int] = []
        broken: list[Mapping[str, Any]] = []
        at, left = 0, batch.num_rows
        while left or (told < len(bad) and bad[told].number - 2 == first + at):
            if told < len(bad) and bad[told].number - 2 == first + at:
                row = bad[told]
                message = f"{row.actual_columns} values where the file has {row.expected_columns} columns"
                broken.append({"row": at, "field": None, "message": message, "text": row.text})
                told += 1
            else:
                places.append(at)
                left -= 1
                if told == len(bad):  # the usual case: nothing more is wrong
                    places += range(at + 1, at + 1 + left)
                    at, left = at + left, 0
            at += 1
        return Piece(batch, places if broken else None, tuple(broken), at), told


class JsonLines:
    def schema(self, file: Place) -> pa.Schema:
        """Return the columns of the first lines; what is not of one type there is kept as texts of JSON."""
        import pyarrow as pa

        rows: list[dict[str, Any]] = []
        with file.read() as stream:
            for line in islice(filter(bytes.strip, stream), LOOK_AHEAD):
                found, _ = _record(line)
                rows += [found] if found is not None else []
        names = list(dict.fromkeys(name for row in rows for name in row))
        return pa.schema([field_for(name, [row.get(name) for row in rows]) for name in names])

    def count(self, file: Place) -> int | None:
        return None

    def pieces(self, file: Place, schema: pa.Schema, skip: int, rows: int) -> Iterator[Piece]:
        size = file.size() or 1
        with file.read() as stream:
            lines = filter(bytes.strip, stream)
            while some := list(islice(lines, rows)):
                yield replace(self._piece(some, schema), share=_share(file, stream, size))

    def _piece(self, lines: list[bytes], schema: pa.Schema) -> Piece:
        import pyarrow as pa

        records: list[dict[str, Any]] = []
        places: list[int] = []
        broken: list[Mapping[str, Any]] = []
        for at, line in enumerate(lines):
            found, fault = _record(line)
            if found is None:
                text = line.decode(errors="replace").rstrip("\n")[:SHOWN]
                broken.append({"row": at, "field": None, "message": fault, "text": text})
            else:
                records.append(found)
                places.append(at)
        columns = [as_column([each.get(field.name) for each in records], field) for field in schema]
        batch = pa.record_batch([array for array, _ in columns], schema=pa.schema([field for _, field in columns]))
        return Piece(batch, places if broken else None, tuple(broken), len(lines))


def _record(line: bytes) -> tuple[dict[str, Any] | None, str]:
    try:
        found = json.loads(line)
    except ValueError as problem:
        return None, f"the line is not JSON: {problem}"
    return (found, "") if isinstance(found, dict) else (None, "the line is not a record, that is, an object of names")


def _share(file: Place, stream: Any, size: int) -> float | None:
    return None if file.name.endswith(".gz") else min(1.0, stream.tell() / size)


READERS: Mapping[str, Any] = {"parquet": Parquet(), "csv": Csv(), "jsonl": JsonLines()}


def file_source(found: Place) -> FileSource:
    """Return the files that a path means. Raises UsageError (NBD642): there are none, or of a format that is not read."""
    if "*" in found.path:
        files = found.matches()
    elif found.is_folder():
        files = [each for each in found.files() if format_of(each.name)]
    else:
        files = [found] if found.is_file() else []
    if not files:
        raise UsageError(_unreadable(found.shown, "there is no such file"))
    kinds = {format_of(each.name) for each in files}
    if None in kinds or len(kinds) > 1:
        why = (
            "its name tells no format that can be read"
            if None in kinds
            else f"it holds {', '.join(sorted(map(str, kinds)))}"
        )
        raise UsageError(_unreadable(found.shown, why))
    return FileSource(tuple(files), str(kinds.pop()))


def _unreadable(shown: str, why: str) -> Diagnostic:
    endings = ", ".join(ending for endings in FORMATS.values() for ending in endings)
    return Diagnostic(
        code="NBD642",
        message=f"no rows can be read from {shown}: {why}",
        fix=f"give a file, a folder or a pattern of files of one format, by their endings ({endings}), or the address of a"
        " database with --query",
    )
