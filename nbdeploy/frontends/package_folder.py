"""Where a package lies that a command was given: by its folder, or by the name under which it was deployed."""

from __future__ import annotations

import json
from pathlib import Path

from nbdeploy.errors import Diagnostic, UsageError

__all__ = ["module_of", "package_folder"]


def package_folder(target: str) -> Path:
    """Return the folder of a package, given as such or as NAME[:VERSION].

    A folder that only has the name of a deployed service is not meant. Raises UsageError NBD603 (nothing is deployed under
    this name), NBD705 (the folder holds no package).
    """
    from nbdeploy.home import load_deployment

    if (Path(target) / "contract.json").is_file():
        return Path(target).resolve()
    name, _, version = target.partition(":")
    try:
        return Path(load_deployment(name, version or None)["package"])
    except UsageError:
        if Path(target).is_dir():
            module_of(Path(target))
        raise


def module_of(folder: Path) -> str:
    """Return the import name of the exported package in `folder`, as its contract states it."""
    try:
        return str(json.loads((folder / "contract.json").read_text("utf-8"))["module"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        message = f"{folder} is not an exported package: no contract.json that names its module ({error})"
        fix = "give the folder that `nbdeploy export` wrote, or the package that `nbdeploy show NAME` names"
        raise UsageError(Diagnostic(code="NBD705", message=message, fix=fix)) from None
