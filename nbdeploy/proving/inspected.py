"""Gather what the gate `safe` judges: the written package's texts, artifacts and lock, and what is known of its pins."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.packaging.installed import owners
from nbdeploy.proving.advisories import advisories
from nbdeploy.proving.audit import audited
from nbdeploy.proving.safe import Gathered
from nbdeploy.proving.secret_scan import scanned
from nbdeploy.request import Audit

if TYPE_CHECKING:
    from nbdeploy.analysis.program import Program
    from nbdeploy.packaging.environment import Lock
    from nbdeploy.packaging.package import Package
    from nbdeploy.recording.recording import Recording

__all__ = ["importers", "inspected"]


def inspected(
    recording: Recording,
    package: Package,
    folder: Path,
    requests: Mapping[str, Any],
    allowed: frozenset[str],
    audit: Audit = "warn",
) -> Gathered:
    """Look through the package that was written to `folder`; `allowed` holds `pickle:NAME` of values that may be pickled."""
    return Gathered(
        secrets=scanned(folder, requests),
        artifacts=audited(folder),
        lock=package.lock,
        advisories=advisories(package.lock.pins, audit),
        pickles=frozenset(_pickles(recording, allowed)),
        carried=package.lock.local,
        pickled_rows=tuple(
            sorted(each for each in package.binaries if each.startswith("tests/") and each.endswith(".pkl"))
        ),
        importers=importers(recording.program, package.lock),
    )


def _pickles(recording: Recording, allowed: frozenset[str]) -> Iterator[str]:
    for each in recording.path.artifacts:
        if f"pickle:{each.name}" in allowed:
            yield recording.artifacts[each.key].file


def importers(program: Program, lock: Lock) -> dict[str, tuple[int, int]]:
    """Return for each pin that the notebook imports itself the first cell and line that do."""
    found: dict[str, tuple[int, int]] = {}
    for statement in program.statements:
        for node in ast.walk(statement.node):
            for root in _roots(node):
                for each in owners(root):
                    pin = f"{each.name}=={each.version}"
                    if lock.pins.get(each.name) == each.version:
                        found.setdefault(pin, (statement.cell, statement.line))
    return found


def _roots(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
