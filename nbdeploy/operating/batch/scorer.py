"""The package in clean processes that answer chunks; the next are read and the last are written meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, GateError
from nbdeploy.operating.batch import scorer_process
from nbdeploy.operating.batch.values import Chunk, Scored
from nbdeploy.proving.process_environment import process_environment

if TYPE_CHECKING:
    import pyarrow as pa

    from nbdeploy.operating.batch.package import BatchPackage
    from nbdeploy.operating.training import Environment

__all__ = ["Scorer", "cpus", "scoring"]

AHEAD = 2  # chunks a worker that are read while others are answered


def cpus() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Worker:
    """The package in a process, which answers one batch after the other."""

    process: subprocess.Popen[bytes]
    errors: Path

    def ask(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Mapping[str, Any]]:
        """Return the predictions, and what is said of them. Raises GateError NBD644: the package broke down."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # then it has said why
            scorer_process.send(self.process.stdin, batch, {})  # type: ignore[arg-type]
        return self.answer()

    def answer(self) -> tuple[pa.RecordBatch, Mapping[str, Any]]:
        """Wait for the next answer; the first, to no question, has the schema of all and no rows."""
        import pyarrow as pa

        assert self.process.stdout is not None
        message = scorer_process.receive(self.process.stdout)  # type: ignore[arg-type]
        if not message:
            last = self.errors.read_text(errors="replace").strip().splitlines()[-3:]
            raise _broken(f"it brought its process down (status {self.process.wait()}): {' / '.join(last)}")
        batch, metadata = pa.ipc.open_stream(message).read_next_batch_with_custom_metadata()
        said = json.loads(metadata["said"])
        if "error" in said:
            raise _broken(said["error"])
        return batch, said


@dataclass(frozen=True, slots=True)
class Scorer:
    """A package in as many processes as `ready` was told; `start` starts one, and the first is there."""

    start: Callable[[], Worker]
    idle: SimpleQueue[Worker] = field(default_factory=SimpleQueue)

    def ready(self, workers: int = 1) -> pa.Schema:
        """Wait until so many processes are there. Return the schema of the predictions."""
        started = [self.idle.get(), *(self.start() for _ in range(workers - 1))]
        schemas = [each.answer()[0].schema for each in started]
        for each in started:
            self.idle.put(each)
        return schemas[0]

    def scored(self, chunks: Iterable[Chunk], asked: Callable[[Chunk], pa.RecordBatch]) -> Iterator[Scored]:
        """Answer chunks in their order; `asked` takes from one what the package is to be asked."""
        workers = self.idle.qsize()
        waiting: deque[tuple[Chunk, Future[Any]]] = deque()
        asking = ThreadPoolExecutor(workers, thread_name_prefix="nbdeploy-batch")
        try:
            for chunk in chunks:
                waiting.append((chunk, asking.submit(self._ask, asked(chunk))))
                if len(waiting) > workers * AHEAD:
                    yield _scored(*waiting.popleft())
            while waiting:
                yield _scored(*waiting.popleft())
        finally:
            asking.shutdown(wait=False, cancel_futures=True)

    def _ask(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Mapping[str, Any]]:
        worker = self.idle.get()
        try:
            return worker.ask(batch)
        finally:
            self.idle.put(worker)


def _scored(chunk: Chunk, answer: Future[Any]) -> Scored:
    predictions, said = answer.result()
    numbers = chunk.rows
    problems = [{**each, "row": int(numbers[each["row"]])} for each in said["problems"]]
    return Scored(chunk, predictions, (*chunk.broken, *problems))


@contextmanager
def scoring(package: BatchPackage, environment: Environment, workers: int = 1) -> Iterator[Scorer]:
    """Start the package in a process that may import only what its lock names, and pyarrow; it may get `workers` of them.

    `ready` waits for them, and raises GateError (NBD644): the package can't be imported, or breaks down.
    """
    from nbdeploy.proving import probe

    with ExitStack() as running:
        scratch = Path(
            running.enter_context(tempfile.TemporaryDirectory(prefix="nbdeploy-", ignore_cleanup_errors=True))
        )
        job, tables = scratch / "job.json", scratch / "tables.py"
        if package.tables:
            tables.write_text(package.tables, encoding="utf-8")
        absent = sorted(set(environment.absent) - {"pyarrow"})
        content = {"package": str(package.folder), "module": package.module, "absent": absent, "probe": probe.__file__}
        job.write_text(json.dumps({**content, "tables": str(tables) if package.tables else ""}), encoding="utf-8")
        command = [str(environment.python), "-I", "-X", "utf8", "-W", "ignore", scorer_process.__file__, str(job)]

        threads = {"OMP_NUM_THREADS": str(max(1, cpus() // workers))}  # all of a machine for each would be too many

        def start() -> Worker:
            errors = Path(tempfile.mkstemp(prefix="stderr-", dir=scratch)[1])
            return Worker(running.enter_context(_running(command, errors, threads | process_environment())), errors)

        scorer = Scorer(start)
        scorer.idle.put(start())
        yield scorer


@contextmanager
def _running(command: list[str], errors: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    pipe = subprocess.PIPE
    with errors.open("wb") as log:
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, env=environment)
    try:
        yield process
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout):
            with suppress(OSError, ValueError):
                if stream is not None:
                    stream.close()
        process.wait()


def _broken(why: str) -> GateError:
    return GateError(
        Diagnostic(
            code="NBD644",
            message=f"the package broke down: {why}",
            fix="run `python -m pytest` in the package's folder, in the environment of its lock (--venv DIR)",
        )
    )
