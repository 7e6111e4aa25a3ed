"""Values to files and back: one file a format, whose functions are also what the exported package reads with.

A format file has NAME, SUFFIX, REQUIRES (what must be importable to read it), `accepts(value)`,
`save_<NAME>(value, path)` that gives load arguments fit for JSON, and `load_<NAME>(path, **arguments)`. Its functions
import what they need inside themselves, so that their text stands alone. `prepare()`, where there is one, is called first; it
is not in the package.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import warnings
from dataclasses import dataclass, field
from json import dumps, loads
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import ArtifactError, Diagnostic
from nbdeploy.recording.digest import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

__all__ = ["FORMATS", "Stored", "load", "loader_source", "prepare", "saver_source", "store", "suffix", "wanted_types"]

FORMATS = ("json", "npz", "parquet", "torch", "xgboost", "lightgbm", "skops", "pickle")
"""The formats' names, the most specific first; `pickle` only where it was allowed."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A value on disk: its format, its file in the folder, what the loader must be told, its digest and bytes."""

    format: str
    file: str
    arguments: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    size: int = 0
    requires: tuple[str, ...] = ()


class _NotTheSame(Exception):
    """A stored value came back different."""


def store(
    value: object,
    folder: Path,
    stem: str,
    *,
    allow_pickle: bool = False,
    name: str = "",
    cell: int | None = None,
    line: int | None = None,
) -> Stored:
    """Write a value to `folder/stem.<suffix>` in the first format that brings it back exactly.

    Equality is that of `digest`: types, every element, labels and dtypes. `name`, `cell` and `line` say in an error
    where the value comes from. Raises ArtifactError NBD401 where no format carries the value.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = digest(value)
    failures: dict[str, Exception] = {}
    for known in FORMATS:
        module = _module(known)
        if (known != "pickle" or allow_pickle) and module.accepts(value):
            try:
                return _stored(value, wanted, module, folder, stem)
            except Exception as failure:
                failures[known] = failure
    raise ArtifactError(_refusal(value, name or stem, failures, cell, line))


def load(stored: Stored, folder: Path) -> object:
    """Read a stored value. Raises ArtifactError NBD402 where the file is not the one that was stored."""
    path = folder / stored.file
    found = _sha256(path) if path.is_file() else "no file"
    if found != stored.sha256:
        message = f"{stored.file} is not the file that was recorded: its sha256 is {found}, not {stored.sha256}."
        raise ArtifactError(Diagnostic(code="NBD402", message=message, fix="deploy again"))
    return _read(_module(stored.format), path, stored.arguments)


def loader_source(formats: Iterable[str]) -> str:
    """Give the text of the `load_` functions of these formats, in the order of FORMATS, each once."""
    return _sources("load", formats)


def saver_source(formats: Iterable[str]) -> str:
    """Give the text of the `save_` functions of these formats, in the order of FORMATS, each once."""
    return _sources("save", formats)


def prepare(format: str) -> None:
    """Import what reading files of a format takes, and no more than that. A package does without: its environment has no more."""
    module = _module(format)
    if hasattr(module, "prepare"):
        module.prepare()


def suffix(format: str) -> str:
    """Give the ending of a format's file names, with its dot."""
    return str(_module(format).SUFFIX)


def wanted_types(format: str, path: Path) -> tuple[str, ...]:
    """Give the types, beyond plain data and the library's own, that reading a file would build. The file is not read."""
    audit = getattr(_module(format), f"wanted_{format}", None) if format in FORMATS else None
    if audit is None:
        return ()
    prepare(format)
    return tuple(audit(path))


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"nbdeploy.recording.formats.{name}")


def _stored(value: object, wanted: str | None, module: ModuleType, folder: Path, stem: str) -> Stored:
    partial = folder / f".{stem}.partial{module.SUFFIX}"
    path = folder / f"{stem}{module.SUFFIX}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            prepare(module.NAME)
            arguments = loads(dumps(getattr(module, f"save_{module.NAME}")(value, partial)))
            _verify(value, wanted, module, partial, arguments)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return Stored(module.NAME, path.name, arguments, _sha256(path), path.stat().st_size, module.REQUIRES)


def _verify(value: object, wanted: str | None, module: ModuleType, path: Path, arguments: dict[str, Any]) -> None:
    """Raise where the file does not bring the value back, or names what only the notebook's kernel has."""
    homeless = [each for each in arguments.get("trusted", ()) if each.startswith("__main__.")]
    if homeless:
        raise _NotTheSame(f"{homeless[0]} is defined in the notebook, but not as a name that still means it")
    back = _read(module, path, arguments)
    if type(back) is not type(value):
        raise _NotTheSame(f"read back, it is a {_type_name(back)}")
    if wanted is None:
        raise _NotTheSame("what is in it can't be compared with what was written")
    if digest(back) != wanted:
        raise _NotTheSame(f"read back from {module.NAME}, it does not hold the same")


def _read(module: ModuleType, path: Path, arguments: dict[str, Any]) -> object:
    return getattr(module, f"load_{module.NAME}")(path, **arguments)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _refusal(
    value: object, name: str, failures: dict[str, Exception], cell: int | None, line: int | None
) -> Diagnostic:
    """Say why a value can't be stored, by what plain pickle says of it: its words name the part that is in the way."""
    from pickle import dumps as pickled
    from pickle import loads as unpickled

    try:
        unpickled(pickled(value, protocol=5))
    except Exception as failure:
        reason, fix = _obstacle(str(failure))
    else:
        last = next(reversed(failures.values()), None)
        reason = f"no format that is safe to read carries it ({last})" if last else "no format is made for it"
        fix = f"if you trust this notebook, allow plain pickle for it: --allow pickle:{name}"
    message = f"{name} ({_type_name(value)}) can't be stored in the package: {reason}."
    return Diagnostic(code="NBD401", message=message, fix=fix, cell=cell, line=line)


def _obstacle(words: str) -> tuple[str, str]:
    if "<lambda>" in words:
        return "it holds a lambda, which has no name to be found by", "write the lambda as a function with def"
    if "<locals>" in words:
        return (
            f"it holds something defined inside a function ({words})",
            "move that function or class to the top level of a cell",
        )
    if "not the same object" in words:
        return (
            f"it was made with a class or function that was defined again later ({words})",
            "run the notebook again from the top, so that its objects are made with the present definitions",
        )
    return (
        f"{words}",
        "keep only data in it, and open files, connections and locks inside the predict cell",
    )


def _sources(verb: str, formats: Iterable[str]) -> str:
    wanted = set(formats)
    unknown = wanted.difference(FORMATS)
    if unknown:
        raise ValueError(f"unknown formats: {', '.join(sorted(unknown))}")
    texts = (text for name in FORMATS if name in wanted for text in _functions(name, f"{verb}_{name}"))
    return "\n\n\n".join(texts) + "\n"


def _functions(format: str, first: str) -> Iterator[str]:
    """Give the text of a format's function, and after it of the private functions of its file that it uses."""
    source = Path(str(_module(format).__file__)).read_text(encoding="utf-8")
    defined = {each.name: each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef)}
    waiting, seen = [first], {first}
    while waiting:
        function = defined[waiting.pop(0)]
        yield str(ast.get_source_segment(source, function))
        for used in ast.walk(function):
            if isinstance(used, ast.Name) and used.id in defined and used.id not in seen:
                seen.add(used.id)
                waiting.append(used.id)
