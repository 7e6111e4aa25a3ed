"""Steps of pipelines for which skl2onnx writes no graph in doubles, written here, in its form of a converter."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["double_converters"]

SINCE = {"Cast": 13, "Gather": 13, "Identity": 16, "IsNaN": 13, "Mul": 14, "Pad": 13, "Where": 16}
"""The version of the operator set that each node is meant by."""


def double_converters() -> dict[type, Any]:
    """Return converters of steps for which the usual one gives a graph that has no double kernel."""
    own = {
        ("sklearn.impute", "SimpleImputer"): _convert_imputer,
        ("sklearn.preprocessing", "PolynomialFeatures"): _convert_polynomial,
    }
    return {
        getattr(sys.modules[module], name): convert for (module, name), convert in own.items() if module in sys.modules
    }


def _convert_imputer(scope: Any, operator: Any, container: Any) -> None:
    """Write a SimpleImputer of numbers as Where(IsNaN): the operator Imputer rounds what it fills in to float32."""
    import numpy as np
    from onnx import TensorProto
    from skl2onnx.operator_converters.imputer_op import convert_sklearn_imputer

    step, first = operator.raw_operator, operator.inputs[0]
    filled = np.asarray(step.statistics_)
    plain = filled.dtype.kind in "fiu" and np.isfinite(filled).all() and step.missing_values != step.missing_values
    if not plain or step.add_indicator or len(operator.inputs) > 1:
        convert_sklearn_imputer(scope, operator, container)
        return
    wide, missing = scope.get_unique_variable_name("wide"), scope.get_unique_variable_name("missing")
    values = scope.get_unique_variable_name("filled")
    container.add_initializer(values, TensorProto.DOUBLE, [1, len(filled)], filled.astype(float).tolist())
    _add(scope, container, "Cast", [first.full_name], wide, to=TensorProto.DOUBLE)
    _add(scope, container, "IsNaN", [wide], missing)
    _add(scope, container, "Where", [missing, values, wide], operator.outputs[0].full_name)


def _convert_polynomial(scope: Any, operator: Any, container: Any) -> None:
    """Write PolynomialFeatures as products of columns and ones: the usual graph has no double form."""
    import numpy as np
    from onnx import TensorProto
    from skl2onnx.operator_converters.polynomial_features import convert_sklearn_polynomial_features

    if len(operator.inputs) > 1:
        convert_sklearn_polynomial_features(scope, operator, container)
        return
    powers = np.asarray(operator.raw_operator.powers_)
    outputs, columns = powers.shape
    degree = max(1, int(powers.sum(axis=1).max(initial=0)))
    factors = [np.repeat(np.arange(columns), each).tolist() for each in powers]
    names = {each: scope.get_unique_variable_name(each) for each in ("wide", "pads", "one", "padded")}
    container.add_initializer(names["pads"], TensorProto.INT64, [4], [0, 0, 0, 1])
    container.add_initializer(names["one"], TensorProto.DOUBLE, [], [1.0])
    _add(scope, container, "Cast", [operator.inputs[0].full_name], names["wide"], to=TensorProto.DOUBLE)
    _add(scope, container, "Pad", [names["wide"], names["pads"], names["one"]], names["padded"])
    product = ""
    for place in reversed(range(degree)):  # in scikit-learn's order: the first factor comes last
        chosen, factor = scope.get_unique_variable_name("chosen"), scope.get_unique_variable_name("factor")
        which = [each[place] if place < len(each) else columns for each in factors]
        container.add_initializer(chosen, TensorProto.INT64, [outputs], which)
        _add(scope, container, "Gather", [names["padded"], chosen], factor, axis=1)
        if product:
            pair, factor = [factor, product], scope.get_unique_variable_name("product")
            _add(scope, container, "Mul", pair, factor)
        product = factor
    _add(scope, container, "Identity", [product], operator.outputs[0].full_name)


def _add(scope: Any, container: Any, kind: str, given: list[str], made: str, **settings: Any) -> None:
    """Add a node to the graph that skl2onnx is making."""
    name = scope.get_unique_operator_name(kind)
    container.add_node(kind, given, made, name=name, op_version=SINCE[kind], **settings)
