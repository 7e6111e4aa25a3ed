"""The notebook as one program: its statements in cell order, each with its effects."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from nbdeploy.analysis.dataflow import Dataflow, dataflow_of
from nbdeploy.analysis.effects import effects_of
from nbdeploy.analysis.functions import summaries_of, summary_of
from nbdeploy.analysis.imported import Imported, imported_by
from nbdeploy.analysis.lines import Lines
from nbdeploy.analysis.sharing import CODE
from nbdeploy.analysis.statement import Place, Statement
from nbdeploy.analysis.summary import Functions, Summary
from nbdeploy.analysis.targets import parts_imported
from nbdeploy.notebook.cells import Cell, Notebook, Role

__all__ = ["Place", "Program", "Statement", "read_program"]


@dataclass(frozen=True)
class Program:
    """All statements that a run of the notebook executes, in order."""

    notebook: Notebook
    statements: tuple[Statement, ...]
    imported: Imported = field(default_factory=Imported)

    @property
    def modules(self) -> frozenset[str]:
        """Names that imports bind."""
        return self.imported.modules

    @property
    def displays(self) -> frozenset[str]:
        """Those of them that only show things (matplotlib, seaborn, ...)."""
        return self.imported.displays

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

    def with_submodules(self, name: str, definition: Statement) -> Statement:
        """Return an import together with those before it that loaded other parts of the same package.

        `import xml.sax` and `import xml.dom` bind the same name, and what it gives access to is what both have loaded.
        """
        if not isinstance(definition.node, ast.Import) or any(each.asname == name for each in definition.node.names):
            return definition  # it is another thing by that name
        before = (parts_imported(each.node) for each in self.statements[: definition.index + 1])
        parts = dict.fromkeys(part for parts in before for part in parts if part.partition(".")[0] == name)
        return replace(definition, node=ast.Import(names=[ast.alias(each) for each in parts])) if parts else definition

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
            if name in found or definition is None or not (definition.defines_code or _makes_function(definition)):
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
    def dataflow(self) -> Dataflow:
        """What each statement reads, changes and binds, with all that it may call and all that shares its objects."""
        return dataflow_of(self.statements, self.summaries)

    @cached_property
    def summaries(self) -> Mapping[int, Summary]:
        """What calls of the notebook's functions do, by the index of the statement that makes them."""
        return summaries_of(self.statements)

    def touched_by(self, statement: Statement) -> frozenset[str]:
        """Return the names that may share an object which the statement changes in place."""
        return statement.effects.mutates | self.dataflow.names_touched_by(statement)


def _makes_function(statement: Statement) -> bool:
    """`double = multiplier(2)`, where the notebook's `multiplier` answers with a function that it makes."""
    node = statement.node
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
        return False
    summary = statement.functions.of(node.value)
    return summary is not None and summary.answers is not None and CODE in summary.answers


def read_program(notebook: Notebook, stars: Mapping[str, tuple[str, ...]] | None = None) -> Program:
    """Return the statements of all Python cells that run (`skip` cells don't).

    `stars` are the names that a star import of a module binds, by module: only the module itself can tell.
    """
    cells = [cell for cell in notebook.cells if cell.code is not None and cell.role is not Role.SKIP]
    parsed = [(cell, cell.code.tree.body) for cell in cells if cell.code is not None]
    imported = imported_by((node for _, nodes in parsed for node in nodes), stars)
    statements: list[Statement] = []
    functions = Functions()
    for cell, nodes in parsed:
        role = cell.role if cell.role in _OF_STATEMENTS else None
        for written in _written(cell, nodes):
            node = written.node
            effects = effects_of(node, imported, functions, shown=node is nodes[-1])
            makes_code = any(each.other == CODE for each in effects.aliases)
            statement = Statement(
                index=len(statements),
                cell=cell.index,
                line=written.line,
                end_line=written.end_line,
                role=role,
                source=written.source,
                comment=written.comment,
                node=node,
                effects=effects,
                position=written.position,
                functions=functions,
                summary=summary_of(node, imported) if makes_code else None,
            )
            statements.append(statement)
            functions = _learnt(functions, statement)
    return Program(notebook, tuple(statements), imported)


_OF_STATEMENTS = {Role.PREPROCESS, Role.PREDICT, Role.TEST, Role.PARAMETERS}


class _Written(NamedTuple):
    """A statement's place and text."""

    node: ast.stmt
    line: int
    end_line: int
    position: int
    source: str
    comment: str


def _written(cell: Cell, nodes: list[ast.stmt]) -> Iterator[_Written]:
    """Yield the statements of a cell, as they are written."""
    lines = Lines(cell.code.python if cell.code else "")
    previous_end = position = 0
    previous_line = -1
    for node in nodes:
        line = _first_line(node)
        position = position + 1 if line == previous_line else 0
        comment = _comment_above(lines.lines, previous_end, line)
        previous_line, previous_end = line, node.end_lineno or node.lineno
        if not isinstance(node, ast.Pass):
            yield _Written(node, line, previous_end, position, _source(lines, node, line), comment)


def _learnt(functions: Functions, statement: Statement) -> Functions:
    """Return which functions names mean after the statement: those that are defined plainly, and not bound otherwise."""
    node, names, summary = statement.node, statement.effects.defs, statement.summary
    plain = isinstance(node, ast.FunctionDef) and not node.decorator_list
    if not plain and not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda)):
        summary = None
    if summary is None and functions.summaries.keys().isdisjoint(names):
        return functions
    rest = {name: summary for name, summary in functions.summaries.items() if name not in names}
    return Functions(rest | (dict.fromkeys(names, summary) if summary is not None else {}))


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)]) if decorators else node.lineno


def _source(lines: Lines, node: ast.stmt, first: int) -> str:
    """Return the statement's text from its first line on, with its decorators and a comment that ends its last line."""
    last = node.end_lineno or node.lineno
    start = lines.offset(first, 0 if first < node.lineno else node.col_offset)
    end = lines.offset(last, node.end_col_offset or 0)
    rest = lines.text[end : lines.starts[last]]
    return lines.text[start:end] + (rest.rstrip() if rest.strip().startswith("#") else "")


def _comment_above(lines: list[str], after: int, line: int) -> str:
    """Return the comment lines that stand directly above a statement."""
    found: list[str] = []
    for text in reversed(lines[after : line - 1]) if after < line - 1 else ():
        if not text.lstrip().startswith("#"):
            break
        found.append(text.strip())
    return "\n".join(reversed(found))
