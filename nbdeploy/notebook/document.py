"""The JSON of an .ipynb file, checked by hand: any text in, well-formed cells and coded problems out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from nbdeploy.errors import Diagnostic, NotebookError, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Document", "RawCell", "read_document"]

_KINDS = ("code", "markdown", "raw")


@dataclass(frozen=True, slots=True)
class RawCell:
    index: int
    id: str
    kind: str
    source: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A notebook's cells before their roles and code are read; odd cells are left out, their problem is told."""

    cells: tuple[RawCell, ...]
    metadata: Mapping[str, Any] = field(hash=False)
    language: str
    nbformat: tuple[int, int]
    diagnostics: tuple[Diagnostic, ...]


def read_document(text: str) -> Document:
    """Read the JSON text of a notebook; raises NotebookError where no cells can be found (NBD001, NBD002)."""
    notebook = _object(_loaded(text.removeprefix("\ufeff")))
    version = _version(notebook)
    metadata = notebook.get("metadata") or {}
    problems: list[Diagnostic] = []
    if not isinstance(metadata, dict):
        problems.append(_odd(f"the notebook's metadata is {_kind(metadata)}, not an object"))
        metadata = {}
    language, found = _language(metadata)
    problems += found
    cells: list[RawCell] = []
    seen: set[str] = set()
    for index, raw in enumerate(_cells(notebook)):
        cell = _cell(raw, index, seen)
        if isinstance(cell, RawCell):
            cells.append(cell)
            seen.add(cell.id)
        else:
            problems.append(cell)
    return Document(tuple(cells), metadata, language, version, tuple(problems))


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise NotebookError(_odd("the file's JSON is nested too deeply to be a notebook")) from None
    except ValueError as error:  # also an integer of more digits than Python reads
        raise NotebookError(_odd(f"the file is not JSON: {_why_no_json(text, error)}")) from None


def _why_no_json(text: str, error: ValueError) -> str:
    start = text[:200].lstrip().lower()
    if not start:
        return "it is empty"
    if start.startswith("version https://git-lfs"):
        return "it is a Git LFS pointer; run 'git lfs pull'"
    if start.startswith(("<!doctype", "<html")):
        return "it is a web page; download the raw file"
    if "\n<<<<<<< " in text and "\n>>>>>>> " in text:
        return "it holds Git's marks of a merge conflict"
    return str(error)


def _object(loaded: Any) -> dict[str, Any]:
    if not isinstance(loaded, dict):
        raise NotebookError(_odd(f"the file's JSON is {_kind(loaded)}, not a notebook"))
    if "nbformat" not in loaded and "cells" not in loaded and "worksheets" not in loaded:
        raise NotebookError(_odd("the file is JSON but no notebook: it has neither 'nbformat' nor 'cells'"))
    return loaded


def _version(notebook: dict[str, Any]) -> tuple[int, int]:
    major, minor = notebook.get("nbformat"), notebook.get("nbformat_minor", 0)
    if not _is_count(major):
        raise NotebookError(_odd("the file has no format version: its 'nbformat' is no whole number"))
    if major < 4:
        message = f"the notebook has the old format {major}; nbdeploy reads format 4"
        raise NotebookError(_format(message, "convert it: jupyter nbconvert --to notebook --nbformat 4 NOTEBOOK"))
    if major > 4:
        message = f"the notebook has format {major}, which is newer than this nbdeploy; it reads format 4"
        raise NotebookError(_format(message, "update nbdeploy, or save the notebook in format 4"))
    return major, minor if _is_count(minor) else 0


def _cells(notebook: dict[str, Any]) -> list[Any]:
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise NotebookError(_odd(f"the notebook's 'cells' is {_kind(cells)}, not a list"))
    return cells


def _language(metadata: Mapping[str, Any]) -> tuple[str, list[Diagnostic]]:
    """Tell the kernel's language in lower case; without a word about it a notebook is Python's."""
    spec, info = _mapping(metadata.get("kernelspec")), _mapping(metadata.get("language_info"))
    told = [each for each in (spec.get("language"), info.get("name")) if isinstance(each, str) and each]
    named = told[0] if told else "python"
    language = named.strip().lower()
    if language in ("python", "python2", "python3", "ipython"):
        old = language == "python2" or spec.get("name") == "python2" or str(info.get("version", "")).startswith("2.")
        return "python", [_python_2_kernel()] if old else []
    message = f"the notebook's language is {named!r}; nbdeploy deploys Python notebooks only"
    return language, [Diagnostic(code="NBD003", message=message, fix="use a Python kernel")]


def _cell(raw: Any, index: int, seen: set[str]) -> RawCell | Diagnostic:
    if not isinstance(raw, dict):
        return _odd(f"the cell is {_kind(raw)}, not an object", index)
    kind, source, metadata = raw.get("cell_type"), raw.get("source", ""), raw.get("metadata") or {}
    if kind not in _KINDS:
        shown = ascii(kind)[:60] if isinstance(kind, str) else _kind(kind)
        return _odd(f"the cell's 'cell_type' is {shown}, not one of {', '.join(_KINDS)}", index)
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return _odd("the cell's 'source' is neither a text nor a list of texts", index)
    if not isinstance(metadata, dict):
        return _odd(f"the cell's metadata is {_kind(metadata)}, not an object", index)
    tags = metadata.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return _odd("the cell's 'metadata.tags' is not a list of texts", index)
    own = raw.get("id")
    name = own if isinstance(own, str) and own and own not in seen else f"cell-{index}"
    return RawCell(index, name, kind, source, tuple(tags))


def _odd(message: str, cell: int | None = None) -> Diagnostic:
    fix = "open it in Jupyter and save it again, or restore it from a good copy"
    return Diagnostic(code="NBD001", message=message, fix=fix, cell=cell)


def _format(message: str, fix: str) -> Diagnostic:
    return Diagnostic(code="NBD002", message=message, fix=fix)


def _python_2_kernel() -> Diagnostic:
    message = "the notebook was last saved with a Python 2 kernel; it is read, and will be run, as Python 3"
    fix = "run it once with a Python 3 kernel and save it"
    return Diagnostic(code="NBD003", message=message, fix=fix, severity=Severity.WARNING)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
