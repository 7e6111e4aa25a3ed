"""Build, find and delete Bentos inside the running process, without a trace in it. The only file that calls BentoML."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import shutil
import sys
import tempfile
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import ArtifactError, Diagnostic, EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

__all__ = ["BuiltBento", "build", "check_installed", "delete", "exists", "find", "home"]

TAG_PART = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
_BUILDING = threading.Lock()  # a build changes the working directory, which the whole process shares


@dataclass(frozen=True, slots=True)
class BuiltBento:
    """A Bento in the store: its tag (`name:version`) and its folder."""

    tag: str
    path: Path

    @property
    def version(self) -> str:
        return self.tag.partition(":")[2]


def build(folder: Path, name: str, version: str, labels: Mapping[str, str]) -> BuiltBento:
    """Build the exported package in `folder` as the Bento `name:version`, as its `bentofile.yaml` says.

    Raises ArtifactError NBD631: the service can't be imported or built; NBD632: the version exists; NBD633: BentoML
    takes no such name or version; NBD638: the lock does not pin BentoML. EnvironmentProblem NBD634: BentoML is missing;
    NBD635: its store can't be written.
    """
    _check_tag(name, version)
    with _BUILDING, _visible(folder) as source, _untouched_process(source), _quiet():
        bentoml = _bentoml()
        _check_lock(folder, bentoml.__version__)
        store = _store()
        if exists(name, version):
            raise _problem(
                "NBD632", f"the Bento {name}:{version} exists already", "deploy again: the next version is taken"
            )
        try:
            return _built(bentoml, store, source, name, version, labels)
        except Exception as error:
            if isinstance(error, OSError) and str(error.filename or "").startswith(str(home())):
                raise _store_problem(error) from error
            message = f"BentoML could not build the package in {folder}: {_cause(error)}"
            raise _problem("NBD631", message, "run `bentoml build` in that folder to see all of it") from error


def find(tag: str) -> BuiltBento:
    """Return the Bento of this exact tag. Without a version, or with `latest`, the newest one.

    BentoML itself takes `name:1` for `name:10` where the former is missing; a wrong version must never be served.
    Raises EnvironmentProblem NBD636: there is no such Bento.
    """
    name, _, version = tag.partition(":")
    latest = home() / "bentos" / name / "latest"
    if version in {"", "latest"} and latest.is_file():
        version = latest.read_text(encoding="utf-8").strip()
    path = _path_in_store(name, version)
    if TAG_PART.fullmatch(name) and TAG_PART.fullmatch(version.lower()) and (path / "bento.yaml").is_file():
        return BuiltBento(f"{name}:{version}", path)
    message = f"there is no Bento {tag} in the store {home() / 'bentos'}"
    fix = "`nbdeploy list` names what there is; BENTOML_HOME says where the store lies"
    raise EnvironmentProblem(Diagnostic(code="NBD636", message=message, fix=fix))


def exists(name: str, version: str) -> bool:
    """Tell whether the store holds this version, whoever built it."""
    return _path_in_store(name, version).exists()


def delete(tag: str) -> None:
    """Delete the Bento of this exact tag. Raises EnvironmentProblem NBD636: there is none."""
    found = find(tag)
    with _quiet():
        _bentoml()
        try:
            _store().delete(found.tag)
        except OSError as error:
            raise _store_problem(error) from error


def home() -> Path:
    """Return BentoML's folder: `BENTOML_HOME` as it stands now, else `~/bentoml`."""
    named = os.environ.get("BENTOML_HOME")
    return Path(os.path.expandvars(named)).expanduser() if named else Path.home() / "bentoml"


def _built(
    bentoml: ModuleType, store: Any, folder: Path, name: str, version: str, labels: Mapping[str, str]
) -> BuiltBento:
    # The store is given: BentoML's own is fixed when it is first used, and BENTOML_HOME may change later.
    bento = bentoml.bentos.build_bentofile(
        str(folder / "bentofile.yaml"),
        name=name,
        version=version,
        labels={key: str(value) for key, value in labels.items()},
        build_ctx=str(folder),
        _bento_store=store,
    )
    return BuiltBento(str(bento.tag), Path(bento.path))


def _path_in_store(name: str, version: str) -> Path:
    return home() / "bentos" / name / version


def _store() -> Any:
    from bentoml._internal.bento import BentoStore

    try:
        (home() / "bentos").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _store_problem(error) from error
    return BentoStore(home() / "bentos")


def check_installed() -> None:
    """Raise EnvironmentProblem NBD634 where BentoML is missing; it is not imported."""
    if importlib.util.find_spec("bentoml") is None:
        raise _not_there("it is not installed")


def _bentoml() -> ModuleType:
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    try:
        return importlib.import_module("bentoml")
    except ImportError as error:
        raise _not_there(str(error)) from error


def _not_there(why: str) -> EnvironmentProblem:
    fix = "pip install 'bentoml>=1.4.30'"
    return EnvironmentProblem(Diagnostic(code="NBD634", message=f"BentoML can't be imported: {why}", fix=fix))


@contextlib.contextmanager
def _visible(folder: Path) -> Iterator[Path]:
    """Give a folder that BentoML reads: it refuses files below a hidden one, such as ~/.local/share."""
    if not any(part.startswith(".") for part in folder.resolve().parts):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="nbdeploy-build-") as scratch:
        copy = Path(scratch).resolve() / folder.name.lstrip(".")
        try:
            shutil.copytree(folder, copy)
        except OSError as error:
            raise _store_problem(error) from error
        yield copy


@contextlib.contextmanager
def _untouched_process(folder: Path) -> Iterator[None]:
    """Let the package be imported under its own name, and leave modules, path and working directory as they were.

    The process may be a kernel that holds another module of the same name, or an older version of this very package.
    """
    tops = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    path, cwd, bytecode = list(sys.path), Path.cwd(), sys.dont_write_bytecode
    before = _take_out(tops)
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        _take_out(tops)
        sys.modules.update(before)
        sys.path[:] = path
        os.chdir(cwd)
        sys.dont_write_bytecode = bytecode
        sys.path_importer_cache.pop(str(folder), None)


def _take_out(tops: set[str]) -> dict[str, ModuleType]:
    """Remove the modules of these top-level names from `sys.modules` and return them."""
    names = [name for name in sys.modules if name.partition(".")[0] in tops]
    return {name: sys.modules.pop(name) for name in names}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence BentoML's loggers, and the warnings about its own use of other libraries."""
    logger = logging.getLogger("bentoml")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _check_tag(name: str, version: str) -> None:
    for what, value in (("name", name), ("version", version)):
        if not TAG_PART.fullmatch(value):
            message = (
                f"BentoML takes no {what} such as {value!r}: up to 63 small letters, digits, dots, dashes, underscores"
            )
            raise _problem("NBD633", message, f"choose such a {what}, starting and ending with a letter or a digit")


def _check_lock(folder: Path, bentoml_version: str) -> None:
    """See that a container gets what was proven: BentoML adds itself, unlocked, to requirements that lack it."""
    lock = folder / "requirements.lock"
    text = lock.read_text(encoding="utf-8") if lock.is_file() else ""
    if not re.search(rf"^bentoml(\[[^]]*\])?=={re.escape(bentoml_version)}(\s|$)", text, re.MULTILINE):
        message = f"{lock} does not pin bentoml=={bentoml_version}, so a container would not hold what was proven here"
        raise _problem("NBD638", message, f"lock the package's requirements together with bentoml=={bentoml_version}")


def _problem(code: str, message: str, fix: str) -> ArtifactError:
    return ArtifactError(Diagnostic(code=code, message=message, fix=fix))


def _store_problem(error: OSError) -> EnvironmentProblem:
    message = f"BentoML's store {home()} can't be written: {error}"
    fix = "set BENTOML_HOME to a folder that you can write, or free some space"
    return EnvironmentProblem(Diagnostic(code="NBD635", message=message, fix=fix))


def _cause(error: BaseException) -> str:
    """Return what went wrong, without BentoML's guesses at what else might have been meant."""
    found = re.search(r'Failed to import module "service": (.+)', str(error))
    return (found.group(1) if found else f"{type(error).__name__}: {error}")[:1500]
