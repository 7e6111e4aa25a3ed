"""The stages of house_prices.ipynb from the command line, in the folder where this package lies.

    python -m house_price.pipeline predict --in request.json --out answer.json
    python -m house_price.pipeline train --out artifacts-new
    python -m house_price.pipeline evaluate

`train` is to be run where the notebook's data lies.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from house_price import predict
from house_price.schema import answer, parse_input


def evaluate() -> int:
    """Run the package's tests: the contract and the notebook's own test cells."""
    import pytest

    return pytest.main([str(Path(__file__).resolve().parent.parent / "tests")])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="house_price.pipeline", description="Stages of house_prices.ipynb.")
    stages = parser.add_subparsers(dest="stage", required=True)
    predicting = stages.add_parser("predict", help="answer the JSON value of a file")
    predicting.add_argument("--in", dest="source", type=Path, required=True)
    predicting.add_argument("--out", type=Path, required=True)
    training = stages.add_parser("train", help="make the artifacts anew; run it where the notebook's data lies")
    training.add_argument("--out", type=Path, required=True)
    stages.add_parser("evaluate", help="run the tests")
    chosen = parser.parse_args(arguments)
    if chosen.stage == "evaluate":
        return evaluate()
    if chosen.stage == "train":
        from house_price import train

        print(f"made {', '.join(train(chosen.out))} in {chosen.out}")
    else:
        request = json.loads(chosen.source.read_text(encoding="utf-8"))
        chosen.out.write_text(json.dumps(answer(predict(parse_input(request)))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
