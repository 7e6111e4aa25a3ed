"""The nbconvert exporter `nbdeploy`: `jupyter nbconvert --to nbdeploy NB` writes the exported package.

The main output is the package's README; all other files go along as nbconvert's "support files", so that whichever writer
is used gets the whole tree: `<notebook>_package/README.md`, `<notebook>_package/service.py`, ...
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbconvert.exporters import Exporter

from nbdeploy.errors import Diagnostic, NbdeployError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbdeploy.progress import Event

__all__ = ["PackageExporter"]

README = "README.md"


class PackageExporter(Exporter):
    """Records the notebook's file in a fresh kernel and exports its serving path, proven, without Bento and MLflow.

    Wishes (`name`, `input`, `output`, `bind`, `allow`, `freeze`) are read from the notebook's own `metadata.nbdeploy`. What
    nbconvert's preprocessors change in the notebook is not looked at: the file is what is run.
    """

    file_extension = ".md"
    output_mimetype = "text/markdown"

    def from_notebook_node(  # type: ignore[override]  # its annotation is of the base class alone: exporters give texts
        self, nb: Any, resources: Any = None, **kw: Any
    ) -> tuple[str, Any]:
        """Return the package's README, and the resources with all other files in `outputs`.

        Raises NbdeployError where no package can be made; as a command it ends with that error's text and exit status.
        """
        _, resources = super().from_notebook_node(nb, resources, **kw)
        try:
            files = self._files(_file_of(resources["metadata"]))
        except NbdeployError as error:
            _end_command(error)
            raise
        folder = f"{resources['unique_key'] or resources['metadata']['name']}_package"
        readme = files.pop(README).decode("utf-8")
        resources["outputs"] = {**(resources["outputs"] or {}), **{f"{folder}/{path}": files[path] for path in files}}
        resources["unique_key"] = f"{folder}/{Path(README).stem}"  # where the writer puts the main output
        resources["output_files_dir"] = folder  # as nbconvert tells the user
        return readme, resources

    def _files(self, notebook: Path) -> dict[str, bytes]:
        """Export the notebook; return the package's files by path."""
        from nbdeploy.deploying import export
        from nbdeploy.request import DeployRequest

        with tempfile.TemporaryDirectory(prefix="nbdeploy-") as scratch:
            folder = Path(scratch) / "package"
            export(DeployRequest(notebook=notebook), folder, self._told)
            found = sorted(path for path in folder.rglob("*") if path.is_file())
            return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}

    def _told(self, event: Event) -> None:
        if event.state == "start" and event.text:
            self.log.info("%s: %s", event.stage, event.text)


def _file_of(metadata: Mapping[str, Any]) -> Path:
    """Return the notebook's file: nbconvert says its folder and its name, unless it read from a stream."""
    path = Path(metadata.get("path") or ".", f"{metadata.get('name') or ''}.ipynb")
    if not path.is_file():
        message = f"a notebook is run in the folder where it lies, and there is no file {path}"
        fix = "save it and give nbconvert the file's path, not a stream"
        raise UsageError(Diagnostic(code="NBD712", message=message, fix=fix))
    return path


def _end_command(error: NbdeployError) -> None:
    """End the command `jupyter nbconvert` with the error's own text; do nothing where nbconvert is used as a library."""
    from nbconvert.nbconvertapp import NbConvertApp
    from traitlets.config import Application

    if Application.initialized() and isinstance(Application.instance(), NbConvertApp):
        Application.instance().log.error("%s", error)
        raise SystemExit(error.exit_status) from None
