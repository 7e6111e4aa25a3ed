"""What the served code asks of a fitted model: which of its methods it calls, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nbdeploy.analysis.serving import Frozen, ServingPath, Storage

__all__ = ["MODELS", "asked_of", "is_model"]

MODELS = ("sklearn.", "xgboost.sklearn.", "lightgbm.sklearn.")


def is_model(value: Frozen) -> bool:
    """Tell whether an artifact is a fitted model of a library that there are converters for."""
    return value.storage is Storage.ARTIFACT and value.observation.schema.type.startswith(MODELS)


def asked_of(path: ServingPath, name: str) -> frozenset[str] | str:
    """Return the methods that served code calls on the artifact `name`, each with its rows alone; else why that is not all.

    Any other use of the name (another attribute, an argument, an alias) may need the native object.
    """
    methods: set[str] = set()
    for tree in _served_code(path):
        called = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is(node.func.value, name):
                if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
                    return f"{name}.{node.func.attr} is called with more than its rows"
                called[id(node.func.value)] = node.func.attr
        uses = [node for node in ast.walk(tree) if _is(node, name)]
        if any(id(node) not in called for node in uses):
            return f"the served code uses {name} for more than its answers"
        methods |= set(called.values())
    return frozenset(methods)


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)


def _served_code(path: ServingPath) -> Iterator[ast.AST]:
    """Yield the served statements, the expression that is the answer, and the functions and classes that these use."""
    yield from (each.statement.node for each in path.served)
    if path.output.expression is not None:
        yield ast.parse(f"(\n{path.output.expression}\n)", mode="eval")
    yield from (
        each.definition.node
        for each in path.values()
        if each.storage is Storage.DEFINITION and each.definition is not None
    )
