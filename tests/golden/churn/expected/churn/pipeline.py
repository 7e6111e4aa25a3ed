"""The stages of churn.ipynb from the command line, in the folder where this package lies.

    python -m churn.pipeline predict --in rows.csv --out predictions.csv
    python -m churn.pipeline train --out artifacts-new
    python -m churn.pipeline evaluate

`train` is to be run where the notebook's data lies.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from churn import predict

READERS: dict[str, Any] = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".json": pd.read_json}


def read(path: Path) -> pd.DataFrame:
    if path.suffix not in READERS:
        sys.exit(f"{path}: expected one of {', '.join(READERS)}")
    return READERS[path.suffix](path)


def write(answers: Any, path: Path) -> None:
    frame = answers if isinstance(answers, pd.DataFrame) else pd.DataFrame({"prediction": list(answers)})
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix == ".json":
        frame.to_json(path, orient="records")
    else:
        frame.to_csv(path, index=False)


def evaluate() -> int:
    """Run the package's tests: the contract and the notebook's own test cells."""
    import pytest

    return pytest.main([str(Path(__file__).resolve().parent.parent / "tests")])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="churn.pipeline", description="Stages of churn.ipynb.")
    stages = parser.add_subparsers(dest="stage", required=True)
    predicting = stages.add_parser("predict", help="answer the rows of a file")
    predicting.add_argument("--in", dest="source", type=Path, required=True)
    predicting.add_argument("--out", type=Path, required=True)
    training = stages.add_parser("train", help="make the artifacts anew; run it where the notebook's data lies")
    training.add_argument("--out", type=Path, required=True)
    stages.add_parser("evaluate", help="run the tests")
    chosen = parser.parse_args(arguments)
    if chosen.stage == "evaluate":
        return evaluate()
    if chosen.stage == "train":
        from churn import train

        print(f"made {', '.join(train(chosen.out))} in {chosen.out}")
    else:
        write(predict(read(chosen.source)), chosen.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
