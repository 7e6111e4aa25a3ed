"""Answers to files: parts that are there whole or not at all, in the end one file or a folder of them.

While a job runs, `OUT.partial/` holds its parts, the rows at fault beside them, and a record for each part that is whole:

    job.json                        what is scored with what: another job does not go on here
    part-00000.parquet  .json       answers; `rows`, `bad` and the place in the source behind them
    part-00000.bad.jsonl            rows at fault, if any

Parts that will be one file of Parquet are Arrow's own files till then, which cost less to write and to read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.operating.batch.formats import format_of
from nbdeploy.operating.batch.values import Mark

if TYPE_CHECKING:
    import pyarrow as pa

    from nbdeploy.operating.batch.places import Place

__all__ = ["FileTarget", "file_target"]

GROUP = 250_000  # rows of a row group of Parquet in the finished file


@dataclass(slots=True)
class FileTarget:
    """A file, or a folder of parts. `identity` is what the job scores with what, `schema` the columns of its answers."""

    out: Place
    format: str
    folder: bool
    identity: Mapping[str, Any]
    schema: pa.Schema
    _number: int = 0
    _answers: list[Any] = field(default_factory=list)
    _bad: list[dict[str, Any]] = field(default_factory=list)

    @property
    def partial(self) -> Place:
        return self.out.beside(f"{self.out.name}.partial")

    def resume(self) -> tuple[Mark, Mapping[str, int]]:
        records = self._records()
        self._number = len(records)
        if not records:
            with (self.partial / "job.json").writing() as file:
                file.write(json.dumps(self.identity, indent=2, ensure_ascii=False).encode())
            return Mark(), {"rows": 0, "bad": 0}
        last = records[-1]
        return Mark(last["mark"]["rows"], tuple(last["mark"]["after"])), last["counts"]

    def write(self, answers: pa.RecordBatch, bad: list[dict[str, Any]]) -> None:
        self._answers.append(answers)
        self._bad += bad

    def commit(self, mark: Mark, counts: Mapping[str, int]) -> None:
        name = f"part-{self._number:05}"
        with (self.partial / f"{name}{self._writer.ending}").writing() as file:
            self._writer.write(file, self._answers, self.schema, self._number == 0 or self.folder)
        if self._bad:
            with (self.partial / f"{name}.bad.jsonl").writing() as file:
                file.writelines(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in self._bad)
        record = {"mark": {"rows": mark.rows, "after": list(mark.after)}, "counts": counts, "bad": bool(self._bad)}
        with (self.partial / f"{name}.json").writing() as file:
            file.write(json.dumps(record).encode())
        self._number += 1
        self._answers, self._bad = [], []

    def finish(self) -> Mapping[str, Any]:
        if not self._records():
            self.commit(Mark(), {"rows": 0, "bad": 0})
        records = self._records()
        parts = [self.partial / f"part-{number:05}{self._writer.ending}" for number in range(len(records))]
        faults = [
            self.partial / f"part-{number:05}.bad.jsonl" for number, record in enumerate(records) if record["bad"]
        ]
        bad = self.out.beside(f"{self._stem}.bad.jsonl")
        if faults:
            with bad.writing() as file:
                for each in faults:
                    _copy(each, file)
        else:
            bad.remove()
        if self.folder:
            self._publish_folder(parts)
        else:
            with self.out.writing() as file:
                self._writer.join(parts, file, self.schema)
        self.partial.remove()
        return {"out": self.out.shown, "bad_rows": bad.shown if faults else None}

    def _publish_folder(self, parts: list[Place]) -> None:
        kept = {each.name for each in parts}
        for each in self.partial.files():
            if each.name not in kept:
                each.remove()
        self.out.remove()
        self.partial.rename(self.out)

    @property
    def _writer(self) -> Any:
        return PARQUET_PARTS if self.folder and self.format == "parquet" else WRITERS[self.format]

    @property
    def _stem(self) -> str:
        return self.out.name.rsplit(".", 1)[0]

    def _records(self) -> list[dict[str, Any]]:
        """Return the records of the parts that are whole, in their order."""
        found: list[dict[str, Any]] = []
        while (record := self.partial / f"part-{len(found):05}.json").is_file():
            with record.read() as file:
                found.append(json.loads(file.read()))
        return found


def _copy(source: Place, target: Any) -> None:
    import shutil

    with source.read() as file:
        shutil.copyfileobj(file, target)


# the formats ------------------------------------------------------------------------------------------------------------


class ParquetParts:
    ending = ".parquet"

    def write(self, file: Any, answers: list[Any], schema: pa.Schema, first: bool) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_batches(answers, schema), file, compression="snappy")


class Parquet:
    ending = ".arrow"

    def write(self, file: Any, answers: list[Any], schema: pa.Schema, first: bool) -> None:
        import pyarrow as pa

        with pa.ipc.new_file(file, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            for each in answers:
                writer.write_batch(each)

    def join(self, parts: list[Place], file: Any, schema: pa.Schema) -> None:
        """Copy row by row into groups that do not depend on where a part ends."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        waiting: list[Any] = []
        size = 0
        with pq.ParquetWriter(file, schema, compression="snappy") as writer:
            for part in parts:
                with part.read() as stream, pa.ipc.open_file(stream) as batches:
                    for number in range(batches.num_record_batches):
                        waiting.append(batches.get_batch(number))
                        size += waiting[-1].num_rows
                        while size >= GROUP:
                            table = pa.Table.from_batches(waiting)
                            writer.write_table(table.slice(0, GROUP), GROUP)
                            waiting, size = table.slice(GROUP).to_batches(), size - GROUP
            if size:
                writer.write_table(pa.Table.from_batches(waiting), GROUP)


class Csv:
    ending = ".csv"

    def write(self, file: Any, answers: list[Any], schema: pa.Schema, first: bool) -> None:
        import pyarrow as pa
        from pyarrow import csv

        flat = [_flattened(each) for each in answers]
        fields = flat[0].schema if flat else _flattened(pa.RecordBatch.from_pylist([], schema)).schema
        csv.write_csv(pa.Table.from_batches(flat, fields), file, csv.WriteOptions(include_header=first))

    def join(self, parts: list[Place], file: Any, schema: pa.Schema) -> None:
        for each in parts:
            _copy(each, file)


class JsonLines:
    ending = ".jsonl"

    def write(self, file: Any, answers: list[Any], schema: pa.Schema, first: bool) -> None:
        for batch in answers:
            file.writelines(_lines(batch))

    def join(self, parts: list[Place], file: Any, schema: pa.Schema) -> None:
        for each in parts:
            _copy(each, file)


def _flattened(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return lists as texts of JSON, which CSV can carry."""
    import pyarrow as pa

    columns = [
        pa.array([None if each is None else json.dumps(each) for each in column.to_pylist()], pa.string())
        if pa.types.is_nested(column.type)
        else column
        for column in batch.columns
    ]
    return pa.record_batch(columns, names=batch.schema.names)


def _lines(batch: pa.RecordBatch) -> Iterator[bytes]:
    from nbdeploy.operating.batch.columns import holds_json

    raw = {field.name for field in batch.schema if holds_json(field)}
    for row in batch.to_pylist():
        for name in raw:
            row[name] = None if row[name] is None else json.loads(row[name])
        yield json.dumps(row, ensure_ascii=False, default=_plain).encode() + b"\n"


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


PARQUET_PARTS = ParquetParts()
WRITERS: Mapping[str, Any] = {"parquet": Parquet(), "csv": Csv(), "jsonl": JsonLines()}


def file_target(
    out: Place, identity: Mapping[str, Any], schema: pa.Schema, *, format: str | None, overwrite: bool
) -> FileTarget:
    """Return the target that a path means: one file by its ending, else a folder of parts.

    Raises UsageError: NBD646 (there is something already), NBD647 (another job was interrupted there), NBD648 (no such format).
    """
    told = format_of(out.name)
    folder = told is None
    if folder and "." in out.name:
        raise UsageError(_no_format(out, f"its ending is none of {'.parquet, .csv, .jsonl'}"))
    if format and told and format != told:
        raise UsageError(_no_format(out, f"its ending says {told}, --format says {format}"))
    if out.name.endswith(".gz"):
        raise UsageError(_no_format(out, "compressed files are read, but not written"))
    target = FileTarget(out, told or format or "parquet", folder, identity, schema)
    if overwrite:
        _forget_another(target)
        return target
    if out.exists():
        raise UsageError(_there_already(out))
    if known := _job_of(target):
        differs = sorted(
            name for name in {*known, *identity} if known.get(name) != json.loads(json.dumps(identity)).get(name)
        )
        if differs:
            raise UsageError(_another_job(target.partial, differs))
    return target


def _job_of(target: FileTarget) -> dict[str, Any] | None:
    job = target.partial / "job.json"
    if not job.is_file():
        return None
    with job.read() as file:
        found: dict[str, Any] = json.loads(file.read())
    return found


def _forget_another(target: FileTarget) -> None:
    if _job_of(target) != json.loads(json.dumps(target.identity)):
        target.partial.remove()


def _there_already(out: Place) -> Diagnostic:
    message = f"{out.shown} is there already"
    return Diagnostic(code="NBD646", message=message, fix="name another place, or let it be replaced: --overwrite")


def _another_job(partial: Place, differs: list[str]) -> Diagnostic:
    return Diagnostic(
        code="NBD647",
        message=f"{partial.shown} holds parts of an interrupted job that was another one: its {', '.join(differs)} differed",
        fix="begin anew with --overwrite, or give what that job was given, and it goes on",
    )


def _no_format(out: Place, why: str) -> Diagnostic:
    return Diagnostic(
        code="NBD648",
        message=f"{out.shown} can't be written: {why}",
        fix="end the name with .parquet, .csv or .jsonl for one file, or name a folder and --format parquet, csv or jsonl",
    )
