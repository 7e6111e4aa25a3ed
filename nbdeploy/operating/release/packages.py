"""What is served under a version: its folder, its contract, and what follows from them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.home import load_deployment
from nbdeploy.packaging.service import key_variable
from nbdeploy.proving.server import contract_file, serving

__all__ = ["Served", "served"]


@dataclass(frozen=True, slots=True)
class Served:
    """A deployed version. `folder` is its Bento's, `gates` are their verdicts."""

    version: str
    folder: Path
    contract: Mapping[str, Any] = field(hash=False)
    gates: Mapping[str, str] = field(hash=False)

    @property
    def key_variable(self) -> str:
        return key_variable(str(self.contract["module"]))

    @property
    def key(self) -> str | None:
        """A key that its service lets in, where it asks for one."""
        return next(iter(os.environ.get(self.key_variable, "").split()), None)

    def serving(self, port: int, home: Path) -> tuple[list[str], dict[str, str]]:
        """Return the command that serves it on this machine, and its environment."""
        return serving(self.folder, "127.0.0.1", port, home, os.environ.get(self.key_variable))

    def compared_by(self) -> dict[str, Any]:
        """Return what the witness needs to know of it."""
        tolerance = self.contract["tolerance"]
        return {"tolerance": [tolerance["relative"], tolerance["absolute"]], "key_variable": self.key_variable}

    def default(self) -> dict[str, Any] | None:
        """Return the documented default and the form of its requests, None where there is none.

        Raises UsageError NBD726: it has not the form of the predictions.
        """
        if "fallback" not in self.contract:
            return None
        request = self.contract["request"]
        for example in self.contract["examples"][:1]:
            given = example["predictions"][0] if request["by_row"] else example["predictions"]
            if _form(given) != _form(self.contract["fallback"]):
                message = f"the documented default {json.dumps(self.contract['fallback'])[:200]} has not the form of a prediction"
                fix = f"give metadata.nbdeploy.fallback the form of {json.dumps(given)[:200]}, and deploy again"
                raise UsageError(Diagnostic(code="NBD726", message=message, fix=fix))
        return {"default": self.contract["fallback"], "field": request["field"], "by_row": request["by_row"]}


def _form(value: Any) -> Any:
    """Return what a client may rely on: the names, and whether it is a text, a number or a truth value."""
    if isinstance(value, dict):
        return {key: _form(each) for key, each in value.items()}
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def served(name: str, version: str | None) -> Served:
    """Return a deployed version, by default the newest.

    Raises UsageError NBD603: there is none; NBD725: its Bento is gone.
    """
    found = load_deployment(name, version)
    folder = Path(found.get("bento_path") or "")
    contract = contract_file(folder) if found.get("bento_path") else None
    if contract is not None:
        content = json.loads(contract.read_text(encoding="utf-8"))
        gates = {each["name"]: each["verdict"] for each in found.get("gates", ())}
        return Served(str(found["version"]), folder, content, gates)
    message = f"the Bento of {name} {found['version']} is not at {found.get('bento_path')}"
    raise UsageError(
        Diagnostic(code="NBD725", message=message, fix=f"deploy {name} again: `nbdeploy deploy NB --name {name}`")
    )
