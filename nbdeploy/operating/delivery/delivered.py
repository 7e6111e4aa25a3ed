"""The service to be delivered, as one value: all targets describe this one."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.operating.delivery.sizing import Sizing, sizing_of
from nbdeploy.packaging.installed import installed, owners
from nbdeploy.packaging.service import key_variable
from nbdeploy.proving.locked import pinned

if TYPE_CHECKING:
    from nbdeploy.analysis.program import Program
    from nbdeploy.operating.versions import Version

__all__ = ["Delivered", "Wish", "delivered", "requirements_of"]

NEEDS_OPENMP = {"lightgbm", "xgboost", "xgboost-cpu"}  # their wheels are linked with it and do not bring it
START_SECONDS = 30.0  # where no cold start was measured
SLOW_MS = 1000.0  # where no latency was
ERRORS = 0.01  # of the requests: more of them end a release, and call somebody


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What only the user knows: where images and manifests live."""

    registry: str = "registry.example.org"
    repository: str = "https://git.example.org/models.git"
    sizing: Sizing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A service as it runs anywhere.

    `label` is its name where only letters, digits and dashes may stand. `start_seconds` is how long a start may last, `slow_ms`
    the p99 above which a release ends and somebody is called, `slow_why` where that comes from. `requirements` are lines of
    a requirements file for CI, besides the version of `nbdeploy`. `hashed` says whether the lock has hashes.
    """

    name: str
    label: str
    module: str
    version: str
    notebook: str
    image: str
    repository: str
    python: str
    key_variable: str
    sizing: Sizing
    start_seconds: int
    slow_ms: float
    slow_why: str
    nbdeploy: str
    hashed: bool = True
    system_packages: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    port: int = 3000
    user: int = 10001
    answer_seconds: int = 60
    errors: float = ERRORS

    @property
    def folder(self) -> str:
        """Where its files go, from the root of the repository."""
        return f"deploy/{self.name}"

    @property
    def minor(self) -> str:
        """Python as `3.11`."""
        return ".".join(self.python.split(".")[:2])

    @property
    def starts(self) -> int:
        """How often a probe of every five seconds may fail until a start has failed."""
        return math.ceil(self.start_seconds / 5)


def delivered(
    name: str, module: str, notebook: Path, program: Program | None, version: Version | None, wish: Wish
) -> Delivered:
    """Return the service, as its newest version is; where none is deployed yet, with the sizes of most.

    `notebook` is the file as CI names it, from the root of the repository.
    """
    figures: Mapping[str, Any] = version.figures("budget") if version else {}
    budgets: Mapping[str, float] = version.contract.budgets if version else {}
    pins = pinned(version.folder / "requirements.lock") if version else {}
    slow_ms, slow_why = _slow(figures, budgets)
    return Delivered(
        name=name,
        label=re.sub(r"[._]+", "-", name),
        module=module,
        version=version.number if version else "1",
        notebook=notebook.as_posix(),
        image=f"{wish.registry.rstrip('/')}/{name}",
        repository=wish.repository,
        python=_python(version),
        key_variable=key_variable(module),
        sizing=wish.sizing or sizing_of(figures, budgets),
        start_seconds=_rounded(3 * float(figures.get("cold_start_s") or START_SECONDS)),
        slow_ms=slow_ms,
        slow_why=slow_why,
        hashed=bool(version.report.get("hashed", True)) if version else True,
        system_packages=("libgomp1",) if NEEDS_OPENMP & set(pins) else (),
        requirements=requirements_of(program) if program else (),
        nbdeploy=installed()["nbdeploy"].version if "nbdeploy" in installed() else "0",
    )


def requirements_of(program: Program) -> tuple[str, ...]:
    """Return pins of what the notebook imports, in the versions that are installed here."""
    imported = {module for each in program.statements for module in _imported(ast.walk(each.node))}
    found = {
        f"{each.name}=={each.version}" for module in imported for each in owners(module) if each.name != "nbdeploy"
    }
    return tuple(sorted(found))


def _imported(nodes: Iterable[ast.AST]) -> Iterable[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _slow(figures: Mapping[str, Any], budgets: Mapping[str, float]) -> tuple[float, str]:
    for key in ("p99_ms_16", "p99_ms"):
        if key in budgets:
            return budgets[key], f"the budget's {key}"
    measured = figures.get("p99_ms_16")
    if measured:
        return float(_rounded(3 * float(measured), 50)), "three times the p99 of 16 clients when it was deployed"
    return SLOW_MS, "nothing was measured yet"


def _python(version: Version | None) -> str:
    import platform

    return str((version.report if version else {}).get("python") or platform.python_version())


def _rounded(value: float, step: int = 5) -> int:
    return step * max(1, math.ceil(value / step))
