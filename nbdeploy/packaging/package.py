"""The exported package as a value: texts and files by path, written in one go."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nbdeploy.analysis.values import Schema
from nbdeploy.errors import Diagnostic, EnvironmentProblem
from nbdeploy.packaging.environment import Lock
from nbdeploy.packaging.tolerance import STRICT, Tolerance

__all__ = ["Package", "unwritable"]


@dataclass(frozen=True, slots=True)
class Package:
    """A package ready to be written: `texts` and `binaries` (files to copy) by path inside it.

    `provenance` maps a line of an emitted file to the notebook's cell and line, for the statements of the served code.
    `tolerance` is what an answer may differ by from the notebook's.
    """

    name: str
    module: str
    version: str
    input: Schema
    output: Schema
    lock: Lock
    texts: Mapping[str, str]
    binaries: Mapping[str, Path]
    provenance: Mapping[tuple[str, int], tuple[int, int]]
    tolerance: Tolerance = STRICT

    def write(self, folder: Path) -> None:
        """Write the tree to `folder`, which must not hold anything; what can't be written whole is taken away again."""
        try:
            for path, text in self.texts.items():
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
            for path, source in self.binaries.items():
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        except OSError as problem:
            shutil.rmtree(folder, ignore_errors=True)
            raise unwritable(folder, problem) from None


def unwritable(folder: Path, problem: OSError) -> EnvironmentProblem:
    """Return the error of a package that can't be written to `folder`."""
    message = f"the package can't be written to {folder}: {problem.strerror or problem}"
    fix = "make room or make it writable, or choose another folder with --out DIR; nothing was left behind"
    return EnvironmentProblem(Diagnostic(code="NBD403", message=message, fix=fix))
