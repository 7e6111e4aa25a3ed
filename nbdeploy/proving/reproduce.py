"""The gate `reproduce`: the notebook runs top to bottom in a fresh kernel."""

from __future__ import annotations

from nbdeploy.proving.verdict import Outcome, Verdict
from nbdeploy.recording.recording import Recording

__all__ = ["reproduce"]


def reproduce(recording: Recording) -> Verdict:
    """Judge a run that came to its end; live objects that were taken over were not reproduced, and that is said."""
    figures = {
        "cells": len(recording.cells),
        "seconds": round(recording.seconds, 2),
        "peak_memory_mb": max((each.memory for each in recording.cells), default=0.0),
    }
    if not recording.substitutions:
        return Verdict("reproduce", Outcome.PASS, "the notebook ran top to bottom in a fresh kernel", figures)
    taken = sorted({name for each in recording.substitutions for name in each.takes})
    places = ", ".join(f"cell {each.statement.cell} line {each.statement.line}" for each in recording.substitutions)
    reason = f"{', '.join(taken)} came from the live kernel; not run again: {places}"
    return Verdict("reproduce", Outcome.SKIP, reason, {**figures, "live_objects": len(taken)})
