"""The package in a clean process that answers chunk after chunk; reading ahead goes on meanwhile."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Event, Semaphore, Thread
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, GateError
from nbdeploy.operating.batch import scorer_process
from nbdeploy.operating.batch.values import Chunk, Scored
from nbdeploy.proving.clean_process import process_environment

if TYPE_CHECKING:
    import pyarrow as pa

    from nbdeploy.operating.batch.package import BatchPackage
    from nbdeploy.operating.training import Environment

__all__ = ["Scorer", "scoring"]

AHEAD = 2  # chunks that are read while one is answered


@dataclass(slots=True)
class Scorer:
    """A running package. `answer` is the schema of its predictions."""

    process: subprocess.Popen[bytes]
    errors: Path
    answer: pa.Schema

    def scored(self, chunks: Iterable[Chunk], asked: Callable[[Chunk], pa.RecordBatch]) -> Iterator[Scored]:
        """Answer chunks in their order; `asked` takes from one what the package is to be asked.

        A thread of its own reads them and hands them over, at most `AHEAD` of them unanswered.
        """
        waiting: Queue[Chunk | BaseException | None] = Queue()
        free, stopped = Semaphore(AHEAD), Event()

        def feed() -> None:
            end: BaseException | None = None
            try:
                for chunk in chunks:
                    free.acquire()
                    if stopped.is_set():
                        return
                    waiting.put(chunk)
                    self._send(asked(chunk))
            except BaseException as problem:
                end = problem
            waiting.put(end)

        feeder = Thread(target=feed, name="nbdeploy-batch-source", daemon=True)
        feeder.start()
        try:
            while (chunk := waiting.get()) is not None:
                if isinstance(chunk, BrokenPipeError):
                    self._receive()
                if isinstance(chunk, BaseException):
                    raise chunk
                yield self._answered(chunk)
                free.release()
        finally:
            stopped.set()
            free.release()

    def _answered(self, chunk: Chunk) -> Scored:
        predictions, said = self._receive()
        numbers = chunk.rows
        problems = [{**each, "row": int(numbers[each["row"]])} for each in said["problems"]]
        return Scored(chunk, predictions, (*chunk.broken, *problems))

    def _send(self, batch: pa.RecordBatch) -> None:
        assert self.process.stdin is not None
        scorer_process.send(self.process.stdin, batch, {})  # type: ignore[arg-type]

    def _receive(self) -> tuple[pa.RecordBatch, Mapping[str, Any]]:
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


@contextmanager
def scoring(package: BatchPackage, environment: Environment) -> Iterator[Scorer]:
    """Start the package in a process that may import only what its lock names, and pyarrow.

    Raises GateError (NBD644): it can't be imported, or breaks down.
    """
    from nbdeploy.proving import probe

    with tempfile.TemporaryDirectory(prefix="nbdeploy-", ignore_cleanup_errors=True) as scratch:
        job, errors, tables = Path(scratch, "job.json"), Path(scratch, "stderr"), Path(scratch, "tables.py")
        if package.tables:
            tables.write_text(package.tables, encoding="utf-8")
        absent = sorted(set(environment.absent) - {"pyarrow"})
        content = {"package": str(package.folder), "module": package.module, "absent": absent, "probe": probe.__file__}
        job.write_text(json.dumps({**content, "tables": str(tables) if package.tables else ""}), encoding="utf-8")
        command = [str(environment.python), "-I", "-X", "utf8", "-W", "ignore", scorer_process.__file__, str(job)]
        with errors.open("wb") as log, _running(command, log) as process:
            scorer = Scorer(process, errors, None)
            started, _ = scorer._receive()
            scorer.answer = started.schema
            yield scorer


@contextmanager
def _running(command: list[str], log: Any) -> Iterator[subprocess.Popen[bytes]]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, env=process_environment())
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
