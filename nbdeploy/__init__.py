"""From a Jupyter notebook to a production model service that is proven to answer as the notebook did.

Every public name is loaded when it is first asked for: `import nbdeploy` itself is next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbdeploy.checking import check, slice_for
    from nbdeploy.deploying import deploy, export
    from nbdeploy.errors import (
        ArtifactError,
        Diagnostic,
        EnvironmentProblem,
        GateError,
        NbdeployError,
        NotebookError,
        RecordingError,
        ServingPathError,
        Severity,
        UsageError,
    )
    from nbdeploy.home import list_deployments, load_deployment
    from nbdeploy.operating.batch.run import Batched, BatchRequest, batch
    from nbdeploy.operating.diff import Difference, diff
    from nbdeploy.operating.edge import EdgePage, export_page
    from nbdeploy.operating.loadtest.loadtest import LoadReport, LoadWish, loadtest
    from nbdeploy.operating.retrain import Retrained, check_training
    from nbdeploy.progress import Event, Progress
    from nbdeploy.proving.report import Report
    from nbdeploy.proving.verdict import Outcome, Proof, Verdict
    from nbdeploy.proving.verify import Verification, verify
    from nbdeploy.request import Deployment, DeployRequest

__all__ = [
    "ArtifactError",
    "BatchRequest",
    "Batched",
    "DeployRequest",
    "Deployment",
    "Diagnostic",
    "Difference",
    "EdgePage",
    "EnvironmentProblem",
    "Event",
    "GateError",
    "LoadReport",
    "LoadWish",
    "NbdeployError",
    "NotebookError",
    "Outcome",
    "Progress",
    "Proof",
    "RecordingError",
    "Report",
    "Retrained",
    "ServingPathError",
    "Severity",
    "UsageError",
    "Verdict",
    "Verification",
    "batch",
    "check",
    "check_training",
    "deploy",
    "diff",
    "export",
    "export_page",
    "list_deployments",
    "load_deployment",
    "load_ipython_extension",
    "loadtest",
    "slice_for",
    "unload_ipython_extension",
    "verify",
]

_HOMES = {
    "nbdeploy.checking": ("check", "slice_for"),
    "nbdeploy.deploying": ("deploy", "export"),
    "nbdeploy.errors": (
        "ArtifactError",
        "Diagnostic",
        "EnvironmentProblem",
        "GateError",
        "NbdeployError",
        "NotebookError",
        "RecordingError",
        "ServingPathError",
        "Severity",
        "UsageError",
    ),
    "nbdeploy.home": ("list_deployments", "load_deployment"),
    "nbdeploy.operating.batch.run": ("BatchRequest", "Batched", "batch"),
    "nbdeploy.operating.diff": ("Difference", "diff"),
    "nbdeploy.operating.loadtest.loadtest": ("LoadReport", "LoadWish", "loadtest"),
    "nbdeploy.operating.edge": ("EdgePage", "export_page"),
    "nbdeploy.operating.retrain": ("Retrained", "check_training"),
    "nbdeploy.progress": ("Event", "Progress"),
    "nbdeploy.proving.report": ("Report",),
    "nbdeploy.proving.verdict": ("Outcome", "Proof", "Verdict"),
    "nbdeploy.proving.verify": ("Verification", "verify"),
    "nbdeploy.request": ("DeployRequest", "Deployment"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("nbdeploy")
        except PackageNotFoundError:
            return "0+source"  # a checkout that was not installed
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def load_ipython_extension(ipython: Any) -> None:
    """Register the magics: what `%load_ext nbdeploy` calls."""
    from nbdeploy.frontends.magics import load

    load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Take the magics away again: what `%unload_ext nbdeploy` calls."""
    from nbdeploy.frontends.magics import unload

    unload(ipython)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Say where the server side of the sidebar is: what Jupyter Server asks."""
    return [{"module": "nbdeploy.frontends.server"}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Say where the built sidebar is: what `jupyter-builder develop` asks."""
    return [{"src": "labextension", "dest": "nbdeploy"}]
