"""The story of a batch job: open the source, ask the package chunk after chunk, keep the answers part after part."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nbdeploy.clock import Clock
from nbdeploy.errors import Diagnostic, GateError
from nbdeploy.operating.batch.answering import Answering, input_columns, kept_columns
from nbdeploy.operating.batch.package import BatchPackage, batch_package
from nbdeploy.operating.batch.scorer import cpus, scoring
from nbdeploy.operating.batch.values import Mark
from nbdeploy.operating.training import Environment
from nbdeploy.progress import Event, Progress, silent

if TYPE_CHECKING:
    from nbdeploy.operating.batch.scorer import Scorer
    from nbdeploy.operating.batch.values import Scored, Source, Target

__all__ = ["BatchRequest", "Batched", "bad_rows", "batch", "chunk_rows", "identity_of"]

ROWS = 50_000  # of a chunk, where they are not too wide: small ones cost scikit-learn dearly
CHUNK_BYTES = 64 * 1024 * 1024
PART_CHUNKS = 10
PART_SECONDS = 30.0  # a kill loses no more than about this, or a chunk
MOST_WORKERS = 4  # each has the model in its memory
NAMED = 20  # rows at fault that an error names


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """What is to be scored: rows of `source`, which is a path, an address or a database, with answers to `out`.

    `keep` names columns that go into the output beside the predictions; None means all of a file, the key of a table.
    `columns` are those of the input where it is no table. `query` is a SELECT or a table's name, `table` where answers go in a
    database, `key` the columns that tell its rows apart. `rows` of a chunk are chosen by their size unless they are given,
    `workers` are processes that answer: one a processor, but not more than `MOST_WORKERS` unless that is asked.
    """

    target: str
    source: str
    out: str
    keep: tuple[str, ...] | None = None
    columns: tuple[str, ...] = ()
    on_error: Literal["fail", "skip"] = "fail"
    query: str | None = None
    table: str | None = None
    key: tuple[str, ...] = ()
    format: str | None = None
    overwrite: bool = False
    rows: int | None = None
    workers: int | None = None
    venv: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batched:
    """What a job did. `rows` counts all of the source, `bad` those without an answer, `bad_rows` says where they are.

    `resumed_at` is the row at which an interrupted job went on, `request_id` what the answers carry.
    """

    name: str
    version: str
    rows: int
    bad: int
    seconds: float
    rows_per_second: float
    out: str
    bad_rows: str | None = None
    resumed_at: int = 0
    request_id: str = ""
    engine: str = "local"

    def as_json(self) -> dict[str, Any]:
        return {"ok": True, **{name: getattr(self, name) for name in self.__slots__}}


def batch(request: BatchRequest, progress: Progress = silent) -> Batched:
    """Score all rows of a source with a package, and publish the answers when all are there.

    A job that was killed goes on where its last part ends when it is started again. Raises UsageError (source, target and
    package do not fit, NBD640 to NBD651), GateError (NBD650: rows are at fault and `on_error` is `fail`; NBD644: the package
    broke down) and EnvironmentProblem (NBD652, NBD655: a driver is missing, or the database can't be reached).
    """
    package = batch_package(request.target)
    environment = Environment.of(package.folder, package.module, request.venv)
    most = request.workers or min(cpus(), MOST_WORKERS)
    with scoring(package, environment, most) as scorer:  # it starts while the source is looked at
        source = source_of(request)
        schema = source.schema()
        columns = input_columns(package, schema, request.columns, request.source)
        keep = kept_columns(schema, request.keep, request.key if request.table else None, request.source)
        rows = request.rows or chunk_rows(source)
        identity = identity_of(package, source, {"columns": columns, "keep": keep, "key": request.key, "rows": rows})
        with Clock(progress).stage("score", f"{request.source} with {package.name} {package.version}"):
            total = source.total
            answer = scorer.ready(most if total is None else max(1, min(most, -(-total // rows))))
            answering = Answering(package, schema, columns, keep, answer, request.key, str(identity["request_id"]))
            target = target_of(request, identity, answering)
            job = Job(request, source, target, answering, rows, total, progress)
            job.run(scorer)
            published = target.finish()
        return job.told(package, published)


@dataclass(slots=True)
class Job:
    """A job that runs. Counts are those of the whole job, also of what was done before an interruption."""

    request: BatchRequest
    source: Source
    target: Target
    answering: Answering
    chunk_rows: int
    total: int | None
    progress: Progress
    counts: dict[str, int] = field(default_factory=dict)
    resumed_at: int = 0
    began: float = field(default_factory=time.perf_counter)

    def run(self, scorer: Scorer) -> None:
        start, counts = self.target.resume()
        self.counts, self.resumed_at = dict(counts), start.rows
        open_chunks, committed = 0, time.perf_counter()
        end = start
        for scored in scorer.scored(self.source.chunks(start, self.chunk_rows), self.answering.asked):
            self.take(scored)
            end, open_chunks = scored.chunk.end, open_chunks + 1
            if open_chunks == PART_CHUNKS or time.perf_counter() - committed > PART_SECONDS:
                self.target.commit(end, self.counts)
                open_chunks, committed = 0, time.perf_counter()
            self.tell(end, scored.chunk.share)
        if open_chunks:
            self.target.commit(end, self.counts)

    def take(self, scored: Scored) -> None:
        answers, bad = self.answering.answered(scored)
        if bad and self.request.on_error == "fail":
            raise GateError(*bad_rows(self.request, bad))
        self.counts["rows"] = scored.chunk.end.rows
        self.counts["bad"] = self.counts.get("bad", 0) + len(bad)
        self.target.write(answers, bad)

    def tell(self, end: Mark, share: float | None) -> None:
        seconds = time.perf_counter() - self.began
        speed = (end.rows - self.resumed_at) / seconds
        text = f"{end.rows:,} rows, {speed:,.0f} a second"
        if self.total:
            text += f", {_span((self.total - end.rows) / speed)} left" if speed else ""
        elif share and not self.resumed_at:
            text += f", {_span(seconds * (1 - share) / share)} left"
        self.progress(Event("score", "update", text, done=end.rows, total=self.total))

    def told(self, package: BatchPackage, published: Mapping[str, Any]) -> Batched:
        seconds = time.perf_counter() - self.began
        rows, bad = self.counts.get("rows", 0), self.counts.get("bad", 0)
        return Batched(
            name=package.name,
            version=package.version,
            rows=rows,
            bad=bad,
            seconds=round(seconds, 3),
            rows_per_second=round((rows - self.resumed_at) / seconds, 1),
            out=str(published["out"]),
            bad_rows=published["bad_rows"],
            resumed_at=self.resumed_at,
            request_id=self.answering.request_id,
        )


def source_of(request: BatchRequest) -> Source:
    """Return the source that the request names: a database where there is a query, else files."""
    if request.query is not None:
        from nbdeploy.operating.batch.database import table_source

        return table_source(request.source, request.query, request.key)
    from nbdeploy.operating.batch.files_in import file_source
    from nbdeploy.operating.batch.places import place

    return file_source(place(request.source))


def target_of(request: BatchRequest, identity: Mapping[str, Any], answering: Answering) -> Target:
    """Return the target that the request names: a table of a database, else a file or a folder."""
    if request.table is not None:
        from nbdeploy.operating.batch.database import table_target

        return table_target(
            request.out, request.table, request.key, identity, answering.schema, overwrite=request.overwrite
        )
    from nbdeploy.operating.batch.files_out import file_target
    from nbdeploy.operating.batch.places import place

    return file_target(
        place(request.out), identity, answering.schema, format=request.format, overwrite=request.overwrite
    )


def chunk_rows(source: Source) -> int:
    """Return how many rows make a chunk: as many as have room, by the first thousand."""
    with suppress(StopIteration):
        first = next(iter(source.chunks(Mark(), 1_000))).batch
        width = max(1.0, first.nbytes / max(1, first.num_rows))
        return max(1, min(ROWS, int(CHUNK_BYTES / width)))
    return ROWS


def identity_of(package: BatchPackage, source: Source, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a job scores with what, and the id that follows from it."""
    about = {
        "source": source.identity,
        "package": {"name": package.name, "version": package.version, "digest": package.digest},
        "options": asked,
    }
    text = json.dumps(about, sort_keys=True, default=str)
    return {**json.loads(text), "request_id": f"batch-{hashlib.sha256(text.encode()).hexdigest()[:16]}"}


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def bad_rows(request: BatchRequest, bad: list[dict[str, Any]]) -> list[Diagnostic]:
    """Return what is wrong with rows, one diagnostic a fault, up to `NAMED`."""
    fix = "correct them there; or leave such rows out, told with their reasons in a file of their own: --on-error skip"
    places = [(row["row"], each) for row in bad for each in row["problems"]][:NAMED]
    return [
        Diagnostic(
            code="NBD650",
            message=f"{request.source}, row {row}"
            + (f", column {each['field']!r}" if each.get("field") else "")
            + f": {each['message']}",
            fix=fix if number == len(places) - 1 else "",
        )
        for number, (row, each) in enumerate(places)
    ]
