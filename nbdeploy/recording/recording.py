"""What a recorded run leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbdeploy.analysis.observations import Observation
from nbdeploy.analysis.program import Program
from nbdeploy.analysis.serving import ServingPath
from nbdeploy.recording.formats import Stored
from nbdeploy.recording.measures import FoundMeasure
from nbdeploy.recording.plan import Substitution
from nbdeploy.recording.session import CellRun
from nbdeploy.request import DeployRequest

__all__ = ["Example", "Recording"]


@dataclass(frozen=True, slots=True)
class Example:
    """Recorded input and the notebook's own answer to it, row by row, stored in the recording's folder.

    `input` holds just the rows that the notebook answered; `whole_input` all rows that its input variable had (the same
    unless the notebook took rows, as `train_test_split` does). `positions` are those of the answered rows in the whole.
    """

    input: Stored
    output: Stored
    whole_input: Stored
    positions: Sequence[int] | None
    rows: int


@dataclass(frozen=True, slots=True)
class Recording:
    """One run of the notebook, top to bottom in a fresh kernel.

    Values lie in `folder/stored`, by name. `artifacts` maps the key of each frozen value to its file, `fixtures` the names
    that test cells read, by cell. `measure` is how the notebook measures its answers, with the labels of the recorded rows;
    where it has none, `unmeasured` says why.
    """

    folder: Path
    program: Program
    path: ServingPath
    artifacts: Mapping[tuple[str, str], Stored]
    example: Example
    fixtures: Mapping[int, Mapping[str, Stored]]
    readings: Mapping[int, Mapping[str, Observation]]
    validated: Path
    cells: tuple[CellRun, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    answers: Mapping[int, Observation] = field(default_factory=dict)
    substitutions: tuple[Substitution, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    request: DeployRequest | None = None
    measure: FoundMeasure | None = None
    unmeasured: str = ""

    @property
    def stored(self) -> Path:
        return self.folder / "stored"

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in self.cells)
