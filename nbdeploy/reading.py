"""From a notebook's file to a program: the one place where a notebook is read from disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbdeploy.analysis.program import Program, read_program
from nbdeploy.errors import Diagnostic, NotebookError
from nbdeploy.notebook.cells import parse_notebook

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_notebook"]


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
    return read_program(parse_notebook(text, str(path)))
