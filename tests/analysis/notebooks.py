"""Notebooks written in tests, as programs, and what a real run of them saw."""

from __future__ import annotations

import builtins
import json
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbdeploy.analysis.inference import binding_candidates
from nbdeploy.analysis.observations import Observation, Observed
from nbdeploy.analysis.program import Place, Program, Statement, read_program
from nbdeploy.analysis.serving import ServingPath, serving_path
from nbdeploy.notebook.cells import Notebook, parse_notebook
from nbdeploy.notebook.syntax import runnable
from nbdeploy.recording.plan import plan_of
from nbdeploy.recording.recorder import NAME, Recorder, start

__all__ = [
    "notebook_of",
    "observed_run",
    "path_of",
    "program_of",
    "recorded_run",
    "served_source",
    "statement_with",
]

Cells = Sequence[tuple[str | None, str]]


def notebook_of(cells: Cells, path: str = "notebook.ipynb") -> Notebook:
    """Return a notebook of code cells, each given as its role (or None) and its source."""
    return parse_notebook(json.dumps(document_of(cells)), path)


def document_of(cells: Cells) -> dict[str, Any]:
    """Return the JSON value of a notebook; sources may be indented as the test is."""
    written = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {"tags": [role] if role else []},
            "source": textwrap.dedent(source).strip("\n"),
            "outputs": [],
            "execution_count": None,
        }
        for number, (role, source) in enumerate(cells)
    ]
    return {"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def program_of(*cells: str | tuple[str | None, str]) -> Program:
    """Return the program of a notebook; a cell without a role is just its source."""
    return read_program(notebook_of([(None, each) if isinstance(each, str) else each for each in cells]))


def statement_with(program: Program, text: str) -> Statement:
    """Return the one statement whose source holds `text`."""
    found = [each for each in program.statements if text in each.source]
    assert len(found) == 1, f"{len(found)} statements hold {text!r}"
    return found[0]


def observed_run(program: Program) -> Observed:
    """Run the notebook in this process, as the recorder instruments it in a kernel, and return what was seen."""
    with recorded_run(program) as (observed, _):
        return observed


@contextmanager
def recorded_run(program: Program) -> Iterator[tuple[Observed, Recorder]]:
    """Run the notebook in this process; the recorder has copies of the observed values inside the block."""
    with tempfile.TemporaryDirectory() as name, _shell() as shell:
        folder = Path(name)
        (folder / "plan.json").write_text(json.dumps({**plan_of(program), "definitions": "package.definitions"}))
        recorder = start(name, shell)
        for cell in program.notebook.code_cells:
            recorder.enter(cell.index, 0)
            shell.run_cell(runnable(cell), silent=True).raise_error()
        seen = _observed(recorder, frozenset())
        pairs = {
            (part.digest, whole.digest)
            for part, whole in binding_candidates(program, seen)
            if part.digest and whole.digest and not part.problem and not whole.problem
        }
        rows_of = frozenset(pair for pair in pairs if recorder.rows_of(*pair) is not None)
        yield _observed(recorder, rows_of), recorder


def path_of(*cells: str | tuple[str | None, str], **asked: Any) -> ServingPath:
    """Run a notebook and cut its serving path; `asked` are the options `input`, `output` and `bind`."""
    program = program_of(*cells)
    return serving_path(program, observed_run(program), **asked)


def served_source(path: ServingPath) -> list[str]:
    """Return the statements that run for a request, as text."""
    return [each.statement.source for each in path.served]


def _observed(recorder: Any, rows_of: frozenset[tuple[str, str]]) -> Observed:
    return Observed(
        before=_by_place(recorder.before),
        after=_by_place(recorder.after),
        values={_place(key): Observation.from_json(value) for key, value in recorder.values.items()},
        rows_of=rows_of,
    )


def _by_place(seen: Mapping[str, Mapping[str, Any]]) -> dict[Place, dict[str, Observation]]:
    return {_place(key): {n: Observation.from_json(v) for n, v in names.items()} for key, names in seen.items()}


def _place(key: str) -> Place:
    cell, line, position = map(int, key.split(":"))
    return cell, line, position


@contextmanager
def _shell() -> Iterator[Any]:
    """An IPython shell of its own: no history file, and `__main__` is given back afterwards."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    main = sys.modules["__main__"]
    config = Config()
    config.HistoryManager.enabled = False
    try:
        yield InteractiveShell(config=config)
    finally:
        sys.modules["__main__"] = main
        vars(builtins).pop(NAME, None)
