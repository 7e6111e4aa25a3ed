"""What the recorder does about metrics, inside the kernel: it looks at their arguments, and asks them once more."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["called", "look_at_calls", "usual_metric"]

MOST_CLASSES = 50  # whole numbers with more different values than this are counts, no classes


def look_at_calls(
    node: ast.stmt,
    place: tuple[int, int, int],
    calls: Mapping[str, tuple[int | str, int | str]],
    method: Callable[[str], ast.expr],
) -> None:
    """Look at the two values that each of `calls` (dumped trees, with their slots) compares, and at what it gives."""

    def told(name: str, more: list[Any], value: ast.expr) -> ast.Call:
        arguments: list[ast.expr] = [ast.copy_location(ast.Constant(each), value) for each in (*place, *more)]
        return ast.copy_location(ast.Call(method(name), [*arguments, value], []), value)

    wanted = [(each, ast.dump(each)) for each in ast.walk(node) if isinstance(each, ast.Call)]
    for call, tree in wanted:
        for number, slot in enumerate(calls.get(tree, ())):
            if isinstance(slot, int):
                call.args[slot] = told("look_at_argument", [tree, number], call.args[slot])
            for keyword in call.keywords:
                if keyword.arg == slot:
                    keyword.value = told("look_at_argument", [tree, number], keyword.value)
        if tree in calls:
            inner = ast.copy_location(ast.Call(call.func, call.args, call.keywords), call)
            outer = told("look_at_metric", [tree], inner)
            call.func, call.args, call.keywords = outer.func, outer.args, []


def called(source: str, labels: Any, answers: Any) -> float | str:
    """Return what the `metric` that `source` defines gives, or in words why it gives nothing."""
    import warnings

    namespace: dict[str, Any] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(source, namespace)  # made of the notebook's own lines, in its own kernel
            return float(namespace["metric"](labels, answers))
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}".splitlines()[0]


def usual_metric(labels: Any, answers: Any) -> str:
    """Return the metric that is usual for labels and answers of such types, an empty text where there is none.

    Classes of the labels' own kind: accuracy. Probabilities of two classes, or of each class: log loss. Numbers: the root of
    the mean squared error.
    """
    import numpy as np

    try:
        wanted, given = np.asarray(labels), np.asarray(answers)
    except (ValueError, TypeError):
        return ""
    if (
        wanted.ndim != 1
        or given.dtype.kind not in "biufOU"
        or any(isinstance(each, dict) for each in given.ravel()[:1])
    ):
        return ""
    classes = wanted.dtype.kind in "bOU" or (wanted.dtype.kind in "iu" and len(np.unique(wanted)) <= MOST_CLASSES)
    if given.ndim == 2 and given.shape[1] > 1:
        rows = given.dtype.kind == "f" and bool(np.allclose(given.sum(axis=1), 1.0))
        return "log_loss" if classes and rows and len(set(wanted.tolist())) == given.shape[1] else ""
    if given.ndim != 1:
        return ""
    if given.dtype.kind in "bOUiu" and classes:
        return "accuracy" if set(given.tolist()) & set(wanted.tolist()) else ""
    if given.dtype.kind not in "fiu" or wanted.dtype.kind not in "fiub":
        return ""
    if classes and given.dtype.kind == "f" and len(np.unique(wanted)) == 2:
        between = bool(((given >= 0) & (given <= 1)).all())
        return "accuracy" if set(np.unique(given)) <= {0.0, 1.0} else "log_loss" if between else ""
    return "root_mean_squared_error" if wanted.dtype.kind in "fiu" else ""
