"""Runs in a process of its own: asks the champion's package the held-out rows, and compares it with the candidate.

Started as a script with `python -I`; it lets the champion import only what its own lock names. The candidate's answers are the
recorded ones: its package was proven to give them.
"""

from __future__ import annotations

import importlib
import json
import runpy
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["compare", "main"]

MOST_ROWS = 20_000  # more than these tell nothing that matters, and cost minutes


def compare(job: dict[str, Any]) -> dict[str, Any]:
    sys.path.insert(0, job["tests"])
    recorded = importlib.import_module("recorded").recorded
    metric = importlib.import_module("metric")
    rows, labels, answers = recorded("example_input"), recorded("labels"), recorded("example_output")
    if lacking := lacking_columns(rows, job["columns"]):
        return {"lacking": lacking}
    try:
        theirs = champion_answers(job, rows)
    except Exception as problem:
        return {"problem": f"it does not answer these rows: {in_short(problem)}"}
    sys.path.insert(0, job["root"])  # from here on, nothing of the champion is asked
    try:
        question = asked(metric, job, labels, answers, theirs)
        candidate, champion = metric.metric(labels, answers), metric.metric(labels, theirs)
    except Exception as problem:
        return {"problem": f"the metric can't be computed of its answers: {in_short(problem)}"}
    return {**judged(question, job, rows), "candidate": candidate, "champion": champion}


def lacking_columns(rows: Any, columns: list[Any]) -> list[str]:
    """Columns that the champion needs and the rows have not."""
    return [str(each) for each in columns if each not in list(rows.columns)] if hasattr(rows, "columns") else []


def champion_answers(job: dict[str, Any], rows: Any) -> Any:
    """Ask the champion's package; of a table it gets the columns that it knows."""
    guard = runpy.run_path(job["probe"])["Guard"](set(job["absent"]))
    sys.meta_path.insert(0, guard)
    sys.path.insert(0, job["champion"])
    try:
        predict = importlib.import_module(job["module"]).predict
        known = [each for each in job["known"] if hasattr(rows, "columns") and each in list(rows.columns)]
        answers = predict(rows[known] if known else rows)
    finally:
        sys.meta_path.remove(guard)
    if len(answers) != len(rows):
        raise ValueError(f"{len(answers)} answers to {len(rows)} rows")
    return answers


def asked(metric: ModuleType, job: dict[str, Any], labels: Any, mine: Any, theirs: Any) -> Any:
    """Return the question in the metric's own arguments, as arrays, so that rows of them can be drawn quickly.

    They are caught on their way into the function that the notebook calls.
    """
    import numpy as np

    from nbdeploy.proving.question import Question

    holder, name = owner(metric, job["function"])
    caught: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    if holder is not None:
        original = getattr(holder, name)

        def catching(*arguments: Any, **options: Any) -> Any:
            caught.append((arguments, options))
            return original(*arguments, **options)

        setattr(holder, name, catching)
        try:
            metric.metric(labels, mine)
            metric.metric(labels, theirs)
        finally:
            setattr(holder, name, original)
    if len(caught) == 2 and all(len(arguments) == 2 for arguments, _ in caught):
        options = caught[0][1]
        pairs = [(np.asarray(arguments[0]), np.asarray(arguments[1])) for arguments, _ in caught]
        if all(len(each) == len(labels) for pair in pairs for each in pair):
            function: Callable[[Any, Any], float] = lambda a, b: original(a, b, **options)  # noqa: E731
            at = job["labels_at"]
            return Question(job["name"], function, pairs[0], pairs[1], job["greater"], at)
    taken = Rows(labels), Rows(mine), Rows(theirs)
    whole: Callable[[Any, Any], float] = lambda a, b: metric.metric(a.value, b.value)  # noqa: E731
    return Question(job["name"], whole, (taken[0], taken[1]), (taken[0], taken[2]), job["greater"], 0)


class Rows:
    """Row by row values of any kind, of which rows are taken as of an array."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, positions: Any) -> Rows:
        if hasattr(self.value, "iloc"):
            return Rows(self.value.iloc[positions])
        if isinstance(self.value, list | tuple):
            return Rows([self.value[each] for each in positions])
        return Rows(self.value[positions])


def owner(metric: ModuleType, function: str) -> tuple[Any, str]:
    """Return what holds the function that the metric calls: the module itself, or one that it imports."""
    path = function.split(".")
    holder: Any = metric
    for each in path[:-1]:
        holder = getattr(holder, each, None)
    return (holder, path[-1]) if function and hasattr(holder, path[-1]) else (None, "")


def judged(question: Any, job: dict[str, Any], rows: Any) -> dict[str, Any]:
    import numpy as np

    from nbdeploy.proving import bootstrap

    count = question.rows
    kept = np.arange(count)
    if count > MOST_ROWS:
        kept = np.sort(np.random.default_rng(3).permutation(count)[:MOST_ROWS])
        question = question.on(kept)
    overall = bootstrap.resampled(question, margin=job["margin"])
    split = bootstrap.halves(question)
    segments: dict[str, Any] = {}
    for name in job["segments"]:
        column = next(rows.iloc[:, n] for n, each in enumerate(rows.columns) if str(each) == name).iloc[kept]
        segments |= bootstrap.segments_of(name, column)
    large = {text: at for text, at in segments.items() if len(at) >= bootstrap.SMALLEST}
    found = bootstrap.holm({text: question.on(at) for text, at in large.items()}, job["margin"])
    return {
        "rows": count,
        "compared": question.rows,
        "overall": asdict(overall),
        "halves": {**asdict(split), "unstable": split.unstable},
        "segments": {text: asdict(each) for text, each in found.items()},
        "small": {text: len(at) for text, at in segments.items() if text not in large},
    }


def in_short(problem: BaseException) -> str:
    lines = [line for line in str(problem).splitlines() if line.strip()]
    return ": ".join([type(problem).__name__, *lines[:1]])[:400]


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.dont_write_bytecode = True
    try:
        report = compare(job)
    except BaseException as problem:
        report = {"problem": in_short(problem), "crash": "".join(traceback.format_exception(problem))[-4000:]}
    Path(sys.argv[2]).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
