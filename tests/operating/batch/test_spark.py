"""A batch job on real Spark, with two executor processes: what it makes is what the job on this machine makes."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nbdeploy import BatchRequest, UsageError, batch
from nbdeploy.frontends.cli import main
from tests.operating.batch.jobs import risk_package

if find_spec("pyspark") is None or shutil.which("java") is None:
    pytest.skip("no pyspark or no Java here", allow_module_level=True)

pytestmark = pytest.mark.slow

CLUSTER = "local-cluster[2,1,1024]"  # a master and two workers, each with an executor process of its own


@pytest.fixture(scope="module")
def risk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return risk_package(tmp_path_factory.mktemp("risk") / "risk")


def asked(risk: Path, source: Path, out: Path) -> dict[str, Any]:
    return {"target": str(risk), "source": str(source), "out": str(out), "on_error": "skip"}


def test_two_executors_make_what_one_process_makes(risk: Path, tmp_path: Path) -> None:
    from nbdeploy.operating.batch.spark import spark_batch

    (tmp_path / "in").mkdir()
    for number, size in enumerate((700, 2_000)):  # the larger one is not the first: Spark begins with it
        ages = [None if at == 7 else float(at % 99) for at in range(size)]
        table = pa.table({"name": [f"P{at}" for at in range(size)], "age": ages})
        pq.write_table(table, tmp_path / "in" / f"{number}.parquet", row_group_size=300)
    here = batch(BatchRequest(**asked(risk, tmp_path / "in", tmp_path / "here.parquet")))
    there = spark_batch(BatchRequest(**asked(risk, tmp_path / "in", tmp_path / "there.parquet")), CLUSTER)
    assert (
        (there.rows, there.bad, there.request_id)
        == (here.rows, here.bad, here.request_id)
        == (2_700, 2, here.request_id)
    )
    assert (tmp_path / "there.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()
    assert (tmp_path / "there.bad.jsonl").read_text() == (tmp_path / "here.bad.jsonl").read_text()
    left = {"here.bad.jsonl", "here.parquet", "in", "there.bad.jsonl", "there.parquet"}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_the_line_that_is_printed_runs(risk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import sys

    from nbdeploy.operating.batch.spark import _spark_submit

    (tmp_path / "people.csv").write_text('name,age\nAda, 36\n"B\nC",old\nD,NA\nE\nF,5.5\n')
    words = ["batch", str(risk), "--in", str(tmp_path / "people.csv"), "--out", str(tmp_path / "scored"), "--json"]
    words += ["--engine", "spark", "--submit", str(tmp_path / "job"), "--master", "local[1]", "--on-error", "skip"]
    assert main([*words, "--format", "csv"]) == 0
    line = json.loads(capfd.readouterr().out)["submit"]
    shell = line.replace("spark-submit", _spark_submit(), 1)
    ran = subprocess.run(
        shell,
        shell=True,
        env={"PATH": "/usr/bin:/bin", "PYSPARK_PYTHON": sys.executable},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    found = pd.concat([pd.read_csv(part) for part in sorted((tmp_path / "scored").glob("*.csv"))])
    assert found[["name", "risk", "request_row"]].to_dict("records") == [
        {"name": "Ada", "risk": 0.36, "request_row": 0},
        {"name": "F", "risk": 0.055, "request_row": 4},
    ]
    told = [json.loads(line) for part in sorted((tmp_path / "scored.bad").glob("part*")) for line in part.open()]
    assert [(each["row"], each["problems"][0]["message"]) for each in told] == [
        (1, "'old' is not a number"),
        (2, "null, and this field was never missing in the data"),
        (3, "1 values where the file has 2 columns"),
    ]


def test_what_spark_is_not_asked_for_is_refused(risk: Path, tmp_path: Path) -> None:
    from nbdeploy.operating.batch.spark import spark_batch, submission

    (tmp_path / "rows.jsonl").write_text('{"age": 1}\n')
    (tmp_path / "rows.csv").write_text("age\n1\n")
    with pytest.raises(UsageError, match="does not take files of jsonl"):
        spark_batch(BatchRequest(**asked(risk, tmp_path / "rows.jsonl", tmp_path / "out.csv")))
    with pytest.raises(UsageError, match="does not take one file"):
        submission(
            BatchRequest(**asked(risk, tmp_path / "rows.csv", tmp_path / "out.csv")), tmp_path, "local", by_hand=True
        )
