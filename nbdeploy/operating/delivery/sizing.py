"""How large a service is to be: what a replica needs, and how many there are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from nbdeploy.errors import Diagnostic, UsageError

__all__ = ["Sizing", "read_sizing", "sizing_of"]

STEP = 64  # MiB: requests and limits that a person can compare


@dataclass(frozen=True, slots=True)
class Sizing:
    """What one replica asks for, and how many are kept.

    CPU in thousandths of a core, memory in MiB, `cpu_percent` of the requested CPU is what the autoscaler aims at. `why` says
    where the numbers come from.
    """

    cpu_millis: int = 1000
    memory_request_mib: int = 512
    memory_limit_mib: int = 1024
    least: int = 2
    most: int = 6
    cpu_percent: int = 65
    why: str = "nothing was measured: what a service of this kind mostly needs"

    def as_json(self) -> dict[str, Any]:
        return {"sizing": 1, **asdict(self)}


def sizing_of(figures: Mapping[str, Any], budgets: Mapping[str, float]) -> Sizing:
    """Return the sizes that follow from what the gate `budget` measured; from a load test they are surer."""
    peak = figures.get("memory_mb")
    if not peak:
        return Sizing()
    limit = max(1.5 * float(peak), budgets.get("memory_mb", 0.0))
    why = f"the gate `budget` saw {float(peak):.0f} MB at most; `nbdeploy loadtest` measures CPU and replicas"
    return Sizing(memory_request_mib=_stepped(float(peak)), memory_limit_mib=_stepped(limit), why=why)


def read_sizing(file: Path) -> Sizing:
    """Return the sizes that `nbdeploy loadtest --out FILE` wrote. Raises UsageError NBD753: it is no such file."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        known = {each.name: each.type for each in fields(Sizing)}
        told = {name: value for name, value in found["sizing"].items() if name in known}
        sizing = Sizing(**told)
        numbers = [value for name, value in told.items() if name != "why"]
        if not all(isinstance(each, int) and each > 0 for each in numbers) or sizing.least > sizing.most:
            raise ValueError("its numbers are no sizes")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as problem:
        message = f"{file} does not hold the sizes of a service: {problem}"
        fix = "give the file that `nbdeploy loadtest NAME --out FILE` wrote"
        raise UsageError(Diagnostic(code="NBD753", message=message, fix=fix)) from None
    return sizing


def _stepped(mib: float) -> int:
    return STEP * max(1, math.ceil(mib / STEP))
