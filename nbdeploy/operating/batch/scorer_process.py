"""Runs in a process of its own: answers record batches with an exported package, as long as any come.

Started as a script with `python -I`; it knows nothing of nbdeploy but the file that the guard of imports is in. Batches come
on stdin and answers go to what was stdout, each as its length (8 bytes) and a stream of Arrow with one batch. What the
package prints goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["main"]

LENGTH = 8  # bytes
CUT = 400  # characters of an error's text


def tables_of(job: dict[str, Any]) -> Any:
    """Import the package's `tables.py`, or the one that was written for it."""
    sys.dont_write_bytecode = True
    probe = runpy.run_path(job["probe"])
    sys.meta_path.insert(0, probe["Guard"](set(job["absent"])))
    sys.path.insert(0, job["package"])
    importlib.import_module(job["module"])
    name = f"{job['module']}.tables"
    return probe["load_file"](job["tables"], name) if job["tables"] else importlib.import_module(name)


def told(problem: BaseException, root: Path) -> dict[str, Any]:
    """What went wrong, and the last line of the package that it went through."""
    lines = [line for line in str(problem).splitlines() if line.strip()]
    frames = [each for each in traceback.extract_tb(problem.__traceback__) if Path(each.filename).is_relative_to(root)]
    where = f"{Path(frames[-1].filename).relative_to(root)} line {frames[-1].lineno}: " if frames else ""
    return {"error": where + ": ".join([type(problem).__name__, *lines[:1]])[:CUT]}


def receive(stream: BinaryIO) -> bytes:
    """The next message; nothing where there are no more."""
    size = int.from_bytes(stream.read(LENGTH), "little")
    return stream.read(size) if size else b""


def send(stream: BinaryIO, batch: Any, said: dict[str, Any]) -> None:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch, custom_metadata={"said": json.dumps(said)})
    content = sink.getvalue()
    stream.write(len(content).to_bytes(LENGTH, "little"))
    stream.write(memoryview(content))
    stream.flush()


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    import pyarrow as pa

    nothing = pa.record_batch({})
    try:
        tables = tables_of(job)
        send(answers, pa.RecordBatch.from_pylist([], tables.ANSWER), {})
        while message := receive(sys.stdin.buffer):
            batch = pa.ipc.open_stream(message).read_next_batch()
            scored = tables.score(batch)
            send(answers, scored.predictions, {"problems": scored.problems})
    except BrokenPipeError:
        return
    except BaseException as problem:
        send(answers, nothing, told(problem, Path(job["package"])))


if __name__ == "__main__":
    main()
