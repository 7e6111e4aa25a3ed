"""A request that is written into the call that answers it, and how to give it a name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.targets import given_to
from nbdeploy.errors import Diagnostic

__all__ = ["no_request"]

CUT = 60  # characters of a request that the fix repeats


def no_request(program: Program, label: str, statement: Statement) -> Diagnostic:
    """Return the refusal of an answer that depends on nothing from outside, with the edit that names its request."""
    found = next(_fixes(program, statement), ("X_new", "X_new = ...; model.predict(X_new)"))
    return Diagnostic(
        code="NBD202",
        cell=statement.cell,
        line=statement.line,
        message=f"the output {label!r} depends on no data that the tagged cells read from outside: the request is written into"
        " the cells",
        fix=f"assign the request to a name first ({found[1]}) and give --input {found[0]}",
    )


def _fixes(program: Program, statement: Statement) -> Iterator[tuple[str, str]]:
    """Yield a name for the request of each call that is given nothing but literals, and the call with that name."""
    for call in (each for each in ast.walk(statement.node) if isinstance(each, ast.Call)):
        given = given_to(call)
        if not given or not all(_is_literal(each) for each in given):
            continue
        function = ast.unparse(call.func)
        if len(given) == 1 and call.args:
            yield "X_new", f"X_new = {_short(given[0])}; {function}(X_new)"
        elif (names := _names(program, statement, call)) is not None:
            entries = ", ".join(f"{name!r}: {_short(value)}" for name, value in zip(names, given, strict=True))
            yield "request", f"request = {{{entries}}}; {function}(**request)"


def _names(program: Program, statement: Statement, call: ast.Call) -> list[str] | None:
    """Return what the function of the notebook calls the arguments that it is given."""
    keywords = [each.arg for each in call.keywords if each.arg is not None]
    definition = program.definition_of(call.func.id, statement) if isinstance(call.func, ast.Name) else None
    if len(keywords) != len(call.keywords) or definition is None or not isinstance(definition.node, ast.FunctionDef):
        return None
    parameters = [each.arg for each in definition.node.args.args]
    positional = parameters[: len(call.args)]
    return [*positional, *keywords] if len(positional) == len(call.args) else None


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def _short(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= CUT else "..."
