"""A slice as a program that plain Python runs: what only IPython understands is translated, or told in a comment."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator

from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.slicing import Slice

__all__ = ["slice_text"]

TOLD = frozenset({"!", "!!", "cd", "conda", "env", "load", "pip", "run", "set_env"})  # what may change the result
OUTPUT = re.compile(r"get_ipython\(\)\.getoutput\(((?:'(?:[^'\\]|\\.)*')|(?:\"(?:[^\"\\]|\\.)*\"))\)")
MAGIC = re.compile(r"get_ipython\(\)\.(?:run_line_magic|run_cell_magic)\(")


def slice_text(program: Program, found: Slice) -> str:
    """Return the slice's statements as one text, with the cell that each comes from.

    `x = !ls` becomes a call of `subprocess`, `display` is imported; magics that are left are comments, or make it a text for
    ipython, which its first line then says.
    """
    lines: list[str] = []
    cell = None
    for each in found.statements:
        if each.cell != cell:
            cell = each.cell
            lines += ["", f"# cell {cell}"] if lines else [f"# cell {cell}"]
            lines += _magics(program, cell)
        lines.append(OUTPUT.sub(r"subprocess.getoutput(\1).splitlines()", each.source))
    text = "\n".join(lines) + "\n"
    return "".join(f"{line}\n" for line in _head(text, found.statements)) + text


def _magics(program: Program, cell: int) -> Iterator[str]:
    code = program.notebook.cells[cell].code
    for each in code.magics if code is not None else ():
        if each.name in TOLD and each.kind in {"line", "shell"} and not _assigns(program, cell, each.line):
            mark = "" if each.kind == "shell" else "%"
            yield f"# not run: {mark}{each.name}{'' if each.kind == 'shell' else ' '}{each.argument}".rstrip()


def _assigns(program: Program, cell: int, line: int) -> bool:
    """Tell whether a statement stands on a magic's line: `files = !ls` is one."""
    return any(each.cell == cell and each.line <= line <= each.end_line for each in program.statements)


def _head(text: str, statements: Iterable[Statement]) -> Iterator[str]:
    every = tuple(statements)
    if MAGIC.search(text):
        yield "# This needs IPython (it uses a magic's value): run it with ipython."
    elif not _is_plain(text):
        yield "# This awaits outside a function: run it with ipython."
    reads = {name for each in every for name in each.effects.refs | each.effects.late}
    bound = {name for each in every for name in each.effects.defs}
    if "subprocess.getoutput(" in text and "subprocess" not in bound:
        yield "import subprocess"
    if "display" in reads - bound:
        yield "from IPython.display import display"


def _is_plain(text: str) -> bool:
    """Tell whether plain Python compiles the text: a syntax tree alone may hold an `await` outside a function."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<slice>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
