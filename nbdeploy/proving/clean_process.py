"""A clean process for the exported package: isolated, and with nothing to import but what its lock provides."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nbdeploy.errors import Diagnostic, GateError
from nbdeploy.packaging.installed import installed
from nbdeploy.packaging.package import Package
from nbdeploy.packaging.schema import parse_name, request_field
from nbdeploy.proving.contract_file import Contract
from nbdeploy.proving.process_environment import process_environment
from nbdeploy.recording.recording import Recording

__all__ = [
    "answer_bodies",
    "answers_of",
    "ask_package",
    "measured_metric",
    "recorded_requests",
    "run_package_tests",
]

SECONDS = 1_800


def ask_package(
    folder: Path, package: Package, recording: Recording, droppable: tuple[str | int, ...]
) -> dict[str, Any]:
    """Ask the written package the recorded rows in every arrangement; see `probe.py` for what comes back."""
    example = recording.example
    whole = None
    if example.positions is not None:
        stored = example.whole_input
        whole = {
            "file": str(recording.stored / stored.file),
            "format": stored.format,
            "arguments": stored.arguments,
            "positions": list(example.positions),
        }
    job = {
        "action": "ask",
        "input_name": recording.path.input.name,
        "by_row": recording.path.input.observation.schema.kind in _ROW_KINDS and example.rows > 0,
        "whole": whole,
        "droppable": list(droppable),
        "provenance": [[file, line, list(place)] for (file, line), place in package.provenance.items()],
    }
    return _run(folder, package, job)


def run_package_tests(folder: Path, package: Package) -> dict[str, Any]:
    """Run the package's own tests with pytest."""
    return _run(folder, package, {"action": "tests"})


def answer_bodies(folder: Path, package: Package, bodies: Sequence[bytes]) -> list[dict[str, Any]]:
    """Ask the written package what it answers to these bodies of requests: `{"predictions": ...}` or `{"error": ...}`.

    Raises GateError NBD500: it broke down.
    """
    job = {
        "action": "answer",
        "bodies": [each.decode(errors="surrogateescape") for each in bodies],
        "parse": parse_name(package.input),
        "field": request_field(package.input),
    }
    report = _run(folder, package, job)
    return report.get("answers") or [{"error": report.get("problem", "nothing")} for _ in bodies]


def answers_of(folder: Path, contract: Contract, bodies: Sequence[bytes]) -> list[dict[str, Any]]:
    """Ask a package on disk as `answer_bodies` does. Raises GateError NBD500: it broke down."""
    job = {
        "action": "answer",
        "package": str(folder.resolve()),
        "module": contract.module,
        "absent": [],
        "bodies": [each.decode() for each in bodies],
        "parse": parse_name(contract.input),
        "field": contract.sent_as,
    }
    report = _reported(folder, job)
    return report.get("answers") or [{"error": report.get("problem", "nothing")} for _ in bodies]


_ROW_KINDS = frozenset({"table", "series", "array", "tensor", "sparse", "list"})


def recorded_requests(folder: Path, module: str) -> dict[str, Any]:
    """Return `rows` and `predictions` of the recording that a package on disk carries in its tests.

    Raises GateError NBD500: it broke down. A package that can't be imported gives a `problem`.
    """
    return _reported(folder, {"action": "requests", "package": str(folder.resolve()), "module": module, "absent": []})


def measured_metric(folder: Path, predictions: list[Any], labels: list[Any] | None) -> dict[str, Any]:
    """Return the `value` of a package's own metric, or a `problem`; without `labels` those of the recording are taken.

    Raises GateError NBD500: it broke down.
    """
    job = {"action": "metric", "package": str(folder.resolve()), "absent": []}
    return _reported(folder, {**job, "predictions": predictions, "labels": labels})


def _run(folder: Path, package: Package, job: Mapping[str, Any]) -> dict[str, Any]:
    from nbdeploy.packaging import compare
    from nbdeploy.proving import arrangements, following, smallest
    from nbdeploy.recording import rows

    installed_names = frozenset().union(*(each.modules for each in installed().values()))
    return _reported(
        folder,
        {
            **job,
            "package": str(folder),
            "module": package.module,
            "absent": sorted(installed_names - package.lock.imports - {package.module}),
            "beside": {
                each.__name__.rpartition(".")[2]: each.__file__
                for each in (arrangements, compare, following, rows, smallest)
            },
            "tolerance": package.tolerance.as_json(),
        },
    )


def _reported(folder: Path, job: Mapping[str, Any]) -> dict[str, Any]:
    """Run the probe in the package's folder, and return its report."""
    from nbdeploy.proving import probe

    with tempfile.TemporaryDirectory(prefix="nbdeploy-") as scratch:
        job_file, report = Path(scratch) / "job.json", Path(scratch) / "report.json"
        job_file.write_text(json.dumps(job))
        command = [sys.executable, "-I", "-X", "utf8", "-W", "ignore", probe.__file__, str(job_file), str(report)]
        done = subprocess.run(
            command, cwd=folder, env=process_environment(), capture_output=True, timeout=SECONDS, check=False
        )
        if not report.exists():
            last = done.stderr.decode(errors="replace").strip().splitlines()[-3:]
            raise GateError(
                Diagnostic(
                    code="NBD500",
                    message=f"the exported package brought its process down (status {done.returncode}): {' / '.join(last)}",
                    fix="run python -m pytest in the exported package to see it fail",
                )
            )
        answer: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return answer
