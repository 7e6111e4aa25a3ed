"""Where goes what the user asked for: looked at before the work, written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.packaging.package import unwritable

__all__ = ["check_place", "copy_whole", "written_whole"]


def check_place(
    out: Path | None,
    mark: str = "contract.json",
    code: str = "NBD710",
    fix: str = "give --out a new folder, an empty one, or one of an earlier export",
) -> None:
    """Refuse a target that can't be written, or that holds something else than an earlier export, which has the file `mark`."""
    if out is None:
        return
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / mark).is_file())):
        raise UsageError(Diagnostic(code=code, message=f"{out} holds something that nbdeploy did not make", fix=fix))
    nearest = next(each for each in out.absolute().parents if each.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise unwritable(out, PermissionError(errno.EACCES, f"{nearest} is not writable"))


@contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """Yield the place of a folder that takes `out`'s at the end of the block; where the block fails, nothing is left of it.

    Raises EnvironmentProblem NBD403 where it can't be written.
    """
    partial = out.absolute().with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        yield partial
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out.absolute())
    except OSError as problem:
        raise unwritable(out, problem) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def copy_whole(folder: Path, out: Path, undo: ExitStack) -> None:
    """Copy a tree to `out` whole or not at all."""
    with written_whole(out) as partial:
        shutil.copytree(folder, partial)
    undo.callback(shutil.rmtree, out, ignore_errors=True)
