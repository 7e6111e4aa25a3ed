"""The whole serving path as one ONNX graph: its code is run on values that stand for rows, and the graph is compared with it."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbdeploy.packaging.onnx_graph import GraphWriter
from nbdeploy.packaging.onnx_models import LARGEST_FLOAT32, OnnxModel
from nbdeploy.proving import tracing
from nbdeploy.proving.tracing import Frame, Numpy, Pandas, Tensor, Untraceable

__all__ = ["WholeGraph", "fed", "session_of", "whole_graph"]

MIXED_ROWS = 200
KIND_OF = {"f": "double", "i": "int64", "u": "int64", "b": "bool"}


@dataclass(frozen=True, slots=True)
class WholeGraph:
    """The file, its inputs and outputs (each: name, kind, columns; None: one value a row), and what was measured."""

    content: bytes
    inputs: tuple[dict[str, Any], ...]
    outputs: tuple[dict[str, Any], ...]
    figures: dict[str, Any]


def whole_graph(
    predict: Callable[[Any], Any],
    package: str,
    rows: Any,
    models: Mapping[int, tuple[bytes, OnnxModel, Any]],
    compare: Callable[[Any, Any, str], Any],
) -> WholeGraph:
    """Return the graph of a package's `predict` for rows as these.

    `models` are by the identity of the package's own objects: the ONNX file of each, that file read, and rows which the model
    was asked. `compare` takes the native answer, the graph's, and words for the rows; its answer has a `problem`.
    Raises Untraceable with the place in the code and the reason.
    """
    graph = GraphWriter()
    inputs = _inputs(rows)
    stands = {key: _Model(graph, *each) for key, each in models.items()}
    with _in_place_of(package, stands):
        try:
            answer = predict(_traced(graph, rows, inputs))
        except Untraceable as reason:
            raise Untraceable(f"{_place(reason, package)}{_said(reason, package)}") from None
        except Exception as problem:
            told = f"{type(problem).__name__}: {problem}"[:200]
            raise Untraceable(f"{_place(problem, package)}it can't be followed ({told})") from None
    outputs = _outputs(answer, graph)
    try:
        content = graph.file({name: (each.tensor, each.kind, each.width) for name, each in outputs.items()})
        session = session_of(content)
    except Exception as problem:
        raise Untraceable(f"ONNX Runtime can't compute it ({str(problem).strip().splitlines()[0][:160]})") from None
    used = {each.name for each in session.get_inputs()}
    figures = _compared(session, predict, rows, list(outputs), compare)
    return WholeGraph(
        content,
        tuple(each.as_json() for name, each in inputs.items() if name in used),
        tuple({"name": name, "kind": each.kind, "columns": each.width} for name, each in outputs.items())
        + (({"name": "refused", "kind": "bool", "columns": None},) if graph.refused else ()),
        {**figures, "bytes": len(content)},
    )


def session_of(content: bytes) -> Any:
    """Return a graph that ONNX Runtime can run, on one thread."""
    return OnnxModel(content, layout="", columns=(), answers={}, refused={}).session


# what goes in ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Input:
    """One input of the graph: `values` takes it from rows; `problem` says why it can't be one."""

    name: str
    label: Any
    kind: str = ""
    width: int = 1
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "columns": self.width}

    def values(self, rows: Any) -> Any:
        import numpy as np

        column = rows if self.label is None else rows[self.label]
        dtype = {"double": np.float64, "int64": np.int64, "bool": np.bool_, "text": object}[self.kind]
        return np.asarray(column).astype(dtype).reshape(-1, self.width)


def fed(rows: Any, session: Any) -> dict[str, Any]:
    """Return rows as the arrays that a graph takes."""
    inputs = _inputs(rows)
    return {each.name: inputs[each.name].values(rows) for each in session.get_inputs()}


def _inputs(rows: Any) -> dict[str, _Input]:
    import numpy as np

    if hasattr(rows, "columns"):
        return {str(label): _column_input(label, rows.iloc[:, n]) for n, label in enumerate(rows.columns)}
    if isinstance(rows, list) and all(isinstance(each, str) for each in rows):
        return {"rows": _Input("rows", None, "text")}
    array = np.asarray(rows)
    if array.ndim != 2 or array.dtype.kind not in KIND_OF:
        raise Untraceable(f"it takes an input of type {type(rows).__name__}")
    return {"rows": _Input("rows", None, KIND_OF[array.dtype.kind], array.shape[1])}


def _column_input(label: Any, column: Any) -> _Input:
    kind = KIND_OF.get(getattr(column.dtype, "kind", "O"), "text")
    if kind != "text" and hasattr(column.dtype, "na_value") and column.isna().any():
        return _Input(str(label), label, problem="its numbers may be missing in a way that ONNX does not know")
    if kind == "text" and not all(isinstance(each, str) for each in column):
        return _Input(str(label), label, problem="it has missing texts or other values, which ONNX can't hold")
    return _Input(str(label), label, kind)


def _traced(graph: GraphWriter, rows: Any, inputs: Mapping[str, _Input]) -> Any:
    def tensor(each: _Input) -> Tensor:
        if each.problem:
            raise Untraceable(f"it reads the column {each.label!r}: {each.problem}")
        width = None if each.label is not None or each.kind == "text" else each.width
        return Tensor(graph, graph.input(each.name, each.kind, each.width), each.kind, width)

    if not hasattr(rows, "columns"):
        return tensor(inputs["rows"])
    return Frame(graph, {each.label: lambda each=each: tensor(each) for each in inputs.values()})  # type: ignore[misc]


# what runs ------------------------------------------------------------------------------------------------------------------


class _Model:
    """A fitted model by its ONNX graph, which becomes a part of the whole."""

    def __init__(self, graph: GraphWriter, content: bytes, model: OnnxModel, asked: Any) -> None:
        self._graph, self._content, self._model = graph, content, model
        self._raw = {each.name: each for each in model.session.get_outputs()}
        self._asked = asked
        self._parts: dict[tuple[str, ...], list[str]] = {}

    def __getattr__(self, name: str) -> Any:
        if name in self._model.answers:
            return lambda rows: self._answer(name, rows)
        raise Untraceable(f"`.{name}` of a model is asked, which its graph does not have")

    def _answer(self, method: str, rows: Any) -> Tensor:
        fed = tuple(self._fed(rows))
        outputs = self._parts.setdefault(fed, []) or self._graph.part(self._content, list(fed))
        self._parts[fed] = outputs
        wanted = self._model.answers[method]
        kind = {"f": "double", "i": "int64", "b": "bool", "s": "text", "u": "int64"}[wanted["dtype"][0]]
        raw, column = outputs[wanted["output"]], self._graph.constant([-1, 1], "int64")
        if wanted.get("classes") is not None:
            places = self._graph.node("Reshape", self._graph.cast(raw, "int64"), column)
            names = self._graph.constant(wanted["classes"], kind)
            return Tensor(self._graph, self._graph.node("Gather", names, places, axis=0), kind)
        raw = raw if kind == "text" else self._graph.cast(raw, kind)
        if wanted["shape"]:
            return Tensor(self._graph, raw, kind, int(wanted["shape"][0]))
        if self._gives_two(wanted["output"]):
            raw = self._graph.node("Gather", raw, self._graph.constant([1], "int64"), axis=1)
        return Tensor(self._graph, self._graph.node("Reshape", raw, column), kind)

    def _gives_two(self, output: int) -> bool:
        """Tell whether the graph gives a score for each of two classes where the model gives the second one's."""
        import numpy as np

        fed = self._model._fed(self._asked)
        found = self._model.session.run([self._model.outputs[output]], fed)[0]
        return bool(np.asarray(found).size == 2 * len(self._asked))

    def _fed(self, rows: Any) -> Iterator[str]:
        columns, layout = self._model.columns, self._model.layout
        if self._model.lower:
            raise Untraceable("a model lower-cases texts, which a graph does by the machine's locale")
        if layout == "texts":
            yield self._checked(rows, 0, "text").tensor
        elif layout == "matrix":
            if isinstance(rows, Frame) and columns[0][0] is not None:
                rows = rows[[name for name, _ in columns]]
            matrix = (rows.to_numpy() if isinstance(rows, Frame) else rows).as_kind("double")
            if matrix.width != len(columns):
                raise Untraceable(f"a model of {len(columns)} columns gets {matrix.width}")
            for what, numbers in self._model.refused.items():
                if numbers:
                    self._refuse(what, matrix if len(numbers) == matrix.width else matrix[:, sorted(numbers)])
            yield matrix.tensor
        else:
            for number, (name, kind) in enumerate(columns):
                yield self._checked(rows[name] if isinstance(rows, Frame) else rows[:, number], number, kind).tensor

    def _checked(self, column: Tensor, number: int, kind: str) -> Tensor:
        """Note which rows the model refuses for a value in this column."""
        if "text" in {kind, column.kind}:
            if kind != column.kind:
                raise Untraceable(f"a model's column {number} gets {column.kind} where it had {kind}")
            return column
        values = column.as_kind("double")
        for what, numbers in self._model.refused.items():
            if number in numbers:
                self._refuse(what, values)
        return values.as_kind(kind)

    def _refuse(self, what: str, values: Tensor) -> None:
        if what == "nan":
            found = values.isna()
        else:
            found = values.abs() == float("inf") if what == "inf" else values.abs() > LARGEST_FLOAT32
        self._graph.refused.append(found.tensor)


@contextmanager
def _in_place_of(package: str, stands: Mapping[int, Any]) -> Iterator[None]:
    """Let the package's modules use stand-ins for models, numpy and pandas."""
    for name, own in (("numpy", Numpy), ("pandas", Pandas)):
        if name in sys.modules:
            stands = {**stands, id(sys.modules[name]): own()}
    changed: list[tuple[dict[str, Any], str, Any]] = []
    for name, module in list(sys.modules.items()):
        if name == package or name.startswith(f"{package}."):
            for key, value in list(vars(module).items()):
                if id(value) in stands:
                    changed.append((vars(module), key, value))
                    vars(module)[key] = stands[id(value)]
    try:
        yield
    finally:
        for space, key, value in changed:
            space[key] = value


def _said(reason: Untraceable, package: str) -> str:
    """Return the reason; what a library asked of the rows says nothing to the one who wrote the code."""
    from numpy.lib import mixins  # through which operators come

    own = {Path(tracing.__file__).parent, Path(__file__).parent, Path(mixins.__file__).parent}
    frames = [Path(each.filename) for each in traceback.extract_tb(reason.__traceback__)]
    asking = [each for each in frames if each.parent not in own]
    if asking and asking[-1].parent.name != package:
        return "it hands the rows to a function that no graph can hold"
    return str(reason)


def _place(problem: BaseException, package: str) -> str:
    """Return where in the package's code something went wrong: the cell that a comment names, and the statement."""
    frames = [
        each for each in traceback.extract_tb(problem.__traceback__) if Path(each.filename).parent.name == package
    ]
    if not frames:
        return ""
    lines = Path(frames[-1].filename).read_text(encoding="utf-8").splitlines()[: frames[-1].lineno]
    cells = [found[1] for line in lines if (found := re.search(r"# (cell \d+)", line))]
    return f"{cells[-1] if cells else Path(frames[-1].filename).name}, `{frames[-1].line}`: "


# what comes out -------------------------------------------------------------------------------------------------------------


def _outputs(answer: Any, graph: GraphWriter) -> dict[str, Tensor]:
    if isinstance(answer, Tensor):
        found: dict[str, Tensor] = {"prediction": answer}
    elif isinstance(answer, Frame):
        found = {str(label): answer[label] for label in answer.columns}
    else:
        raise Untraceable(f"it answers with a {type(answer).__name__}")
    taken = {each.name for each in graph.inputs} | {"refused"}
    return {f"{name}_output" if name in taken else name: each for name, each in found.items()}


# the proof ------------------------------------------------------------------------------------------------------------------


def _compared(
    session: Any,
    predict: Callable[[Any], Any],
    rows: Any,
    outputs: list[str],
    compare: Callable[[Any, Any, str], Any],
) -> dict[str, Any]:
    """Ask both the recorded rows, and rows mixed of the recorded ones' values; raise Untraceable where they differ."""
    counted, largest = {}, 0.0
    for what, asked in (("on the recorded rows", rows), ("on rows mixed of recorded values", _mixed(rows))):
        try:
            native = list(_arrays(predict(asked.copy())))
        except Exception:
            if asked is rows:
                raise
            continue  # values that never stood together may not have an answer
        found = session.run(None, fed(asked, session))
        refused = found[len(outputs)] if len(found) > len(outputs) else None
        for one, other in zip(native, found, strict=False):
            verdict = compare(one, _as(one, other), what)
            if verdict.problem:
                raise Untraceable(verdict.problem)
            largest = max(largest, verdict.absolute)
        if refused is not None and refused.any():
            raise Untraceable(f"the graph refuses rows that the code answers, {what}")
        counted[what] = len(native[0])
    made = list(counted.values())
    return {"rows": made[0], "mixed_rows": sum(made[1:]), "largest_difference": largest}


def _arrays(answer: Any) -> Iterator[Any]:
    import numpy as np

    columns = [answer[each] for each in answer.columns] if hasattr(answer, "columns") else [answer]
    for each in columns:
        array = np.asarray(each)
        yield array.astype(str) if array.dtype.kind in "OU" else array


def _as(native: Any, found: Any) -> Any:
    import numpy as np

    if np.size(found) != native.size:
        raise Untraceable(f"the graph gives {np.size(found)} values where the code gives {native.size}")
    return np.asarray(found).astype(native.dtype if native.dtype.kind != "U" else str).reshape(native.shape)


def _mixed(rows: Any) -> Any:
    """Return rows whose values, column by column, come from recorded rows of their own."""
    import numpy as np

    random, count = np.random.default_rng(0), min(MIXED_ROWS, 4 * len(rows))
    picked = [random.integers(len(rows), size=count) for _ in range(len(getattr(rows, "columns", ())) or 1)]
    if hasattr(rows, "columns"):
        mixed = rows.iloc[picked[0]].reset_index(drop=True)
        for place, label in enumerate(rows.columns):
            mixed[label] = rows.iloc[:, place].iloc[picked[place]].reset_index(drop=True)
        return mixed
    if isinstance(rows, list):
        return [rows[each] for each in picked[0]]
    found = np.asarray(rows)[picked[0]].copy()
    for column in range(found.shape[1]):
        found[:, column] = np.asarray(rows)[random.integers(len(rows), size=count), column]
    return found
