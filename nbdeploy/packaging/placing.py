"""Where a package goes that the user asked for: looked at before the run, written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.packaging.package import unwritable

__all__ = ["check_place", "copy_whole"]


def check_place(out: Path | None) -> None:
    """Refuse a target that can't take the package."""
    if out is None:
        return
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "contract.json").is_file())):
        raise UsageError(
            Diagnostic(
                code="NBD710",
                message=f"{out} holds something that nbdeploy did not make",
                fix="give --out a new folder, an empty one, or one of an earlier export",
            )
        )
    nearest = next(each for each in out.absolute().parents if each.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise unwritable(out, PermissionError(errno.EACCES, f"{nearest} is not writable"))


def copy_whole(folder: Path, out: Path, undo: ExitStack) -> None:
    """Copy a tree to `out` whole or not at all."""
    partial = out.absolute().with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        undo.callback(shutil.rmtree, partial, ignore_errors=True)
        shutil.copytree(folder, partial)
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out.absolute())
        undo.callback(shutil.rmtree, out, ignore_errors=True)
    except OSError as problem:
        raise unwritable(out, problem) from None
