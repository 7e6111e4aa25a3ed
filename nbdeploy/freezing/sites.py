"""One aggregate where it stands: how it is frozen, and where its constant goes."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property

from nbdeploy.analysis.program import Statement
from nbdeploy.analysis.rules.requests import Requests, ServedCode
from nbdeploy.analysis.rules.survey import Survey
from nbdeploy.analysis.rules.writing import replaced
from nbdeploy.analysis.targets import plain_targets
from nbdeploy.analysis.walking import children, walk
from nbdeploy.errors import Edit
from nbdeploy.freezing.forms import Form, Seen, form_of
from nbdeploy.freezing.hoisting import Caller, caller_of, changed_in, in_terms_of_caller, written

__all__ = ["Freezable", "Site", "Unfreezable"]

MOST_NAMES = 200


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


@dataclass(frozen=True)
class Site:
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

    def is_inside(self, other: Site) -> bool:
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
        return next(name for n in range(1, MOST_NAMES) if (name := plain if n == 1 else f"{plain}_{n}") not in taken)


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
