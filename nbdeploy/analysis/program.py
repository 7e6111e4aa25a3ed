"""The notebook as one program: its statements in cell order, each with its effects."""

from __future__ import annotations

import ast
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from nbdeploy.analysis import knowledge as known
from nbdeploy.analysis.effects import Effects, effects_of
from nbdeploy.analysis.functions import Summary, changed_arguments, summary_of
from nbdeploy.analysis.lines import offset_in, python_lines
from nbdeploy.analysis.targets import roots
from nbdeploy.notebook.cells import Cell, Notebook, Role

__all__ = ["Place", "Program", "Statement", "read_program"]

Place = tuple[int, int, int]
"""Where a statement stands: cell, line, and its position among the statements that begin on that line."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One top-level statement. `line` and `end_line` are 1-based inside the cell; `source` is the user's own text."""

    index: int
    cell: int
    line: int
    end_line: int
    role: Role | None
    source: str
    comment: str
    node: ast.stmt
    effects: Effects
    position: int = 0

    @property
    def place(self) -> Place:
        return self.cell, self.line, self.position

    @property
    def defines_code(self) -> bool:
        """A function, a class, or a lambda with a name."""
        lambda_ = isinstance(self.node, ast.Assign) and isinstance(self.node.value, ast.Lambda)
        return lambda_ or isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)

    @property
    def imports(self) -> bool:
        return isinstance(self.node, ast.Import | ast.ImportFrom)


@dataclass(frozen=True)
class Program:
    """All statements that a run of the notebook executes, in order."""

    notebook: Notebook
    statements: tuple[Statement, ...]
    modules: frozenset[str] = frozenset()  # names that imports bind
    displays: frozenset[str] = frozenset()  # those of them that only show things (matplotlib, seaborn, ...)

    def with_role(self, *roles: Role) -> tuple[Statement, ...]:
        return tuple(each for each in self.statements if each.role in roles)

    @cached_property
    def serving(self) -> tuple[Statement, ...]:
        """The preprocess cells, then the predict cells, each in notebook order."""
        return self.with_role(Role.PREPROCESS) + self.with_role(Role.PREDICT)

    def definition_of(self, name: str, before: Statement) -> Statement | None:
        """Return the last statement that binds `name` before the given one runs."""
        places = self._definitions.get(name, [])
        position = bisect_left(places, before.index)
        return self.statements[places[position - 1]] if position else None

    @cached_property
    def _definitions(self) -> Mapping[str, list[int]]:
        """For each name the indices of the statements that certainly bind it."""
        found: dict[str, list[int]] = {}
        for each in self.statements:
            for name in each.effects.defs:
                if name in each.effects.kills or each.imports:
                    found.setdefault(name, []).append(each.index)
        return found

    def code_behind(self, names: Iterable[str], before: Statement) -> dict[str, Statement]:
        """Return the notebook's functions and classes that `names` reach by calling one another, with their definitions."""
        found: dict[str, Statement] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            definition = self.definition_of(name, before)
            if name in found or definition is None or not definition.defines_code:
                continue
            found[name] = definition
            waiting += [*definition.effects.late, *definition.effects.refs]
        return found

    def reads(self, statement: Statement) -> frozenset[str]:
        """Names that the statement reads, also through the functions of the notebook that it may call."""
        direct = statement.effects.refs | (statement.effects.late if not statement.defines_code else frozenset())
        code = self.code_behind(direct, statement)
        through = {name for each in code.values() for name in each.effects.late | each.effects.refs}
        return frozenset(direct | through)

    @cached_property
    def summaries(self) -> Mapping[Place, Summary]:
        """What calling each function or class of the notebook does."""
        return {each.place: summary_of(each.node, self.modules) for each in self.statements if each.defines_code}

    def soundly(self, statement: Statement) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """Return what the statement may read, change in place and bind, with all that it may call."""
        effects = statement.effects
        if statement.imports or statement.defines_code:
            return effects.refs, effects.mutates, effects.defs  # what a function reads, it reads when it is called
        if _only_names(statement.node):
            return effects.refs, effects.mutates, effects.defs
        reachable = {other for name in effects.refs for other in self.shares(name)}
        code = self.code_behind(reachable | effects.late, statement)
        summaries = [self.summaries[each.place] for each in code.values()]
        reads = effects.refs | effects.late | {name for each in code.values() for name in each.effects.late}
        changes = effects.mutates | (effects.may_change - code.keys())
        changes |= {name for each in summaries for name in each.changes}
        binds = effects.defs | {name for each in summaries for name in each.rebinds}
        return frozenset(reads), frozenset(changes | (binds - effects.defs)), frozenset(binds)

    @cached_property
    def sharing(self) -> Mapping[str, frozenset[str]]:
        """For each name the names that may share an object with it (itself included)."""
        groups: dict[str, set[str]] = {}
        for each in self.statements:
            for left, right in each.effects.aliases | self._kept_by_functions(each):
                merged = groups.get(left, {left}) | groups.get(right, {right})
                for name in merged:
                    groups[name] = merged
        return {name: frozenset(group) for name, group in groups.items()}

    def _kept_by_functions(self, statement: Statement) -> frozenset[tuple[str, str]]:
        """A function that changes a global may keep its arguments there."""
        code = self.code_behind(statement.effects.calls, statement)
        changed = {name for each in code.values() for name in self.summaries[each.place].changes}
        return frozenset(
            (read, name) for name in changed for read in statement.effects.refs - self.modules - code.keys()
        )

    def shares(self, name: str) -> frozenset[str]:
        return self.sharing.get(name, frozenset({name}))


def read_program(notebook: Notebook) -> Program:
    """Return the statements of all Python cells that run (`skip` cells don't)."""
    cells = [cell for cell in notebook.cells if cell.code is not None and cell.role is not Role.SKIP]
    parsed = [(cell, _parse(cell)) for cell in cells]
    modules, displays = _imported([node for _, nodes in parsed for node in nodes])
    statements: list[Statement] = []
    for cell, nodes in parsed:
        lines = python_lines(cell.code.python) if cell.code else []
        previous_end = position = 0
        previous_line = -1
        for node in nodes:
            position = position + 1 if _first_line(node) == previous_line else 0
            previous_line = _first_line(node)
            comment = _comment_above(lines, previous_end, previous_line)
            previous_end = node.end_lineno or node.lineno
            if isinstance(node, ast.Pass):
                continue
            statements.append(
                Statement(
                    index=len(statements),
                    cell=cell.index,
                    line=_first_line(node),
                    end_line=previous_end,
                    role=cell.role
                    if cell.role in {Role.PREPROCESS, Role.PREDICT, Role.TEST, Role.PARAMETERS}
                    else None,
                    source=_source(cell.code.python if cell.code else "", node),
                    comment=comment,
                    node=node,
                    effects=effects_of(node, modules, displays, shown=node is nodes[-1]),
                    position=position,
                )
            )
    return Program(notebook, _with_changed_arguments(statements, modules), modules, displays)


def _only_names(node: ast.stmt) -> bool:
    """`a = b`, `table = {"f": f}`: no code runs."""
    plain = (ast.Name, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.expr_context)
    return isinstance(node, ast.Assign) and all(isinstance(each, plain) for each in ast.walk(node) if each is not node)


def _with_changed_arguments(statements: Iterable[Statement], modules: frozenset[str]) -> tuple[Statement, ...]:
    """Add to each statement's effects what the notebook's own functions do to their arguments."""
    summaries: dict[str, Summary] = {}
    found = []
    for each in statements:
        if each.defines_code:
            summaries |= dict.fromkeys(each.effects.defs, summary_of(each.node, modules))
        changed = _changed_by_calls(each.node, summaries) if each.effects.calls & summaries.keys() else frozenset()
        if changed:
            each = replace(each, effects=replace(each.effects, mutates=each.effects.mutates | changed))
        found.append(each)
    return tuple(found)


def _changed_by_calls(node: ast.stmt, summaries: Mapping[str, Summary]) -> frozenset[str]:
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)]
    known = [
        (call, summaries[call.func.id])
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in summaries
    ]
    return frozenset(
        name for call, summary in known for each in changed_arguments(call, summary) for name in roots(each)
    )


def _parse(cell: Cell) -> list[ast.stmt]:
    assert cell.code is not None
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", SyntaxWarning
        )  # "\d" in a plain string: the user's, and shown when the cell runs
        tree = compile(
            cell.code.python,
            f"<cell {cell.index}>",
            "exec",
            ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
    assert isinstance(tree, ast.Module)
    return tree.body


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _source(text: str, node: ast.stmt) -> str:
    """Return the statement's text, with its decorators and a comment that ends its last line."""
    first, last = _first_line(node), node.end_lineno or node.lineno
    start = offset_in(text, first, 0 if first < node.lineno else node.col_offset)
    end = offset_in(text, last, node.end_col_offset or 0)
    rest = text[end:].split("\n", 1)[0]
    return text[start:end] + (rest.rstrip() if rest.strip().startswith("#") else "")


def _comment_above(lines: list[str], after: int, line: int) -> str:
    """Return the comment lines that stand directly above a statement."""
    found: list[str] = []
    for text in reversed(lines[after : line - 1]):
        if not text.lstrip().startswith("#"):
            break
        found.append(text.strip())
    return "\n".join(reversed(found))


def _imported(nodes: Iterable[ast.stmt]) -> tuple[frozenset[str], frozenset[str]]:
    modules: set[str] = set()
    displays: set[str] = set()
    for node in _walk_statements(nodes):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                name = alias.asname or alias.name.split(".")[0]
                origin = (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
                modules.add(name)
                if origin.split(".")[0] in known.DISPLAY_MODULES:
                    displays.add(name)
    stored = [
        each for each in _walk_statements(nodes) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    ]
    bound = {each.id for each in stored}  # a name that is also bound otherwise is no module everywhere
    return frozenset(modules - bound), frozenset(displays - bound)


def _walk_statements(nodes: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    for node in nodes:
        yield from ast.walk(node)
