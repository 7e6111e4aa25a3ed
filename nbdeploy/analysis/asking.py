"""Models, by what a notebook does with them: it asks them, calls them, fits them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.walking import walk

__all__ = ["PREDICTING", "asks", "model_names", "things_asked"]

PREDICTING = frozenset({"predict", "predict_proba", "decision_function", "transform", "score_samples", "forward"})
_ASKED = PREDICTING | {"fit_predict", "fit_transform", "inverse_transform", "kneighbors", "load_state_dict",
                       "predict_log_proba"}  # fmt: skip


def asks(*nodes: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that ask a model: `model.predict(X)`."""
    for each in walk(*nodes):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr in PREDICTING:
            yield each


def model_names(program: Program) -> frozenset[str]:
    """Return the names that are fitted anywhere, or asked or called by the tagged cells."""
    trained = {call.receiver for each in program.statements for call in each.effects.trains if call.receiver}
    asked = {name for each in program.serving for name in (*things_asked(each.node), *_handed_in(program, each))}
    return frozenset(trained | asked)


def things_asked(node: ast.AST) -> Iterator[str]:
    """Yield the names whose methods a model has, and those that are called."""
    for each in walk(node):
        match each:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in _ASKED:
                yield name
            case ast.Call(func=ast.Name(id=name)):
                yield name


def _handed_in(program: Program, statement: Statement) -> Iterator[str]:
    """Yield the names that are handed to a function of the notebook which asks them: `ask(row, model)`."""
    for each in walk(statement.node):
        match each:
            case ast.Call(func=ast.Name(id=function), args=arguments, keywords=keywords):
                definition = program.definition_of(function, statement)
                if definition is None or not isinstance(definition.node, ast.FunctionDef):
                    continue
                asked = set(things_asked(definition.node))
                order = [own.arg for own in (*definition.node.args.posonlyargs, *definition.node.args.args)]
                given = [*zip(order, arguments, strict=False), *((key.arg, key.value) for key in keywords)]
                yield from (value.id for name, value in given if isinstance(value, ast.Name) and name in asked)
