"""What is handed to the tracking store, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["DataIdentity", "Run", "TrackingRecord"]


@dataclass(frozen=True, slots=True)
class DataIdentity:
    """Data that the notebook read: the sha256 of its content, its size, and where it came from.

    `rows` and `columns` are counts, None where the data is no table. `frame_file` is a copy of it on disk, if any.
    """

    name: str
    sha256: str
    rows: int | None = None
    columns: int | None = None
    source: str = ""
    frame_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingRecord:
    """All that a run keeps of one deploy.

    `package` is the exported package: a folder that holds `module`, which has `predict`. `files` maps a folder of the
    run's artifacts ("notebook", "report") to the files for it. `input_example` and `output_example` are all the
    recorded rows: the signature comes from every one of them, the first few are stored as the example. `gates` are
    verdicts as JSON.
    """

    name: str
    version: str
    package: Path
    module: str
    requirements: Path
    input_example: Any
    output_example: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    data: Sequence[DataIdentity] = ()
    files: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    gates: Sequence[Mapping[str, Any]] = ()
    bento_tag: str | None = None
    git_commit: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run and the model version that it registered.

    `previous_candidate` is the version that held the alias `candidate` before, if one did.
    """

    run_id: str
    experiment: str
    model_version: str
    model_uri: str
    tracking_uri: str
    registry_uri: str
    model_id: str
    previous_candidate: str | None = None
