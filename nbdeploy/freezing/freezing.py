"""Find what can be frozen in a notebook, and freeze it: in memory, every line where it was.

`X["Age"] = X.Age.fillna(X.Age.median())` becomes `AGE_MEDIAN = X.Age.median(); X["Age"] = X.Age.fillna(AGE_MEDIAN)`, and the
first of the two belongs to the training side. Both stand on the user's own line, so that all that comes later (the run, the
cut, the package's comments, errors) names the user's cell and line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from nbdeploy.analysis.presumption import Presumption, Said
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.rules.edits import apply_edits
from nbdeploy.analysis.rules.requests import Requests, ServedCode, mentions
from nbdeploy.analysis.rules.skew import aggregates
from nbdeploy.analysis.rules.survey import Survey
from nbdeploy.analysis.walking import walk
from nbdeploy.errors import Diagnostic, Severity, UsageError
from nbdeploy.freezing.sites import Freezable, Site, Unfreezable
from nbdeploy.notebook.syntax import plain_python
from nbdeploy.reading import program_of

__all__ = ["ALL", "Freezable", "Unfreezable", "freeze", "in_words", "offered", "settled_input", "survey_of"]

ALL = "all"
MOST = 200  # aggregates in one notebook: more is a fault of this file


def freeze(program: Program, wanted: Iterable[str], said: Said | None = None) -> tuple[Program, tuple[Freezable, ...]]:
    """Return the program with the aggregates at the wanted places (`CELL:LINE`, or `all`) frozen, and what was frozen.

    Raises UsageError NBD523 where nothing can be frozen at a place: what can be, or why not, is told.
    """
    places = tuple(dict.fromkeys(wanted))
    if not places:
        return program, ()
    chosen = None if ALL in places else frozenset(map(_numbers, places))
    if chosen is not None:
        _check(program, chosen, said)
    done: list[Freezable] = []
    while len(done) < MOST:
        found = next((each for each in survey_of(program, said) if _is_wanted(each, chosen)), None)
        if found is None:
            break
        assert isinstance(found, Freezable)
        program = _frozen(program, found, {each.name for each in done} | {found.name})
        done.append(found)
    return program, tuple(done)


def offered(problem: Diagnostic, program: Program) -> Diagnostic:
    """Return the diagnostic with the place to freeze, where it is of something that is computed anew and can be frozen."""
    for each in survey_of(program):
        if isinstance(each, Freezable) and (each.cell, each.line) == (problem.cell, problem.line):
            way = f"{problem.fix}; or keep what it learns of the training rows: --freeze {each.place}"
            return replace(problem, fix=way)
    return problem


def settled_input(program: Program, said: Said | None = None) -> str | None:
    """Return the input if the text alone settles it: a constant with as many rows would be another candidate for a run."""
    requests = Requests(Survey.of(program), Presumption(program, said or Said()))
    return requests.presumed.input if requests.presumed and requests.settled else None


def in_words(frozen: Freezable) -> Diagnostic:
    """Return what to tell the user of one that was frozen."""
    return Diagnostic(
        code="NBD524",
        severity=Severity.INFO,
        cell=frozen.cell,
        line=frozen.line,
        message=f"`{frozen.code}` is frozen at its training value, as --freeze asks for: the package keeps it as {frozen.name},"
        " and its `train` computes it anew",
        fix=f"write `{frozen.source}` in a cell without a role, and {frozen.name} here, to have the notebook say the same",
    )


def _numbers(place: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+):(\d+)", place)
    if found is None:
        message = f"{place!r} is not a place to freeze: CELL:LINE, such as 4:2, or `all`"
        raise UsageError(Diagnostic(code="NBD523", message=message, fix="take the place from the message of `rowwise`"))
    return int(found[1]), int(found[2])


def _is_wanted(found: Freezable | Unfreezable, chosen: frozenset[tuple[int, int]] | None) -> bool:
    if isinstance(found, Unfreezable):
        return False
    return chosen is None or any(found.cell == cell and line in found.lines for cell, line in chosen)


def _check(program: Program, chosen: frozenset[tuple[int, int]], said: Said | None) -> None:
    found = survey_of(program, said)
    for cell, line in sorted(chosen):
        here = [each for each in found if each.cell == cell and line in each.lines]
        if not any(isinstance(each, Freezable) for each in here):
            raise UsageError(_nothing_here(cell, line, here, found))


def _nothing_here(
    cell: int, line: int, here: list[Freezable | Unfreezable], found: tuple[Freezable | Unfreezable, ...]
) -> Diagnostic:
    why = next((f"`{each.code}` can't be frozen: {each.why}" for each in here if isinstance(each, Unfreezable)), "")
    able = [f"--freeze {each.place} (`{each.code}`)" for each in found if isinstance(each, Freezable)]
    nothing = "the served code computes nothing over all rows there"
    others = ", ".join(dict.fromkeys(able[:5]))
    return Diagnostic(
        code="NBD523",
        cell=cell,
        line=line,
        message=f"--freeze {cell}:{line}: {why or nothing}",
        fix=f"what can be frozen: {others}"
        if others
        else "nothing in the served code can be frozen: leave --freeze out",
    )


# what there is -----------------------------------------------------------------------------------------------------------


def survey_of(program: Program, said: Said | None = None) -> tuple[Freezable | Unfreezable, ...]:
    """Return what the served code computes over all rows, with how it is frozen; what must go first stands first."""
    survey = Survey.of(program)
    found: dict[tuple[int, int, int], Site] = {}
    for requests in _possible(survey, said or Said()):
        for code in requests.code:
            for node, what in (*aggregates(survey, code), *_fitting(code)):
                site = Site(survey, requests, code, node, what)
                if what != "get_dummies" or not site.is_reindexed:
                    found.setdefault((code.statement.cell, node.lineno, node.col_offset), site)
    told = {id(each): each.told for each in found.values()}
    outer = [each for each in found.values() if isinstance(told[id(each)], Freezable) and each.replaces_a_value]
    kept = [each for each in found.values() if not any(each.is_inside(other) for other in outer)]
    return tuple(told[id(each)] for each in sorted(kept, key=lambda each: each.ends))


def _possible(survey: Survey, said: Said) -> Iterator[Requests]:
    """Yield the requests by each input that a run may settle on: the text alone may take another for the likeliest."""
    first = Requests(survey, Presumption(survey.program, said))
    yield first
    if first.presumption.said.input is None:
        code = [
            each for each in survey.program.statements if each.role is None and not (each.imports or each.defines_code)
        ]
        made = {name for each in code for name in each.effects.defs}
        read = {name for each in survey.program.serving for name in each.effects.refs}
        for name in sorted(made & read):
            yield Requests(survey, Presumption(survey.program, replace(said, input=name)))


def _fitting(code: ServedCode) -> Iterator[tuple[ast.expr, str]]:
    """`StandardScaler().fit_transform(X)`: fitted anew for every request, and not kept."""
    for node in (each for body in code.body for each in walk(body)):
        match node:
            case ast.Call(func=ast.Attribute(attr="fit_transform", value=ast.Call()), args=[rows, *_]):
                if mentions(rows, code.dynamic):
                    yield node, "fit_transform"


# freezing ----------------------------------------------------------------------------------------------------------------


def _frozen(program: Program, found: Freezable, names: set[str]) -> Program:
    notebook = program.notebook
    sources = apply_edits([each.source for each in notebook.cells], found.edits)
    cells = tuple(
        cell if source == cell.source else replace(cell, source=source, code=plain_python(source))
        for cell, source in zip(notebook.cells, sources, strict=True)
    )
    edited = program_of(replace(notebook, cells=cells), Path(notebook.path).parent)
    statements = tuple(
        replace(each, role=None) if each.effects.defs <= names and _makes_one_of(each, names) else each
        for each in edited.statements
    )
    return replace(edited, statements=statements)


def _makes_one_of(statement: Statement, names: set[str]) -> bool:
    match statement.node:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in names
        case _:
            return False
