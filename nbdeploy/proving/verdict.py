"""What a gate says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nbdeploy.errors import Diagnostic, Severity

__all__ = ["GATES", "Outcome", "Proof", "Verdict"]

GATES = (
    "reproduce",
    "faithful",
    "rowwise",
    "portable",
    "served",
    "tested",
    "robust",
    "budget",
    "safe",
    "better",
)
"""The gates' names, in the order of the report."""


class Outcome(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate's answer: the outcome, why, the measured figures, and what to do (a diagnostic) where it failed or warns."""

    gate: str
    outcome: Outcome
    reason: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"name": self.gate, "verdict": str(self.outcome), "reason": self.reason, "figures": dict(self.figures)}


@dataclass(frozen=True, slots=True)
class Proof:
    """The verdicts of all gates that were asked."""

    verdicts: tuple[Verdict, ...] = ()

    def failed(self, allowed: frozenset[str] = frozenset()) -> tuple[Verdict, ...]:
        return tuple(each for each in self.verdicts if each.outcome is Outcome.FAIL and each.gate not in allowed)

    def warnings(self) -> tuple[Diagnostic, ...]:
        """Return what the gates warn of without failing."""
        return tuple(d for each in self.verdicts for d in each.diagnostics if d.severity is Severity.WARNING)

    def __add__(self, other: Verdict) -> Proof:
        return Proof((*self.verdicts, other))

    def as_json(self) -> list[dict[str, Any]]:
        by_gate = {each.gate: each for each in self.verdicts}
        return [by_gate[gate].as_json() for gate in GATES if gate in by_gate]
