"""Weights of an ONNX graph as whole numbers of 8 bits: a smaller file, quicker on some machines, and not the same answers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

__all__ = ["quantized"]


def quantized(content: bytes) -> bytes | None:
    """Return the graph with its matrices of weights quantized dynamically; None where it has none.

    The products of matrices are computed in 8 bits, all else stays as it is. See "Quantize ONNX models" in the documentation
    of ONNX Runtime.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load_from_string(content)
    if not _narrow_products(model.graph):
        return None
    with tempfile.TemporaryDirectory(prefix="nbdeploy-") as scratch:
        wide, small = Path(scratch, "wide.onnx"), Path(scratch, "small.onnx")
        onnx.save(model, str(wide))
        quantize_dynamic(str(wide), str(small), weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"])
        return small.read_bytes()


def _narrow_products(graph: Any) -> int:
    """Let products with matrices of doubles be computed in float32, which is what can be quantized; return how many."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    weights = {each.name: each for each in graph.initializer}
    nodes, narrowed = [], 0
    for node in graph.node:
        matrix = weights.get(node.input[1]) if node.op_type in {"MatMul", "Gemm"} else None
        if matrix is None or len(matrix.dims) != 2 or _is_transposed(node):
            nodes.append(node)
            continue
        name = f"narrow_{narrowed}"
        narrowed += 1
        values = numpy_helper.to_array(matrix)
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), f"{name}_weights"))
        kind = TensorProto.DOUBLE if values.dtype == np.float64 else TensorProto.FLOAT
        added = node.input[2] if node.op_type == "Gemm" and len(node.input) > 2 else None
        nodes += [
            helper.make_node("Cast", [node.input[0]], [f"{name}_in"], to=TensorProto.FLOAT),
            helper.make_node("MatMul", [f"{name}_in", f"{name}_weights"], [f"{name}_out"]),
            helper.make_node("Cast", [f"{name}_out"], [f"{name}_wide" if added else node.output[0]], to=kind),
        ]
        if added:
            nodes.append(helper.make_node("Add", [f"{name}_wide", added], [node.output[0]]))
    del graph.node[:]
    graph.node.extend(nodes)
    read = {each for node in graph.node for each in node.input}
    left = [each for each in graph.initializer if each.name in read]
    del graph.initializer[:]
    graph.initializer.extend(left)
    return narrowed


def _is_transposed(node: Any) -> bool:
    """A Gemm that does more than a product and a sum."""
    usual = {"transA": 0, "transB": 0, "alpha": 1.0, "beta": 1.0}
    return any(usual.get(each.name) not in {each.i, each.f} for each in node.attribute)
