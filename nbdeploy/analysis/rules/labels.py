"""The label where no label can be: in the served code (NBD122), among the features (NBD128)."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.rules.requests import Requests
from nbdeploy.analysis.rules.survey import Survey, dotted
from nbdeploy.analysis.targets import plain_targets
from nbdeploy.analysis.walking import walk
from nbdeploy.errors import Diagnostic, Severity

__all__ = ["label_among_features", "label_served", "learnt_columns"]


@dataclass(frozen=True, slots=True)
class _Label:
    """The column that a model learns to predict, the frame that it is taken from, and where."""

    column: str
    frame: str
    statement: Statement
    fit: Statement
    features: ast.expr | None


def learnt_columns(program: Program, models: Collection[str]) -> dict[str, Statement]:
    """Return the columns that models of these names learn to predict, each with the statement that fits the model."""
    return {
        each.column: each.fit
        for each in reversed(_labels(Survey.of(program)))
        if (each.fit.effects.defs | each.fit.effects.mutates) & set(models)
    }


def label_served(survey: Survey, requests: Requests) -> Iterator[Diagnostic]:
    """NBD122: served code that reads the column that is to be predicted, or takes it out.

    What only drops it is let be: a request may come without a column that the code drops, as the proof shows.
    """
    columns = {each.column: each for each in reversed(_labels(survey))}
    if not columns:
        return
    for code in requests.code:
        for node in code.nodes(survey.program.imported):
            for column, how in _uses(node, code.dynamic):
                if column in columns:
                    yield code.finding(
                        "NBD122",
                        node,
                        message=f"the served code {how} the column {column!r}, which the model is trained to predict"
                        f" (cell {columns[column].fit.cell}){code.when}: a request does not have it",
                        fix=f"take {column!r} away in a cell without a role, before the tagged cells",
                    )


def label_among_features(survey: Survey) -> Iterator[Diagnostic]:
    """NBD128: a model that is fitted on a table which still holds the label."""
    for each in _labels(survey):
        if isinstance(each.features, ast.Name) and _still_holds(survey, each, each.features.id):
            yield Diagnostic(
                code="NBD128",
                severity=Severity.WARNING,
                cell=each.fit.cell,
                line=each.fit.line,
                message=f"the model learns {each.column!r} from {each.features.id}, a table that still holds it: right here,"
                " and with nothing to go by when it is asked for a new row",
                fix=f"drop the label from the features: {each.frame}.drop(columns={each.column!r})",
            )


def _labels(survey: Survey) -> list[_Label]:
    found: list[_Label] = []
    for site, call in survey.calls_named("fit"):
        if not isinstance(call.func, ast.Attribute) or site.function is not None:
            continue
        given = [*call.args[:2]] if len(call.args) > 1 else []
        given += [each.value for each in call.keywords if each.arg in {"y", "X"}]
        if len(given) < 2:
            continue
        features, labels = _whole(survey, given[0], site.statement), _whole(survey, given[1], site.statement)
        for column, frame, statement in _columns(survey, labels, site.statement):
            found.append(_Label(column, frame, statement, site.statement, features))
    return list({(each.column, each.frame, each.fit.index): each for each in found}.values())


def _whole(survey: Survey, node: ast.expr, before: Statement) -> ast.expr:
    """Return `y` for `y_train` that a split made of it."""
    if not isinstance(node, ast.Name):
        return node
    definition = survey.program.definition_of(node.id, before)
    node_before = definition.node if definition else None
    if not isinstance(node_before, ast.Assign) or not isinstance(node_before.value, ast.Call):
        return node
    split = node_before.value
    if dotted(split.func).rpartition(".")[2] != "train_test_split":
        return node
    names = list(plain_targets(node_before.targets[0]))
    position = names.index(node.id) // 2 if node.id in names else len(split.args)
    return split.args[position] if position < len(split.args) else node


def _columns(survey: Survey, node: ast.expr, before: Statement, depth: int = 3) -> Iterator[tuple[str, str, Statement]]:
    """The columns that a label expression is made of: `df["y"]`, `df.pop("y")`, `df.y.values`, `np.log(df["y"])`."""
    statement = before
    if isinstance(node, ast.Name):
        definition = survey.program.definition_of(node.id, before)
        if definition is None or not isinstance(definition.node, ast.Assign) or depth == 0:
            return
        if len(definition.node.targets) == 1 and isinstance(definition.node.targets[0], ast.Name):
            yield from _columns(survey, definition.node.value, definition, depth - 1)
        return
    for column, frame in _taken(node, survey):
        yield column, frame, statement


def _taken(node: ast.expr, survey: Survey) -> Iterator[tuple[str, str]]:
    """The column that an expression takes, with the frame that it comes from."""
    match node:
        case ast.Subscript(value=ast.Name(id=frame), slice=ast.Constant(value=str() as column)):
            yield column, frame
        case ast.Subscript(value=ast.Name(id=frame), slice=ast.List(elts=[ast.Constant(value=str() as column)])):
            yield column, frame
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id=frame), attr="pop"), args=[ast.Constant(value=str() as column)]
        ):
            yield column, frame
        case ast.Attribute(value=ast.Name(id=frame), attr=column):
            if frame not in survey.program.modules and column not in _NOT_COLUMNS and not _is_bunch(frame, survey):
                yield column, frame
        case ast.Attribute(value=inner) | ast.Compare(left=inner):
            yield from _taken(inner, survey)
        case ast.Call(func=ast.Attribute(value=inner, attr=method)) if method in _KEEPING:
            yield from _taken(inner, survey)
        case ast.Call(args=[inner]) if survey.origin(node.func).startswith("numpy."):
            yield from _taken(inner, survey)


_KEEPING = frozenset({"astype", "copy", "map", "ravel", "replace", "to_numpy"})
_NOT_COLUMNS = frozenset({"T", "columns", "data", "index", "shape", "size", "values"})


def _is_bunch(frame: str, survey: Survey) -> bool:
    """`iris = load_iris()`: its `target` is no column of its `data`."""
    made = (each.node for each in survey.program.statements if frame in each.effects.kills)
    calls = (each.value for each in made if isinstance(each, ast.Assign) and isinstance(each.value, ast.Call))
    names = [dotted(call.func).rpartition(".")[2] for call in calls]
    return any(name.startswith(("load_", "fetch_", "make_")) for name in names)


def _uses(node: ast.AST, dynamic: frozenset[str]) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Subscript(value=ast.Name(id=frame), slice=ast.Constant(value=str() as column), ctx=ast.Load()):
            if frame in dynamic:
                yield column, "reads"
        case ast.Attribute(value=ast.Name(id=frame), attr=column, ctx=ast.Load()):
            if frame in dynamic:
                yield column, "reads"
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id=frame), attr="pop"), args=[ast.Constant(value=str() as column)]
        ):
            if frame in dynamic:
                yield column, "takes out"


def _still_holds(survey: Survey, label: _Label, features: str) -> bool:
    """Tell whether the features are the very table with the label: no column was taken out of it on the way."""
    if features == label.frame:
        root = features
    else:
        definition = survey.program.definition_of(features, label.fit)
        match definition.node if definition else None:
            case ast.Assign(targets=[ast.Name()], value=ast.Name(id=root)) if root == label.frame:
                pass
            case ast.Assign(
                targets=[ast.Name()], value=ast.Call(func=ast.Attribute(value=ast.Name(id=root), attr="copy"))
            ) if root == label.frame:
                pass
            case ast.Assign(
                targets=[ast.Name()], value=ast.Call(func=ast.Attribute(value=ast.Name(id=root), attr="drop")) as drop
            ) if root == label.frame:
                return _drops_others(drop, label.column) and survey.program.definition_of(
                    root, label.fit
                ) is survey.program.definition_of(root, label.statement)
            case _:
                return False
    return not any(
        {features, root} & (each.effects.defs | each.effects.mutates) and _takes_columns(each.node)
        for each in survey.program.statements[: label.fit.index]
    ) and survey.program.definition_of(root, label.fit) is survey.program.definition_of(root, label.statement)


def _drops_others(drop: ast.Call, column: str) -> bool:
    """Tell whether a call of `drop` names columns, all by literals, and not this one."""
    by_axis = any(each.arg == "axis" and _is_literal(each.value, (1, "columns")) for each in drop.keywords)
    named = [each.value for each in drop.keywords if each.arg == "columns" or (each.arg == "labels" and by_axis)]
    named += drop.args[:1] if by_axis or any(_is_literal(each, (1, "columns")) for each in drop.args[1:2]) else []
    parts = [each for value in named for each in (value.elts if isinstance(value, ast.List | ast.Tuple) else [value])]
    return bool(parts) and all(isinstance(each, ast.Constant) and each.value != column for each in parts)


def _is_literal(node: ast.expr, values: tuple[object, ...]) -> bool:
    return isinstance(node, ast.Constant) and node.value in values


def _takes_columns(node: ast.stmt) -> bool:
    methods = {"pop", "drop", "filter", "select_dtypes", "reindex"}
    calls = (each.func for each in walk(node) if isinstance(each, ast.Call))
    return isinstance(node, ast.Delete) or any(
        isinstance(each, ast.Attribute) and each.attr in methods for each in calls
    )
