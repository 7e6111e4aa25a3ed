"""Which file is the notebook that this kernel runs? A kernel is not told, so front ends' traces are read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.frontends.running import DEPLOY_LINE, INJECTED, normal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbdeploy.notebook.cells import Notebook

__all__ = ["find_notebook", "read_notebook"]

SUFFIX = ".ipynb"
MAX_LISTED = 5


def find_notebook(
    explicit: Path | None, sources: Sequence[str], user_ns: Mapping[str, Any], environ: Mapping[str, str], folder: Path
) -> Path:
    """Return the path of the notebook whose kernel ran `sources`, the last of them the call itself.

    The user's own word comes first, then what front ends say (papermill, VS Code, Jupyter's server, whose word was
    given when the kernel started and may be out of date), then the only notebook in `folder` that holds what was run.

    Raises UsageError (NBD701), with the likely candidates, where that leaves none.
    """
    if explicit is not None:
        return existing(explicit, folder)
    told = [user_ns.get("PAPERMILL_INPUT_PATH"), user_ns.get("__vsc_ipynb_file__")]
    for path in (place for each in told for place in places(each, folder)):
        return path
    served = places(environ.get("JPY_SESSION_NAME"), folder)
    # A kernel started from another notebook (papermill inside a cell) inherits that notebook's name.
    for path in served:
        if ran_from(path, sources[-1:]) or any(ran_from(path, [each]) for each in sources):
            return path
    matching = unique_match(sources, folder)
    if matching or served:
        return matching or served[0]
    raise not_found(sources, folder)


def read_notebook(path: Path) -> Notebook:
    """Read a notebook's file; raises NotebookError where it is none."""
    from nbdeploy.notebook.cells import parse_notebook

    return parse_notebook(path.read_text("utf-8", errors="replace"), str(path))


def existing(explicit: Path, folder: Path) -> Path:
    path = folder / explicit.expanduser()
    if path.is_file():
        return path
    fix = f"give one of {listed(notebooks_in(path.parent))}" if notebooks_in(path.parent) else "check the path"
    raise UsageError(Diagnostic(code="NBD701", message=f"--notebook {explicit}: there is no such file", fix=fix))


def places(told: Any, folder: Path) -> list[Path]:
    """Return the existing notebook files that a front end's word can mean.

    Jupyter's server gives the full path; before 2.0.7, and for sessions without a name, the path below its root,
    which is the kernel's folder or one of those above it.
    """
    if not isinstance(told, str) or not told.endswith(SUFFIX):
        return []
    tried = [parent / told for parent in (folder, *folder.parents)] + [folder / Path(told).name]
    return [path for path in tried if path.is_file()][:1]


def unique_match(sources: Sequence[str], folder: Path) -> Path | None:
    """Return the only notebook of `folder` that holds all that ran, or all but the call itself if that was edited."""
    ran = [each for each in sources if not each.lstrip().startswith(INJECTED)]
    without_call = [each for each in ran if not DEPLOY_LINE.search(each)]
    for wanted in (ran, without_call):
        found = [path for path in notebooks_in(folder) if wanted and ran_from(path, wanted)]
        if len(found) == 1:
            return found[0]
    return None


def ran_from(path: Path, sources: Sequence[str]) -> bool:
    on_disk = set(code_cells(path))
    return bool(on_disk) and all(normal(each) in on_disk for each in sources)


def code_cells(path: Path) -> list[str]:
    """Return the normalised sources of a file's code cells, none where it is not a notebook."""
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        return [normal("".join(each["source"])) for each in cells if each["cell_type"] == "code"]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def notebooks_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file()) if folder.is_dir() else []


def not_found(sources: Sequence[str], folder: Path) -> UsageError:
    """Return the request for `--notebook PATH`, the notebooks that hold most of what ran named first."""
    ran = {normal(each) for each in sources}
    near = sorted(notebooks_in(folder), key=lambda path: -len(ran & set(code_cells(path))))
    known = f"near here: {listed(near)}" if near else f"there is no {SUFFIX} file in {folder}"
    message = f"which file is this notebook? The kernel was not told, and no single file holds what it ran ({known})"
    example = os.fspath(near[0].name) if near else f"PATH{SUFFIX}"
    return UsageError(Diagnostic(code="NBD701", message=message, fix=f"say it: %deploy NAME --notebook {example}"))


def listed(paths: Sequence[Path]) -> str:
    names = [path.name for path in paths]
    return ", ".join(names[:MAX_LISTED]) + (f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else "")
