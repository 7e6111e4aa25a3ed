"""Answers as people read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.frontends.rendering import ask, diagnostics_text, print_gates, written

if TYPE_CHECKING:
    from pathlib import Path


def gate(name: str, verdict: str, reason: str = "", **figures: Any) -> dict[str, Any]:
    return {"name": name, "verdict": verdict, "reason": reason, "figures": figures}


def test_gates_are_a_table_and_what_was_skipped_for_one_reason_is_one_line() -> None:
    gates = [
        gate("faithful", "pass", "20 rows", rows=20, largest_difference=2.5e-17),
        gate("rowwise", "pass", "every row", largest_difference=0.0),
        gate("portable", "skip", "not built yet"),
        gate("robust", "skip", "not built yet"),
    ]
    lines = [" ".join(line.split()) for line in written(lambda console: print_gates(gates, console)).splitlines()]
    assert [line for line in lines if line and "─" not in line] == [
        "gate verdict what was seen",
        "faithful pass 20 rows (largest difference: 2.5e-17)",
        "rowwise pass every row",
        "skipped portable, robust: not built yet",
    ]


@pytest.mark.parametrize(
    ("place", "headline"),
    [
        ({"cell": 3, "line": 2, "notebook": "a.ipynb"}, "NBD301 a.ipynb, cell 3, line 2: it fails"),
        ({"cell": 3, "line": None}, "NBD301 cell 3: it fails"),
        ({"cell": None, "line": None, "notebook": "a.ipynb"}, "NBD301 a.ipynb: it fails"),
        ({"cell": None, "line": None}, "NBD301 it fails"),
    ],
)
def test_a_finding_says_where_as_far_as_it_is_known(place: dict[str, Any], headline: str) -> None:
    finding = {"code": "NBD301", "severity": "error", "message": "it fails", "fix": "mend it", **place}
    assert diagnostics_text([finding]) == f"error {headline}\n  fix: mend it"


def test_the_request_to_try_is_one_row_without_what_an_answer_does_not_depend_on(tmp_path: Path) -> None:
    columns = [{"name": "id", "required": False}, {"name": "age", "required": True}]
    rows = [{"id": "a", "age": 7}, {"id": "b", "age": 8}]
    contract = {"input": {"columns": columns}, "examples": [{"request": {"rows": rows}, "predictions": [1, 2]}]}
    (tmp_path / "contract.json").write_text(json.dumps(contract))
    assert ask(tmp_path).endswith("""-d '{"rows": [{"age": 7}]}'""")
