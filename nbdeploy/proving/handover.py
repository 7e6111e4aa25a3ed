"""The handover document of a version: for whoever runs it, and whoever is called when it fails."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.notebook.settings import LIMITS

if TYPE_CHECKING:
    from nbdeploy.proving.report import Report

__all__ = ["handover"]

TEMPLATES = Path(__file__).parent / "templates"
NOBODY = "nobody is named: put `contacts` into the notebook's `metadata.nbdeploy`"
LONGEST = 600  # characters of a request that can be pasted


def handover(report: Report, contract: Mapping[str, Any]) -> str:
    """Return HANDOVER.md of a version, from its report and its contract."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    commands = _commands(report.name)
    text: str = templates.get_template("HANDOVER.md.txt").render(
        report=report,
        contract=contract,
        budgets=list(_budgets(report, contract)) or [("none", "", "nothing was measured")],
        example=_example(contract),
        label=re.sub(r"[._]+", "-", report.name),
        nobody=NOBODY,
        commands=commands,
        widest=max(len(command) for command, _ in commands),
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def _commands(name: str) -> tuple[tuple[str, str], ...]:
    return (
        ("nbdeploy list", "the versions that there are"),
        (f'nbdeploy release rollback {name} --why "what you saw"', "to the version before"),
        (f'nbdeploy release rollback {name} --to VERSION --why "what you saw"', "to a certain one"),
        (f"nbdeploy release status {name}", "what is live now"),
        (f"nbdeploy diff {name}", "what the newest version changed"),
    )


def _budgets(report: Report, contract: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield what is limited, or measured without a limit: in words, the limit, the figure."""
    figures: Mapping[str, Any] = next((each["figures"] for each in report.gates if each["name"] == "budget"), {})
    limits = contract.get("budgets", {})
    for name, words in LIMITS.items():
        limit, figure = (f"{each[name]:g}" if name in each else "" for each in (limits, figures))
        if limit or figure:
            yield f"`{name}`: {words}", limit, figure


def _example(contract: Mapping[str, Any]) -> str:
    """Return the first recorded request, of as many as the shell can be given, as a shell's argument."""
    texts = (json.dumps(each["request"], ensure_ascii=False) for each in contract["examples"])
    return next((shlex.quote(text) for text in texts if len(text) <= LONGEST and "\n" not in text), "")
