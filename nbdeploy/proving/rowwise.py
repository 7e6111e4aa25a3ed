"""The gate `rowwise`: one row at a time = all rows at once = shuffled = with other rows around them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbdeploy.analysis.presumption import Said
from nbdeploy.errors import Diagnostic
from nbdeploy.freezing import Freezable, Unfreezable, survey_of
from nbdeploy.proving.verdict import Outcome, Verdict
from nbdeploy.recording.recording import Recording
from nbdeploy.request import DeployRequest

__all__ = ["depends_on_others", "rowwise"]

FIGURES = ("arrangement", "positions", "smallest", "statements", "asks", "seconds")


def rowwise(report: Mapping[str, Any], recording: Recording) -> Verdict:
    """Judge what the probe saw when it sent the recorded rows in other arrangements."""
    seen = report.get("rowwise")
    if seen is None:
        kind = recording.path.input.observation.schema.kind
        reason = f"one request is one {kind}" if kind in {"record", "scalar", "object"} else "`faithful` failed"
        return Verdict("rowwise", Outcome.SKIP, reason)
    figures = {"arrangements": seen["tried"], "rows": seen["among"], "asks": seen["asks"]}
    if seen["same"]:
        return Verdict("rowwise", Outcome.PASS, "every row gets its own answer, whatever comes with it", figures)
    diagnostic = depends_on_others(seen, recording)
    figures |= {key: seen[key] for key in FIGURES}
    return Verdict("rowwise", Outcome.FAIL, diagnostic.message, figures, (diagnostic,))


def depends_on_others(seen: Mapping[str, Any], recording: Recording) -> Diagnostic:
    """Return what to tell of rows that are answered otherwise apart than among all: which, where, and the way out."""
    last = recording.path.output.statement
    place, error = (last.cell, last.line), seen.get("error")
    statements = seen["statements"]
    if statements:
        place = tuple(statements[0]["place"])
    elif error and error["place"]:
        place = tuple(error["place"])
    what = error["text"] if error else seen["first"].partition(": ")[2]
    rows = _rows(seen["positions"], seen["smallest"])
    are = "is" if seen["smallest"] == 1 else "are"
    return Diagnostic(
        code="NBD510",
        cell=place[0],
        line=place[1],
        message=f"{rows} {are} answered otherwise than among the {seen['among']} recorded rows ({what}){_because(statements)}:"
        " a service would answer differently depending on what is sent together",
        fix=_fix(statements, recording),
    )


def _rows(positions: Sequence[int | None], count: int) -> str:
    """Name rows in a sentence: `row 17 alone`, `rows 3 and 8 together`."""
    own = [each for each in positions if each is not None]
    if len(own) < len(positions):
        return f"row {own[0]} with other rows beside it" if own else "rows with others beside them"
    if count == 1:
        return f"row {own[0]} alone"
    if len(set(own)) == 1:
        return f"row {own[0]} sent {'twice' if count == 2 else f'{count} times'}"
    order = "together" if own == sorted(own) else "in this order"
    if count > len(own) or count > 5:
        return f"{count} rows ({', '.join(map(str, own[:5]))}, ...) {order}"
    return f"rows {', '.join(map(str, own[:-1]))} and {own[-1]} {order}"


def _because(statements: Sequence[Mapping[str, Any]]) -> str:
    if not statements:
        return ""
    first = statements[0]
    code = first["code"].splitlines()[0] if first["code"] else "this"
    if error := first.get("error"):
        return f", since `{code}` fails ({error})"
    return f", since `{code}` makes {_differs(first)}"


def _differs(statement: Mapping[str, Any]) -> str:
    """Name what a statement makes different: `column Age of X nan instead of 28.0 (row 17)`."""
    found = [each for each in statement["columns"] if each["column"]]
    names = ", ".join(each["column"] for each in found[:5])
    what = f"column{'s' if len(found) > 1 else ''} {names} of {statement['name']}" if found else statement["name"]
    if not statement["columns"]:
        return f"{what} differ"
    each = statement["columns"][0]
    values = f"{each['apart']} instead of {each['among']}"
    return f"{what} {values}" if len(found) < 2 else f"{what} different ({each['column']}: {values})"


# the way out -------------------------------------------------------------------------------------------------------------

BY_HAND = (
    "compute what looks at all rows (mean, median, dummies, ranks, ...) once from the training rows in an untagged cell,"
    " and use that value here"
)


def _fix(statements: Sequence[Mapping[str, Any]], recording: Recording) -> str:
    request = recording.request
    said = Said(request.input, request.output, request.bind) if request else Said()
    offered = survey_of(recording.program, said) if statements else ()
    ways = [(each, _ways_out(each, offered)) for each in statements]
    places = dict.fromkeys(way.place for _, found in ways for way in found if isinstance(way, Freezable))
    barred = [way for _, found in ways for way in found if isinstance(way, Unfreezable)]
    words = [f"`{each.code}` can't be frozen: {each.why}" for each in dict.fromkeys(barred)][:2]
    if places:
        rest = "" if all(found for _, found in ways) and not barred else "; mend the others by hand"
        words.insert(0, f"keep what is computed at its training value: {command(request, recording, places)}{rest}")
    else:
        words.append(_beside_the_request(statements, recording) or _by_rule(statements, recording) or BY_HAND)
    return "; ".join(words)


def _by_rule(statements: Sequence[Mapping[str, Any]], recording: Recording) -> str:
    """Return what the rule on aggregates says of these statements, where it looked at them."""
    from nbdeploy.analysis.rules import findings

    blamed = {tuple(each["place"]) for each in statements}
    found = (each for each in findings(recording.program) if each.code == "NBD120" and (each.cell, each.line) in blamed)
    return "; ".join(dict.fromkeys(each.fix for each in found))


def _beside_the_request(statements: Sequence[Mapping[str, Any]], recording: Recording) -> str:
    """Say which values of the recorded rows a failing statement reads that no request brings, such as the labels' index."""
    failing = [each["code"] for each in statements if each.get("error")]
    read = {name for code in failing for name in re.findall(r"[^\W\d]\w*", code)}
    asked = recording.path.input
    rows = asked.observation.schema.rows
    beside = {
        each.name for each in recording.path.values() if each.name in read and each.observation.schema.rows == rows
    }
    if not beside:
        return ""
    names, are = " and ".join(sorted(beside)), "is" if len(beside) == 1 else "are"
    return (
        f"{names} {are} of the {rows} recorded rows, and no request brings such rows along: make this of {asked.name}, or take"
        " the statement out of the tagged cells"
    )


def _ways_out(
    statement: Mapping[str, Any], found: Sequence[Freezable | Unfreezable]
) -> tuple[Freezable | Unfreezable, ...]:
    """Return what can be frozen, or can't, of one statement: in it, or in the function that it calls."""
    cell, line = statement["place"]
    return tuple(
        each
        for each in found
        if (each.cell == cell and line in each.lines) or (each.function and f"{each.function}(" in statement["code"])
    )


def command(request: DeployRequest | None, recording: Recording, places: Iterable[str]) -> str:
    """Return the command that deploys the notebook as it was asked for, with these places frozen as well."""
    path = recording.program.notebook.path
    asked = request or DeployRequest(notebook=Path(path))
    words = ["nbdeploy", "deploy", path] if asked.source == "run" else ["%deploy"]
    return shlex.join([*words, *replace(asked, freeze=asked.freeze.union(places)).options()])
