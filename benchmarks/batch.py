"""What `nbdeploy batch` costs beside a loop written by hand: rows a second, peak memory, and what kills do to the output.

    python benchmarks/batch.py                                    1 and 10 million rows of churn.ipynb, half an hour
    python benchmarks/batch.py --rows 200000 1000000 --kills 2    a shorter one
    python benchmarks/batch.py --package DIR                      another package; rows are the recorded ones, over and over

The loop by hand reads Arrow batches of 50,000 rows, asks the same package in the same process, and writes Parquet. Both run in
turn, each in a process of its own; memory is that of all its processes, sampled (proportional set size). Read the ratios.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_SECONDS = 0.05
GROUP = 100_000  # rows of a row group of the source

ROWS_FILE = """
import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq
package, path, rows, group = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
sys.path[:0] = [package, package + "/tests"]
from recorded import recorded
table = pa.Table.from_pandas(recorded("example_input"), preserve_index=False)
writer = None
for first in range(0, rows, group):
    numbers = np.arange(first, min(first + group, rows))
    part = table.take(pa.array(numbers * 7 % len(table))).append_column("row", pa.array(numbers))
    writer = writer or pq.ParquetWriter(path, part.schema)
    writer.write_table(part)
writer.close()
"""

BY_HAND = """
import importlib, sys, pyarrow as pa, pyarrow.parquet as pq
package, module, source, out = sys.argv[1:5]
sys.path.insert(0, package)
predict = importlib.import_module(module).predict
writer = None
for batch in pq.ParquetFile(source).iter_batches(50_000):
    answers = predict(batch.to_pandas())
    answered = pa.RecordBatch.from_pandas(answers, preserve_index=False)
    table = pa.Table.from_arrays([*batch.columns, *answered.columns], [*batch.schema.names, *answered.schema.names])
    writer = writer or pq.ParquetWriter(out, table.schema)
    writer.write_table(table)
writer.close()
"""


@dataclass(frozen=True)
class Ran:
    seconds: float
    megabytes: float


def measured(command: list[str]) -> Ran:
    """Run a command and sample what its processes have in memory."""
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
    stopped = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not stopped.wait(SAMPLE_SECONDS):
            peak = max(peak, memory(process.pid))

    sampler = threading.Thread(target=sample)
    sampler.start()
    status = process.wait()
    stopped.set()
    sampler.join()
    if status:
        sys.exit(f"{' '.join(command)[:200]} ended with status {status}")
    return Ran(time.perf_counter() - began, peak / 1e6)


def memory(pid: int) -> int:
    """Return the bytes that a process and its descendants have: shared pages are shared out."""
    import psutil

    total = 0
    try:
        root = psutil.Process(pid)
        for each in [root, *root.children(recursive=True)]:
            total += each.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        pass
    return total


def batch(package: Path, source: Path, out: Path) -> list[str]:
    words = ["batch", str(package), "--in", str(source), "--out", str(out), "--overwrite", "--quiet"]
    return [sys.executable, "-m", "nbdeploy.frontends.cli", *words]


def by_hand(package: Path, source: Path, out: Path) -> list[str]:
    return [sys.executable, "-c", BY_HAND, str(package), module_of(package), str(source), str(out)]


def module_of(package: Path) -> str:
    return str(json.loads((package / "contract.json").read_text())["module"])


def killed(package: Path, source: Path, out: Path, seconds: float, kills: int) -> None:
    """Start a job again and again, kill it with all its processes at a random moment, and let it end at last."""
    command = [each for each in batch(package, source, out) if each != "--overwrite"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for _ in range(kills):
        process = subprocess.Popen(command, env=environment, start_new_session=True)
        time.sleep(random.uniform(0.1, 0.6) * seconds)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if not out.exists():
        subprocess.run(command, env=environment, check=True)


def digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def exported(folder: Path) -> Path:
    notebook = ROOT / "example_notebooks" / "churn.ipynb"
    words = ["export", str(notebook), "--name", "churn", "--out", str(folder), "--quiet"]
    command = [sys.executable, "-m", "nbdeploy.frontends.cli", *words]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, metavar="DIR")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000], metavar="N")
    parser.add_argument("--times", type=int, default=1, help="how often each is run, in turn")
    parser.add_argument("--kills", type=int, default=5, help="kills of the smallest job")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nbdeploy-benchmark-") as scratch:
        folder = Path(scratch)
        package = options.package or exported(folder / "churn")
        print(
            "| rows | by hand, rows/s | MB | batch, rows/s | MB | rows/s, batch by hand's |\n|---|---|---|---|---|---|"
        )
        peaks = []
        for rows in options.rows:
            source, out = folder / f"{rows}.parquet", folder / "out.parquet"
            making = [sys.executable, "-c", ROWS_FILE, str(package), str(source), str(rows), str(GROUP)]
            subprocess.run(making, check=True)
            hands, ours = [], []
            for _ in range(options.times):
                hands.append(measured(by_hand(package, source, folder / "hand.parquet")))
                ours.append(measured(batch(package, source, out)))
            hand, our = (statistics.median(each.seconds for each in runs) for runs in (hands, ours))
            peaks.append(max(each.megabytes for each in ours))
            memories = f"{max(each.megabytes for each in hands):.0f}", f"{peaks[-1]:.0f}"
            figures = f"{rows / hand:,.0f} | {memories[0]} | {rows / our:,.0f} | {memories[1]} | {hand / our:.2f}"
            print(f"| {rows:,} | {figures} |", flush=True)
            if rows == options.rows[0] and options.kills:
                killed(package, source, folder / "often.parquet", our, options.kills)
                same = digest(folder / "often.parquet") == digest(out)
                print(
                    f"| | killed {options.kills} times | | output {'identical' if same else 'DIFFERENT'} | | |",
                    flush=True,
                )
        print(f"\npeak memory of the largest job by that of the smallest: {peaks[-1] / peaks[0]:.2f}")


if __name__ == "__main__":
    main()
