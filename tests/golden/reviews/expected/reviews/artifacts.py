"""The fitted objects of the notebook, read from files on import.

`manifest.json` beside the files says of each its format and its sha256. A file is opened only if it is the one that was
recorded; what it may contain beyond plain data is listed there as `trusted`.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = [
    "ArtifactProblem",
    "model",
    "save",
]

FOLDER = Path(os.environ.get("REVIEWS_ARTIFACTS") or Path(__file__).resolve().parent.parent / "artifacts")
"""Where the files are; the environment variable REVIEWS_ARTIFACTS names another folder."""

MANIFEST_VERSION = 1


class ArtifactProblem(RuntimeError):
    """A file is missing, is not the one that was recorded, or is described in a way that this code does not know."""


def _manifest(folder: Path) -> dict[str, Any]:
    """Read what is known of the files in a folder."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise ArtifactProblem(f"{path} is missing: {folder} is not a folder of artifacts")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content.get("version") != MANIFEST_VERSION:
        raise ArtifactProblem(f"{path} has version {content.get('version')}, this code reads {MANIFEST_VERSION}")
    return content


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_skops(path: Path, trusted: list[str]) -> object:
    """Read what `save_skops` wrote. A type that is neither scikit-learn's nor in `trusted` is refused."""
    import skops.io

    return skops.io.load(path, trusted=trusted)


def save_skops(value: object, path: Path) -> dict[str, object]:
    """Write an estimator, and give the types beyond scikit-learn's own that must be trusted to read it."""
    import skops.io

    _teach_skops_pandas()
    skops.io.dump(value, path)
    return {"trusted": skops.io.get_untrusted_types(file=path)}


def _teach_skops_pandas() -> None:
    """Let skops write what estimators keep of a frame: column labels, a series of medians.

    The parts are written as calls of pandas' constructors, a form that skops reads by itself.
    """
    import sys

    from skops.io._utils import _get_state, get_state

    def as_call(make: str, *arguments: Any) -> Any:
        """Describe a value as a call of pandas' own constructor."""
        return lambda save: {
            "__class__": make,
            "__module__": "pandas",
            "__loader__": "ConstructorFromReduceNode",
            "content": get_state(arguments, save),
        }

    def plain(values: Any) -> Any:
        """Give a column as an array where numpy has its dtype, else as a list."""
        return values.to_numpy() if type(values.dtype).__module__.startswith("numpy") else values.tolist()

    def index_state(value: Any, save: Any) -> Any:
        if type(value).__name__ == "RangeIndex":
            return as_call("RangeIndex", value.start, value.stop, value.step, None, False, value.name)(save)
        if type(value).__name__ == "MultiIndex":
            codes = [each.copy() for each in value.codes]
            return as_call("MultiIndex", list(value.levels), codes, value.sortorder, list(value.names))(save)
        return as_call("Index", plain(value), str(value.dtype), False, value.name)(save)

    def series_state(value: Any, save: Any) -> Any:
        return as_call("Series", plain(value), value.index, str(value.dtype), value.name)(save)

    def frame_state(value: Any, save: Any) -> Any:
        columns = {label: value.iloc[:, place] for place, label in enumerate(value.columns)}
        return as_call("DataFrame", columns, value.index, value.columns)(save)

    pandas = sys.modules.get("pandas")
    if pandas is not None:
        _get_state.register(pandas.Index)(index_state)
        _get_state.register(pandas.Series)(series_state)
        _get_state.register(pandas.DataFrame)(frame_state)


FORMATS: dict[str, tuple[Any, Any, str]] = {
    "skops": (load_skops, save_skops, ".skops"),
}
"""How a file of each format is read and written, and how its name ends."""

FORMAT_OF: dict[str, str] = {
    "model": "skops",
}
"""The format that each artifact is kept in."""

TRUSTED: dict[str, set[str]] = {}
"""The types that reading an artifact may build, beyond plain data and the library's own; a manifest can't add any."""


def _load(name: str) -> Any:
    """Read one artifact after its file was found to be the recorded one."""
    entry = _manifest(FOLDER)["artifacts"].get(name)
    if entry is None:
        raise ArtifactProblem(f"{FOLDER / 'manifest.json'} knows no artifact {name!r}")
    path = FOLDER / entry["file"]
    if not path.is_file():
        raise ArtifactProblem(f"{path} is missing; artifact {name!r} was recorded in it")
    found = _sha256(path)
    if found != entry["sha256"]:
        raise ArtifactProblem(f"{path} was changed: its sha256 is {found}, recorded was {entry['sha256']}")
    if entry["format"] != FORMAT_OF[name]:
        raise ArtifactProblem(f"{path} is in the format {entry['format']}; {name!r} is kept as {FORMAT_OF[name]}")
    foreign = set(entry["arguments"].get("trusted", ())) - TRUSTED.get(name, set())
    if foreign:
        raise ArtifactProblem(f"{path} would build {', '.join(sorted(foreign))}, which TRUSTED does not name")
    load = FORMATS[entry["format"]][0]
    return load(path, **entry["arguments"])


def save(name: str, value: object, folder: Path) -> None:
    """Write a new value of an artifact, and its line in the manifest of that folder: both whole or not at all."""
    _, write, suffix = FORMATS[FORMAT_OF[name]]
    folder.mkdir(parents=True, exist_ok=True)
    partial, path = folder / f".{name}.partial{suffix}", folder / f"{name}{suffix}"
    try:
        arguments = write(value, partial)
        entry: dict[str, Any] = {"format": FORMAT_OF[name], "arguments": arguments, "sha256": _sha256(partial)}
        entry |= {"file": path.name, "size": partial.stat().st_size, "type": type(value).__qualname__}
        known = (folder / "manifest.json").is_file()
        content: dict[str, Any] = _manifest(folder) if known else {"version": MANIFEST_VERSION, "artifacts": {}}
        content["artifacts"][name] = content["artifacts"].get(name, {}) | entry
        text = json.dumps(content, indent=2) + "\n"
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    partial = folder / ".manifest.partial.json"
    partial.write_text(text, encoding="utf-8")
    partial.replace(folder / "manifest.json")


model: Pipeline = _load("model")  # cell 12
