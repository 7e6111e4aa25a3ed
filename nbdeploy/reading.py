"""From a notebook's file to a program: the one place where a notebook is read from disk."""

from __future__ import annotations

import ast
import gc
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nbdeploy.analysis.imported import star_modules
from nbdeploy.analysis.program import Program, read_program
from nbdeploy.errors import Diagnostic, NotebookError
from nbdeploy.notebook.cells import parse_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from nbdeploy.notebook.cells import Cell, Notebook

__all__ = ["open_notebook", "program_of", "without_collecting"]

_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def open_notebook(path: Path) -> Program:
    """Read and parse a notebook's file. Raises NotebookError where it is none (NBD001 to NBD010)."""
    try:
        with without_collecting():
            return program_of(parse_notebook(_text(path), str(path)), path.parent)
    except NotebookError as error:
        raise error.in_notebook(str(path)) from None


def program_of(notebook: Notebook, folder: Path) -> Program:
    """Return the program of a notebook that stands in a folder; star imports are resolved as the modules there have it."""
    modules = star_modules(notebook)
    if not modules:
        return _analysed(notebook, {})
    from nbdeploy.star_imports import star_names

    names = star_names(modules, folder)
    return _analysed(notebook, {module: found for module, found in names.items() if isinstance(found, tuple)})


@contextmanager
def without_collecting() -> Iterator[None]:
    """Keep the garbage collector from going through the many nodes of syntax trees again and again: a third of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _text(path: Path) -> str:
    try:
        kind = path.stat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):  # a pipe or a device may keep its reader waiting for ever
            raise _unreadable("it is no regular file")
        content = path.read_bytes()
        return content.decode("utf-8-sig")
    except OSError as problem:
        raise _unreadable(problem.strerror or str(problem)) from None
    except UnicodeDecodeError as problem:
        found = _BOMS.get(content[:2], problem.reason)
        message, fix = f"is not UTF-8 text: {found}", "save it as UTF-8, as Jupyter does"
        raise NotebookError(Diagnostic(code="NBD001", message=message, fix=fix)) from None
    except ValueError as problem:  # a path that no file can have
        raise _unreadable(str(problem)) from None


def _unreadable(why: str) -> NotebookError:
    message = f"can't be read: {why}"
    return NotebookError(Diagnostic(code="NBD010", message=message, fix="give the path of an .ipynb file"))


def _analysed(notebook: Notebook, stars: Mapping[str, tuple[str, ...]]) -> Program:
    try:
        return read_program(notebook, stars)
    except RecursionError:
        cell, line, depth = max((_deepest(each) for each in notebook.code_cells), key=lambda found: found[2])
        message = f"the code is nested too deeply to be analysed: {depth} levels"
        fix = "make it of several statements, or of a loop"
        raise NotebookError(Diagnostic(code="NBD005", message=message, fix=fix, cell=cell, line=line)) from None


def _deepest(cell: Cell) -> tuple[int, int | None, int]:
    """Return the cell, the line of its deepest statement, and how deep that is; no recursion here."""
    found: tuple[int, int | None, int] = (cell.index, None, 0)
    for statement in cell.code.tree.body if cell.code else ():
        level: list[ast.AST] = [statement]
        depth = 0
        while level:
            level, depth = [child for node in level for child in ast.iter_child_nodes(node)], depth + 1
        if depth > found[2]:
            found = (cell.index, statement.lineno, depth)
    return found
