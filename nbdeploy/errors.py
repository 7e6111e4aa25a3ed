"""Every error that nbdeploy raises on purpose.

    NbdeployError                   exit status 1: a gate or a diagnostic failed
    ├── NotebookError               the notebook can't be read, or its cells contradict each other
    ├── ServingPathError            no honest service can be cut out of the notebook
    ├── RecordingError              the notebook did not run to its end
    ├── ArtifactError               a value can't be stored, or a stored value can't be trusted
    ├── GateError                   a gate failed: the proof does not hold
    ├── UsageError                  exit status 2: the command was called wrongly
    └── EnvironmentProblem          exit status 3: a tool or a service that is needed is missing or broken

An error says what happened, where (notebook, cell, line), why it matters and how to fix it. Its fields are plain data, so
that it can be pickled, shown as text and sent as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

__all__ = [
    "ArtifactError",
    "Diagnostic",
    "Edit",
    "EnvironmentProblem",
    "GateError",
    "NbdeployError",
    "NewCell",
    "NotebookError",
    "RecordingError",
    "ServingPathError",
    "Severity",
    "UsageError",
]

MAX_MESSAGE = 4_000  # characters: an error quotes the user's values, and those can be huge


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement in a cell's own source: `line` is 1-based, `column` 0-based in characters, the end is exclusive."""

    cell: int
    line: int
    column: int
    end_line: int
    end_column: int
    text: str

    def as_json(self) -> dict[str, Any]:
        return {
            "cell": self.cell,
            "line": self.line,
            "column": self.column,
            "end_line": self.end_line,
            "end_column": self.end_column,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class NewCell:
    """A code cell without a role, to be put in front of the cell with the index `before`."""

    before: int
    source: str

    def as_json(self) -> dict[str, Any]:
        return {"before": self.before, "source": self.source}


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding about a notebook, with a code that has a page of its own in `docs/diagnostics/`.

    `cell` is the 0-based index over all cells and `line` the 1-based line inside that cell; both are None where the
    finding is about the notebook as a whole. `edits`, all made together, mend it; they are there only where one edit is right.
    """

    code: str
    message: str
    fix: str = ""
    severity: Severity = Severity.ERROR
    notebook: str = ""
    cell: int | None = None
    line: int | None = None
    edits: tuple[Edit | NewCell, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": str(self.severity),
            "cell": self.cell,
            "line": self.line,
            "message": self.message,
            "fix": self.fix,
            "edits": [each.as_json() for each in self.edits],
        }

    def __str__(self) -> str:
        where = "".join(
            part
            for part in (
                f"{self.notebook}: " if self.notebook else "",
                f"cell {self.cell}" if self.cell is not None else "",
                f", line {self.line}" if self.line is not None else "",
                ": " if self.cell is not None else "",
            )
        )
        fix = f"\n  fix: {self.fix}" if self.fix else ""
        return _bounded(f"{self.code} {where}{self.message}") + fix


class NbdeployError(Exception):
    """The root. Carries one or more diagnostics; its text is theirs."""

    exit_status = 1

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = diagnostics

    def __str__(self) -> str:
        return "\n".join(str(each) for each in self.diagnostics)

    def in_notebook(self, path: str) -> NbdeployError:
        """The same error, its diagnostics naming the notebook at `path`."""
        error = type(self)(*(replace(each, notebook=each.notebook or path) for each in self.diagnostics))
        error.__dict__.update({name: value for name, value in self.__dict__.items() if name != "diagnostics"})
        return error

    def as_json(self) -> Mapping[str, Any]:
        return {"ok": False, "diagnostics": [each.as_json() for each in self.diagnostics]}


class NotebookError(NbdeployError):
    """The notebook can't be read, or its cells contradict each other."""


class ServingPathError(NbdeployError):
    """No honest service can be cut out of the notebook as it is tagged."""


class RecordingError(NbdeployError):
    """The notebook did not run to its end in a fresh kernel."""


class ArtifactError(NbdeployError):
    """A value can't be stored, or a stored value can't be trusted."""


class GateError(NbdeployError):
    """A gate failed: the proof does not hold.

    `gates` are the verdicts so far, as JSON values, `gate` is the one that failed, `report` the file that tells all of it.
    """

    gates: tuple[Mapping[str, Any], ...] = ()
    gate: str = ""
    report: str = ""

    def as_json(self) -> Mapping[str, Any]:
        return {**super().as_json(), "gates": list(self.gates), "report": self.report or None}


class UsageError(NbdeployError):
    """The command was called wrongly."""

    exit_status = 2


class EnvironmentProblem(NbdeployError):
    """A tool, a service or a place on disk that is needed is missing or broken."""

    exit_status = 3


def _bounded(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 20] + f"... ({len(text)} chars)"
