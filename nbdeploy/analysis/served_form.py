"""The form in which a tagged statement serves: without what it only shows, and with `transform` where it learnt.

A user's statement is never rewritten beyond these two cuts: nested statements that only display are left out of compound
statements, and `x.fit_transform(rows)` becomes `x.transform(rows)` with the fitted `x`, which the proof then compares.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

from nbdeploy.analysis.display import is_display
from nbdeploy.analysis.effects import effects_of
from nbdeploy.analysis.imported import Imported
from nbdeploy.analysis.lines import offset_in
from nbdeploy.analysis.program import Statement
from nbdeploy.analysis.targets import root_name

__all__ = ["fitted_receivers", "rebuilt", "transforming", "without", "without_display"]

Edit = tuple[int, int, str]  # start and end offset in the source, and the new text


def without_display(statement: Statement, imported: Imported) -> Statement:
    """Return the statement without the nested statements that only show something."""
    if not isinstance(statement.node, ast.For | ast.While | ast.If | ast.With | ast.Try):
        return statement
    tree = ast.parse(statement.source).body[0]
    return without(statement, tree, lambda each: _only_shows(each, imported), imported)


def without(
    statement: Statement, tree: ast.stmt, is_left_out: Callable[[ast.stmt], bool], imported: Imported
) -> Statement:
    """Return the statement without those statements in its blocks; `tree` is its source, parsed."""
    edits = _removals(tree, statement.source, is_left_out)
    return rebuilt(statement, _apply(statement.source, edits), imported) if edits else statement


def fitted_receivers(statement: Statement) -> tuple[str, ...]:
    """Names of the fitted objects if every training call of the statement is a `name.fit_transform(...)`, else ()."""
    if isinstance(statement.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return ()
    calls = statement.effects.trains
    if not calls or any(each.method != "fit_transform" or each.receiver is None for each in calls):
        return ()
    names = tuple(dict.fromkeys(each.receiver for each in calls if each.receiver is not None))
    return () if set(names) & statement.effects.defs else names  # made in the statement itself: a new one every time


def transforming(statement: Statement, imported: Imported) -> Statement:
    """Return the statement with each `name.fit_transform(rows, ...)` as `name.transform(rows)`."""
    source = statement.source
    edits: list[Edit] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fit_transform":
            end = _offset(source, node.func.end_lineno, node.func.end_col_offset)
            edits.append((end - len("fit_transform"), end, "transform"))
            if node.args and (len(node.args) > 1 or node.keywords):
                first = node.args[0]
                start = _offset(source, first.end_lineno, first.end_col_offset)
                edits.append((start, _offset(source, node.end_lineno, node.end_col_offset) - 1, ""))
    return rebuilt(statement, _apply(source, edits), imported)


def rebuilt(statement: Statement, source: str, imported: Imported) -> Statement:
    """Return the statement with another text: an empty one does nothing."""
    body = ast.parse(source).body
    node = body[0] if body else ast.Pass()
    effects = effects_of(node, imported, statement.functions)
    return replace(statement, source=source.rstrip(), node=node, effects=effects)


def _removals(tree: ast.stmt, source: str, is_left_out: Callable[[ast.stmt], bool]) -> list[Edit]:
    edits: list[Edit] = []
    for parent in ast.walk(tree):
        for block in ("body", "orelse", "finalbody"):
            body = getattr(parent, block, None)
            if not isinstance(body, list) or not body or isinstance(parent, ast.Lambda):
                continue
            gone = [each for each in body if isinstance(each, ast.stmt) and is_left_out(each)]
            if all(isinstance(each, ast.Pass) for each in gone):
                continue
            for position, each in enumerate(gone):
                keep_block = position == 0 and len(gone) == len(body) and not _is_elif(each, source)
                edits.append(_removal(source, each, "pass" if keep_block else ""))
    return edits


def _is_elif(node: ast.stmt, source: str) -> bool:
    return source.startswith("elif", _offset(source, node.lineno, node.col_offset))


def _only_shows(statement: ast.stmt, imported: Imported) -> bool:
    if isinstance(statement, ast.Assign):
        names = [root_name(target) for target in statement.targets]
        return names == ["_"] and is_display(statement, imported)
    if isinstance(statement, ast.If):  # `if step % 100 == 0: print(...)`
        quiet = not any(isinstance(each, ast.Call | ast.NamedExpr) for each in ast.walk(statement.test))
        return quiet and all(_only_shows(each, imported) for each in (*statement.body, *statement.orelse))
    return isinstance(statement, ast.Pass) or (isinstance(statement, ast.Expr) and is_display(statement, imported))


def _removal(source: str, node: ast.stmt, instead: str) -> Edit:
    start = _offset(source, node.lineno, node.col_offset)
    end = _offset(source, node.end_lineno, node.end_col_offset)
    if instead:
        return start, end, instead
    line_start = source.rfind("\n", 0, start) + 1
    line_end = source.find("\n", end)
    line_end = len(source) if line_end < 0 else line_end + 1
    alone = not source[line_start:start].strip() and not source[end:line_end].split("#")[0].strip()
    return (line_start, line_end, "") if alone else (start, end, "pass")


def _offset(source: str, line: int | None, column: int | None) -> int:
    return offset_in(source, line or 1, column or 0)


def _apply(source: str, edits: list[Edit]) -> str:
    outer: list[Edit] = []
    for edit in sorted(edits, key=lambda each: (each[0], -each[1])):
        if not outer or edit[0] >= outer[-1][1]:
            outer.append(edit)
    for start, end, text in reversed(outer):
        source = source[:start] + text + source[end:]
    return source
