"""The magics: `%%preprocess`, `%%predict`, `%%test`, `%deploy` and `%nbdeploy`.

A role magic must change nothing about how its cell runs. IPython's own cell magics get the body as a text and have to
run it inside another cell, where top-level await, errors and line numbers differ. So the first line is turned into a
comment before IPython reads the cell: it then *is* a normal cell.
"""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from nbdeploy.errors import NbdeployError, NotebookError
from nbdeploy.frontends.arguments import HelpShown, deploy_request, magic_parser, role_parser, wrong_use
from nbdeploy.frontends.running import ROLE_LINE, history

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from nbdeploy.errors import Diagnostic
    from nbdeploy.frontends.arguments import Parser
    from nbdeploy.progress import Event, Progress
    from nbdeploy.request import Deployment

__all__ = ["RECORDING", "load", "unload"]

RECORDING = "NBDEPLOY_RECORDING"
"""Set in the environment of a kernel in which nbdeploy itself runs a notebook: there `%deploy` does nothing."""

ROLES = ("preprocess", "predict", "test")
PANEL = Path(__file__).with_name("static") / "panel.js"  # `make extension` builds it; wheels hold it
SESSIONS: WeakKeyDictionary[Any, Session] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Shown:
    """A JSON answer that a notebook shows as HTML and a terminal as text."""

    answer: Any
    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


class RoleLines:
    """The input transformer that turns the line `%%preprocess ...` into a comment."""

    has_side_effects = True  # so that a terminal still takes the cell for a cell magic, which ends with an empty line

    def __call__(self, lines: list[str]) -> list[str]:
        found = ROLE_LINE.match(lines[0]) if lines else None
        if not found:
            return lines
        parsed_line(role_parser(found[1]), found[2])
        body = lines[1:]
        inner = next((place for place, line in enumerate(body) if line.strip()), None)
        if inner is None or not body[inner].startswith("%%"):
            return [f"# {lines[0].lstrip()}", *body]
        second = ROLE_LINE.match(body[inner])
        if second:
            raise readable(wrong_use(f"a cell has one role: %%{found[1]} or %%{second[1]}", "split the cell"))
        return body[inner:]  # another cell magic, such as %%time, has to be on the first line


@dataclass(slots=True, eq=False)
class Session:
    """What is registered in one IPython shell, and the cell ids that its front end has told."""

    shell: Any
    role_lines: RoleLines = field(default_factory=RoleLines)
    ids: list[tuple[str, str]] = field(default_factory=list)
    widget: Any = None

    def seen(self, info: Any) -> None:
        """Remember which cell of the document a text came from: IPython's history does not."""
        if info.store_history and info.cell_id:
            self.ids.append((info.raw_cell, info.cell_id))

    def deploy(self, line: str) -> Any:
        """Deploy this notebook as a service, with the proof that it answers as the notebook did.

        `%deploy NAME` records, exports, proves, tracks and builds; `%deploy --check` only says what stands in the way;
        `%deploy --help` lists the options.
        """
        try:
            return self.deployed(parsed_line(magic_parser(), line))
        except HelpShown:
            return None
        except (NbdeployError, KeyboardInterrupt) as error:
            raise readable(error) from None

    def deployed(self, options: Namespace) -> Any:
        if os.environ.get(RECORDING):
            print("%deploy does nothing here: nbdeploy itself is running this notebook")
            return None
        notebook = self.notebook(options.notebook)
        stale = self.stale(notebook)
        if options.check:
            return checked(notebook, stale, options)
        if stale:
            self.show(shown_diagnostics(stale))
        from nbdeploy.deploying import deploy

        with self.live_objects(notebook, options) as live, self.progress() as progress:
            made: Deployment = deploy(deploy_request(options, notebook, live=live), progress)
            if self.widget is not None:
                self.widget.ended(made)
        return replace(made, diagnostics=(*stale, *made.diagnostics))

    def panel(self, line: str) -> Any:
        """Show the panel: this notebook's cells, what stands in the way of a deploy, and the deploy.

        In a terminal, and where the panel is not built, it is a table of the cells and their roles.
        """
        try:
            if line.strip():
                raise wrong_use("%nbdeploy takes no arguments", "%deploy --help lists the options of a deploy")
            if os.environ.get(RECORDING):
                print("%nbdeploy shows nothing here: nbdeploy itself is running this notebook")
                return None
            notebook = self.notebook(None)
            table = panel(notebook)
            return (self.shown_panel(notebook, table.text) if in_kernel(self.shell) else None) or table
        except NbdeployError as error:
            raise readable(error) from None

    def shown_panel(self, notebook: Path, text: str) -> Any:
        """Return the widget, the same one for the same notebook; None where it is not built."""
        if not PANEL.is_file():
            return None
        from nbdeploy.frontends.panel import Panel

        if self.widget is None or self.widget.notebook != notebook:
            self.widget = Panel(notebook, text)
        return self.widget

    def notebook(self, explicit: Path | None) -> Path:
        from nbdeploy.frontends.notebook_path import find_notebook

        sources = [each.source for each in history(self.shell)]
        return find_notebook(explicit, sources, self.shell.user_ns, os.environ, Path.cwd())

    def stale(self, notebook: Path) -> list[Diagnostic]:
        from nbdeploy.frontends.notebook_path import read_notebook
        from nbdeploy.frontends.staleness import stale_cells

        try:
            return stale_cells(read_notebook(notebook), history(self.shell, self.ids))
        except NotebookError:
            return []  # the deploy, or the check, says so with more to go by

    @contextmanager
    def live_objects(self, notebook: Path, options: Namespace) -> Iterator[Path | None]:
        """Give the folder with copies of this kernel's fitted objects, if they are asked for; it is removed afterwards."""
        if options.source != "kernel":
            yield None
            return
        from shutil import rmtree

        from nbdeploy.recording.live import dump

        folder = Path(dump(self.shell.user_ns, notebook))
        try:
            yield folder
        finally:
            rmtree(folder, ignore_errors=True)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Draw the progress below the cell, and in the panel where one is shown."""
        from nbdeploy.frontends.progress_views import notebook_view, plain_view, quiet_view

        below = notebook_view() if in_kernel(self.shell) else plain_view(sys.stdout)
        beside = quiet_view() if self.widget is None else self.widget.following()
        with below as draw_here, beside as draw_there:

            def draw(event: Event) -> None:
                draw_here(event)
                draw_there(event)

            yield draw

    def show(self, answer: Shown) -> None:
        if in_kernel(self.shell):
            from IPython.display import display

            display(answer)  # type: ignore[no-untyped-call]
        else:
            print(answer)


def load(shell: Any) -> None:
    """Register everything in an IPython shell; loading twice changes nothing."""
    if shell in SESSIONS:
        return
    session = SESSIONS[shell] = Session(shell)
    shell.input_transformers_cleanup.append(session.role_lines)
    shell.events.register("pre_run_cell", session.seen)
    shell.register_magic_function(session.deploy, "line", "deploy")
    shell.register_magic_function(session.panel, "line", "nbdeploy")
    for role in ROLES:
        shell.register_magic_function(role_magic(shell, role), "cell", role)
    show_deployments(shell)


def unload(shell: Any) -> None:
    """Take away what `load` registered."""
    session = SESSIONS.pop(shell, None)
    if session is None:
        return
    shell.input_transformers_cleanup.remove(session.role_lines)
    shell.events.unregister("pre_run_cell", session.seen)
    for kind, names in (("line", ("deploy", "nbdeploy")), ("cell", ROLES)):
        for name in names:
            shell.magics_manager.magics[kind].pop(name, None)
    from nbdeploy.request import Deployment

    for mime in ("text/html", "text/plain"):
        shell.display_formatter.formatters[mime].type_printers.pop(Deployment, None)


def show_deployments(shell: Any) -> None:
    """Let the shell show a Deployment as a table; the value itself stays free of any front end."""
    from nbdeploy.frontends.rendering import deployment_html, deployment_text
    from nbdeploy.request import Deployment

    def plain(value: Deployment, printer: Any, cycle: bool) -> None:
        printer.text(deployment_text(value))

    formatters = shell.display_formatter.formatters
    formatters["text/html"].for_type(Deployment, deployment_html)
    formatters["text/plain"].for_type(Deployment, plain)


def role_magic(shell: Any, role: str) -> Any:
    """Return the cell magic for callers that bypass the input transformer (`run_cell_magic`), and for `%lsmagic`."""

    def magic(line: str, cell: str) -> None:
        run_nested(shell, f"%%{role} {line}\n{cell}")

    magic.__doc__ = f"Tag this cell as `{role}` and run it as any other cell.\n\n{role_parser(role).format_help()}"
    return magic


def run_nested(shell: Any, source: str) -> None:
    """Run a cell inside a cell; its error is raised, and so shown once, by the outer one."""
    shell._showtraceback = lambda *_: None
    try:
        result = shell.run_cell(source)
    finally:
        del shell._showtraceback
    result.raise_error()


def parsed_line(parser: Parser, line: str) -> Namespace:
    """Return the options on a magic's line; wrong use is an error that shows as text."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise readable(wrong_use(f"{parser.prog}: {error}".lower(), "close the quotes")) from None
    try:
        options: Namespace = parser.parse_args(words)
    except NbdeployError as error:
        raise readable(error) from None
    return options


def readable(error: BaseException) -> BaseException:
    """Make IPython show the error's own text where it would show a traceback; the cell still fails."""
    from nbdeploy.frontends.rendering import error_lines

    lines = error_lines(error) if isinstance(error, NbdeployError) else ["interrupted: nothing was deployed"]
    error.__dict__["_render_traceback_"] = lambda: lines
    return error


def in_kernel(shell: Any) -> bool:
    return getattr(shell, "kernel", None) is not None


def checked(notebook: Path, stale: list[Diagnostic], options: Namespace) -> Shown:
    from nbdeploy.frontends.check_view import check_html, check_text
    from nbdeploy.frontends.inspection import check_result

    found = check_result(notebook, options)
    result = replace(found, diagnostics=(*stale, *found.diagnostics))
    return Shown(result.as_json(), check_html(result), check_text(result))


def shown_diagnostics(diagnostics: list[Diagnostic]) -> Shown:
    from nbdeploy.frontends.rendering import diagnostics_html, diagnostics_text

    found = [each.as_json() for each in diagnostics]
    return Shown(found, diagnostics_html(found), diagnostics_text(found))


def panel(notebook: Path) -> Shown:
    from nbdeploy.frontends.notebook_path import read_notebook
    from nbdeploy.frontends.rendering import cells_html, cells_text

    cells = [
        {"index": each.index, "role": str(each.role or ""), "source": each.source}
        for each in read_notebook(notebook).code_cells
    ]
    answer = {"path": str(notebook), "cells": cells}
    return Shown(answer, cells_html(notebook.name, cells), cells_text(notebook.name, cells))
