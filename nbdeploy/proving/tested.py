"""The gate `tested`: the notebook's test cells pass as pytest tests of the exported package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nbdeploy.errors import Diagnostic
from nbdeploy.proving.verdict import Outcome, Verdict

__all__ = ["tested"]


def tested(report: Mapping[str, Any], carried: Mapping[int, str]) -> Verdict:
    """Judge a run of the package's tests; `carried` says for each test cell why it could not be carried over, if so."""
    left_out = {cell: why for cell, why in carried.items() if why}
    if "crash" in report:
        diagnostic = _not_started(report["problem"])
        return Verdict("tested", Outcome.FAIL, diagnostic.message, {}, (diagnostic,))
    results: Mapping[str, Mapping[str, str]] = report["tests"]
    failed = {name: each["why"] for name, each in results.items() if each["outcome"] == "failed"}
    figures = {"tests": len(results), "failed": len(failed), "test_cells": len(carried), "left_out": len(left_out)}
    if failed or report["status"] not in {0}:
        diagnostics = tuple(_failure(name, why) for name, why in failed.items()) or (
            _not_started(f"pytest ended with status {report['status']}"),
        )
        return Verdict("tested", Outcome.FAIL, diagnostics[0].message, figures, diagnostics)
    reason = f"{len(carried) - len(left_out)} of {len(carried)} test cells and the contract pass on the package"
    if left_out:
        reason += "; " + "; ".join(f"cell {cell} is left out: {why}" for cell, why in left_out.items())
    if not carried:
        reason = "the contract passes; no cell is tagged `test`"
    return Verdict("tested", Outcome.PASS, reason, figures)


def _not_started(why: str) -> Diagnostic:
    fix = "export the notebook and run `python -m pytest` in the package to see all of it"
    return Diagnostic(code="NBD520", message=f"the package's tests do not start: {why}", fix=fix)


def _failure(name: str, why: str) -> Diagnostic:
    cell = re.search(r"test_cell_(\d+)", name)
    return Diagnostic(
        code="NBD521" if cell else "NBD522",
        cell=int(cell.group(1)) if cell else None,
        message=f"passes in the notebook but not on the exported package: {why}" if cell else f"{name} fails: {why}",
        fix="the test relies on something that the notebook changed after predicting; test what the predict cell makes",
    )
