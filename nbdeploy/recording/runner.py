"""Record a notebook: run it in a fresh kernel with papermill, cut the serving path, store what it freezes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from nbdeploy.analysis.program import Program
from nbdeploy.analysis.serving import check_roles
from nbdeploy.errors import Diagnostic, RecordingError
from nbdeploy.notebook.cells import Role
from nbdeploy.notebook.syntax import runnable
from nbdeploy.progress import Event, Progress, silent
from nbdeploy.recording.dead_kernel import dead_kernel
from nbdeploy.recording.harvest import Ask, Harvest
from nbdeploy.recording.plan import plan_of, substitutions
from nbdeploy.recording.recording import Recording
from nbdeploy.recording.session import Session, leading_blank_lines
from nbdeploy.recording.validated import write_html, write_validated
from nbdeploy.request import DeployRequest

__all__ = ["record"]


def record(
    program: Program, request: DeployRequest, module: str, folder: Path, progress: Progress = silent
) -> Recording:
    """Run the notebook and return what was recorded; files go to `folder`.

    Raises RecordingError where a cell fails or the kernel dies, ServingPathError where no honest service can be cut,
    ArtifactError where a frozen value can't be stored.
    """
    check_roles(program)
    (folder / "stored").mkdir(parents=True, exist_ok=True)
    live = _live_names(request.live)
    instead = substitutions(program, live)
    metrics = (*program.notebook.settings.metrics, *request.metrics)
    plan = {
        **plan_of(program, instead, metrics),
        "definitions": f"{module}.definitions",
        "live": str(request.live or ""),
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    outcome: dict[str, Any] = {}

    def at_end(ask: Ask) -> None:
        outcome.update(Harvest(program, request, folder, ask).gather())

    def on_cell(done: int, total: int) -> None:
        progress(Event("record", "update", f"cell {done}", done=done, total=total))

    session = Session(folder, on_cell, at_end)
    validated = _run(program, request, session)
    return Recording(
        folder=folder,
        program=program,
        validated=validated,
        cells=tuple(session.cells),
        substitutions=instead,
        parameters=dict(request.parameters),
        request=request,
        **outcome,
    )


def _live_names(live: Path | None) -> list[str]:
    return sorted(path.stem for path in live.glob("*.pkl")) if live else []


# the run ----------------------------------------------------------------------------------------------------------------


def _run(program: Program, request: DeployRequest, session: Session) -> Path:
    import logging

    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from nbdeploy.recording.engine import RecordingEngine

    papermill.engines.papermill_engines.register("nbdeploy", RecordingEngine)  # also where nbdeploy runs uninstalled
    logging.getLogger("papermill").setLevel(logging.ERROR)
    source, target = session.folder / "instrumented.ipynb", session.folder / "executed.ipynb"
    source.write_text(json.dumps(_instrumented(program)), encoding="utf-8")
    try:
        papermill.execute_notebook(
            str(source),
            str(target),
            parameters=dict(request.parameters) or None,
            engine_name="nbdeploy",
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=str(Path(program.notebook.path).resolve().parent),
            request_save_on_cell_execute=False,
            nbdeploy_session=session,
        )
    except PapermillExecutionError as failure:
        raise RecordingError(_failed_cell(failure, target)) from None
    except DeadKernelError:
        raise RecordingError(dead_kernel(session, program)) from None
    validated = session.folder / "validated.ipynb"
    write_validated(Path(program.notebook.path), target, validated)
    write_html(validated, validated.with_suffix(".html"))
    return validated


def _instrumented(program: Program) -> dict[str, Any]:
    """The copy of the notebook that runs: role magics and %deploy taken out, line numbers kept, skipped cells empty."""
    notebook = program.notebook
    cells = []
    for cell in notebook.cells:
        source = runnable(cell) if cell.kind == "code" and cell.role is not Role.SKIP else cell.source
        if cell.kind == "code" and cell.role is Role.SKIP:
            source = ""
        entry: dict[str, Any] = {
            "cell_type": cell.kind,
            "metadata": {"tags": list(cell.tags), "nbdeploy": {"index": cell.index}},
            "source": source,
        }
        cells.append({**entry, "outputs": [], "execution_count": None} if cell.kind == "code" else entry)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}


def _failed_cell(failure: Any, executed: Path) -> Diagnostic:
    cell, source = _cell_that_failed(failure, executed)
    line = _line_that_failed("\n".join(failure.traceback), failure.exec_count, source)
    last = f"{failure.ename}: {failure.evalue}".strip().rstrip(":")
    return Diagnostic(
        code="NBD301",
        cell=cell,
        line=line,
        message=f"the notebook does not run top to bottom in a fresh kernel: {last}",
        fix=_way_out(failure.ename, failure.evalue),
    )


def _way_out(error: str, text: str) -> str:
    lacking = re.fullmatch(r"No module named '([\w.]+)'", text) if error == "ModuleNotFoundError" else None
    if lacking:
        name = lacking[1].partition(".")[0]
        return (
            f"install what brings {name} where nbdeploy is installed ({sys.executable} -m pip install {name}, if it is "
            "called so), or tag the cell `skip` if nothing needs it"
        )
    return "run it with Restart & Run All, and mend this cell (a cell that must not run here can be tagged `skip`)"


def _cell_that_failed(failure: Any, executed: Path) -> tuple[int, str]:
    """Return the cell's index in the user's notebook, which papermill's own cells may have shifted."""
    if executed.exists():
        for cell in json.loads(executed.read_text(encoding="utf-8"))["cells"]:
            exception = cell["metadata"].get("papermill", {}).get("exception")
            if exception and "nbdeploy" in cell["metadata"]:
                return cell["metadata"]["nbdeploy"]["index"], "".join(cell["source"])
    return failure.cell_index, failure.source


def _line_that_failed(traceback: str, count: int | None, source: str) -> int | None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", traceback)
    found = re.findall(rf"Cell In\[{count}\], line (\d+)", plain)
    if not found:
        found = re.findall(r"^\s*(?:Cell|File).*?line (\d+)", plain, flags=re.MULTILINE)[:1]
    if not found:
        return None
    return int(found[-1]) + leading_blank_lines(source)
