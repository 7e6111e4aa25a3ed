"""Runs in a process of its own: converts the models of a written package, and compares each with its ONNX form.

The package is asked the recorded rows, and what reaches its models is kept; these rows, and rows made from them that lie
close to where the answer changes, are what both forms must answer alike. The report is written after each model, so that
one that takes too long does not take the others with it.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nbdeploy.packaging.onnx import METHODS, Candidate, Layout, Unportable, candidates, layout_of, versions
from nbdeploy.packaging.onnx_models import OnnxModel
from nbdeploy.packaging.tolerance import of_precision
from nbdeploy.proving.near_rows import edge_rows, near_rows, refusals
from nbdeploy.proving.quantized import quantized_graph
from nbdeploy.proving.timing import least_seconds
from nbdeploy.proving.tracing import Untraceable
from nbdeploy.proving.whole_path import WholeGraph, whole_graph
from nbdeploy.recording.formats import prepare

__all__ = ["Call", "Choice", "Compared", "Slower", "choice", "compared", "main", "tried"]

CALLS = 200
MANY = 1_000
KEPT_FILES = 64


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model's method by the served code: the rows that it got, and its answer."""

    method: str
    rows: Any
    answer: Any


@dataclass(frozen=True, slots=True)
class Compared:
    """What two forms of a model answered: `problem` is empty where they agree within the tolerance."""

    rows: int = 0
    flips: int = 0
    absolute: float = 0.0
    relative: float = 0.0
    problem: str = ""

    def __add__(self, other: Compared) -> Compared:
        return Compared(
            self.rows + other.rows,
            self.flips + other.flips,
            max(self.absolute, other.absolute),
            max(self.relative, other.relative),
            self.problem or other.problem,
        )


def main(job_file: str, report_file: str) -> None:
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    warnings.simplefilter("ignore")
    sys.dont_write_bytecode = True
    sys.path[:0] = [job["package"], str(Path(job["package"], "tests"))]
    report: dict[str, Any] = {"models": {}}
    asked, choices = _asked_models(job), dict[str, Choice]()
    for symbol, wish in job["models"].items():
        model, calls = asked[symbol]
        try:
            choices[symbol] = _chosen(model, calls, wish, job)
            report["models"][symbol] = _written(choices[symbol], wish, job)
        except Unportable as reason:
            report["models"][symbol] = {"used": False, "reason": str(reason)}
            if isinstance(reason, Slower):
                choices[symbol] = reason.choice
        except Exception as problem:
            report["models"][symbol] = {"used": False, "reason": f"converting it failed: {_short(problem)}"}
        _write(report, report_file)
    report["whole"] = _whole(choices, asked, job)
    _write(report, report_file)


def _write(report: Mapping[str, Any], file: str) -> None:
    partial = Path(f"{file}.partial")
    partial.write_text(json.dumps(report), encoding="utf-8")
    partial.replace(file)


def _short(problem: BaseException) -> str:
    first = str(problem).strip().split("\n")[0]
    return f"{type(problem).__name__}: {first}"[:200]


# what the models are asked --------------------------------------------------------------------------------------------------


def _asked_models(job: Mapping[str, Any]) -> dict[str, tuple[Any, list[Call]]]:
    """Ask the package the recorded rows, and return each model with the calls that reached it."""
    for wish in job["models"].values():
        prepare(wish["format"])
    package = importlib.import_module(job["module"])
    artifacts = importlib.import_module(f"{job['module']}.artifacts")
    rows = _recorded_rows()
    models = {symbol: getattr(artifacts, symbol) for symbol in job["models"]}
    calls: dict[str, list[Call]] = {symbol: [] for symbol in models}
    for symbol, model in models.items():
        for method in job["models"][symbol]["methods"]:
            _listen(model, method, calls[symbol])
    package.predict(rows)
    for symbol, model in models.items():
        for method in job["models"][symbol]["methods"]:
            vars(model).pop(method, None)
    return {symbol: (model, calls[symbol]) for symbol, model in models.items()}


def _recorded_rows() -> Any:
    return importlib.import_module("recorded").recorded("example_input")


def _listen(model: Any, method: str, calls: list[Call]) -> None:
    """Keep the rows and the answer of each call from outside; a method may call another one of its own model."""
    own = getattr(model, method)
    busy: list[bool] = []

    def listening(rows: Any) -> Any:
        if busy or len(calls) >= CALLS:
            return own(rows)
        busy.append(True)
        try:
            kept = rows.copy() if hasattr(rows, "copy") else rows
            answer = own(rows)
        finally:
            busy.clear()
        calls.append(Call(method, kept, answer))
        return answer

    setattr(model, method, listening)


# the choice -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """The ONNX form of a model that answers as it does: how it was made, the file, its load arguments, what was measured."""

    way: str
    content: bytes
    arguments: dict[str, Any]
    figures: dict[str, Any]


class Slower(Unportable):
    """The ONNX form answers as the model does, but takes longer for one row."""

    def __init__(self, reason: str, choice: Choice) -> None:
        super().__init__(reason)
        self.choice = choice


def _chosen(model: Any, calls: list[Call], wish: Mapping[str, Any], job: Mapping[str, Any]) -> Choice:
    methods = frozenset(wish["methods"])

    def cached(way: Candidate) -> Path:
        return Path(job["cache"], _cache_key(wish["sha256"], way, methods))

    return choice(model, calls, job["tolerance"], required=job["required"], cached=cached)


def _written(found: Choice, wish: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, Any]:
    """Write the file, and return what is to be told."""
    target = Path(job["out"], f"{wish['stem']}.onnx")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(found.content)
    figures = found.figures | {"size_ratio": round(len(found.content) / max(int(wish["size"]), 1), 4)}
    return {"used": True, "way": found.way, "file": target.name, "arguments": found.arguments, "figures": figures}


def choice(
    model: Any,
    calls: list[Call],
    tolerance: float | None = None,
    *,
    required: bool = False,
    cached: Callable[[Candidate], Path | None] = lambda way: None,
) -> Choice:
    """Try the ways to convert a model; take the first that answers alike and, unless it is required, not slower.

    Raises Unportable with the reason why the native model stays, Slower where that is the only one.
    """
    model = getattr(model, "best_estimator_", model)  # a search answers with the best that it found
    methods, failed = frozenset(each.method for each in calls), ""
    if methods - set(METHODS):
        raise Unportable(f"{', '.join(sorted(methods - set(METHODS)))} is asked of it")
    calls = [each for each in calls if len(each.rows)]
    if not calls:
        raise Unportable("no recorded row reached it")
    layouts = {layout_of(model, each.rows) for each in calls}
    if len(layouts) > 1:
        raise Unportable("it is asked in several forms")
    for way in candidates(model, layouts.pop(), methods):
        found = tried(model, calls, way, tolerance, cached(way))
        if isinstance(found, str):
            failed = failed or f"{way.name}: {found}"
        elif found.figures["speedup_at_1_row"] < 1.0 and not required:
            slower = 1 / found.figures["speedup_at_1_row"]
            raise Slower(f"{way.name}: the same answers, but {slower:.1f} times slower for one row", found)
        else:
            return found
    raise Unportable(failed or "there is no converter for it")


def tried(
    model: Any, calls: list[Call], way: Candidate, tolerance: float | None = None, cached: Path | None = None
) -> Choice | str:
    """Convert one way and compare; return why it is not the same, if so."""
    began = time.perf_counter()
    try:
        content = _made(way, cached)
        seconds = time.perf_counter() - began
        arguments = _arguments(model, calls, way)
        converted = OnnxModel(content, **json.loads(json.dumps(arguments)))
    except Unportable as reason:
        return str(reason)
    except Exception as problem:
        return f"it can't be converted so ({_short(problem)})"
    recorded = compared(model, converted, calls, tolerance)
    if recorded.problem:
        return recorded.problem
    edges = _compared_at_edges(model, converted, calls, way.layout, tolerance)
    if edges.problem:
        return edges.problem
    figures = {
        "rows": recorded.rows,
        "edge_rows": edges.rows,
        "flips": recorded.flips + edges.flips,
        "largest_difference": max(recorded.absolute, edges.absolute if edges.absolute < 1e6 else 0.0),
        "largest_relative": max(recorded.relative, edges.relative),
        "seconds_to_convert": round(seconds, 3),
        **_speeds(model, converted, calls),
    }
    return Choice(way.name, content, arguments, figures)


def _cache_key(sha256: str, way: Candidate, methods: frozenset[str]) -> str:
    parts = (sha256, way.name, repr(way.layout), repr(sorted(methods)), versions(), _own_code())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest() + ".onnx"


def _own_code() -> str:
    """Return a digest of the converters' own text: what another version of them made is made anew."""
    from nbdeploy.packaging import onnx, onnx_steps, trees

    text = b"".join(Path(str(each.__file__)).read_bytes() for each in (onnx, onnx_steps, trees))
    return hashlib.sha256(text).hexdigest()


def _made(way: Candidate, cached: Path | None) -> bytes:
    """Convert, or take what was converted before; the oldest of these files are dropped."""
    if cached is None:
        return way.make()
    if cached.is_file():
        return cached.read_bytes()
    content = way.make()
    with suppress(OSError):  # a full disk costs the next deploy some seconds
        cached.parent.mkdir(parents=True, exist_ok=True)
        for old in sorted(cached.parent.glob("*.onnx"), key=lambda each: each.stat().st_mtime)[: -KEPT_FILES + 1]:
            old.unlink(missing_ok=True)
        partial = cached.with_suffix(".partial")
        partial.write_bytes(content)
        partial.replace(cached)
    return content


def _arguments(model: Any, calls: list[Call], way: Candidate) -> dict[str, Any]:
    import numpy as np

    answers: dict[str, Any] = {}
    for each in calls:
        if not isinstance(each.answer, np.ndarray) or len(each.answer) != len(each.rows):
            raise Unportable(f"its {each.method} gives a {type(each.answer).__name__}")
        kind = each.answer.dtype.kind
        answers[each.method] = {
            "output": way.outputs[each.method],
            "dtype": "str" if kind == "U" else str(each.answer.dtype),
            "shape": list(each.answer.shape[1:]),
            "classes": model.classes_.tolist() if way.indexed and each.method == "predict" else None,
        }
    return {
        "layout": way.layout.kind,
        "columns": [list(each) for each in way.layout.columns],
        "answers": answers,
        "refused": refusals(model, _most(calls), way.layout),
        "lower": way.layout.lower,
    }


def _most(calls: list[Call]) -> Call:
    return max(calls, key=lambda each: len(each.rows))


# the comparison -------------------------------------------------------------------------------------------------------------


def compared(model: Any, converted: Any, calls: list[Call], tolerance: float | None) -> Compared:
    """Compare the answers to recorded rows: every class must be the same, every number within the tolerance."""
    total = Compared()
    for each in calls:
        try:
            found = getattr(converted, each.method)(each.rows)
        except Exception as problem:
            return Compared(problem=f"it fails on the recorded rows ({_short(problem)})")
        total += _difference(each.answer, found, tolerance, "on the recorded rows")
        if total.problem:
            break
    return total


def _limit(wished: float | None, *numbers: Any) -> float:
    """What numbers may differ by: as wished, else a few steps of the precision that they are in."""
    return of_precision(*(each.dtype for each in numbers)).relative if wished is None else wished


def _difference(native: Any, found: Any, wished: float | None, what: str, ties: Any = None) -> Compared:
    import numpy as np

    if native.shape != found.shape or (native.dtype != found.dtype and native.dtype.kind != "U"):
        return Compared(problem=f"it answers {found.dtype}{found.shape}, not {native.dtype}{native.shape}")
    rows = len(native)
    if native.dtype.kind != "f":
        wrong = (native != found).reshape(rows, -1).any(axis=1)
        wrong = wrong if ties is None else wrong & ~ties
        flips = int(wrong.sum())
        problem = f"{flips} of {rows} answers flip {what}" if flips else ""
        return Compared(rows, flips, problem=problem)
    with np.errstate(all="ignore"):
        same = (native == found) | (np.isnan(native) & np.isnan(found))
        absolute = np.where(same, 0.0, np.abs(native.astype(float) - found.astype(float)))
        scaled = np.where(same, 0.0, absolute / np.maximum(1.0, np.abs(native.astype(float))))
    scaled = np.where(np.isnan(scaled), np.inf, scaled)
    worst = float(scaled.max(initial=0.0))
    largest = float(np.nan_to_num(absolute, nan=np.inf).max(initial=0.0))
    tolerance = _limit(wished, native)
    over = int((scaled.reshape(rows, -1).max(axis=1) > tolerance).sum())
    problem = f"{over} of {rows} answers differ by more than {tolerance:g} {what}" if over else ""
    return Compared(rows, 0, largest, worst, problem)


def _compared_at_edges(
    model: Any, converted: Any, calls: list[Call], layout: Layout, tolerance: float | None
) -> Compared:
    total = Compared()
    most = _most(calls)
    near = "on recorded texts with other characters" if layout.kind == "texts" else "on rows near a decision"
    for rows in near_rows(model, most.rows, layout):
        ties = _ties(model, rows, tolerance)
        for method in sorted({each.method for each in calls}):
            native, found = getattr(model, method)(rows), getattr(converted, method)(rows)
            total += _difference(native, found, tolerance, near, ties)
            if total.problem:
                return total
    for what, rows in edge_rows(most.rows, layout):
        total += _edge(model, converted, most.method, what, rows, tolerance)
        if total.problem:
            break
    return total


def _edge(model: Any, converted: Any, method: str, what: str, rows: Any, tolerance: float | None) -> Compared:
    """Compare one row with an uncommon value: the same answer, or a refusal of both."""
    try:
        native = getattr(model, method)(rows)
    except Exception:
        native = None
    try:
        found = getattr(converted, method)(rows)
    except ValueError:
        found = None
    if (native is None) != (found is None):
        refusing, other = ("the native model", "ONNX") if native is None else ("ONNX", "the native model")
        return Compared(rows=1, problem=f"{refusing} refuses {what}, {other} answers it")
    if native is None:
        return Compared(rows=1)
    return _difference(native, found, tolerance, f"on a row with {what}", _ties(model, rows, tolerance))


def _ties(model: Any, rows: Any, wished: float | None) -> Any:
    """Tell for which rows two classes are as good as equal: which of them wins there says nothing."""
    import numpy as np

    try:
        if hasattr(model, "decision_function"):
            scores = np.asarray(model.decision_function(rows))
            scores = np.stack([np.zeros(len(scores)), scores], axis=1) if scores.ndim == 1 else scores
        elif hasattr(model, "predict_proba"):
            scores = np.asarray(model.predict_proba(rows))
        elif hasattr(model, "cluster_centers_"):
            scores = -np.asarray(model.transform(rows))
        else:
            return None
    except Exception:
        return None
    ordered = np.sort(scores, axis=1)
    with np.errstate(all="ignore"):
        margin = ordered[:, -1] - ordered[:, -2]
        return ~np.isfinite(margin) | (margin <= _limit(wished, scores) * np.maximum(1.0, np.abs(ordered[:, -1])))


# the whole path ---------------------------------------------------------------------------------------------------------------


def _whole(choices: Mapping[str, Choice], asked: Mapping[str, tuple[Any, list[Call]]], job: Mapping[str, Any]) -> Any:
    """Write the whole serving path as one graph, and return what is to be told of it, or why there is none."""
    left = sorted(asked.keys() - choices.keys())
    if left:
        return {"reason": f"{left[0]} is no ONNX graph"}
    package = importlib.import_module(job["module"])
    answers = [each.answer for _, calls in asked.values() for each in calls]
    models = {
        id(model): (
            choices[symbol].content,
            OnnxModel(choices[symbol].content, **choices[symbol].arguments),
            _most(calls).rows,
        )
        for symbol, (model, calls) in asked.items()
    }
    try:
        found = whole_graph(
            package.predict,
            job["module"],
            _recorded_rows(),
            models,
            lambda native, graph, rows: _difference(native, graph, _limit(job["tolerance"], native, *answers), rows),
        )
    except Untraceable as reason:
        return {"reason": str(reason)}
    except Exception as problem:
        return {"reason": f"it can't be followed ({_short(problem)})"}
    target = Path(job["out"], "predict.onnx")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(found.content)
    told = {"file": target.name, "inputs": found.inputs, "outputs": found.outputs, "figures": found.figures}
    return told | (_quantized(found, target) if job["quantize"] else {})


def _quantized(whole: WholeGraph, beside: Path) -> dict[str, Any]:
    made = quantized_graph(whole, _recorded_rows())
    if isinstance(made, str):
        return {"quantized": {"reason": made}}
    content, figures = made
    target = beside.with_suffix(".int8.onnx")
    target.write_bytes(content)
    return {"quantized": {"file": target.name, "figures": figures}}


# the speed ------------------------------------------------------------------------------------------------------------------


def _speeds(model: Any, converted: Any, calls: list[Call]) -> dict[str, float]:
    """Return microseconds for one row, and how many times as fast ONNX is at one and at a thousand rows."""
    most = _most(calls)
    one, many = _repeated(most.rows, 1), _repeated(most.rows, MANY)
    native, fast = getattr(model, most.method), getattr(converted, most.method)
    single = [least_seconds(partial(each, one)) for each in (native, fast)]
    batch = [least_seconds(partial(each, many)) for each in (native, fast)]
    return {
        "native_us_at_1_row": round(single[0] * 1e6, 1),
        "onnx_us_at_1_row": round(single[1] * 1e6, 1),
        "speedup_at_1_row": round(single[0] / single[1], 2),
        "speedup_at_1000_rows": round(batch[0] / batch[1], 2),
    }


def _repeated(rows: Any, count: int) -> Any:
    positions = [each % len(rows) for each in range(count)]
    if hasattr(rows, "iloc"):
        return rows.iloc[positions]
    return [rows[each] for each in positions] if isinstance(rows, list) else rows[positions]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
