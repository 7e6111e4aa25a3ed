"""Write a target's files, all or none: what somebody has changed by hand is not overwritten unasked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.home import write_atomically

__all__ = ["Written", "write_delivery"]

RUNNABLE = {".sh"}


@dataclass(frozen=True, slots=True)
class Written:
    """The files that were written, and those that stood there as they should."""

    written: tuple[Path, ...]
    unchanged: tuple[Path, ...]


def write_delivery(files: Mapping[str, str], out: Path, *, force: bool = False) -> Written:
    """Write files below `out`. Raises UsageError NBD752, before any is written, where one of them stands there otherwise."""
    places = {out / path: text for path, text in files.items()}
    differing = [path for path, text in places.items() if path.exists() and _text(path) != text]
    if differing and not force:
        listed = ", ".join(str(path) for path in differing[:5]) + (" and more" if len(differing) > 5 else "")
        message = f"{len(differing)} of {len(places)} files stand there already and differ: {listed}"
        fix = "--force overwrites them (`git diff` then shows what changes); --out DIR writes elsewhere"
        raise UsageError(Diagnostic(code="NBD752", message=message, fix=fix))
    unchanged = tuple(path for path, text in places.items() if path.is_file() and _text(path) == text)
    for path in places.keys() - set(unchanged):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            message = f"{path.parent} can't be made: {problem.strerror or problem}"
            raise UsageError(Diagnostic(code="NBD752", message=message, fix="--out DIR writes elsewhere")) from None
        write_atomically(path, places[path])
        if path.suffix in RUNNABLE:
            path.chmod(0o755)
    return Written(tuple(path for path in places if path not in unchanged), unchanged)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
