"""Audit the artifacts of a written package by what their files say of themselves; none of them is loaded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from nbdeploy.recording.formats import wanted_types

__all__ = ["Audited", "audited", "runs_code"]

# What these modules hold reaches the system, or builds code; data has no need of it.
_RUNNING = frozenset({
    "cloudpickle", "code", "codeop", "ctypes", "dill", "importlib", "marshal", "multiprocessing", "nt", "os", "pickle", "posix",
    "pty", "runpy", "shutil", "socket", "subprocess", "sys", "webbrowser",
})  # fmt: skip
_BUILTINS = frozenset({
    "__import__", "breakpoint", "compile", "delattr", "eval", "exec", "getattr", "input", "open", "setattr",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Audited:
    """One artifact: what the manifest trusts its file to build, and what the file wants built.

    `intact` says that it is the file whose digest stands in the manifest.
    """

    name: str
    file: str
    format: str
    intact: bool
    trusted: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()

    @property
    def untrusted(self) -> tuple[str, ...]:
        """What the file wants built and nobody trusts by name."""
        return tuple(sorted(set(self.wanted) - set(self.trusted)))


def audited(folder: Path) -> tuple[Audited, ...]:
    """Audit what a package's manifest names."""
    artifacts = folder / "artifacts"
    known = json.loads((artifacts / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    return tuple(
        _audit(artifacts / entry["file"], name, entry["format"], entry["sha256"], entry["arguments"].get("trusted", ()))
        for name, entry in known.items()
    )


def _audit(path: Path, name: str, format: str, sha256: str, trusted: list[str]) -> Audited:
    intact = path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    wanted = wanted_types(format, path) if intact else ()
    return Audited(name, path.name, format, intact, tuple(trusted), wanted)


def runs_code(type_name: str) -> bool:
    """Whether building a type of this name, trusted or not, starts programs or runs foreign code."""
    module, _, name = type_name.rpartition(".")
    top = module.partition(".")[0]
    return top in _RUNNING or (top == "builtins" and name in _BUILTINS)
