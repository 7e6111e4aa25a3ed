"""Write an ONNX graph node by node, with whole graphs as parts of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nbdeploy.packaging.onnx import IR_VERSION, ML_OPSET, OPSET

__all__ = ["KINDS", "GraphWriter"]

KINDS = ("double", "int64", "bool", "text")
"""What a tensor holds; `text` is a string."""


def _type(kind: str) -> int:
    from onnx import TensorProto

    types = {
        "double": TensorProto.DOUBLE,
        "int64": TensorProto.INT64,
        "bool": TensorProto.BOOL,
        "text": TensorProto.STRING,
    }
    return int(types[kind])


@dataclass(slots=True)
class GraphWriter:
    """A graph that grows; tensors are names. A node that is there already is not written again.

    `refused` are tensors that tell of each row whether the code would refuse it: their union is one more output.
    """

    refused: list[str] = field(default_factory=list)
    _nodes: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    _constants: list[Any] = field(default_factory=list)
    _made: dict[Any, str] = field(default_factory=dict)
    _parts: int = 0
    _opset: int = OPSET

    def input(self, name: str, kind: str, width: int = 1) -> str:
        """Add an input of `width` columns."""
        from onnx import helper

        if ("input", name) not in self._made:
            self._made["input", name] = name
            self.inputs.append(helper.make_tensor_value_info(name, _type(kind), ["rows", width]))
        return name

    def constant(self, value: Any, kind: str) -> str:
        """Add a number, a text, or an array of them."""
        import numpy as np
        from onnx import helper

        dtype = {"double": np.float64, "int64": np.int64, "bool": np.bool_, "text": object}[kind]
        array: Any = np.asarray(value, dtype=dtype)
        flat: Any = [str(each).encode() for each in array.ravel()] if kind == "text" else array.ravel().tolist()
        key = ("constant", kind, array.shape, tuple(map(repr, flat)))
        if key not in self._made:
            self._made[key] = f"constant_{len(self._constants)}"
            self._constants.append(helper.make_tensor(self._made[key], _type(kind), array.shape, flat))
        return self._made[key]

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of the standard operators with one output, and return that."""
        from onnx import helper

        key = (operator, inputs, repr(sorted(attributes.items())))
        if key not in self._made:
            self._made[key] = f"{operator.lower()}_{len(self._nodes)}"
            self._nodes.append(helper.make_node(operator, list(inputs), [self._made[key]], **attributes))
        return self._made[key]

    def cast(self, tensor: str, kind: str) -> str:
        return self.node("Cast", tensor, to=_type(kind))

    def part(self, content: bytes, fed: list[str]) -> list[str]:
        """Add a whole graph, fed with tensors in the order of its inputs, and return its outputs."""
        import onnx
        from onnx import compose

        self._parts += 1
        model = compose.add_prefix(onnx.load_from_string(content), f"part{self._parts}_")
        self._opset = max([self._opset, *(each.version for each in model.opset_import if not each.domain)])
        names = {each.name: tensor for each, tensor in zip(model.graph.input, fed, strict=True)}
        for node in model.graph.node:
            node.input[:] = [names.get(each, each) for each in node.input]
        self._nodes += model.graph.node
        self._constants += model.graph.initializer
        return [each.name for each in model.graph.output]

    def file(self, outputs: dict[str, tuple[str, str, int | None]]) -> bytes:
        """Return the graph as a file; `outputs` are by name a tensor, its kind and its columns (None: one value a row).

        Raises onnx's own errors where it is no sound graph.
        """
        import onnx
        from onnx import helper

        flat, infos = self.constant([-1], "int64"), []
        if self.refused:
            every = self.node("Concat", *dict.fromkeys(self.refused), axis=1)
            numbers = self.node("ReduceMax", self.cast(every, "int64"), self.constant([1], "int64"), keepdims=1)
            outputs = {**outputs, "refused": (self.cast(numbers, "bool"), "bool", None)}
        for name, (tensor, kind, width) in outputs.items():
            last = ("Identity", [tensor]) if width else ("Reshape", [tensor, flat])
            self._nodes.append(helper.make_node(*last, [name]))
            infos.append(helper.make_tensor_value_info(name, _type(kind), ["rows", width] if width else ["rows"]))
        graph = helper.make_graph(self._nodes, "predict", self.inputs, infos, self._constants)
        opsets = [helper.make_opsetid("", self._opset), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="nbdeploy")
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())
