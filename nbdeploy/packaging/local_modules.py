"""The user's own modules travel with the package: those beside the notebook, and those in folders that it adds to the path."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nbdeploy.errors import ArtifactError, Diagnostic

if TYPE_CHECKING:
    from nbdeploy.analysis.program import Program

__all__ = ["local_modules"]


def local_modules(program: Program, names: Iterable[str]) -> dict[str, Path]:
    """Return the files of modules by their places in the package.

    Raises ArtifactError NBD404 where a module is in none of the folders that the notebook looks into.
    """
    folders = list(dict.fromkeys(_folders(program)))
    found: dict[str, Path] = {}
    for name in names:
        files = next(filter(None, (_files(folder, name) for folder in folders)), {})
        if not files:
            raise ArtifactError(_nowhere(name, folders))
        found |= files
    return found


def _folders(program: Program) -> Iterator[Path]:
    """Yield the notebook's folder and, as far as they are spelt out, those of `sys.path.append("../src")`."""
    beside = Path(program.notebook.path).resolve().parent
    yield beside
    for call in (node for each in program.statements for node in ast.walk(each.node) if isinstance(node, ast.Call)):
        if ast.unparse(call.func) in {"sys.path.append", "sys.path.insert"} and call.args:
            texts = (each.value for each in ast.walk(call.args[-1]) if isinstance(each, ast.Constant))
            parts = [each for each in texts if isinstance(each, str)]  # also of os.path.join(os.getcwd(), "..")
            if parts:
                yield beside.joinpath(*parts).resolve()


def _files(folder: Path, name: str) -> dict[str, Path]:
    single, package = folder / f"{name}.py", folder / name
    if single.is_file():
        return {single.name: single}
    if (package / "__init__.py").is_file():
        return {str(each.relative_to(folder)): each for each in sorted(package.rglob("*.py"))}
    return {}


def _nowhere(name: str, folders: list[Path]) -> Diagnostic:
    added = f" nor in {', '.join(map(str, folders[1:]))}" if len(folders) > 1 else ""
    return Diagnostic(
        code="NBD404",
        message=f"the served code imports {name!r}, which belongs to no installed package and does not lie beside the notebook"
        f"{added}",
        fix=f"put {name}.py, or the folder {name} with its __init__.py, into the notebook's folder, or install it as a package",
    )
