"""One top-level statement of a notebook, with what it does to names."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from nbdeploy.analysis.effects import Effects
from nbdeploy.analysis.summary import Functions, Summary
from nbdeploy.notebook.cells import Role

__all__ = ["Place", "Statement"]

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
    functions: Functions = field(default_factory=Functions)  # of the notebook, defined before
    summary: Summary | None = None  # of the functions that it makes, each looked at alone

    @property
    def place(self) -> Place:
        return self.cell, self.line, self.position

    @property
    def defines_code(self) -> bool:
        """A function, a class, or a lambda with a name."""
        node = self.node
        return node.__class__ in _DEFINITIONS or (isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda))

    @property
    def imports(self) -> bool:
        return self.node.__class__ in _IMPORTS

    @property
    def is_compound(self) -> bool:
        """A statement with blocks of statements: its own names may be bound and read in any order."""
        return self.node.__class__ in _COMPOUND


_DEFINITIONS = {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef}
_IMPORTS = {ast.Import, ast.ImportFrom}
_COMPOUND = {
    ast.AsyncFor, ast.AsyncWith, ast.For, ast.If, ast.Match, ast.Try, ast.TryStar, ast.While, ast.With,
}  # fmt: skip
