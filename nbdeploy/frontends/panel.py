"""The panel in the notebook: the sidebar's views as a widget, for front ends that have no sidebar.

The widget asks by messages, `{"id", "call", "with"}`, and is answered in a thread, so the kernel stays free; a deploy runs in
a process of its own, as the sidebar's does. What the notebook's file holds is what the panel shows: a kernel can't see more.
The only file that imports anywidget. It can be imported only where `static/panel.js` is built.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context, copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
from traitlets import Dict, Float, Unicode

from nbdeploy.errors import Diagnostic, NbdeployError, UsageError
from nbdeploy.frontends import trying, versions
from nbdeploy.frontends.progress_views import folded
from nbdeploy.frontends.watched import Watched, recorded_request, start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nbdeploy.frontends.progress_board import Board
    from nbdeploy.progress import Progress
    from nbdeploy.request import Deployment

__all__ = ["Panel"]

STATIC = Path(__file__).with_name("static")
GLANCE = 1.5  # seconds between two looks at whether the file has changed
ANSWERING = ThreadPoolExecutor(4, "nbdeploy-panel")
TRIALS = trying.Trials()
PYTHON = (sys.executable,)


class Panel(anywidget.AnyWidget):
    """One notebook's cells, findings, serving path, deploy and versions. `text` is for front ends without widgets.

    `changed` is when the file was saved last, as seconds since 1970; `deploy` is what a deploy has told so far, as the
    sidebar's server tells it. What a view can ask for are the methods `asked_...`.
    """

    _esm = STATIC / "panel.js"
    _css = STATIC / "panel.css"
    path = Unicode().tag(sync=True)
    changed = Float().tag(sync=True)
    deploy: Any = Dict(allow_none=True, default_value=None).tag(sync=True)

    def __init__(self, notebook: Path, text: str) -> None:
        super().__init__(path=notebook.name, changed=changed_at(notebook))
        self.notebook, self.text = notebook, text
        self._running: tuple[asyncio.AbstractEventLoop, Watched] | None = None
        self._followed = False
        self._view = Context()
        self.on_msg(self._asked)
        threading.Thread(target=glance, args=(weakref.ref(self),), name="nbdeploy-glance", daemon=True).start()

    def _repr_mimebundle_(self, **settings: Any) -> Any:
        shown = super()._repr_mimebundle_(**settings)
        data = shown[0] if isinstance(shown, tuple) else shown
        if data is not None:
            data["text/plain"] = self.text
        return shown

    def _asked(self, widget: Any, content: Mapping[str, Any], buffers: Any) -> None:
        self._view = copy_context()
        ANSWERING.submit(self._answer, content)

    def _answer(self, asked: Mapping[str, Any]) -> None:
        try:
            call = getattr(self, f"asked_{asked['call']}")
            answer = {"answer": call(*asked.get("with", ()))}
        except NbdeployError as error:
            answer = {"problem": f"{error.diagnostics[0].message}: {error.diagnostics[0].fix}"}
        except OSError as error:
            answer = {"problem": f"{error}: if the notebook was moved, run %nbdeploy again"}
        except Exception as error:
            answer = {"problem": f"nbdeploy itself failed: {type(error).__name__}: {error}"}
        self.send({"id": asked.get("id"), **answer})

    def asked_here(self) -> None:
        """Say nothing: that there is an answer is the answer."""

    def asked_look(self) -> dict[str, Any]:
        """Return the cells of the file as it is saved, its settings, and what a check says."""
        from nbdeploy.checking import check
        from nbdeploy.frontends.notebook_path import read_notebook

        notebook = read_notebook(self.notebook)
        cells = [
            {"index": each.index, "role": each.role and str(each.role), "source": each.source}
            for each in notebook.code_cells
        ]
        return {
            "cells": cells,
            "settings": notebook.metadata.get("nbdeploy", {}),
            "check": check(self.notebook).as_json(),
        }

    def asked_deploy(self, settings: Mapping[str, str]) -> None:
        if self.deploy is not None and self.deploy["state"] == "running":
            raise UsageError(
                Diagnostic(code="NBD716", message="this notebook is being deployed already", fix="wait for its end")
            )
        self.deploy = {"id": "", "path": self.path, "state": "running", "stages": [], "answer": None}
        options = words(settings)
        threading.Thread(target=lambda: asyncio.run(self._watch(options)), name="nbdeploy-watch", daemon=True).start()

    async def _watch(self, options: Sequence[str]) -> None:
        watched = await start(PYTHON, self.notebook, self.path, {}, options)
        self._running = asyncio.get_running_loop(), watched
        while True:
            state, changed = watched.state, watched.changed
            self.deploy = dict(state)
            if not watched.running:
                break
            await changed.wait()
        self._running = None

    def asked_cancel(self) -> None:
        if self._running is not None:
            loop, watched = self._running
            asyncio.run_coroutine_threadsafe(watched.cancel(), loop).result()
        elif self._followed:
            # A `%deploy`, in the main thread: a signal to the process would not wake it where this thread may take it, too.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def asked_forget(self) -> None:
        if self.deploy is not None and self.deploy["state"] != "running":
            self.deploy = None

    def asked_versions(self, name: str) -> Any:
        return versions.versions(name)

    def asked_aliases(self, name: str) -> Any:
        return versions.aliases(PYTHON, {}, name)

    def asked_askable(self, name: str, version: str) -> Any:
        return trying.described(name, version)

    def asked_serve(self, name: str, version: str) -> Any:
        trial = TRIALS.started(name, version, PYTHON)
        trial.settled.wait()
        if trial.problem is not None:
            raise UsageError(trial.problem)
        return {"state": trial.state}

    def asked_end(self, name: str, version: str) -> Any:
        TRIALS.stop(name, version)
        return {"state": "stopped"}

    def asked_predict(self, name: str, version: str, body: Any) -> Any:
        trial = TRIALS.get(name, version)
        if trial is None:
            raise UsageError(Diagnostic(code="NBD715", message=f"{name} {version} is not served", fix="start it again"))
        return trial.ask(body)

    @contextmanager
    def following(self) -> Iterator[Progress]:
        """Show the progress of a deploy that runs in this kernel: that of `%deploy`."""
        state: dict[str, Any] = {"id": "kernel", "path": self.path, "state": "running", "stages": [], "answer": None}
        self._followed = True
        self._tell(state)

        def show(board: Board) -> None:
            self._tell({**state, **board.as_json()})

        try:
            with folded(show) as draw:
                yield draw
        except NbdeployError as error:
            self._tell({**self.deploy, "state": "failed", "answer": {"ok": False, **error.as_json()}})
            raise
        except BaseException:
            self._tell({**self.deploy, "state": "cancelled"})
            raise
        finally:
            self._followed = False

    def _tell(self, state: Mapping[str, Any]) -> None:
        # As if the view had asked for it: ipykernel hands a view's messages to the shell that has sent it the last one, and that
        # of the cell would read them, the wish to cancel among them, when the deploy is over.
        self._view.copy().run(setattr, self, "deploy", state)

    def ended(self, made: Deployment) -> None:
        """Show what `%deploy` has made."""
        answer = {**made.as_json(), "request": recorded_request(made.package)}
        self._tell({**(self.deploy or {}), "state": "done", "answer": answer})


def words(settings: Mapping[str, str]) -> list[str]:
    """Return what the panel's form says as options of the command line."""
    plain = [f"--{key}={settings[key]}" for key in ("name", "input", "output") if settings.get(key)]
    limits = settings.get("budget", "").replace(",", " ").split()
    return [*plain, *(["--budget", *limits] if limits else [])]


def glance(panel: weakref.ref[Panel]) -> None:
    """Tell the panel when its file is saved, for as long as there is a panel."""
    import time

    while (shown := panel()) is not None and shown.comm is not None:
        now = changed_at(shown.notebook)
        if now != shown.changed:
            shown.changed = now
        del shown
        time.sleep(GLANCE)


def changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
