"""From a notebook's file to a program: the one place where a notebook is read from disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbdeploy.analysis.imported import star_modules
from nbdeploy.analysis.program import Program, read_program
from nbdeploy.errors import Diagnostic, NotebookError
from nbdeploy.notebook.cells import Notebook, parse_notebook

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_notebook", "program_of"]


def open_notebook(path: Path) -> Program:
    """Read and parse a notebook's file. Raises NotebookError where it is none (NBD001 to NBD010)."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        diagnostic = Diagnostic(
            code="NBD010", message=f"can't be read: {problem.strerror}", fix="give the path of an .ipynb file"
        )
        raise NotebookError(diagnostic).in_notebook(str(path)) from None
    except UnicodeDecodeError as problem:
        diagnostic = Diagnostic(
            code="NBD001", message=f"is not UTF-8 text: {problem.reason}", fix="save it as UTF-8, as Jupyter does"
        )
        raise NotebookError(diagnostic).in_notebook(str(path)) from None
    return program_of(parse_notebook(text, str(path)), path.parent)


def program_of(notebook: Notebook, folder: Path) -> Program:
    """Return the program of a notebook that stands in a folder; star imports are resolved as the modules there have it."""
    modules = star_modules(notebook)
    if not modules:
        return read_program(notebook)
    from nbdeploy.star_imports import star_names

    names = star_names(modules, folder)
    return read_program(notebook, {module: found for module, found in names.items() if isinstance(found, tuple)})
