"""What is told of a kernel that went away: when, and what it left behind."""

from __future__ import annotations

import re
from pathlib import Path

from nbdeploy.analysis.program import Program
from nbdeploy.errors import Diagnostic
from nbdeploy.notebook.syntax import runnable
from nbdeploy.recording.recorder import CRASH
from nbdeploy.recording.session import Session, leading_blank_lines

__all__ = ["dead_kernel"]


def dead_kernel(session: Session, program: Program) -> Diagnostic:
    """Name the cell that ran, and the line where native code crashed."""
    if session.running is None:
        return _never_ready(session)
    crash, line = _crash(session.folder / CRASH)
    if line is not None:
        line += leading_blank_lines(runnable(program.notebook.cells[session.running]))
    done = session.cells[-1] if session.cells else None
    memory = f" (the kernel held {done.memory:.0f} MiB after cell {done.index})" if done else ""
    why = f"native code crashed ({crash})" if crash else "it ran out of memory, was killed, or exited"
    return Diagnostic(
        code="NBD302",
        cell=session.running,
        line=line,
        message=f"the kernel died while this cell ran{memory}: {why}",
        fix="run the cell alone and watch its memory; use fewer rows, or deploy with --from kernel what is trained already",
    )


def _never_ready(session: Session) -> Diagnostic:
    written = session.kernel_log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = f": {written[-1].strip()}" if written else ""
    return Diagnostic(
        code="NBD302",
        message=f"the kernel died before the first cell ran{last}",
        fix="start a notebook in this environment and see what stops it (IPython's startup files, a broken ipykernel, no memory)",
    )


def _crash(log: Path) -> tuple[str | None, int | None]:
    """Return what the system called the crash, and the line of the cell that led to it.

    As the standard library's `faulthandler` writes it: the thread that crashed is the current one, its latest call first.
    """
    written = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    named = re.match(r"Fatal Python error: (.+)", written)
    if not named:
        return None, None
    thread = written.partition("Current thread")[2].partition("\n\n")[0]
    lines = re.findall(r'File ".*ipykernel_\d+.\d+\.py", line (\d+)', thread)
    return named[1], int(lines[-1]) if lines else None
