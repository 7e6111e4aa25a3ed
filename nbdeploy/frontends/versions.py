"""The history of what was deployed, as the sidebar and the panel list it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["aliases", "versions"]

ALIAS_SECONDS = 60.0  # MLflow alone takes some to be imported
PAGES = ("report.html", "validated.html")


def versions(name: str | None) -> list[dict[str, Any]]:
    """Return the deployed versions, the newest first, with what a list of them shows."""
    from nbdeploy.home import list_deployments

    found = [row(each) for each in list_deployments() if name in (None, each.get("name"))]
    return found[::-1]


def row(deployment: dict[str, Any]) -> dict[str, Any]:
    verdicts = [each.get("verdict") for each in deployment.get("gates", ())]
    folder = Path(str(deployment.get("package"))) / "notebook"
    kept = ("name", "version", "deployed", "package", "bento_tag")
    return {
        **{key: deployment.get(key) for key in kept},
        "gates": {verdict: verdicts.count(verdict) for verdict in ("pass", "fail", "skip")},
        "pages": [page for page in PAGES if (folder / page).is_file()],
        "run": run_of(str(deployment["run_id"])) if deployment.get("run_id") else None,
    }


def run_of(run_id: str) -> dict[str, Any]:
    """Return where a run can be seen: on the tracking server, or by the command that shows a database."""
    from nbdeploy.tracking.store import find_store

    uri = find_store().tracking_uri
    if uri.startswith(("http://", "https://")):
        place = urlsplit(uri)
        plain = urlunsplit((place.scheme, place.netloc.rpartition("@")[2], place.path.rstrip("/"), "", ""))
        return {"id": run_id, "url": f"{plain}/#/runs/{run_id}", "command": None}
    command = None if "@" in uri else f"mlflow server --backend-store-uri {shlex.quote(uri)}"  # no password to be shown
    return {"id": run_id, "url": None, "command": command}


def aliases(python: Sequence[str], environment: Mapping[str, str], name: str) -> dict[str, list[str]]:
    """Ask the registry in a process of its own: MLflow would stay in the server's memory. None there, none told."""
    command = [*python, "-P", "-m", "nbdeploy.frontends.cli", "list", "--aliases", "--json", "--", name]
    try:
        ran = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, timeout=ALIAS_SECONDS, check=False
        )
        found = json.loads(ran.stdout)["deployments"]
    except (OSError, ValueError, LookupError, subprocess.TimeoutExpired):
        return {}
    return {str(each["version"]): each["aliases"] for each in found if each.get("aliases")}
