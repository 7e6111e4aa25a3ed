"""Answers for people: the same facts as text on a terminal (rich) and as HTML in a notebook."""

from __future__ import annotations

import json
import shlex
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nbdeploy.errors import NbdeployError
    from nbdeploy.request import Deployment

__all__ = [
    "cells_html",
    "cells_text",
    "deployment_html",
    "deployment_text",
    "diagnostics_html",
    "diagnostics_text",
    "error_lines",
    "next_commands",
    "print_answer",
    "print_deployment",
    "print_diagnostics",
    "print_gates",
    "print_place",
    "print_table",
]

STYLES = {"pass": "green", "fail": "bold red", "skip": "dim", "error": "bold red", "warning": "yellow", "info": "cyan"}
COLOURS = {
    "pass": "var(--jp-success-color1, #2e7d32)",
    "fail": "var(--jp-error-color1, #c62828)",
    "skip": "var(--jp-ui-font-color2, #666)",
    "error": "var(--jp-error-color1, #c62828)",
    "warning": "var(--jp-warn-color1, #b26a00)",
    "info": "var(--jp-info-color1, #00838f)",
}
MAX_FIGURES = 4  # a row of the gates' table stays readable; the report has them all
HINT = "roles: begin a cell with %%preprocess, %%predict or %%test; then %deploy NAME"
SHORT_EXAMPLE = 400  # characters of a request that can still be pasted from a terminal


def print_deployment(deployment: Deployment, console: Any) -> None:
    """Print the gates, where everything lies, and what to try next, to a rich console."""
    print_answer(deployment.as_json(), console)


def print_answer(answer: Mapping[str, Any], console: Any) -> None:
    """Print a deployment that is given as its JSON answer."""
    from rich.text import Text

    print_diagnostics(answer["diagnostics"], console)
    print_gates(answer["gates"], console)
    if spent := time_spent(answer["seconds"]):
        console.print(Text.assemble((f"{'seconds':<11}", "bold"), spent))
    for name, value in places(answer):
        print_place(name, value, console)
    console.print(Text("\nnext", "bold"))
    for command in next_commands(answer):
        console.print(Text(f"  {command}", "cyan"), soft_wrap=True)


def print_place(name: str, value: str, console: Any) -> None:
    from rich.text import Text

    if value:
        console.print(Text.assemble((f"{name:<11}", "bold"), value), soft_wrap=True)


def time_spent(seconds: Mapping[str, float]) -> str:
    """Return `74 (record 8, export 1.5, ...)`: the total, and the stages of it."""
    stages = ", ".join(f"{stage} {spent:.3g}" for stage, spent in seconds.items() if stage != "total" and spent)
    total = f"{seconds['total']:.3g}" if "total" in seconds else ""
    return f"{total} ({stages})" if stages else total


def print_gates(gates: Sequence[Mapping[str, Any]], console: Any) -> None:
    """Print the gates that gave an answer as a table, and those that were skipped below it."""
    from rich.text import Text

    rows = [
        (each["name"], Text(each["verdict"], STYLES.get(each["verdict"], "")), why(each)) for each in answered(gates)
    ]
    if rows:
        print_table(("gate", "verdict", "what was seen"), rows, console)
    for reason, names in skipped(gates).items():
        console.print(Text(f"skipped    {', '.join(names)}: {reason}", STYLES["skip"]))


def answered(gates: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in gates if each["verdict"] != "skip"]


def skipped(gates: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the names of the skipped gates by the reason that they share."""
    found: dict[str, list[str]] = {}
    for each in gates:
        if each["verdict"] == "skip":
            found.setdefault(why(each), []).append(each["name"])
    return found


def print_table(heads: Sequence[str], rows: Iterable[Sequence[Any]], console: Any) -> None:
    """Print rows of texts (plain: no markup is read in them)."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    console.print(table)


def print_diagnostics(diagnostics: Sequence[Mapping[str, Any]], console: Any) -> None:
    from rich.text import Text

    for each in diagnostics:
        console.print(Text.assemble((f"{each['severity']} ", STYLES.get(each["severity"], "")), headline(each)))
        if each["fix"]:
            console.print(Text(f"  fix: {each['fix']}", "green"))


def deployment_text(deployment: Deployment) -> str:
    return written(lambda console: print_deployment(deployment, console))


def diagnostics_text(diagnostics: Sequence[Mapping[str, Any]]) -> str:
    return written(lambda console: print_diagnostics(diagnostics, console))


def written(show: Any) -> str:
    """Return what `show` prints to a console without colours."""
    from io import StringIO

    from rich.console import Console

    page = StringIO()
    # Inside a kernel rich would display the text instead of writing it.
    show(Console(file=page, width=120, color_system=None, force_terminal=False, force_jupyter=False))
    return page.getvalue().rstrip("\n")


def deployment_html(deployment: Deployment) -> str:
    """Return the report as a notebook shows it, what was warned of first."""
    answer = deployment.as_json()
    if deployment.report is not None:
        from nbdeploy.proving.report_page import notebook_html

        shown = notebook_html(deployment.report, places(answer), next_commands(answer))
        return f'<div class="nbdeploy-deployment">{diagnostics_html(answer["diagnostics"])}{shown}</div>'
    gates = "".join(
        row(f"<b>{escape(each['name'])}</b>", coloured(each["verdict"], each["verdict"]), escape(why(each)))
        for each in answered(answer["gates"])
    )
    left_out = "".join(
        f"<div>skipped: {escape(', '.join(names))}: {escape(reason)}</div>"
        for reason, names in skipped(answer["gates"]).items()
    )
    facts = "".join(row(f"<b>{escape(name)}</b>", code(value)) for name, value in places(answer))
    tries = "".join(f"<div>{code(command)}</div>" for command in next_commands(answer))
    return (
        f'<div class="nbdeploy-deployment">{diagnostics_html(answer["diagnostics"])}'
        f"<p><b>{escape(answer['name'])}</b> {escape(answer['version'])} is deployed.</p>"
        f"{table(gates)}{left_out}{table(facts)}<p><b>Next</b></p>{tries}</div>"
    )


def diagnostics_html(diagnostics: Sequence[Mapping[str, Any]]) -> str:
    return "".join(
        f"<div>{coloured(each['severity'], each['severity'])} "
        f'<span style="white-space:pre-wrap">{escape(headline(each))}</span>'
        + (
            f'<div style="white-space:pre-wrap;padding-left:24px">fix: {escape(each["fix"])}</div>'
            if each["fix"]
            else ""
        )
        + "</div>"
        for each in diagnostics
    )


def error_lines(error: NbdeployError) -> list[str]:
    """Return an error's text for a notebook's or terminal's traceback area: ANSI colours, no markup."""
    report = getattr(error, "report", "")
    seen = [f"report: {report}"] if report else []
    return [f"\x1b[1;31m{type(error).__name__}\x1b[0m", *(str(each) for each in error.diagnostics), *seen]


def cells_html(name: str, cells: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(row(str(each["index"]), f"<b>{escape(each['role'])}</b>", code(first_line(each))) for each in cells)
    return f"<div><b>{escape(name)}</b></div>{table(rows)}<div>{escape(HINT)}</div>"


def cells_text(name: str, cells: Sequence[Mapping[str, Any]]) -> str:
    rows = [(each["index"], each["role"], first_line(each)) for each in cells]
    return written(lambda console: print_table(("cell", "role", name), rows, console)) + f"\n{HINT}"


def first_line(cell: Mapping[str, Any]) -> str:
    return next((line for line in str(cell["source"]).splitlines() if line.strip()), "")[:80]


def next_commands(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Return three commands to try: serve it, ask it one real row, run its tests."""
    package = shlex.quote(str(answer["package"]))
    serve = (f"nbdeploy serve {answer['name']}", ask(Path(answer["package"]))) if answer["bento_tag"] else ()
    return (*serve, f"(cd {package} && python -m pytest tests)")


def ask(package: Path) -> str:
    """Return the curl command that sends a recorded example, or the schema's address where there is none."""
    body = example(package)
    if body is None:
        return "curl -s http://127.0.0.1:3000/contract"
    text = shlex.quote(body)
    return f"curl -s http://127.0.0.1:3000/predict -H 'Content-Type: application/json' -d {text}"


def example(package: Path) -> str | None:
    """Return the smallest request in the package's contract as JSON text; None where it is missing or long."""
    try:
        contract = json.loads((package / "contract.json").read_text("utf-8"))
        requests = [each["request"] for each in contract["examples"]]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    texts = [json.dumps(one_row(request, contract), ensure_ascii=False) for request in requests]
    shortest = min(texts, key=len, default=None)
    return shortest if shortest is not None and len(shortest) <= SHORT_EXAMPLE else None


def one_row(request: Any, contract: Mapping[str, Any]) -> Any:
    """Return the request with its first row alone, without the columns that an answer does not depend on."""
    rows = request.get("rows") if isinstance(request, dict) else None
    if not (isinstance(rows, list) and rows and isinstance(rows[0], dict)):
        return request
    columns = contract.get("input", {}).get("columns", ())
    unneeded = {str(each["name"]) for each in columns if each.get("required") is False}
    return {"rows": [{name: value for name, value in rows[0].items() if name not in unneeded}]}


def places(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    run = f"{answer['run_id']} in {answer['experiment']}" if answer["run_id"] else None
    facts = {
        "bento": answer["bento_tag"],
        "package": answer["package"],
        "report": answer.get("report"),
        "mlflow run": run,
    }
    return [(name, str(value)) for name, value in facts.items() if value]


def why(gate: Mapping[str, Any]) -> str:
    """Return a gate's reason; its first figures where it gives none."""
    if gate["reason"]:
        largest = gate["figures"].get("largest_difference")
        return f"{gate['reason']} (largest difference: {figure(largest)})" if largest else str(gate["reason"])
    return ", ".join(
        f"{name} {figure(value)}"
        for name, value in list(gate["figures"].items())[:MAX_FIGURES]
        if isinstance(value, (int, float, str))
    )


def figure(value: float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def headline(diagnostic: Mapping[str, Any]) -> str:
    """Return `CODE notebook.ipynb, cell 3, line 1: what`, as far as the place is known."""
    cell, line = diagnostic["cell"], diagnostic["line"]
    parts = (
        diagnostic.get("notebook") or "",
        "" if cell is None else f"cell {cell}",
        "" if line is None else f"line {line}",
    )
    where = ", ".join(part for part in parts if part)
    return f"{diagnostic['code']} {where}{': ' if where else ''}{diagnostic['message']}"


def table(rows: str) -> str:
    return f'<table style="text-align:left"><tbody>{rows}</tbody></table>' if rows else ""


def row(*cells: str) -> str:
    return "<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells) + "</tr>"


def coloured(text: str, verdict: str) -> str:
    return f'<span style="color:{COLOURS.get(verdict, "inherit")}">{escape(text)}</span>'


def code(text: str) -> str:
    return f'<code style="white-space:pre-wrap">{escape(text)}</code>'
