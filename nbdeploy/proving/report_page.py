"""The report as HTML: a page of its own, and what a notebook shows. Nothing in it comes from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.proving.figures import figures_of, shown_number

if TYPE_CHECKING:
    from nbdeploy.proving.report import Report

__all__ = ["headline", "notebook_html", "report_html"]

TEMPLATES = Path(__file__).parent / "templates"
SHOWS = {
    "reproduce": "The notebook runs top to bottom in a fresh kernel.",
    "faithful": "The package, in a clean process, gives the notebook's own outputs.",
    "rowwise": "A row's answer does not depend on the rows beside it.",
    "portable": "Each fitted model is served in the form that loses nothing.",
    "served": "The built service answers the recorded rows over HTTP.",
    "tested": "The notebook's test cells and the contract pass on the package.",
    "robust": "Bad and odd requests are refused by row and field, or answered right.",
    "budget": "Latency, memory, size and cold start keep their limits.",
    "safe": "No secret, no unpinned requirement, no artifact that runs code.",
    "better": "Not worse than the version before, on the same held-out rows.",
}
"""What each gate shows when it passes."""


def report_html(report: Report) -> str:
    """Return the report as one HTML page that needs nothing else."""
    return _rendered("report.html", report)


def notebook_html(report: Report, places: Sequence[tuple[str, str]], commands: Sequence[str]) -> str:
    """Return what a notebook shows of a deploy: the same, shorter, in the notebook's own colours."""
    done = "deployed" if "bento" in report.places else "exported"
    return _rendered("notebook.html", report, places=places, commands=commands, done=done)


def headline(report: Report) -> str:
    """Say in a sentence how the gates went."""
    if report.stopped_by:
        passed = sum(each["verdict"] == "pass" for each in report.gates)
        return f"Not deployed: {report.stopped_by} failed, after {passed} of {len(report.gates)} gates had passed."
    counted = {word: sum(each["verdict"] == word for each in report.gates) for word in ("pass", "fail", "skip")}
    parts = [f"{counted['pass']} of {len(report.gates)} gates passed"]
    parts += [f"{counted['fail']} failed and let pass" if counted["fail"] else ""]
    parts += [f"{counted['skip']} skipped" if counted["skip"] else ""]
    return ", ".join(part for part in parts if part) + "."


def _rendered(template: str, report: Report, **more: Any) -> str:
    longest = max((spent for stage, spent in report.seconds.items() if stage != "total"), default=0.0) or 1.0

    def figures(gate: Mapping[str, Any]) -> list[Any]:
        return list(figures_of(gate["figures"]))

    stop = next((each for each in report.gates if each["name"] == report.stopped_by), None)
    text: str = (
        _environment()
        .get_template(template)
        .render(
            report=report,
            headline=headline(report),
            stop=stop,
            differences=_differences(stop["figures"]) if stop else (),
            outcome="fail" if any(each["verdict"] == "fail" for each in report.gates) else "pass",
            shows=SHOWS,
            figures_of=figures,
            number=shown_number,
            share=lambda spent: round(100 * spent / longest),
            **more,
        )
    )
    return text


def _differences(figures: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the statements that answer rows apart otherwise than among all, as `rowwise` or `faithful` saw them."""
    found: Sequence[Mapping[str, Any]] = {**figures.get("apart", {}), **figures}.get("statements", ())
    return found


@cache
def _environment() -> Any:
    """Return the templates; everything that is put into them is escaped, but the style sheet."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.globals["css"] = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    return made
