"""The papermill engine `nbdeploy`: runs a notebook like papermill's own, with a recorder inside the kernel.

`papermill --engine nbdeploy IN OUT` leaves the recording in the folder `OUT.recording`. `record()` passes a `Session` that
says what to look at and what to do with the kernel before it goes away.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine

from nbdeploy.recording.recorder import NAME
from nbdeploy.recording.session import CellRun, Session, leading_blank_lines

__all__ = ["RecordingEngine"]


class RecordingEngine(NBClientEngine):  # type: ignore[misc]
    """Runs the cells in a fresh kernel and records what the tagged ones read and make."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, nbdeploy_session: Session | None = None, **options: Any
    ) -> Any:
        session = nbdeploy_session or _session_beside(nb_man)
        client = _RecordingClient(
            nb_man,
            session=session,
            kernel_name=kernel_name,
            timeout=options.get("execution_timeout"),
            startup_timeout=options.get("start_timeout", 60),
            extra_arguments=["--log-level=CRITICAL"],  # the kernel's own chatter is not the notebook's
        )
        return client.execute()


def _session_beside(nb_man: Any) -> Session:
    """Plan the recording of a notebook that papermill was started with from outside."""
    from nbdeploy.notebook.cells import parse_notebook
    from nbdeploy.reading import program_of
    from nbdeploy.recording.plan import plan_of

    folder = Path(f"{nb_man.output_path or 'notebook.ipynb'}.recording")
    folder.mkdir(parents=True, exist_ok=True)
    program = program_of(parse_notebook(json.dumps(nb_man.nb), str(nb_man.output_path)), Path.cwd())
    (folder / "plan.json").write_text(json.dumps({**plan_of(program), "definitions": "package.definitions"}))
    return Session(folder.resolve())


class _RecordingClient(PapermillNotebookClient):  # type: ignore[misc]
    def __init__(self, nb_man: Any, session: Session, **options: Any) -> None:
        super().__init__(nb_man, **options)
        self.session = session

    def execute(self, **options: Any) -> Any:
        with self.session.kernel_log.open("wb") as log:
            return super().execute(stdout=log, stderr=log, **options)

    def create_kernel_manager(self) -> Any:
        """Prepare the kernel `python3` of this interpreter: users have kernels of that name that start another one.

        The package's lock is of what is installed here.
        """
        from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpecManager

        manager = super().create_kernel_manager()
        if self.kernel_name == NATIVE_KERNEL_NAME:
            manager.kernel_spec_manager = KernelSpecManager(kernel_dirs=[])
        return manager

    def start_new_kernel_client(self, **options: Any) -> Any:
        from nbclient.exceptions import DeadKernelError

        try:
            return super().start_new_kernel_client(**options)
        except RuntimeError as failure:  # it died, or did not answer in time
            raise DeadKernelError(str(failure)) from None

    def papermill_execute_cells(self) -> None:
        recorder = "__import__('nbdeploy.recording.recorder', fromlist=['start'])"  # no name is left behind
        self.run_silently(f"{recorder}.start({str(self.session.folder)!r}) and None")
        super().papermill_execute_cells()
        if all(cell.get("metadata", {}).get("papermill", {}).get("exception") is not True for cell in self.nb.cells):
            self.ask("write()")
            self.session.at_end(self.ask)

    def execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
        number = cell.metadata.get("nbdeploy", {}).get("index", cell_index)
        source = "".join(cell.source)
        if cell.cell_type == "code" and source.strip():
            self.session.running = number
            self.session.on_cell(cell_index, len(self.nb.cells))
            self.ask(f"enter({number}, {leading_blank_lines(source)})")
            result = super().execute_cell(cell, cell_index, **options)
            self.session.cells.append(CellRun(number, *self.ask("leave()")))
            return result
        return super().execute_cell(cell, cell_index, **options)

    def run_silently(self, code: str) -> None:
        reply = self.wait_for_reply(self.kc.execute(code, silent=True, store_history=False))
        if reply["content"]["status"] != "ok":
            raise RuntimeError("\n".join(reply["content"]["traceback"]))

    def ask(self, call: str) -> Any:
        """Call a method of the recorder in the kernel; what it returns comes back as JSON."""
        expression = f"__import__('json').dumps({NAME}.{call})"
        reply = self.wait_for_reply(
            self.kc.execute("", silent=True, store_history=False, user_expressions={"answer": expression})
        )
        answer = reply["content"]["user_expressions"]["answer"]
        if answer["status"] != "ok":
            raise RuntimeError(f"{call}: {answer['ename']}: {answer['evalue']}")
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))
