"""The user's data folder: the exported packages by name and version, the tracking store, the caches.

<data folder>/
  packages/<name>/<n>/          the exported package of version n
  packages/<name>/<n>.json      what `nbdeploy list` and `show` tell about it
  packages/<name>/<n>.partial/  a version that a running deploy has claimed
  failed/<name>/*.html          reports of the last deploys that a gate stopped
  mlflow.db  mlartifacts/       the default tracking store
  locks/                        hashes of requirements that were looked up before
  onnx/                         models that were converted before
  onnxruntime-web/              what pages of `nbdeploy edge` compute with
  releases/<name>/              which version answers, and what happened (operating/release/store.py)
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nbdeploy.errors import Diagnostic, EnvironmentProblem, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "Claim",
    "check_name",
    "claim_version",
    "data_folder",
    "list_deployments",
    "load_deployment",
    "packages_folder",
    "save_deployment",
    "write_atomically",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK}  # file systems that can't lock, such as some network mounts


LockState = Literal["held", "busy", "impossible"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A version number that belongs to one running deploy, and the folder to fill for it."""

    name: str
    version: str
    folder: Path

    @property
    def published(self) -> Path:
        """Where the folder will be once the deploy has succeeded."""
        return self.folder.with_name(self.version)


def data_folder() -> Path:
    """Give the folder where nbdeploy keeps what it makes: `NBDEPLOY_HOME`, or the platform's place for user data.

    It is created when missing. Raises EnvironmentProblem (NBD601) where nothing can be written.
    """
    chosen = os.environ.get("NBDEPLOY_HOME")
    if chosen:
        folder = Path(chosen).expanduser().absolute()
    else:
        from platformdirs import user_data_path

        folder = user_data_path("nbdeploy", appauthor=False)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "no permission to write", str(folder))
    return folder


def packages_folder(name: str) -> Path:
    """Give the folder that holds the versions of `name`, created when missing.

    Raises UsageError (NBD602) for a name that can't be a folder.
    """
    folder = _versions_folder(name)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def claim_version(name: str, taken: Callable[[str, str], bool] = lambda name, version: False) -> Iterator[Claim]:
    """Claim the next version of `name` ("1", "2", ...) and publish its folder at the end of the block.

    No other process gets the same number, and none is given that is `taken` elsewhere. When the block raises, the folder
    is removed and the number is free again; what a killed process left behind is cleared by the next claim.
    """
    folder = packages_folder(name)
    with writing(folder):
        claim, owner = _next_free(folder, name, taken)
    try:
        yield claim
        with writing(folder):
            claim.folder.replace(claim.published)
    finally:
        shutil.rmtree(claim.folder, ignore_errors=True)
        _release(owner, _owner_file(folder, claim.version))


def save_deployment(name: str, version: str, data: dict[str, Any]) -> Path:
    """Keep what a deploy told about one published version, and when, for `load_deployment` and `list_deployments`."""
    target = packages_folder(name) / f"{version}.json"
    kept = {**data, "deployed": datetime.now(UTC).isoformat(timespec="seconds")}
    write_atomically(target, json.dumps(kept, indent=2, default=str, ensure_ascii=False) + "\n")
    return target


def load_deployment(name: str, version: str | None = None) -> dict[str, Any]:
    """Read what was saved about one version of `name`, by default the newest.

    Raises UsageError (NBD603) if there is none.
    """
    known = _saved_versions(_versions_folder(name))
    wanted = version if version is not None else next(reversed(known), None)
    if wanted is None or wanted not in known:
        raise UsageError(_unknown(name, version, tuple(known)))
    data = _read_json(known[wanted])
    if data is None:
        raise UsageError(_unknown(name, version, tuple(each for each in known if each != wanted)))
    return data


def list_deployments() -> list[dict[str, Any]]:
    """Read everything that was saved, by name and then by version, oldest first. Unreadable records are left out."""
    root = data_folder() / "packages"
    names = sorted(each.name for each in root.iterdir() if each.is_dir()) if root.is_dir() else []
    found = (_read_json(path) for name in names for path in _saved_versions(root / name).values())
    return [each for each in found if each is not None]


def write_atomically(target: Path, text: str) -> None:
    """Write `text` beside `target` and rename it, so that no reader ever sees half a file."""
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    with writing(target.parent):
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _versions_folder(name: str) -> Path:
    check_name(name)
    return data_folder() / "packages" / name


def check_name(name: str) -> None:
    """Raise UsageError NBD602 for a name that can't be a folder."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            Diagnostic(
                code="NBD602",
                message=f"{name!r} can't be the name of a service: it becomes a folder, a model and a Bento",
                fix="choose a name of letters, digits, '-', '_' and '.', beginning with a letter or a digit",
            )
        )


def _next_free(folder: Path, name: str, taken: Callable[[str, str], bool]) -> tuple[Claim, int]:
    with _locked(folder / ".lock"):
        _clear_leftovers(folder)
        numbers = (each.name.split(".")[0] for each in folder.iterdir())
        number = max((int(each) for each in numbers if each.isdecimal()), default=0) + 1
        while taken(name, str(number)) or not _made(folder / f"{number}.partial"):
            number += 1
        owner, _ = _open_locked(_owner_file(folder, str(number)))
    return Claim(name, str(number), folder / f"{number}.partial"), owner


def _made(partial: Path) -> bool:
    """Make the folder, unless another process did: the arbiter where the file system has no locks."""
    try:
        partial.mkdir()
    except FileExistsError:
        return False
    return True


def _clear_leftovers(folder: Path) -> None:
    """Remove the claims of processes that are gone: the system drops a lock with the process that held it."""
    for partial in folder.glob("*.partial"):
        file = _owner_file(folder, partial.stem)
        descriptor, state = _open_locked(file)
        if state == "held":
            shutil.rmtree(partial, ignore_errors=True)
            _release(descriptor, file)
        else:
            os.close(descriptor)


def _owner_file(folder: Path, version: str) -> Path:
    return folder / f".{version}.owner"


def _open_locked(file: Path) -> tuple[int, LockState]:
    """Open `file` and try to lock it for as long as this process keeps it open."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    return descriptor, _lock(descriptor, wait=False)


def _release(descriptor: int, file: Path) -> None:
    with suppress(OSError):
        file.unlink()
    with suppress(OSError):
        os.close(descriptor)
    with suppress(OSError):
        file.unlink(missing_ok=True)  # for a system that can't remove open files


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":

    def _lock(descriptor: int, *, wait: bool) -> LockState:
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except OSError:
            return "busy"
        return "held"

else:

    def _lock(descriptor: int, *, wait: bool) -> LockState:
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return "busy"
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return "impossible"
        return "held"


def _saved_versions(folder: Path) -> dict[str, Path]:
    numbered = {path.stem: path for path in folder.glob("*.json") if path.stem.isdecimal()}
    return {version: numbered[version] for version in sorted(numbered, key=int)}


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def _unknown(name: str, version: str | None, known: tuple[str, ...]) -> Diagnostic:
    import difflib

    if known:
        message = f"there is no version {version} of {name!r}: the versions are {', '.join(known)}"
        return Diagnostic(code="NBD603", message=message, fix=f"leave the version out to take {known[-1]}, the newest")
    root = data_folder() / "packages"
    names = sorted({path.parent.name for path in root.glob("*/*.json")}) if root.is_dir() else []
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return Diagnostic(
        code="NBD603",
        message=f"nothing called {name!r} was deployed from here",
        fix=f"{hint}`nbdeploy list` shows what there is; `nbdeploy deploy NOTEBOOK --name {name}` makes it",
    )


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what the file system says into an EnvironmentProblem that names the folder."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why, fix = "the disk is full", "free some space there, or set NBDEPLOY_HOME to a folder on another disk"
        else:
            why = (error.strerror or str(error)).lower()
            fix = "make the folder writable, or set NBDEPLOY_HOME to one that is"
        message = f"nbdeploy can't write in its data folder {folder}: {why}"
        raise EnvironmentProblem(Diagnostic(code="NBD601", message=message, fix=fix)) from error
