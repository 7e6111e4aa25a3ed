"""The validated notebook: the user's own cells with the outputs of the recorded run, as .ipynb and as HTML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["write_html", "write_validated"]


def write_validated(original: Path, executed: Path, target: Path) -> None:
    """Put the outputs of the executed copy into the user's notebook; cells that papermill added stay in."""
    notebook: dict[str, Any] = json.loads(original.read_text(encoding="utf-8-sig"))
    own = notebook["cells"]
    notebook["cells"] = [_with_outputs(own, cell) for cell in json.loads(executed.read_text(encoding="utf-8"))["cells"]]
    target.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _with_outputs(own: list[dict[str, Any]], executed: dict[str, Any]) -> dict[str, Any]:
    mark = executed["metadata"].get("nbdeploy")
    if mark is None:
        return executed
    cell = dict(own[mark["index"]])
    if executed["cell_type"] == "code":
        cell |= {"outputs": executed["outputs"], "execution_count": executed["execution_count"]}
    return cell


def write_html(notebook: Path, target: Path) -> None:
    """Render a notebook as one HTML file, with nbconvert."""
    import warnings

    import nbformat
    from nbconvert import HTMLExporter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # missing cell ids of older notebooks
        body, _ = HTMLExporter().from_notebook_node(nbformat.read(notebook, as_version=4))
    target.write_text(body, encoding="utf-8")
