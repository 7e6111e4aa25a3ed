"""A deployed version as it lies on disk: its package, its contract, its report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.home import list_deployments, load_deployment, packages_folder
from nbdeploy.proving.contract_file import Contract, read_contract

__all__ = ["Version", "version_before", "version_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a service: where its package lies, and what is told of it there.

    `stated` is contract.json as it is written, `contract` what can be asked by it. `report` is notebook/report.json, empty where
    the package has none. `notebook` is the file that it was made of, None where that was not noted.
    """

    name: str
    number: str
    folder: Path
    contract: Contract
    stated: Mapping[str, Any]
    report: Mapping[str, Any] = field(default_factory=dict)
    notebook: Path | None = None

    def figures(self, gate: str) -> Mapping[str, Any]:
        """Return what a gate measured; nothing where it was not asked."""
        told: Iterator[Mapping[str, Any]] = (each["figures"] for each in self.contract.gates if each["name"] == gate)
        return next(told, {})


def version_of(name: str, number: str | None = None) -> Version:
    """Return a deployed version, by default the newest.

    Raises UsageError: NBD603 where there is none, NBD750 where its package is not there any more.
    """
    found = load_deployment(name, number)
    folder = _folder(name, found)
    text = (folder / "contract.json").read_bytes()
    notebook = found.get("notebook")
    return Version(
        name=name,
        number=str(found["version"]),
        folder=folder,
        contract=read_contract(text, str(folder / "contract.json")),
        stated=json.loads(text),
        report=_report(folder),
        notebook=Path(notebook) if notebook else None,
    )


def version_before(name: str, number: str) -> str | None:
    """Return the number of the version that was deployed before this one, if there is one."""
    known = [str(each["version"]) for each in list_deployments() if each.get("name") == name]
    older = [each for each in known if int(each) < int(number)]
    return older[-1] if older else None


def _folder(name: str, deployment: Mapping[str, Any]) -> Path:
    """Return where the package lies: a folder that `--out` named may have been taken by a later version."""
    version = str(deployment["version"])
    for folder in (packages_folder(name) / version, Path(deployment.get("package") or packages_folder(name) / version)):
        if _stated_version(folder) == version:
            return folder
    message = f"the package of {name} {version} is not there any more: {deployment.get('package')}"
    fix = "deploy it again, or name another version: `nbdeploy list` shows them"
    raise UsageError(Diagnostic(code="NBD750", message=message, fix=fix))


def _stated_version(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / "contract.json").read_bytes())["version"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _report(folder: Path) -> Mapping[str, Any]:
    try:
        found = json.loads((folder / "notebook" / "report.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
