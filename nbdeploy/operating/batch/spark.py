"""A batch job on Apache Spark: what `spark-submit` is given, and what is made of its answers.

The job itself is `spark_job.py`, the same whether it runs on this machine, on a cluster, or by a line that is printed. Here
it is given a folder with that script, the package as an archive, and what is to be done as JSON.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.clock import Clock
from nbdeploy.errors import Diagnostic, EnvironmentProblem, GateError, UsageError
from nbdeploy.operating.batch.answering import Answering, input_columns, kept_columns
from nbdeploy.operating.batch.files_in import FileSource, file_source
from nbdeploy.operating.batch.files_out import FileTarget, file_target
from nbdeploy.operating.batch.package import BatchPackage, batch_package
from nbdeploy.operating.batch.places import place
from nbdeploy.operating.batch.run import Batched, BatchRequest, bad_rows, chunk_rows, identity_of
from nbdeploy.operating.batch.scorer import scoring
from nbdeploy.operating.batch.values import Mark
from nbdeploy.operating.training import Environment
from nbdeploy.progress import Progress, silent

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Submission", "spark_batch", "submission"]

ARCHIVE = "nbdeploy_package"  # where the package lies in a worker, as spark_job.py has it
NOT_IN_THE_ARCHIVE = {"tests", "notebook", "edge", "service.py", "__pycache__"}
SCRIPT = Path(__file__).with_name("spark_job.py")
FORMATS = ("parquet", "csv")
LAST = 15  # lines of Spark's log that an error has


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that is ready for `spark-submit`: its folder, and the words of the command without the program."""

    folder: Path
    master: str
    package: BatchPackage
    answering: Answering
    target: FileTarget
    scratch: Path
    rows: int

    @property
    def arguments(self) -> list[str]:
        archive = f"{self.folder / 'package.tar.gz'}#{ARCHIVE}"
        job = [str(self.folder / "spark_job.py"), str(self.folder / "job.json")]
        return ["--master", self.master, "--archives", archive, *job]

    @property
    def line(self) -> str:
        return shlex.join(["spark-submit", *self.arguments])


def spark_batch(request: BatchRequest, master: str = "local[*]", progress: Progress = silent) -> Batched:
    """Score a source on Spark, and publish the answers as a job on this machine would.

    Raises as `batch` does, and EnvironmentProblem (NBD653: Spark or Java is missing) and GateError (NBD654: the job failed).
    """
    began = time.perf_counter()
    program = _spark_submit()
    with tempfile.TemporaryDirectory(prefix="nbdeploy-spark-", ignore_cleanup_errors=True) as folder:
        made = submission(request, Path(folder), master)
        try:
            with Clock(progress).stage("score", f"{request.source} with {made.package.name} on Spark, {master}"):
                report = _run(program, made)
                if report["first"]:
                    raise GateError(*bad_rows(request, report["first"]))
                published = _publish(made, report)
        finally:
            shutil.rmtree(made.scratch, ignore_errors=True)
    seconds = time.perf_counter() - began
    return Batched(
        name=made.package.name,
        version=made.package.version,
        rows=report["rows"],
        bad=report["bad"],
        seconds=round(seconds, 3),
        rows_per_second=round(report["rows"] / seconds, 1),
        out=str(published["out"]),
        bad_rows=published["bad_rows"],
        request_id=made.answering.request_id,
        engine="spark",
    )


def submission(request: BatchRequest, folder: Path, master: str, *, by_hand: bool = False) -> Submission:
    """Write what `spark-submit` is given into a folder. `by_hand`: Spark itself publishes, so the output is a folder.

    Raises UsageError: NBD656 (Spark is not asked this way), and as `batch` does.
    """
    if request.query is not None or request.table is not None:
        raise UsageError(_not_on_spark("a database", "give files, or leave --engine spark out"))
    package = batch_package(request.target)
    source = file_source(place(request.source))
    if source.format not in FORMATS:
        raise UsageError(_not_on_spark(f"files of {source.format}", "give Parquet or CSV, or leave --engine spark out"))
    schema = source.schema()
    columns = input_columns(package, schema, request.columns, request.source)
    keep = kept_columns(schema, request.keep, None, request.source)
    rows = request.rows or chunk_rows(source)
    identity = identity_of(package, source, {"columns": columns, "keep": keep, "key": request.key, "rows": rows})
    with scoring(package, Environment.of(package.folder, package.module, request.venv)) as scorer:
        answer = scorer.ready()
    answering = Answering(package, schema, columns, keep, answer, (), str(identity["request_id"]))
    target = file_target(
        place(request.out), identity, answering.schema, format=request.format, overwrite=request.overwrite
    )
    if by_hand and not target.folder:
        raise UsageError(_not_on_spark(f"one file {request.out}", "name a folder: Spark writes a part for each task"))
    if not target.out.local:
        raise UsageError(_not_on_spark("an output that is no path", "name a path that all executors share"))
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(target.out.path).absolute().with_name(f".{target.out.name}.spark")
    made = Submission(folder, master, package, answering, target, scratch, rows)
    _write(made, request, source, schema, answer, by_hand)
    return made


def _write(
    made: Submission, request: BatchRequest, source: FileSource, schema: pa.Schema, answer: pa.Schema, by_hand: bool
) -> None:
    out = Path(made.target.out.path).absolute()
    job = {
        "name": made.package.name,
        "version": made.package.version,
        "module": made.package.module,
        "request_id": made.answering.request_id,
        "files": [f"file://{each.path}" if each.local else each.shown for each in source.files],
        "format": source.format,
        "given": schema.names,
        "columns": list(made.answering.columns),
        "keep": list(made.answering.keep),
        "answer": _stream(answer).hex(),
        "rows": made.rows,
        "on_error": request.on_error,
        "scratch": f"file://{made.scratch}",
        "folder": f"file://{out}" if by_hand else "",
        "bad": f"file://{out}.bad",
        "out_format": made.target.format,
        "overwrite": request.overwrite,
        "report": "" if by_hand else str(made.folder / "report.json"),
    }
    (made.folder / "job.json").write_text(json.dumps(job, indent=2), encoding="utf-8")
    shutil.copyfile(SCRIPT, made.folder / "spark_job.py")
    _pack(made.package, made.folder / "package.tar.gz")


def _stream(schema: pa.Schema) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema):
        pass
    return bytes(sink.getvalue())


def _pack(package: BatchPackage, archive: Path) -> None:
    """Write the package's code and artifacts into an archive, with a `tables.py` where it has none."""
    import io

    with tarfile.open(archive, "w:gz") as tar:
        for each in sorted(package.folder.iterdir()):
            if each.name not in NOT_IN_THE_ARCHIVE and (each.is_dir() or each.suffix == ".py"):
                tar.add(each, each.name, filter=lambda info: None if "__pycache__" in info.name else info)
        if package.tables:
            content = package.tables.encode()
            about = tarfile.TarInfo(f"{package.module}/tables.py")
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))


def _run(program: str, made: Submission) -> dict[str, Any]:
    python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    quiet = ["--conf", "spark.ui.enabled=false", "--conf", "spark.ui.showConsoleProgress=false"]
    command = [program, *quiet, *made.arguments]
    log = made.folder / "spark.log"
    with log.open("wb") as stream:
        ended = subprocess.run(command, env=os.environ | python, stdout=stream, stderr=stream, check=False)
    report = made.folder / "report.json"
    if not report.exists():
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        told = [line for line in lines if "Error" in line or "Exception" in line][:3] or lines[-LAST:]
        raise GateError(_failed(ended.returncode, " / ".join(line.strip() for line in told)))
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found


def _publish(made: Submission, report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write what Spark has answered as a job on this machine would have."""
    target = made.target
    target.partial.remove()
    target.resume()
    written = 0
    counts = {"rows": report["rows"], "bad": report["bad"]}
    for batch in _answered(made.scratch):
        told = batch.column("nbdeploy_bad")
        answers = batch.filter(told.is_null()).select(target.schema.names).cast(target.schema)
        target.write(answers, [json.loads(each) for each in told.drop_null().to_pylist()])
        written += batch.num_rows
        target.commit(Mark(written), counts)
    return target.finish()


def _answered(scratch: Path) -> Iterator[pa.RecordBatch]:
    """Read the parts that Spark has written, in the order of their rows."""
    import pyarrow.parquet as pq

    parts = []
    for file in scratch.glob("part-*.parquet"):
        about = pq.ParquetFile(file)
        column = about.schema_arrow.names.index("request_row")
        if about.metadata.num_rows:
            parts.append((about.metadata.row_group(0).column(column).statistics.min, file))
    for _, file in sorted(parts):
        yield from pq.ParquetFile(file).iter_batches()


def _spark_submit() -> str:
    """Return the program `spark-submit`: that of SPARK_HOME, else pyspark's own."""
    home = os.environ.get("SPARK_HOME")
    spec = find_spec("pyspark")
    if home is None and (spec is None or not spec.submodule_search_locations):
        raise EnvironmentProblem(_no_spark("pyspark is not installed here", "pip install 'nbdeploy[spark]'"))
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        raise EnvironmentProblem(
            _no_spark("Spark needs Java", "install Java 17 or newer, as `apt-get install default-jre-headless`")
        )
    assert home or (spec and spec.submodule_search_locations)
    folder = Path(home) if home else Path(next(iter(spec.submodule_search_locations)))  # type: ignore[union-attr, arg-type]
    return str(folder / "bin" / "spark-submit")


def _no_spark(why: str, fix: str) -> Diagnostic:
    return Diagnostic(code="NBD653", message=f"there is no Spark to run on: {why}", fix=fix)


def _failed(status: int, why: str) -> Diagnostic:
    fix = "see that the executors have what the package's lock names, in the Python that PYSPARK_PYTHON says"
    return Diagnostic(code="NBD654", message=f"the Spark job failed (status {status}): {why}", fix=fix)


def _not_on_spark(what: str, fix: str) -> Diagnostic:
    return Diagnostic(code="NBD656", message=f"the engine spark does not take {what}", fix=fix)
