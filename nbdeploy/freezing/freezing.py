"""Find what can be frozen in a notebook, and freeze it: in memory, every line where it was.

`X["Age"] = X.Age.fillna(X.Age.median())` becomes `AGE_MEDIAN = X.Age.median(); X["Age"] = X.Age.fillna(AGE_MEDIAN)`, and the
first of the two belongs to the training side. Both stand on the user's own line, so that all that comes later (the run, the
cut, the package's comments, errors) names the user's cell and line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from nbdeploy.analysis.presumption import Said, said_in
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.rules.edits import apply_edits
from nbdeploy.analysis.rules.requests import Requests, ServedCode, mentions
from nbdeploy.analysis.rules.skew import aggregates
from nbdeploy.analysis.rules.survey import Survey
from nbdeploy.analysis.rules.writing import replaced
from nbdeploy.analysis.targets import plain_targets
from nbdeploy.analysis.walking import children, walk
from nbdeploy.errors import Diagnostic, Edit, Severity, UsageError
from nbdeploy.freezing.forms import Form, Seen, form_of
from nbdeploy.freezing.hoisting import Caller, caller_of, changed_in, in_terms_of_caller, written
from nbdeploy.notebook.syntax import plain_python
from nbdeploy.reading import program_of

__all__ = ["ALL", "Freezable", "Unfreezable", "freeze", "in_words", "offered", "settled_input", "survey_of"]

ALL = "all"
MOST = 200  # aggregates in one notebook: more is a fault of this file


@dataclass(frozen=True, slots=True)
class Freezable:
    """An aggregate of the served code that can be frozen: `source` is the statement that makes its constant.

    `lines` are those by which it is named, `function` is the notebook's function that it stands in, if any.
    """

    cell: int
    line: int
    lines: range
    code: str
    function: str
    name: str
    source: str
    edits: tuple[Edit, ...] = ()

    @property
    def place(self) -> str:
        return f"{self.cell}:{self.line}"


@dataclass(frozen=True, slots=True)
class Unfreezable:
    """An aggregate that can't be frozen, and why."""

    cell: int
    line: int
    lines: range
    code: str
    function: str
    why: str

    @property
    def place(self) -> str:
        return f"{self.cell}:{self.line}"


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
    requests = Requests(Survey.of(program), said or Said())
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
    found: dict[tuple[int, int, int], _Site] = {}
    for requests in _possible(survey, said or Said()):
        for code in requests.code:
            for node, what in (*aggregates(survey, code), *_fitting(code)):
                site = _Site(survey, requests, code, node, what)
                if what != "get_dummies" or not site.is_reindexed:
                    found.setdefault((code.statement.cell, node.lineno, node.col_offset), site)
    told = {id(each): each.told for each in found.values()}
    outer = [each for each in found.values() if isinstance(told[id(each)], Freezable) and each.replaces_a_value]
    kept = [each for each in found.values() if not any(each.is_inside(other) for other in outer)]
    return tuple(told[id(each)] for each in sorted(kept, key=lambda each: each.ends))


def _possible(survey: Survey, said: Said) -> Iterator[Requests]:
    """Yield the requests by each input that a run may settle on: the text alone may take another for the likeliest."""
    yield Requests(survey, said)
    if said_in(survey.program, said).input is None:
        code = [
            each for each in survey.program.statements if each.role is None and not (each.imports or each.defines_code)
        ]
        made = {name for each in code for name in each.effects.defs}
        read = {name for each in survey.program.serving for name in each.effects.refs}
        for name in sorted(made & read):
            yield Requests(survey, replace(said, input=name))


def _fitting(code: ServedCode) -> Iterator[tuple[ast.expr, str]]:
    """`StandardScaler().fit_transform(X)`: fitted anew for every request, and not kept."""
    for node in (each for body in code.body for each in walk(body)):
        match node:
            case ast.Call(func=ast.Attribute(attr="fit_transform", value=ast.Call()), args=[rows, *_]):
                if mentions(rows, code.dynamic):
                    yield node, "fit_transform"


@dataclass(frozen=True)
class _Site:
    """One aggregate where it stands."""

    survey: Survey
    requests: Requests
    code: ServedCode
    node: ast.expr
    what: str

    @property
    def statement(self) -> Statement:
        return self.code.statement

    @property
    def ends(self) -> tuple[int, int, int, int]:
        """By place, inner ones before what they stand in."""
        node = self.form.node if isinstance(self.form, Form) else self.node
        return self.statement.cell, node.end_lineno or 0, node.end_col_offset or 0, -node.col_offset

    @property
    def is_reindexed(self) -> bool:
        match self.parents.get(id(self.node)):
            case ast.Attribute(attr="reindex"):
                return not any(each.arg == "drop_first" for each in self.node.keywords)  # type: ignore[attr-defined]
            case _:
                return False

    @property
    def replaces_a_value(self) -> bool:
        """Tell whether nothing of the expression is left: what stands inside is frozen with it."""
        return isinstance(self.form, Form) and self.form.instead("A") == "A"

    def is_inside(self, other: _Site) -> bool:
        form = other.form
        return other is not self and isinstance(form, Form) and any(each is self.node for each in walk(form.node))

    @cached_property
    def parents(self) -> dict[int, ast.AST]:
        return {id(below): above for body in self.code.body for above in walk(body) for below in children(above)}

    def text_of(self, node: ast.expr) -> str:
        """Return the user's own text where it is one line, else the same expression written as one."""
        code = self.survey.program.notebook.cells[self.statement.cell].code
        own = ast.get_source_segment(code.python, node) if code and hasattr(node, "lineno") else None
        same = own is not None and "\n" not in own and _reads_as(own, node)
        return own if same and own is not None else written(node)

    @cached_property
    def form(self) -> Form | str:
        return form_of(Seen(self.node, self.what, self.parents, self.text_of))

    @property
    def told(self) -> Freezable | Unfreezable:
        code = self.text_of(self.node)
        whole = not self.code.function
        first = self.statement.line if whole else self.node.lineno
        last = self.statement.end_line if whole else self.node.end_lineno or self.node.lineno
        place = (self.statement.cell, self.node.lineno, range(first, last + 1), code, self.code.function)
        found = self.form if isinstance(self.form, str) else self._hoisted(self.form)
        if isinstance(found, str):
            return Unfreezable(*place, found)
        name, source, edits = found
        return Freezable(*place, name, source, edits)

    def _hoisted(self, form: Form) -> tuple[str, str, tuple[Edit, ...]] | str:
        """Return the constant's name, the statement that makes it, and the edits; or why there can be none."""
        constant, loop = form.constant, None
        at = Caller(self.statement, {})
        if self.code.function:
            caller = caller_of(self.requests, self.code)
            if isinstance(caller, str):
                return caller
            at, constant = caller, in_terms_of_caller(constant, self.code, caller, self.node)
            if constant.startswith("!"):
                return constant[1:]
        else:
            if (
                self.statement.is_compound
                and (line := changed_in(self.statement.node, self.node, constant)) is not None
            ):
                return f"line {line} changes what it is computed of, in the same block: do that in a statement of its own before"
            bound = _bound_around(self.node, form.node, self.parents, self.statement)
            read = {each.id for each in ast.walk(ast.parse(constant)) if isinstance(each, ast.Name)} & bound.keys()
            if read:
                loop = bound[min(read)] if len(read) == 1 else None
                if loop is None:
                    return f"it is computed anew for each {', '.join(sorted(read))}, inside of the statement"
                constant = f"{{{min(read)}: {constant} for {min(read)} in {self.text_of(loop)}}}"
        name = self._name(form.wish)
        called = f"{name}[{ast.unparse(_target(loop, self.parents))}]" if loop is not None else name
        instead = [
            replaced(self.survey, self.statement.cell, each, form.instead(called)) for each in self._equal_to(form.node)
        ]
        before = _insertion(self.survey, at.statement, f"{name} = {constant}")
        edits = tuple(each for each in instead if each is not None)
        if len(edits) < len(instead):
            return "the cell's lines are not Python as they stand (IPython syntax, or an indented cell)"
        if before is None:
            return "there is no room for its constant: put an empty line above the statement"
        return name, f"{name} = {constant}", (before, *edits)

    def _equal_to(self, node: ast.expr) -> list[ast.expr]:
        """Return the same expression wherever it stands in the statement, or in the function's line."""
        if self.code.function:
            return [node]
        text = ast.dump(node)
        return [each for each in walk(self.statement.node) if isinstance(each, type(node)) and ast.dump(each) == text]

    def _name(self, wish: str) -> str:
        taken = {
            name
            for each in self.survey.program.statements
            for name in each.effects.defs | each.effects.refs | each.effects.late
        }
        plain = re.sub(r"\W+", "_", wish, flags=re.ASCII).strip("_").upper()
        plain = plain if plain.isidentifier() else f"VALUE_{plain}"
        return next(name for n in range(1, MOST + 2) if (name := plain if n == 1 else f"{plain}_{n}") not in taken)


def _reads_as(text: str, node: ast.expr) -> bool:
    try:
        return ast.dump(ast.parse(text, mode="eval").body) == ast.dump(node)
    except SyntaxError:
        return False


# where its constant goes -------------------------------------------------------------------------------------------------


def _bound_around(
    node: ast.expr, replaced: ast.expr, parents: dict[int, ast.AST], statement: Statement
) -> dict[str, ast.expr | None]:
    """Return the names that the statement itself binds around an expression, each with the loop's iterable if it is a loop's."""
    found: dict[str, ast.expr | None] = {}
    outer: ast.AST | None = parents.get(id(replaced))
    while outer is not None:
        if isinstance(outer, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            found |= dict.fromkeys(name for each in outer.generators for name in plain_targets(each.target))
        elif isinstance(outer, ast.Lambda):
            found |= dict.fromkeys(each.arg for each in ast.walk(outer.args) if isinstance(each, ast.arg))
        elif isinstance(outer, ast.For):
            found |= dict.fromkeys(
                plain_targets(outer.target), outer.iter if isinstance(outer.target, ast.Name) else None
            )
        outer = parents.get(id(outer))
    if statement.is_compound:
        for each in (inner for inner in walk(statement.node) if isinstance(inner, ast.Assign | ast.AugAssign)):
            targets = each.targets if isinstance(each, ast.Assign) else [each.target]
            found |= dict.fromkeys(target.id for target in targets if isinstance(target, ast.Name))
    return found


def _target(iterable: ast.expr | None, parents: dict[int, ast.AST]) -> ast.expr:
    loop = parents[id(iterable)]
    assert isinstance(loop, ast.For)
    return loop.target


def _insertion(survey: Survey, statement: Statement, source: str) -> Edit | None:
    """Return the edit that puts a statement in front of another, no line moved; None where there is no room for it."""
    cell = statement.cell
    start = replaced(survey, cell, statement.node, "")
    if start is None:
        return None
    if not (statement.is_compound or statement.defines_code):
        return Edit(cell, start.line, start.column, start.line, start.column, f"{source}; ")
    lines = survey.program.notebook.cells[cell].source.split("\n")
    row = statement.line - 1  # of the line above, from 1
    if row >= 1 and _is_free(lines[row - 1]):
        rest = lines[row - 1].strip()
        comment = f"  {rest}" if rest.startswith("#") else ""
        return Edit(cell, row, 0, row, len(lines[row - 1]), f"{source}{comment}")
    above = [each for each in survey.program.statements if each.cell == cell and each.index < statement.index]
    if not above or above[-1].is_compound or above[-1].defines_code:
        return None
    end = replaced(survey, cell, above[-1].node, "")
    return end and Edit(cell, end.end_line, end.end_column, end.end_line, end.end_column, f"; {source}")


def _is_free(line: str) -> bool:
    """Tell whether a line holds no code: blank, a comment, or the magic that gave the cell its role."""
    return not line.strip() or line.lstrip().startswith(("#", "%%preprocess", "%%predict"))


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
