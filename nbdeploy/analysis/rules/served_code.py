"""What the served code does besides answering: it trains, shares state, looks at the clock, draws plots."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import replace

from nbdeploy.analysis.binding_time import is_training
from nbdeploy.analysis.knowledge import names_origin
from nbdeploy.analysis.program import Statement
from nbdeploy.analysis.rules.randomness import drawn_streams
from nbdeploy.analysis.rules.requests import Requests
from nbdeploy.analysis.rules.survey import Survey
from nbdeploy.analysis.serving import diagnosed
from nbdeploy.analysis.walking import walk
from nbdeploy.errors import Diagnostic, Severity
from nbdeploy.notebook.cells import Role

__all__ = ["clocks_and_draws", "left_behind", "preprocess_unused", "troubles"]


def troubles(survey: Survey, requests: Requests) -> Iterator[Diagnostic]:
    """NBD206, NBD207, NBD210: what a deploy refuses, if the input is what it seems to be."""
    presumed = requests.presumed if survey.program.with_role(Role.PREDICT) else None
    for cut in requests.cuts if presumed else ():
        for each in cut.troubles:
            found = diagnosed(each)
            if not requests.settled:
                when = f" (if {cut.source.name} is the input)" if presumed and not presumed.settled else ""
                found = replace(found, severity=Severity.WARNING, message=found.message + when)
            yield found


def clocks_and_draws(survey: Survey, requests: Requests) -> Iterator[Diagnostic]:
    """NBD123: the time of day or a random number in served code."""
    known = survey.known
    for statement, nodes, inside in _running(survey, requests):
        for node in nodes:
            if not isinstance(node, ast.Call) or not (origin := survey.origin(node.func)):
                continue
            drawn = drawn_streams(known, node, origin) or "entropy" in known.streams_drawn(origin)
            clock = names_origin(known.clock_functions, origin)
            if clock or (drawn and not _makes_estimator(origin)):
                yield Diagnostic(
                    code="NBD123",
                    severity=Severity.WARNING,
                    cell=statement.cell,
                    line=node.lineno,
                    message=f"`{origin}` {'looks at the clock' if clock else 'draws a random number'} for every"
                    f" request{inside}: the same row gets another answer each time",
                    fix="let the request carry the time" if clock else "draw it once, in a cell without a role",
                )


def _running(survey: Survey, requests: Requests) -> Iterator[tuple[Statement, list[ast.AST], str]]:
    """Served statements, and the functions of the notebook behind them, once each."""
    seen: set[int] = set()
    for cut in requests.cuts:
        for each in cut.served:
            if each.original.index not in seen:
                seen.add(each.original.index)
                yield each.original, list(walk(each.original.node)), ""
            for name, definition in survey.program.code_behind(each.original.effects.refs, each.original).items():
                if definition.index not in seen and not isinstance(definition.node, ast.ClassDef):
                    seen.add(definition.index)
                    yield definition, list(walk(definition.node)), f" (in {name})"


def _makes_estimator(origin: str) -> bool:
    """A class of scikit-learn or torch that draws when it is fitted or made: training, and told of as such."""
    return origin.rpartition(".")[2][:1].isupper()


def left_behind(survey: Survey) -> Iterator[Diagnostic]:
    """NBD125: plots, progress bars and widgets in tagged cells; once for each cell."""
    shows = survey.known.show_modules - sys.stdlib_module_names  # a log is for those who run the service
    told: set[int] = set()
    for site, _, origin in survey.calls:
        role = site.statement.role
        root = origin.partition(".")[0]
        if role in {Role.PREPROCESS, Role.PREDICT} and root in shows and site.cell not in told:
            if origin.startswith("matplotlib.") and origin.endswith(("rcParams.update", ".use")):
                continue
            told.add(site.cell)
            yield Diagnostic(
                code="NBD125",
                severity=Severity.INFO,
                cell=site.cell,
                line=site.line,
                message=f"`{origin}` shows something, and nobody looks at a service: it is left out of what is served",
                fix="nothing, if the answer does not need it; a cell of its own keeps the tagged cell clear",
            )


def preprocess_unused(survey: Survey, requests: Requests) -> Iterator[Diagnostic]:
    """NBD213: nothing that the predict cells read comes from the preprocess cells, by any road through the notebook."""
    program = survey.program
    tagged, predict = program.with_role(Role.PREPROCESS), program.with_role(Role.PREDICT)
    if not tagged or not predict or requests.presumption.said.input is not None or requests.presumption.said.bind:
        return
    reached: set[str] = set()
    for each in program.statements:
        made = each.effects.defs | each.effects.mutates
        if each.role is Role.PREPROCESS and not each.imports:
            reached |= made
        elif is_training(each):
            continue  # the fitted object knows the rows, but requests do not go that way
        elif program.reads(each) & reached:
            reached |= made
    read = {name for each in predict for name in program.reads(each)}
    if not read & reached:
        cells = sorted({each.cell for each in tagged})
        yield Diagnostic(
            code="NBD213",
            severity=Severity.WARNING,
            cell=cells[0],
            message=f"preprocess cell{'s' if len(cells) > 1 else ''} {', '.join(map(str, cells))} would not be applied to"
            " requests: nothing that the predict cells read is made from what they make",
            fix="tag the cells that lead from them to the predict cells as well, or take the preprocess tag away",
        )
