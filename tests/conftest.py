"""What all tests share: the recorded example notebooks, and the option that rewrites the golden trees."""

from __future__ import annotations

import fcntl
import os
import pickle
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from nbdeploy.proving.prove import Proven
    from nbdeploy.recording.recording import Recording

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that tests import what other tests share: `from tests.analysis.notebooks import ...`

# a user's own data, Bentos and runs are never touched ---------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Give this process homes of its own, before anything of BentoML or MLflow is imported."""
    folder = tempfile.TemporaryDirectory(prefix="nbdeploy-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    homes = {"NBDEPLOY_HOME": "data", "BENTOML_HOME": "bentos", "IPYTHONDIR": "ipython"}
    os.environ |= {name: str(Path(folder.name, place)) for name, place in homes.items()}
    os.environ |= {"BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true"}
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def _no_recording_goes_on() -> Iterator[None]:
    """Take away what a recorder that a test started in this process has set: kernels of later tests would inherit it."""
    yield
    os.environ.pop("NBDEPLOY_RECORDING", None)


# CI draws the same examples each time: what it says is about the change. New ones are looked for on developers' machines.
settings.register_profile("ci", derandomize=True)
if os.environ.get("NBDEPLOY_CI") == "1":
    settings.load_profile("ci")

# in CI nothing is left out silently ---------------------------------------------------------------------------------------

EXCUSED = "NBDEPLOY_CI_WITHOUT"
"""Comma-separated words, such as `torch`: with `NBDEPLOY_CI=1` every skip fails but those whose reason has one of them."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one in CI."""
    return _unskipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skipped file into a failed one in CI."""
    return _unskipped((yield))


def _unskipped(report: Report) -> Report:
    if report.outcome != "skipped" or hasattr(report, "wasxfail") or os.environ.get("NBDEPLOY_CI") != "1":
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    excused = filter(None, os.environ.get(EXCUSED, "").split(","))
    if not any(word in reason for word in excused):
        report.outcome = "failed"
        report.longrepr = f"{reason} (nothing may be skipped in CI)"
    return report


# the example notebooks, recorded once ---------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate-golden",
        action="store_true",
        help="rewrite tests/golden/*/expected; review the difference with git",
    )


@dataclass(frozen=True)
class Recorded:
    """An example notebook that was run in a fresh kernel, and its proven package in the folder `proven.folder`."""

    recording: Recording
    proven: Proven


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Recorded]:
    """Record an example notebook and prove its package, the first time that a test of any worker asks for it."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "recordings"
    done: dict[str, Recorded] = {}

    def recorded(name: str) -> Recorded:
        if name not in done:
            done[name] = recorded_once(name, shared / name)
        return done[name]

    return recorded


def recorded_once(name: str, folder: Path) -> Recorded:
    """Take what another worker has recorded, or do it while the others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = folder / "recorded.pickle"
        if kept.is_file():
            found: Recorded = pickle.loads(kept.read_bytes())
            return found
        found = record_and_prove(ROOT / "example_notebooks" / f"{name}.ipynb", folder)
        kept.write_bytes(pickle.dumps(found))
        return found


def record_and_prove(notebook: Path, folder: Path) -> Recorded:
    """Run a notebook in a fresh kernel, and prove its package."""
    from nbdeploy.clock import Clock
    from nbdeploy.deploying import module_name, open_notebook, service_name
    from nbdeploy.packaging.export import Wishes
    from nbdeploy.progress import silent
    from nbdeploy.proving.prove import prove
    from nbdeploy.recording.runner import record
    from nbdeploy.request import DeployRequest

    request = DeployRequest(notebook=notebook)
    program = open_notebook(notebook)
    name = service_name(request, program.notebook)
    recording = record(program, request, module_name(name), folder / "recording")
    wishes = Wishes(name, module_name(name), "1")
    return Recorded(recording, prove(recording, wishes, folder / "package", frozenset(), Clock(silent)))
