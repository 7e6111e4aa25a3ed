"""A notebook as a value: its cells, their roles, and each code cell as plain Python."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, NotebookError, Severity
from nbdeploy.notebook.document import RawCell, read_document
from nbdeploy.notebook.magics import ROLE_MAGICS
from nbdeploy.notebook.newer_python import newer_python
from nbdeploy.notebook.python2 import is_python_2
from nbdeploy.notebook.roles import Role, read_role, role_options, serving_roles
from nbdeploy.notebook.settings import Settings, read_settings
from nbdeploy.notebook.syntax import PlainCode, plain_python

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Cell", "Notebook", "Role", "parse_notebook"]

_MAY_FAIL = frozenset({"skip", "raises-exception"})  # tags of cells that are not run, or are run to see them fail


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `index` counts all cells from 0; `options` are its role magic's; `code` is None unless it is code."""

    index: int
    id: str
    kind: str
    source: str
    tags: tuple[str, ...] = ()
    role: Role | None = None
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    code: PlainCode | None = None


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook that can be read as Python. `diagnostics` are the warnings; errors never come this far."""

    path: str
    cells: tuple[Cell, ...]
    settings: Settings = field(default_factory=Settings)
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    language: str = "python"
    nbformat: tuple[int, int] = (4, 5)
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def code_cells(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if cell.kind == "code")

    def with_role(self, *roles: Role) -> tuple[Cell, ...]:
        """Return the cells that have one of the roles, in notebook order."""
        return tuple(cell for cell in self.cells if cell.role in roles)


def parse_notebook(text: str, path: str) -> Notebook:
    """Read the JSON text of a notebook; `path` names it in messages.

    Raises NotebookError with everything that is wrong with it (NBD001 to NBD009).
    """
    try:
        document = read_document(text)
    except NotebookError as error:
        raise error.in_notebook(path) from None
    settings, found = read_settings(document.metadata)
    problems = [*document.diagnostics, *found]
    cells = []
    for raw in document.cells:
        cell, found_here = _read_cell(raw, python=document.language == "python")
        cells.append(cell)
        problems += [replace(each, cell=raw.index) for each in found_here]
    problems = [replace(each, notebook=path) for each in problems]
    if any(each.severity is Severity.ERROR for each in problems):
        raise NotebookError(*problems)
    return Notebook(
        path, tuple(cells), settings, document.metadata, document.language, document.nbformat, tuple(problems)
    )


def _read_cell(raw: RawCell, *, python: bool) -> tuple[Cell, list[Diagnostic]]:
    code, found = _read_code(raw) if raw.kind == "code" and python else (None, [])
    magics = code.magics if code else ()
    role, problems = read_role(raw.tags, magics, code=raw.kind == "code")
    found += problems
    if code and code.opaque and role in serving_roles and not found:
        found.append(_no_python(role, code))
    options: dict[str, str] = {}
    for magic in magics:
        if magic.kind == "cell" and magic.name in ROLE_MAGICS:
            options |= role_options(magic)[0]
    return Cell(raw.index, raw.id, raw.kind, raw.source, raw.tags, role, options, code), found


def _read_code(raw: RawCell) -> tuple[PlainCode, list[Diagnostic]]:
    try:
        return plain_python(raw.source), []
    except SyntaxError as error:
        unread = PlainCode("\n".join(["#"] * (raw.source.count("\n") + 1)), opaque=True)
        return unread, [_syntax_problem(error, harmless=_may_fail(raw.tags))]


def _may_fail(tags: tuple[str, ...]) -> bool:
    return not _MAY_FAIL.isdisjoint(tags) and serving_roles.isdisjoint(tags)


def _syntax_problem(error: SyntaxError, *, harmless: bool) -> Diagnostic:
    text = (
        (error.text or "").strip()[:120].encode("utf-8", "backslashreplace").decode()
    )  # half characters can't be printed
    shown = f": {text}" if text else ""
    message, fix = f"{error.msg}{shown}", "correct the line, or tag the cell 'skip' if it is not to run"
    if is_python_2(error):
        message = f"this is Python 2 ({error.msg}){shown}"
        fix = "rewrite it for Python 3: print(x), 'except E as e', 'raise E(x)', 0o17, repr(x), !="
    elif newer := newer_python(error):
        version = ".".join(map(str, newer))
        message = f"Python {version} may read this, the one that runs here is older: {message}"
        fix = f"run nbdeploy with Python {version} or newer, or write the line without the new syntax"
    severity = Severity.WARNING if harmless else Severity.ERROR
    return Diagnostic(code="NBD005", message=message, fix=fix, severity=severity, line=error.lineno)


def _no_python(role: Role, code: PlainCode) -> Diagnostic:
    name = f"%%{code.magics[-1].name}" if code.magics else "its cell magic"
    message = f"the cell has the role {str(role)!r}, but what {name} runs binds nothing in the notebook's Python"
    line = code.magics[-1].line if code.magics else None
    return Diagnostic(code="NBD008", message=message, fix=f"take {name} or the role away", line=line)
