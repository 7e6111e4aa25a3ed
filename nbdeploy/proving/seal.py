"""What is known when all gates were asked goes into the package and the Bento: the whole proof, and the report."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.home import write_atomically
from nbdeploy.proving.handover import handover
from nbdeploy.proving.report_page import report_html

if TYPE_CHECKING:
    from nbdeploy.proving.report import Report

__all__ = ["REPORT_FILES", "seal"]

REPORT_FILES = ("report.html", "report.json")
"""In the folder `notebook` of a package."""


def seal(folder: Path, report: Report) -> None:
    """Write report and handover into a package's folder, and all verdicts into its contract: nothing else is touched."""
    contract = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
    _write(folder / "contract.json", {**contract, "gates": list(report.gates)})
    write_atomically(folder / "HANDOVER.md", handover(report, contract))
    write_atomically(folder / "notebook" / "report.html", report_html(report))
    _write(folder / "notebook" / "report.json", report.as_json())


def _write(file: Path, content: Any) -> None:
    write_atomically(file, json.dumps(_plain(content), indent=2, ensure_ascii=False, default=str) + "\n")


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it: what is not finite becomes null, a number of numpy a number."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return _plain(value.tolist()) if hasattr(value, "tolist") else value
