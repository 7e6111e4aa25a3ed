"""Convert fitted models to ONNX, in the ways that lose least.

Double precision first: what scikit-learn computes in double stays double, and trees are written by `trees.py` as the
TreeEnsemble of ai.onnx.ml 5, whose thresholds and leaves may be doubles. Then float32, for what has no double kernel.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from nbdeploy.packaging.onnx_steps import double_converters
from nbdeploy.packaging.trees import Forest, Tree, read_forest

__all__ = [
    "IR_VERSION",
    "METHODS",
    "ML_OPSET",
    "OPSET",
    "Candidate",
    "Layout",
    "Unportable",
    "candidates",
    "layout_of",
    "versions",
]

METHODS = ("predict", "predict_proba", "decision_function", "score_samples", "transform")
"""What a model may be asked for; anything else keeps the native one."""

OPSET, ML_OPSET, IR_VERSION = 21, 5, 10


class Unportable(Exception):
    """Why a model stays as it is."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows are fed: `kind` is matrix, columns or texts; `columns` are pairs (name or None, double, int64 or text)."""

    kind: str
    columns: tuple[tuple[Any, str], ...] = ()
    lower: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to convert a model: its name, and the function that does it and returns the file's content.

    `outputs` says which output of the graph answers which method, `indexed` that `predict` gives the number of a class.
    """

    name: str
    layout: Layout
    make: Callable[[], bytes]
    outputs: dict[str, int] = field(default_factory=dict)
    indexed: bool = False


def versions() -> str:
    """Name the converters that are installed, for what is kept of their work."""
    from importlib.metadata import version

    return " ".join(f"{name} {version(name)}" for name in ("onnx", "skl2onnx", "onnxruntime"))


def layout_of(model: Any, rows: Any) -> Layout:
    """Return how a model's rows are fed, seen from rows that it was asked. Raises Unportable."""
    if hasattr(rows, "columns"):
        pairs = tuple((_plain(name), _column_kind(rows.iloc[:, n])) for n, name in enumerate(rows.columns))
        if hasattr(_first_step(model), "transformers_"):
            return Layout("columns", pairs)
        if any(kind == "text" for _, kind in pairs):
            raise Unportable("it takes a table with texts as a whole")
        return Layout("matrix", tuple((name, "double") for name, _ in pairs))
    if isinstance(rows, list) and rows and all(isinstance(each, str) for each in rows):
        return Layout("texts")
    if hasattr(rows, "toarray") or hasattr(rows, "detach"):
        raise Unportable(f"it takes a {type(rows).__name__}")
    return _array_layout(rows)


def _array_layout(rows: Any) -> Layout:
    import numpy as np

    array = np.asarray(rows)
    if array.ndim == 1 and array.dtype.kind in "OU" and all(isinstance(each, str) for each in array):
        return Layout("texts")
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise Unportable(f"it takes an array of shape {array.shape} and dtype {array.dtype}")
    return Layout("matrix", ((None, "double"),) * array.shape[1])


def _plain(name: Any) -> Any:
    if not isinstance(name, str | int):
        raise Unportable(f"the column label {name!r} can't be written into a manifest")
    return name


def _column_kind(column: Any) -> str:
    kind = getattr(column.dtype, "kind", "O")
    if kind in "fbiu":
        return "int64" if kind in "iu" else "double"
    values = [each for each in column.tolist() if each is not None and each == each]
    if kind == "O" and values and all(isinstance(each, str) for each in values):
        return "text"
    raise Unportable(f"column {column.name!r} has the dtype {column.dtype}")


def _first_step(model: Any) -> Any:
    return _first_step(model.steps[0][1]) if hasattr(model, "steps") else model


def _last_step(model: Any) -> Any:
    return _last_step(model.steps[-1][1]) if hasattr(model, "steps") else model


# the ways -----------------------------------------------------------------------------------------------------------------


def candidates(model: Any, layout: Layout, methods: frozenset[str]) -> Iterator[Candidate]:
    """Yield the ways to convert a model, that which loses least first. Raises Unportable where there is none."""
    if layout.kind == "texts":
        model, layout = _lowering_outside(model, layout)
    forest = read_forest(_last_step(model))
    if forest is not None:
        outputs = {"predict": 0, "predict_proba": 1} if forest.decide else {"predict": 0}
        if methods <= outputs.keys():
            for name, fed in _feedings(layout):
                yield Candidate(
                    f"double trees{name}",
                    fed,
                    lambda fed=fed: _forest_file(model, forest, fed),  # type: ignore[misc]
                    outputs,
                    indexed=bool(forest.decide),
                )
    if type(_last_step(model)).__module__.partition(".")[0] != "sklearn":
        if forest is None:
            raise Unportable(f"no converter for {type(_last_step(model)).__name__} as it was fitted here")
        return
    outputs = _served_outputs(_last_step(model), methods)
    for double in (True, False):
        for name, fed in _feedings(layout):
            yield Candidate(
                ("double" if double else "float32") + name,
                fed,
                lambda fed=fed, double=double: _skl2onnx(model, fed, methods, double).SerializeToString(),  # type: ignore[misc]
                outputs,
            )


def _feedings(layout: Layout) -> Iterator[tuple[str, Layout]]:
    """Yield ways to feed the columns: whole numbers as doubles, then as such (categories may be numbers)."""
    whole = any(kind == "int64" for _, kind in layout.columns)
    yield "", replace(layout, columns=tuple((n, "double" if k == "int64" else k) for n, k in layout.columns))
    if whole and layout.kind == "columns":
        yield ", whole numbers", layout


def _lowering_outside(model: Any, layout: Layout) -> tuple[Any, Layout]:
    """Take lower-casing out of the graph: ONNX Runtime's depends on the machine's locale, Python's does not."""
    first = _first_step(model)
    if getattr(first, "strip_accents", None) is not None or getattr(first, "stop_words", None) is not None:
        raise Unportable("it strips accents or leaves out words")
    if not getattr(first, "lowercase", False):
        return model, layout
    model = copy.deepcopy(model)
    _first_step(model).lowercase = False
    return model, replace(layout, lower=True)


def _served_outputs(last: Any, methods: frozenset[str]) -> dict[str, int]:
    """Return which output of the converters' graph answers each method."""
    if hasattr(last, "classes_"):
        if {"predict_proba", "decision_function"} <= methods:
            raise Unportable("probabilities and decision values are asked of it, and one graph gives one of them")
        known = {"predict": 0, "predict_proba": 1, "decision_function": 1}
    elif hasattr(last, "cluster_centers_"):
        known = {"predict": 0, "transform": 1}
    elif hasattr(last, "offset_"):
        known = {"predict": 0, "decision_function": 1, "score_samples": 2}
    elif hasattr(last, "transform"):
        known = {"transform": 0}
    else:
        known = {"predict": 0}
    if methods - known.keys():
        raise Unportable(f"there is no graph for its {', '.join(sorted(methods - known.keys()))}")
    return known


def _skl2onnx(model: Any, layout: Layout, methods: frozenset[str], double: bool) -> Any:
    """Convert with skl2onnx, with the options that its raw answers need."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType

    numbers = DoubleTensorType if double else FloatTensorType
    kinds = {"double": numbers, "int64": Int64TensorType, "text": StringTensorType}
    if layout.kind == "columns":
        names = _input_names(layout)
        types = [(name, kinds[kind]([None, 1])) for name, (_, kind) in zip(names, layout.columns, strict=True)]
    elif layout.kind == "texts":
        types = [("rows", StringTensorType([None, 1]))]
    else:
        types = [("rows", numbers([None, len(layout.columns)]))]
    last, options = _last_step(model), {}
    if hasattr(last, "classes_"):
        options[id(last)] = {"zipmap": False} | ({"raw_scores": True} if "decision_function" in methods else {})
    elif "score_samples" in methods:
        options[id(last)] = {"score_samples": True}
    made = convert_sklearn(
        model,
        initial_types=types,
        options=options or None,
        custom_conversion_functions=double_converters() if double else None,
        target_opset={"": OPSET, "ai.onnx.ml": 3},
    )
    if any(each.op_type == "StringNormalizer" for each in made.graph.node):
        raise Unportable("it changes the case of texts by a locale that not every machine has")
    _keep_types(made, layout, double)
    return made


def _input_names(layout: Layout) -> list[str]:
    """Name the graph's inputs: skl2onnx finds a column of a table by its name."""
    return [str(name) if name is not None else f"column_{n}" for n, (name, _) in enumerate(layout.columns)]


def _keep_types(made: Any, layout: Layout, double: bool) -> None:
    """Let a float32 graph take doubles, and have every column as an input in the layout's order."""
    from onnx import TensorProto, helper

    if layout.kind == "texts":
        return
    given = {each.name: each for each in made.graph.input}
    names = _input_names(layout) if layout.kind == "columns" else ["rows"]
    for name in reversed(names if not double else ()):
        if name in given and given[name].type.tensor_type.elem_type == TensorProto.FLOAT:
            given[name].type.tensor_type.elem_type = TensorProto.DOUBLE
            for node in made.graph.node:
                node.input[:] = [f"{name}_float" if each == name else each for each in node.input]
            made.graph.node.insert(0, helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT))
    if layout.kind == "columns":
        ordered = [
            given[name] if name in given else _unused(name, kind)
            for name, (_, kind) in zip(names, layout.columns, strict=True)
        ]
        del made.graph.input[:]
        made.graph.input.extend(ordered)


def _unused(name: str, kind: str) -> Any:
    from onnx import TensorProto, helper

    types = {"double": TensorProto.DOUBLE, "int64": TensorProto.INT64, "text": TensorProto.STRING}
    return helper.make_tensor_value_info(name, types[kind], [None, 1])


# trees ------------------------------------------------------------------------------------------------------------------


def _forest_file(model: Any, forest: Forest, layout: Layout) -> bytes:
    """Return the graph of a tree model, after whatever steps stand before it in a pipeline."""
    from onnx import TensorProto, helper

    before = _without_last(model)
    if before is None:
        inputs = [helper.make_tensor_value_info("rows", TensorProto.DOUBLE, [None, len(layout.columns)])]
        nodes, initial, features, domains = [], [], "rows", {}
    else:
        made = _skl2onnx(before, layout, frozenset({"transform"}), True)
        if len(made.graph.output) != 1:
            raise Unportable("its steps give more than one table")
        inputs, nodes, initial = list(made.graph.input), list(made.graph.node), list(made.graph.initializer)
        features = made.graph.output[0].name
        domains = {each.domain: each.version for each in made.opset_import}
    tail = _Tail(forest)
    nodes.append(helper.make_node("Cast", [features], ["forest_features"], to=TensorProto.DOUBLE))
    nodes += tail.nodes("forest_features")
    graph = helper.make_graph(nodes, "model", inputs, tail.outputs(), [*initial, *tail.constants()])
    domains |= {"ai.onnx.ml": ML_OPSET, "": domains.get("", OPSET)}
    opsets = [helper.make_opsetid(name, number) for name, number in domains.items()]
    content: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION).SerializeToString()
    return content


def _without_last(model: Any) -> Any:
    """Return the steps before a pipeline's last one as a pipeline, or None where there is none that does anything."""
    if not hasattr(model, "steps"):
        return None
    steps = [(name, step) for name, step in model.steps[:-1] if step not in (None, "passthrough")]
    if hasattr(model.steps[-1][1], "steps"):
        raise Unportable("it is a pipeline inside a pipeline")
    if not steps:
        return None
    before = copy.copy(model)
    before.steps = steps
    return before


@dataclass(frozen=True, slots=True)
class _Tail:
    """The nodes that answer with a forest."""

    forest: Forest

    @property
    def _wide(self) -> int:
        from onnx import TensorProto

        return int(TensorProto.FLOAT if self.forest.narrow_sum else TensorProto.DOUBLE)

    def constants(self) -> list[Any]:
        return [
            self._constant("forest_divisor", [self.forest.divisor]),
            self._constant("forest_one", [1.0]),
            self._constant("forest_zero", [0.0]),
            self._constant("forest_half", [0.5]),
        ]

    def _constant(self, name: str, values: list[float]) -> Any:
        import numpy as np
        from onnx import numpy_helper

        dtype = np.float32 if self.forest.narrow_sum else np.float64
        return numpy_helper.from_array(np.array(values, dtype=dtype), name)

    def nodes(self, features: str) -> Iterator[Any]:
        from onnx import TensorProto, helper

        forest = self.forest
        if forest.narrow:
            yield helper.make_node("Cast", [features], ["forest_narrow"], to=TensorProto.FLOAT)
            features = "forest_narrow"
            if not forest.narrow_sum:
                yield helper.make_node("Cast", [features], ["forest_wide"], to=TensorProto.DOUBLE)
                features = "forest_wide"
        yield helper.make_node(
            "TreeEnsemble", [features], ["forest_sum"], domain="ai.onnx.ml", **_ensemble(forest, self._constant)
        )
        score = "forest_sum"
        if forest.divisor != 1.0:
            yield helper.make_node("Div", [score, "forest_divisor"], ["forest_mean"])
            score = "forest_mean"
        yield from self._linked(score)

    def _linked(self, score: str) -> Iterator[Any]:
        from onnx import helper

        link = {"identity": "Identity", "sigmoid": "Sigmoid", "softmax": "Softmax", "exp": "Exp"}[self.forest.link]
        axis: dict[str, Any] = {"axis": 1} if link == "Softmax" else {}
        target = "forest_linked" if self.forest.decide else "variable"
        yield helper.make_node(link, [score], [target], **axis)
        if not self.forest.decide:
            return
        if self.forest.targets == 1:
            yield helper.make_node("Sub", ["forest_one", "forest_linked"], ["forest_other"])
            yield helper.make_node("Concat", ["forest_other", "forest_linked"], ["probabilities"], axis=1)
        else:
            yield helper.make_node("Identity", ["forest_linked"], ["probabilities"])
        yield from self._decided(score)

    def _decided(self, score: str) -> Iterator[Any]:
        from onnx import TensorProto, helper

        if self.forest.decide == "argmax":
            yield helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0)
            return
        test, left, right = {
            "positive": ("Greater", score, "forest_zero"),
            "nonnegative": ("GreaterOrEqual", score, "forest_zero"),
            "half": ("Greater", "forest_linked", "forest_half"),
        }[self.forest.decide]
        yield helper.make_node(test, [left, right], ["forest_is_second"])
        yield helper.make_node("Cast", ["forest_is_second"], ["label"], to=TensorProto.INT64)

    def outputs(self) -> list[Any]:
        from onnx import TensorProto, helper

        if not self.forest.decide:
            return [helper.make_tensor_value_info("variable", self._wide, [None, self.forest.targets])]
        return [
            helper.make_tensor_value_info("label", TensorProto.INT64, None),
            helper.make_tensor_value_info("probabilities", self._wide, [None, None]),
        ]


def _ensemble(forest: Forest, constant: Callable[[str, list[float]], Any]) -> dict[str, Any]:
    """Return the attributes of a TreeEnsemble: nodes of all trees in one list, leaves in another."""
    import numpy as np
    from onnx import numpy_helper

    table: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    roots: list[int] = []
    # The libraries begin with the base: as a first tree it is added in their order, to the last bit.
    base = [(n, value) for n, value in enumerate(forest.base) if value]
    start = (Tree([0], [0.0], [-1], [-1], [False], [((n, value),)]) for n, value in base)
    for tree in (*start, *forest.trees):
        for target in sorted({target for leaf in tree.leaf for target, _ in leaf}):
            roots.append(len(table["nodes_featureids"]))
            _add_tree(tree, target, table)
    modes = np.full(len(table["nodes_featureids"]), 1 if forest.strict else 0, dtype=np.uint8)
    return {
        **{name: values for name, values in table.items() if name not in {"nodes_splits", "leaf_weights"}},
        "nodes_splits": constant("splits", table["nodes_splits"]),
        "nodes_modes": numpy_helper.from_array(modes, "modes"),
        "leaf_weights": constant("weights", table["leaf_weights"]),
        "tree_roots": roots,
        "n_targets": forest.targets,
        "aggregate_function": 1,
        "post_transform": 0,
    }


_COLUMNS = (
    "nodes_featureids",
    "nodes_splits",
    "nodes_truenodeids",
    "nodes_trueleafs",
    "nodes_falsenodeids",
    "nodes_falseleafs",
    "nodes_missing_value_tracks_true",
    "leaf_targetids",
    "leaf_weights",
)


def _add_tree(tree: Tree, target: int, table: dict[str, list[Any]]) -> None:
    """Add what a tree says of one target, without the questions whose answer does not matter for it."""
    constant = _constants(tree, target)
    root = len(table["nodes_featureids"])
    numbers = {0: root}
    waiting = [0]
    _open_node(tree, 0, table)
    while waiting:
        node = waiting.pop()
        for side, child in (("true", tree.left[node]), ("false", tree.right[node])):
            value = constant[node] if constant[node] is not None else constant[child]
            if value is not None:
                table[f"nodes_{side}nodeids"][numbers[node]] = len(table["leaf_weights"])
                table["leaf_targetids"].append(target)
                table["leaf_weights"].append(value)
                continue
            numbers[child] = len(table["nodes_featureids"])
            table[f"nodes_{side}nodeids"][numbers[node]] = numbers[child]
            table[f"nodes_{side}leafs"][numbers[node]] = 0
            _open_node(tree, child, table)
            waiting.append(child)


def _open_node(tree: Tree, node: int, table: dict[str, list[Any]]) -> None:
    """Add a node, for now with a leaf on either side."""
    table["nodes_featureids"].append(tree.feature[node])
    table["nodes_splits"].append(tree.threshold[node])
    table["nodes_missing_value_tracks_true"].append(int(tree.missing_left[node]))
    for side in ("true", "false"):
        table[f"nodes_{side}nodeids"].append(0)
        table[f"nodes_{side}leafs"].append(1)


def _constants(tree: Tree, target: int) -> list[float | None]:
    """Return for each node what it adds to the target, or None where that depends on the row. Children come later."""
    found: list[float | None] = [None] * len(tree.feature)
    for node in reversed(range(len(tree.feature))):
        if tree.left[node] < 0:
            found[node] = dict(tree.leaf[node]).get(target, 0.0)
        elif found[tree.left[node]] == found[tree.right[node]]:
            found[node] = found[tree.left[node]]
    return found
