"""What the rules look at: the program with its calls, texts and names laid out, each with its place.

One walk over all statements serves all rules, so that another rule costs next to nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from nbdeploy.analysis.knowledge import Knowledge
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.walking import children
from nbdeploy.notebook.cells import Cell, Role

__all__ = ["Function", "Site", "Survey", "dotted"]

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_KINDS = (
    ast.Assign,
    ast.Call,
    ast.Constant,
    ast.Dict,
    ast.FunctionDef,
    ast.Import,
    ast.ImportFrom,
    ast.Subscript,
)


class Site(NamedTuple):
    """A node, the statement that it belongs to, and the innermost function around it.

    `sure` says that it runs whenever the statement does: it is in no branch, loop, handler or function.
    """

    statement: Statement
    node: ast.AST
    function: Function | None = None
    sure: bool = True

    @property
    def cell(self) -> int:
        return self.statement.cell

    @property
    def line(self) -> int:
        line: int = getattr(self.node, "lineno", self.statement.line)
        return line


@dataclass(frozen=True)
class Survey:
    """A program and, by kind of node, every site in it, in the order of the text."""

    program: Program
    sites: dict[type[ast.AST], list[Site]] = field(default_factory=dict, hash=False, compare=False)

    @classmethod
    def of(cls, program: Program) -> Survey:
        sites: dict[type[ast.AST], list[Site]] = {kind: [] for kind in _KINDS}
        for statement in program.statements:
            for site in _walk(statement):
                sites[type(site.node)].append(site)
        return cls(program, sites)

    @cached_property
    def calls(self) -> tuple[tuple[Site, ast.Call, str], ...]:
        """Every call with the dotted name of what is called, `numpy.random.seed` for `np.random.seed`; "" if unknown."""
        calls = [(site, site.node) for site in self.sites[ast.Call] if isinstance(site.node, ast.Call)]
        return tuple((site, node, self.origin(node.func)) for site, node in calls)

    def calls_named(self, *names: str) -> Iterator[tuple[Site, ast.Call]]:
        """Yield the calls of functions and methods of these names, as they are written, in the order of the text."""
        for position in sorted(position for name in names for position in self._by_name.get(name, ())):
            site, call, _ = self.calls[position]
            yield site, call

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for position, (_, call, _) in enumerate(self.calls):
            function = call.func
            if isinstance(function, ast.Name):
                found.setdefault(function.id, []).append(position)
            elif isinstance(function, ast.Attribute):
                found.setdefault(function.attr, []).append(position)
        return found

    def texts(self) -> Iterator[tuple[Site, str]]:
        """Every text literal, without docstrings and other texts that stand alone."""
        for site in self.sites[ast.Constant]:
            if isinstance(site.node, ast.Constant) and isinstance(site.node.value, str):
                yield site, site.node.value

    def cell_of(self, statement: Statement) -> Cell:
        return self.program.notebook.cells[statement.cell]

    @property
    def known(self) -> Knowledge:
        """What is known of the libraries that the notebook imports."""
        return self.program.imported.known

    def origin(self, node: ast.expr) -> str:
        """Return the dotted name that an expression stands for if an import is at its root; "" otherwise."""
        name = dotted(node)
        root, _, rest = name.partition(".")
        found = self.program.imported.origins.get(root, "")  # also where the name is bound again: `svm = svm.SVC()`
        return f"{found}.{rest}" if found and rest else found

    @cached_property
    def code_names(self) -> frozenset[str]:
        """Names of the notebook's own functions and classes."""
        return frozenset(name for each in self.program.statements if each.defines_code for name in each.effects.defs)

    def magics(self) -> Iterator[tuple[Cell, str, str, int, str]]:
        """Every piece of IPython syntax in cells that run: cell, name, argument, line, kind."""
        for cell in self.program.notebook.cells:
            if cell.code is not None and cell.role is not Role.SKIP:
                for magic in cell.code.magics:
                    yield cell, magic.name, magic.argument, magic.line, magic.kind


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` for that expression, "" for anything that is not names and dots."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


_WANTED = frozenset(_KINDS)
_BRANCHING = {ast.If, ast.Try, ast.For, ast.AsyncFor, ast.While, ast.IfExp, ast.BoolOp, ast.Match, ast.ListComp}
_FUNCTIONS = {ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda}
_LEAVES = frozenset({ast.Name, ast.Pass, ast.alias, ast.arg})  # nothing of interest below


def _walk(statement: Statement) -> Iterator[Site]:
    waiting: list[tuple[ast.AST, Function | None, bool]] = [(statement.node, None, True)]
    while waiting:
        node, function, sure = waiting.pop()
        kind = node.__class__
        if kind in _WANTED:
            yield Site(statement, node, function, sure)
            if kind is ast.Constant:
                continue
        if kind is ast.Expr and node.value.__class__ is ast.Constant:  # type: ignore[attr-defined]
            continue  # a docstring
        if kind in _FUNCTIONS:
            function, sure = node, False  # type: ignore[assignment]
        elif kind in _BRANCHING:
            sure = False
        below = [(each, function, sure) for each in children(node) if each.__class__ not in _LEAVES]
        below.reverse()
        waiting += below
