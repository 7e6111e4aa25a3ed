"""The command `batch`: score the rows of files or of a database."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.frontends.arguments import whole_number, wrong_use
from nbdeploy.frontends.command import Answer

if TYPE_CHECKING:
    from typing import TextIO

    from nbdeploy.operating.batch.run import Batched, BatchRequest

__all__ = ["batch", "batch_options"]


def batch_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "target",
        metavar="NAME[:VERSION]",
        help="a deployed service (default version: the newest), or a package's folder",
    )
    add(
        "--in",
        dest="source",
        required=True,
        metavar="SRC",
        help="Parquet, CSV or JSON lines: a file, a folder, a pattern; also s3://... and the like; or a database",
    )
    add("--out", required=True, metavar="DST", help="a file, a folder of parts, or a database")
    add("--engine", choices=("local", "spark"), default="local", help="where it is computed (default: local)")
    add(
        "--master",
        default="local[*]",
        metavar="URL",
        help="of Spark: local[N], spark://HOST:PORT, ... (default: local[*])",
    )
    add("--submit", type=Path, metavar="DIR", help="write the Spark job to DIR and print its `spark-submit` line")
    add("--keep", type=names, metavar="COLUMN,...", help="columns of the source in the output (default: all; `none`)")
    add("--columns", type=names, default=(), metavar="COLUMN,...", help="the input's columns, where it is no table")
    add(
        "--on-error",
        choices=("fail", "skip"),
        default="fail",
        help="a row at fault ends the job (default), or is left out and told in DST's .bad.jsonl",
    )
    add("--query", metavar="SELECT", help="SRC is a database: a SELECT, or a table's name")
    add("--table", metavar="NAME", help="DST is a database: the table that answers are upserted into")
    add("--key", type=names, default=(), metavar="COLUMN,...", help="the columns that tell rows of a database apart")
    add("--format", choices=("parquet", "csv", "jsonl"), help="of the parts in a folder (default: parquet)")
    add("--overwrite", action="store_true", help="replace what is there, also an interrupted job")
    add(
        "--batch-rows",
        type=whole_number(1),
        metavar="N",
        help="rows that are answered at once (default: by their size)",
    )
    add("--workers", type=whole_number(1), metavar="N", help="processes that answer (default: one a CPU, up to 4)")
    add("--venv", type=Path, metavar="DIR", help="run in an environment of the package's lock, made in DIR if need be")


def names(text: str) -> tuple[str, ...]:
    found = tuple(each.strip() for each in text.split(",") if each.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} names no column")
    return () if found == ("none",) else found


def batch(options: argparse.Namespace, stdout: TextIO) -> Answer:
    if "://" in options.source and options.query is None and is_database(options.source):
        raise wrong_use("--in is a database: say what of it", "--query TABLE, or --query 'SELECT ...'")
    if is_database(options.out) and options.table is None:
        raise wrong_use("--out is a database: say which table", "--table NAME --key COLUMN")
    if options.submit is not None and options.engine != "spark":
        raise wrong_use("--submit writes a Spark job", "add --engine spark")
    if options.workers is not None and options.engine == "spark":
        raise wrong_use("--workers are processes of this machine", "give Spark its own with --master 'local[N]'")
    from nbdeploy.frontends.progress_views import quiet_view, terminal_view
    from nbdeploy.operating.batch.run import BatchRequest, batch

    request = BatchRequest(
        target=options.target,
        source=options.source,
        out=options.out,
        keep=options.keep,
        columns=options.columns,
        on_error=options.on_error,
        query=options.query,
        table=options.table,
        key=options.key,
        format=options.format,
        overwrite=options.overwrite,
        rows=options.batch_rows,
        workers=options.workers,
        venv=options.venv,
    )
    if options.submit is not None:
        return submitted(request, options)
    with quiet_view() if options.quiet else terminal_view(stages=("score",)) as progress:
        if options.engine == "spark":
            from nbdeploy.operating.batch.spark import spark_batch

            done = spark_batch(request, options.master, progress)
        else:
            done = batch(request, progress)
    return Answer(done.as_json(), lambda console: show(done, console))


def submitted(request: BatchRequest, options: argparse.Namespace) -> Answer:
    """Write a Spark job, for somebody else to start."""
    from nbdeploy.operating.batch.spark import submission

    made = submission(request, options.submit.absolute(), options.master, by_hand=True)
    document = {"ok": True, "engine": "spark", "name": made.package.name, "out": request.out, "submit": made.line}
    return Answer(document, lambda console: console.print(made.line, soft_wrap=True, highlight=False, markup=False))


def is_database(text: str) -> bool:
    scheme = text.partition("://")[0].partition("+")[0]
    return "://" in text and scheme in {"postgresql", "postgres", "sqlite", "mysql", "mariadb", "mssql", "oracle"}


def show(done: Batched, console: Any) -> None:
    """Print how many rows went where, and where those are that could not be answered."""
    resumed = f", from row {done.resumed_at:,} on" if done.resumed_at else ""
    speed = f"{done.seconds:.1f} s, {done.rows_per_second:,.0f} rows a second"
    console.print(f"{done.rows - done.bad:,} of {done.rows:,} rows answered by {done.name} {done.version}{resumed}")
    console.print(f"{done.out} ({speed})", soft_wrap=True)
    if done.bad_rows:
        console.print(f"{done.bad:,} rows at fault, with their reasons: {done.bad_rows}", soft_wrap=True)
