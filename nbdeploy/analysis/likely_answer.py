"""What the tagged cells would answer, told by their text: neither how good the answer is, nor the picture of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nbdeploy.analysis.asking import asks, model_names
from nbdeploy.analysis.binding_time import is_training
from nbdeploy.analysis.judging import figures_of_merit, judges
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.targets import plain_targets, root_name
from nbdeploy.analysis.walking import walk
from nbdeploy.notebook.cells import Role

__all__ = ["Answer", "likely_answer", "shown_by"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service would give back: a name, or the expression of a statement."""

    label: str
    statement: Statement
    names: frozenset[str]
    expression: bool = False


def likely_answer(program: Program, wanted: str | None) -> Answer | None:
    """Return what the last predict cell answers; None where nothing is tagged, or no tagged cell makes `wanted`."""
    predict = program.with_role(Role.PREDICT)
    if not predict:
        return None
    if wanted is not None:
        return _named(program, wanted)
    own = [each for each in predict if each.cell == predict[-1].cell]
    shown, last = shown_by(own[-1]), own[-1]
    bound = None if shown is not None and any(asks(shown)) else _last_bound(program, own)  # `print(model.predict(X))`
    if isinstance(shown, ast.Name):
        if (made := _named(program, shown.id)) is not None:
            return made
        if program.definition_of(shown.id, last) is None:  # a slip of the pen
            shown, bound = None, _last_bound(program, own)
    if bound is not None and (shown is None or last.effects.display or bound[0] in last.effects.refs):
        return Answer(bound[0], bound[1], frozenset({bound[0]}))
    return None if shown is None else _expression(shown, last)


def _expression(shown: ast.expr, statement: Statement) -> Answer:
    return Answer(ast.unparse(shown), statement, statement.effects.refs, expression=True)


def _named(program: Program, wanted: str) -> Answer | None:
    makers = [each for each in program.serving if wanted in each.effects.defs | each.effects.mutates]
    if makers:
        return Answer(wanted, makers[-1], frozenset({wanted}))
    shown = ((shown_by(each), each) for each in reversed(program.with_role(Role.PREDICT)))
    spelt = wanted.replace(" ", "")
    found = (_expression(value, each) for value, each in shown if value is not None and not wanted.isidentifier())
    return next((each for each in found if each.label.replace(" ", "") == spelt), None)


def shown_by(statement: Statement) -> ast.expr | None:
    """Return the expression that a statement shows: itself, or E of `print(E)` or `display(E)`; None for a plot, a text."""
    if not isinstance(statement.node, ast.Expr):
        return None
    match statement.node.value:
        case ast.Call(func=ast.Name(id="print" | "display"), args=[only], keywords=[]):
            return None if isinstance(only, ast.Constant | ast.JoinedStr | ast.Starred) else only
        case ast.Constant():
            return None
        case value:
            plotted = statement.effects.display and not isinstance(value, ast.Name)
            return None if plotted and not any(asks(value)) else value


# names ---------------------------------------------------------------------------------------------------------------


def _last_bound(program: Program, statements: list[Statement]) -> tuple[str, Statement] | None:
    """Return the name that the statements bind last, and where: of figures and figures of merit only if there is no other."""
    drawn, models, imported = _drawn(program), model_names(program), program.imported
    merits = figures_of_merit((each.node for each in statements), imported)
    judging: tuple[str, Statement] | None = None
    for each in reversed(statements):
        if each.imports or each.defines_code or each.effects.display or is_training(each) or not each.effects.refs:
            continue
        for name, node in _bound(each):
            if name == "_" or name in models or name in drawn or name in imported.modules:
                continue
            if name not in merits and not judges(node, imported):
                return name, each
            judging = judging or (name, each)
    return judging


def _bound(statement: Statement) -> Iterator[tuple[str, ast.AST]]:
    """Yield the names that a statement binds or fills, the last first, each with the node that does so."""
    changed = statement.effects.defs | statement.effects.mutates
    if not hasattr(statement.node, "body"):
        yield from _bound_by(statement.node)
    else:
        inner = sorted(walk(statement.node), key=lambda each: getattr(each, "lineno", 0), reverse=True)
        for node in inner:
            if isinstance(node, ast.stmt) and not hasattr(node, "body"):
                yield from ((name, node) for name, node in _bound_by(node) if name in changed)
    yield from ((name, statement.node) for name in sorted(changed, reverse=True) if name.isidentifier())


def _bound_by(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    names = [name for each in targets if isinstance(each, ast.expr) for name in plain_targets(each)]
    filled = [root_name(each) for each in targets if isinstance(each, ast.Subscript | ast.Attribute)]
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=receiver))):
            filled.append(root_name(receiver))  # `answers.append(model.predict(X))`
    yield from ((name, node) for name in (*reversed(names), *reversed(filled)) if name is not None)


def _drawn(program: Program) -> frozenset[str]:
    """Return the names of figures and axes: what a library that only shows things, or one of them, has made."""
    found: set[str] = set(program.displays)
    for each in program.statements:
        value = _called(each.node)
        if value is not None and any(isinstance(node, ast.Name) and node.id in found for node in walk(value)):
            found |= each.effects.kills
    return frozenset(found)


def _called(node: ast.stmt) -> ast.expr | None:
    """Return what is called to make a value, without the arguments: `ax.legend` of `key = ax.legend(answers)`."""
    value = node.value if isinstance(node, ast.Assign) else None
    if isinstance(node, ast.With):
        value = node.items[0].context_expr
    return value.func if isinstance(value, ast.Call) else None
