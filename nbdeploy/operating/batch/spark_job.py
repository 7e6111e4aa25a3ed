"""A batch job on Apache Spark, started by `spark-submit`; it knows nothing of nbdeploy.

    spark-submit --archives package.tar.gz#nbdeploy_package spark_job.py job.json

The package travels in the archive, and each Python worker imports it from there. Rows keep the numbers that they have in the
source: Spark says from which file and block one comes, and counting the rows of all blocks first tells where each begins.
"""

from __future__ import annotations

import csv
import importlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark import SparkFiles
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import LongType, StringType, StructField, StructType

__all__ = ["main"]

ARCHIVE = "nbdeploy_package"
PLACE, BLOCK, BAD, CORRUPT = "nbdeploy_file", "nbdeploy_block", "nbdeploy_bad", "nbdeploy_corrupt"
NAMED = 20  # rows at fault that an error names


def read(spark: SparkSession, job: dict[str, Any]) -> DataFrame:
    """The rows with all their columns, and where each comes from. CSV is read as texts, a file a task: quotes may hold lines."""
    if job["format"] == "parquet":
        frame = spark.read.parquet(*job["files"])
    else:
        fields = [StructField(name, StringType()) for name in [*job["given"], CORRUPT]]
        reader = spark.read.schema(StructType(fields)).options(header=True, multiLine=True, escape='"', emptyValue="")
        frame = reader.option("columnNameOfCorruptRecord", CORRUPT).csv(job["files"])
    return frame.withColumns({PLACE: F.col("_metadata.file_path"), BLOCK: F.col("_metadata.file_block_start")})


def beginnings(frame: DataFrame) -> dict[tuple[str, int], int]:
    """The number of the first row of each block, files in the order of their names."""
    counted = frame.groupBy(PLACE, BLOCK).count().collect()
    first, found = 0, {}
    for place, block, count in sorted((row[PLACE], row[BLOCK], row["count"]) for row in counted):
        found[place, block] = first
        first += count
    return found


@dataclass(frozen=True)
class Answering:
    """Answers the batches of a partition. `first` are the numbers of the blocks' first rows, `wanted` the columns to give."""

    job: dict[str, Any]
    first: dict[tuple[str, int], int]
    wanted: pa.Schema

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        tables = imported(self.job["module"])
        seen: dict[tuple[str, int], int] = {}
        for batch in batches:
            rows, broken = self.numbers(batch, seen), corrupt(batch)
            good = [at for at in range(batch.num_rows) if at not in broken]
            scored = tables.score(self.asked(batch.take(pa.array(good, pa.int64())) if broken else batch))
            yield self.answered(batch, rows, scored.predictions, self.faults(batch, scored.problems, good, broken))

    def numbers(self, batch: pa.RecordBatch, seen: dict[tuple[str, int], int]) -> list[int]:
        """The number of each row in the source; `seen` counts on from batch to batch."""
        found = []
        for place in zip(batch.column(PLACE).to_pylist(), batch.column(BLOCK).to_pylist(), strict=True):
            at = seen.get(place, self.first[place])
            found.append(at)
            seen[place] = at + 1
        return found

    def asked(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The input's columns, and what their texts stand for."""
        chosen = batch.select(self.job["columns"])
        about = {"content": "csv"} if self.job["format"] == "csv" else None
        fields = [pa.field(each.name, each.type, metadata=about) for each in chosen.schema]
        return pa.record_batch(chosen.columns, schema=pa.schema(fields))

    def faults(
        self, batch: pa.RecordBatch, problems: list[dict[str, Any]], good: list[int], broken: dict[int, str]
    ) -> dict[int, dict[str, Any]]:
        """What is wrong with rows, by their position in the batch."""
        given: list[str] = self.job["given"]
        found: dict[int, dict[str, Any]] = {}
        for at, text in broken.items():
            message = f"{len(next(csv.reader([text]), []))} values where the file has {len(given)} columns"
            found[at] = {"problems": [{"field": None, "message": message}], "text": text}
        for each in problems:
            at = good[each["row"]]
            if at not in found:
                row = batch.select(given).slice(at, 1).to_pylist()[0]
                found[at] = {"problems": [], "input": json.loads(json.dumps(row, default=str))}
            found[at]["problems"].append({"field": each["field"], "message": each["message"]})
        return found

    def answered(
        self, batch: pa.RecordBatch, rows: list[int], predictions: pa.RecordBatch, bad: dict[int, dict[str, Any]]
    ) -> pa.RecordBatch:
        """All rows of a batch: those at fault have no predictions, but what is wrong with them."""
        job, everywhere = self.job, range(batch.num_rows)
        place = {at: position for position, at in enumerate(at for at in everywhere if at not in bad)}
        taken = pa.array([place.get(at) for at in everywhere], pa.int64())
        told = [
            json.dumps({"row": rows[at], **bad[at]}, ensure_ascii=False) if at in bad else None for at in everywhere
        ]
        lineage = [pa.repeat(job["version"], len(rows)), pa.repeat(job["request_id"], len(rows)), pa.array(rows)]
        answers = [each.take(taken) for each in predictions.columns]
        columns = [*batch.select(job["keep"]).columns, *answers, *lineage, pa.array(told, pa.string())]
        arrays = [each.cast(field.type) for each, field in zip(columns, self.wanted, strict=True)]
        return pa.record_batch(arrays, schema=self.wanted)


def imported(module: str) -> Any:
    """The package's `tables.py`, from the archive that has come to this worker."""
    folder = SparkFiles.get(ARCHIVE)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(f"{module}.tables")


def corrupt(batch: pa.RecordBatch) -> dict[int, str]:
    """The rows that CSV could not be read from, by their position, as they were written."""
    if CORRUPT not in batch.schema.names:
        return {}
    return {at: text for at, text in enumerate(batch.column(CORRUPT).to_pylist()) if text is not None}


def answer_schema(frame: DataFrame, job: dict[str, Any]) -> StructType:
    kept = [frame.schema[name] for name in job["keep"]]
    stream = pa.ipc.open_stream(bytes.fromhex(job["answer"]))
    answers = from_arrow_schema(stream.schema, prefer_timestamp_ntz=True)
    texts = [StructField(name, StringType()) for name in ("model_version", "request_id")]
    return StructType([*kept, *answers, *texts, StructField("request_row", LongType()), StructField(BAD, StringType())])


def publish(spark: SparkSession, scored: DataFrame, job: dict[str, Any], bad: int) -> None:
    """Write the folder of answers, and one of the rows at fault, if any."""
    good = scored.where(F.col(BAD).isNull()).drop(BAD)
    writer = good.write.mode("overwrite" if job["overwrite"] else "errorifexists").option("header", True)
    writer.format({"jsonl": "json"}.get(job["out_format"], job["out_format"])).save(job["folder"])
    if bad:
        scored.where(F.col(BAD).isNotNull()).orderBy("request_row").select(BAD).write.mode("overwrite").text(job["bad"])
    java = spark._jvm
    assert java is not None
    scratch = java.org.apache.hadoop.fs.Path(job["scratch"])
    scratch.getFileSystem(spark._jsc.hadoopConfiguration()).delete(scratch, True)


def main() -> int:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    spark = SparkSession.builder.appName(f"nbdeploy batch {job['name']} {job['version']}").getOrCreate()
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", job["rows"])
    spark.sparkContext.setLogLevel("ERROR")
    frame = read(spark, job)
    schema = answer_schema(frame, job)
    answering = Answering(job, beginnings(frame), to_arrow_schema(schema))
    frame.mapInArrow(lambda batches: answering(batches), schema).write.mode("overwrite").parquet(job["scratch"])
    scored = spark.read.schema(schema).parquet(job["scratch"])
    counts = scored.agg(F.count("*"), F.count(BAD)).first()
    assert counts is not None
    report = {"rows": counts[0], "bad": counts[1], "first": []}
    if counts[1] and job["on_error"] == "fail":
        rows = scored.where(F.col(BAD).isNotNull()).orderBy("request_row").limit(NAMED).collect()
        report["first"] = [json.loads(row[BAD]) for row in rows]
    elif job["folder"]:
        publish(spark, scored, job, counts[1])
    print(json.dumps(report), file=sys.stderr)
    if job["report"]:
        Path(job["report"]).write_text(json.dumps(report), encoding="utf-8")
    spark.stop()
    return 1 if report["first"] else 0


if __name__ == "__main__":
    sys.exit(main())
