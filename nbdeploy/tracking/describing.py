"""What of a deploy goes into the tracking store."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nbdeploy.proving.prove import Proven
from nbdeploy.proving.seal import REPORT_FILES
from nbdeploy.recording.formats import Stored, load
from nbdeploy.recording.recording import Recording
from nbdeploy.tracking.record import DataIdentity, TrackingRecord

__all__ = ["tracking_record"]


def tracking_record(proven: Proven, recording: Recording, bento_tag: str) -> TrackingRecord:
    """Gather one deploy's parameters, metrics, data identities, files and gates."""
    path = recording.path
    return TrackingRecord(
        name=proven.package.name,
        version=proven.package.version,
        package=proven.folder,
        module=proven.package.module,
        requirements=proven.folder / "requirements.lock",
        input_example=_value(recording, recording.example.input),
        output_example=_value(recording, recording.example.output),
        parameters={**_parameters(recording), **recording.parameters},
        metrics={**recording.metrics, **_seconds(recording)},
        tags={"input": path.input.name, "output": path.output.label[:250], "notebook": recording.program.notebook.path},
        data=_data(recording),
        files={**_notebook_files(proven.folder), "package": _papers(proven.folder)},
        gates=proven.proof.as_json(),
        bento_tag=bento_tag,
        git_commit=_git_commit(Path(recording.program.notebook.path).resolve().parent),
    )


def _value(recording: Recording, stored: Stored) -> Any:
    return load(stored, recording.stored)


def _parameters(recording: Recording) -> Mapping[str, Any]:
    """Constants that the served code reads, as far as they are short."""
    constants = {
        each.name: each.observation.literal for each in recording.path.values() if str(each.storage) == "constant"
    }
    return {name: literal for name, literal in constants.items() if literal and len(literal) <= 250}


def _seconds(recording: Recording) -> dict[str, float]:
    memory = max((each.memory for each in recording.cells), default=0.0)
    return {"notebook_seconds": round(recording.seconds, 3), "notebook_peak_memory_mb": memory}


def _data(recording: Recording) -> Sequence[DataIdentity]:
    observation, example = recording.path.input.observation, recording.example
    whole = DataIdentity(
        name=recording.path.input.name,
        sha256=observation.digest or example.whole_input.sha256,
        rows=observation.schema.rows,
        columns=len(observation.schema.columns) or None,
        source=Path(recording.program.notebook.path).name,
        frame_file=recording.stored / example.whole_input.file,
    )
    return [whole]


def _notebook_files(package: Path) -> dict[str, list[Path]]:
    """Return the notebook's files and those of the report, by the folder of the run that they go to."""
    files = sorted(each for each in (package / "notebook").iterdir() if each.is_file())
    report = [each for each in files if each.name in REPORT_FILES]
    return {"notebook": [each for each in files if each not in report], "report": report}


def _papers(package: Path) -> list[Path]:
    return [package / "contract.json", package / "sbom.cdx.json"]


def _git_commit(folder: Path) -> str | None:
    """Return the commit of the repository that the notebook lies in, if it lies in one."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
