"""HANDOVER.md: whoever is called needs nothing else."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from nbdeploy.frontends.cli import cli_parser
from nbdeploy.notebook.settings import read_settings
from nbdeploy.proving.handover import handover
from nbdeploy.proving.report import Data, Form, Report
from tests.proving.contracts import changed

CONTRACT = changed(
    budgets={"p99_ms": 20.0},
    model={"digest": "a" * 64, "artifacts": {"model": {}}},
    metric={"name": "roc_auc_score", "value": 0.81},
    labels={"rows": 120},
)
GATES = (
    {"name": "budget", "verdict": "pass", "reason": "kept | measured\nhere", "figures": {"p99_ms": 12.5, "rps": 180.0}},
)


def report(**changes: Any) -> Report:
    told: dict[str, Any] = {
        "name": "risk.eu",
        "version": "3",
        "notebook": "risk.ipynb",
        "made": "2026-11-20T10:00:00+00:00",
        "python": "3.11.7",
        "platform": "Linux",
        "gates": GATES,
        "input": Form("people", "pandas.DataFrame (400, 3)", 400),
        "output": Form("risks", "pandas.DataFrame (400, 2)", 400),
        "data": (Data("people", 400, 3, "c" * 64),),
        "places": {"bento": "risk.eu:3"},
        "locked": 80,
        "hashed": True,
    }
    return Report(**{**told, **changes})


def test_it_says_whom_to_call_for_which_fault() -> None:
    text = handover(report(contacts={"system": "platform@example.org", "model": "science@example.org"}), CONTRACT)
    system, model = (
        next(line for line in text.splitlines() if f"fault of the {who}" in line) for who in ("system", "model")
    )
    assert system.endswith("| platform@example.org |")
    assert model.endswith("| science@example.org |")
    assert (
        handover(report(), CONTRACT).count("nobody is named: put `contacts` into the notebook's `metadata.nbdeploy`")
        == 2
    )


def test_contacts_come_from_the_notebook() -> None:
    settings, problems = read_settings({"nbdeploy": {"contacts": {"system": "on call"}}})
    assert (settings.contacts, problems) == ({"system": "on call"}, ())
    settings, problems = read_settings({"nbdeploy": {"contacts": {"sytem": "on call"}}})
    assert settings.contacts == {}
    assert "NBD009" in str(problems[0])


def test_the_commands_of_the_way_back_are_commands() -> None:
    text = handover(report(), CONTRACT)
    lines = re.findall(r"^    (nbdeploy .*?)(?:  # .*)?$", text, re.MULTILINE)
    assert [line.split()[1] for line in lines] == ["verify", "list", "release", "release", "release", "diff"]
    for line in lines:
        words = shlex.split(line.replace("VERSION", "2"))[1:]
        assert cli_parser().parse_args(words).command == words[0]
    assert 'nbdeploy release rollback risk.eu --to VERSION --why "what you saw"' in text
    assert "kubectl argo rollouts undo risk-eu" in text


def test_promises_figures_data_and_form_stand_in_it() -> None:
    text = handover(report(), CONTRACT)
    assert "| `p99_ms`: 99 of 100 requests of one client are answered within, in milliseconds | 20 | 12.5 |" in text
    assert "| `rps`: requests a second that 16 clients get answered |  | 180 |" in text
    assert "`roc_auc_score` was 0.81 on 120 rows with known outcomes." in text
    assert f"| `people` | 400 | 3 | `{'c' * 64}` |" in text
    assert "| `age` | float64 | no | no |" in text
    assert "| `budget` | pass | kept \\| measured here |" in text, "a table stays a table"
    assert """-d '{"rows": [{"age": 20.0}]}'""" in text


@pytest.mark.parametrize("contract", [changed(model={"digest": "a" * 64, "artifacts": {}}, metric=None, labels=None)])
def test_what_is_not_there_is_left_out(contract: dict[str, Any]) -> None:
    text = handover(report(places={}, data=(), gates=()), contract)
    assert "This is an export" in text
    assert "release" not in text
    assert "rows with known outcomes" not in text
    assert "| none |  | nothing was measured |" in text
