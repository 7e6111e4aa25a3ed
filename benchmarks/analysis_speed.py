"""What the analysis costs: per statement as notebooks grow, and for one of 500 cells beside importing pandas.

    python benchmarks/analysis_speed.py [--sizes 100,1000,10000] [--rounds N] [--json]

The notebooks are made up, of the kinds of code that people write: loading and cleaning frames, chained calls, functions, a
class, loops, plots, models, single expressions; 57 code cells in 100 and 2.8 statements in a code cell, as in public notebooks.
`check` is all that `nbdeploy check` does with a file; `slice` is the slice of the last name, once the program is read. Rounds are
interleaved; the fastest counts, as the least disturbed.
Exit status 1: a ratio of time per statement of 1.5 or more, or 500 cells that take a tenth of pandas' import or more.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from nbdeploy.analysis.program import read_program
from nbdeploy.analysis.slicing import Target, slice_for
from nbdeploy.checking import check
from nbdeploy.notebook.cells import parse_notebook
from nbdeploy.reading import open_notebook

CELLS = 500
GROWTH, SHARE = 1.5, 0.1  # the bounds

START = """\
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
%matplotlib inline
np.random.seed(0)
table = pd.DataFrame({"age": np.arange(60.0), "fare": np.arange(60.0) % 7, "port": list("SCS") * 20, "label": [0, 1, 1] * 20})
"""

KINDS = (
    """\
table_{i} = table.copy()
table_{i}["age"] = table_{i}["age"].fillna(table_{i}["age"].median())
table_{i}.loc[table_{i}.fare > 50, "fare"] = 50
table_{i}.head()
""",
    """\
def clean_{i}(frame, limit=0.5):
    # Missing ages get the median.
    result = frame.assign(age=frame.age.fillna(frame.age.median()))
    for column in ("age", "fare"):
        result[column] = (result[column] - result[column].mean()) / result[column].std()
    return result[result.age > -limit] if limit else result
""",
    """\
cleaned_{i} = clean_{j}(table_{k})
summary_{i} = (
    cleaned_{i}.groupby("port")
    .agg(mean_fare=("fare", "mean"), n=("age", "size"))
    .reset_index()
    .sort_values("mean_fare", ascending=False)
)
print(summary_{i}.shape)
""",
    """\
fig, axes = plt.subplots(1, 2, figsize=(10, 4))
axes[0].hist(table_{k}.age, bins=20)
axes[1].scatter(table_{k}.age, table_{k}.fare, c=table_{k}.label)
plt.title(f"table {{len(table_{k})}}")
plt.show()
""",
    """\
scores_{i} = []
for depth in range(1, 4):
    model = LogisticRegression(C=depth)
    model.fit(table_{k}[["age", "fare"]], table_{k}["label"])
    scores_{i}.append(model.score(table_{k}[["age", "fare"]], table_{k}["label"]))
best_{i} = max(scores_{i})
print("best", best_{i})
""",
    """\
class Scaler_{i}:
    def __init__(self, columns=("age", "fare")):
        self.columns = list(columns)

    def fit(self, frame):
        self.means_ = {{column: frame[column].mean() for column in self.columns}}
        return self

    def transform(self, frame):
        return frame.assign(**{{column: frame[column] - mean for column, mean in self.means_.items()}})
""",
    """\
X_{i} = table_{k}[["age", "fare"]]
y_{i} = table_{k}["label"]
X_train_{i}, X_test_{i}, y_train_{i}, y_test_{i} = train_test_split(X_{i}, y_{i}, random_state={i})
model_{i} = LogisticRegression(max_iter=200)
model_{i}.fit(X_train_{i}, y_train_{i})
predicted_{i} = model_{i}.predict(X_test_{i})
(predicted_{i} == y_test_{i}).mean()
""",
    """\
values_{i} = np.zeros((4, 3))
values_{i}[::2] += table_{k}[["age", "fare", "label"]].to_numpy()[:2]
names_{i} = {{"a": values_{i}, "b": [each for each in table_{k}.port if each != "S"]}}
names_{i}["c"] = len(names_{i}["b"])
""",
    "table_{k}.describe()\n",
    "print(values_{h}.shape)\n",
    "model_{g}.get_params()\n",
    "table_{k}.age.value_counts().plot.bar()\n",
)


def main() -> int:
    parser = argparse.ArgumentParser(description="What the analysis costs.")
    parser.add_argument("--sizes", default="100,1000,10000", help="statements (default: 100,1000,10000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default: 3)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    found = measured([int(each) for each in options.sizes.split(",")], options.rounds)
    print(json.dumps(found, indent=2) if options.json else table(found))
    return 0 if found["growth"] < GROWTH and found["share_of_pandas"] < SHARE else 1


def measured(sizes: list[int], rounds: int) -> dict[str, Any]:
    """Return seconds by size and stage, and those of the 500 cells and of importing pandas."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = {size: written(Path(scratch) / f"{size}.ipynb", notebook(statements=size)) for size in sizes}
        large = written(Path(scratch) / "cells.ipynb", notebook(cells=CELLS))
        rows: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
        cells, pandas = [], []
        for _ in range(rounds):
            for size, path in paths.items():
                rows[size].append(stages(path))
            cells.append(stages(large))
            pandas.append(importing_pandas())
    per = {size: {name: min(each[name] for each in found) for name in found[0]} for size, found in rows.items()}
    for row in per.values():
        row["per_statement"] = (row["check"] + row["slice"]) / row["statements"]
    costs = [row["per_statement"] for row in per.values()]
    whole = {name: min(each[name] for each in cells) for name in cells[0]}
    return {
        "sizes": per,
        "growth": max(costs[-1] / cost for cost in costs),
        "cells": whole,
        "import_pandas": min(pandas),
        "share_of_pandas": whole["check"] / min(pandas),
    }


def stages(path: Path) -> dict[str, float]:
    """Return seconds: reading the cells, reading the program, slicing (after reading), a whole `check`."""
    text = path.read_text(encoding="utf-8")
    notebook, reading = timed(lambda: parse_notebook(text, str(path)))
    program, analysing = timed(lambda: read_program(notebook))
    name = max(program.statements[-1].effects.defs | {"table"})
    _, slicing = timed(lambda: slice_for(program, [Target(name, len(program.statements))]))
    program, opening = timed(lambda: open_notebook(path))
    _, checking = timed(lambda: check(path))
    found = {"read": reading, "analyse": analysing, "slice": slicing, "open": opening, "check": checking}
    return {"statements": float(len(program.statements)), **found}


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    result = action()
    return result, time.perf_counter() - began


def importing_pandas() -> float:
    code = "import time; began = time.perf_counter(); import pandas; print(time.perf_counter() - began)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def notebook(*, statements: int = 0, cells: int = 0) -> str:
    """Return the JSON of a notebook of at least so many statements, or of so many cells."""
    sources = islice(code(), cells * 4 // 7) if cells else enough(code(), statements)
    found: list[dict[str, Any]] = []
    for number, source in enumerate(sources):
        if number % 4:
            prose = f"## Part {number}\n\nWhat the next cell does, in a sentence or two of prose, with a [link](https://example.org)."
            found.append({"cell_type": "markdown", "metadata": {}, "source": prose})
        lines = source.splitlines(keepends=True)
        found.append({"cell_type": "code", "metadata": {}, "source": lines, "outputs": [], "execution_count": None})
    return json.dumps({"cells": found, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}, indent=1)


def code() -> Iterator[str]:
    """Yield cells without end; each kind uses what earlier cells of other kinds made."""
    yield START
    for number, kind in enumerate(cycle(KINDS)):
        first = number - number % len(KINDS)
        yield kind.format(i=number, j=first + 1, k=first, g=first + 6, h=first + 7)


def enough(sources: Iterator[str], statements: int) -> Iterator[str]:
    count = 0
    for source in sources:
        yield source
        count += sum(line[:1] not in ("", " ", ")", "%") for line in source.splitlines())
        if count >= statements:
            return


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def table(found: dict[str, Any]) -> str:
    lines = [
        "| statements | read ms | analyse ms | slice ms | check ms | us a statement |",
        "|---|---|---|---|---|---|",
    ]
    for row in (*found["sizes"].values(), {**found["cells"], "per_statement": float("nan")}):
        ms = " | ".join(f"{row[name] * 1e3:.1f}" for name in ("read", "analyse", "slice", "check"))
        lines.append(f"| {row['statements']:.0f} | {ms} | {row['per_statement'] * 1e6:.0f} |")
    lines += ["", f"time per statement, largest against the others: {found['growth']:.2f} (bound {GROWTH})"]
    pandas = f"{found['import_pandas'] * 1e3:.0f} ms"
    share = f"{found['share_of_pandas']:.1%} of importing pandas ({pandas}; bound {SHARE:.0%})"
    return "\n".join([*lines, f"check of {CELLS} cells (the last row): {share}"])


if __name__ == "__main__":
    sys.exit(main())
