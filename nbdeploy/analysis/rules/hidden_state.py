"""Names that have no value, or another one, when the notebook runs from top to bottom."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from nbdeploy.analysis.program import Statement
from nbdeploy.analysis.rules import vocabulary as words
from nbdeploy.analysis.rules.scopes import FunctionReads, Read, Reader
from nbdeploy.analysis.rules.survey import Site, Survey
from nbdeploy.errors import Diagnostic, Severity
from nbdeploy.notebook.cells import Cell, Role
from nbdeploy.suggestions import did_you_mean

__all__ = ["unbound_names"]

_OF_THE_KERNEL = re.compile(r"_+\d*|_i+\d*|_[ido]h")


def unbound_names(survey: Survey) -> Iterator[Diagnostic]:
    """Reads of names that only a later cell binds (NBD101), that nothing binds (NBD102), that were deleted (NBD103)."""
    run = _Run(survey)
    reader = Reader(run.read, run.bind, run.delete, run.define)
    for statement in survey.program.statements:
        run.step(statement, reader)
    run.leftover()
    yield from run.found


@dataclass
class _Run:
    survey: Survey
    bound: set[str] = field(default_factory=set)
    deleted: dict[str, Statement] = field(default_factory=dict)
    functions: dict[str, tuple[FunctionReads, Statement]] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    blind: bool = False  # names may have come from where nobody can see: star imports, %run

    def __post_init__(self) -> None:
        self.later: dict[str, Statement] = {}
        for each in reversed(self.survey.program.statements):
            self.later |= dict.fromkeys(each.effects.defs, each)
        self.skipped = {name: cell for cell in _skipped(self.survey) for name in _names_bound(cell)}
        self.magic = _bound_by_magics(self.survey)
        self.hidden = _blind_cells(self.survey)
        self.unseen = _binding_unseen(self.survey)

    def step(self, statement: Statement, reader: Reader) -> None:
        self.bound |= self.magic.get(statement.cell, set())
        self.blind = self.blind or any(cell <= statement.cell for cell in self.hidden)
        self.statement = statement
        reader.visit(statement.node)
        self.bound |= statement.effects.defs - self.deleted.keys()
        self.blind = self.blind or statement.index in self.unseen

    def bind(self, name: str) -> None:
        self.bound.add(name)
        self.deleted.pop(name, None)

    def define(self, function: FunctionReads) -> None:
        self.functions[function.name] = function, self.statement
        self.bound |= function.rebinds  # it may be called by someone who is not seen

    def read(self, read: Read) -> None:
        if read.name not in self.bound and not _known_to_kernel(read.name):
            self.tell(read, self.statement, self.statement)
        elif read.called and read.name in self.functions:
            self.call(read, self.statement, set())

    def call(self, read: Read, statement: Statement, seen: set[tuple[str, bool]]) -> None:
        """Look at what a function reads, at the moment of a call; at each function once."""
        function, definition = self.functions[read.name]
        if (function.name, read.sure) in seen or function.is_class:
            return
        seen.add((function.name, read.sure))
        for each in function.reads:
            if each.late:
                continue
            sure = read.sure and each.sure
            inner = Read(each.name, each.line, sure, each.called)
            if each.name not in self.bound and not _known_to_kernel(each.name):
                self.tell(inner, definition, statement, function.name)
            elif each.name in self.functions and each.called:
                self.call(inner, statement, seen)

    def delete(self, name: str, sure: bool) -> None:
        if sure:
            self.bound.discard(name)
            self.deleted[name] = self.statement

    def leftover(self) -> None:
        """Functions that were never called, and read what nothing binds."""
        for function, definition in self.functions.values():
            for each in function.reads:
                if each.name not in self.bound | self.later.keys() and not _known_to_kernel(each.name):
                    self.tell(Read(each.name, each.line, sure=False), definition, definition, function.name)

    def tell(self, read: Read, place: Statement, reader: Statement, function: str = "") -> None:
        if read.name in self.told:
            return
        self.told.add(read.name)
        harmless = "raises-exception" in self.survey.cell_of(reader).tags
        certain = read.sure and not self.blind and not harmless
        who = (
            f"the function {function!r}, called in cell {reader.cell},"
            if function and place is not reader
            else "the cell"
        )
        if function and place is reader:
            who = f"the function {function!r}"
        if not read.sure and read.name in words.PYTHON_2_NAMES:
            return  # a branch for a Python of old
        if (finding := self._finding(read, who, reader)) is not None:
            code, message, fix = finding
            message += "" if code == "NBD103" else f": a run from the top {'fails' if certain else 'may fail'} here"
            severity = Severity.ERROR if certain else Severity.WARNING
            self.found.append(
                Diagnostic(code=code, message=message, fix=fix, severity=severity, cell=place.cell, line=read.line)
            )

    def _finding(self, read: Read, who: str, reader: Statement) -> tuple[str, str, str] | None:
        name = read.name
        if name in self.deleted and self.deleted[name].index <= reader.index:
            gone = self.deleted[name]
            what = f"{who} uses {name!r}, which cell {gone.cell}, line {gone.line} deletes"
            return "NBD103", what, f"take `del {name}` away, or move it behind the last use"
        itself = isinstance(
            reader.node, ast.Assign | ast.AugAssign | ast.AnnAssign
        )  # `x = x + 1` defines nothing before
        if name in self.later and self.later[name].index >= reader.index + itself:
            later = self.later[name]
            where = (
                "further down in the same cell"
                if later.cell == reader.cell
                else f"in cell {later.cell}, which comes later"
            )
            what = f"{who} uses {name!r}, which is first defined {where}"
            return "NBD101", what, f"move the definition of {name} above its first use"
        if name in self.skipped:
            what = f"{who} uses {name!r}, which only cell {self.skipped[name].index} defines, and that is tagged 'skip'"
            return "NBD102", what, f"define {name} in a cell that runs"
        if self.blind:
            return None
        what = f"{who} uses {name!r}, which no cell defines{did_you_mean(name, self.bound)}"
        return "NBD102", what, f"define {name}: the cell that did so may have been deleted"


def _known_to_kernel(name: str) -> bool:
    return hasattr(builtins, name) or name in words.KERNEL_NAMES or _OF_THE_KERNEL.fullmatch(name) is not None


def _skipped(survey: Survey) -> list[Cell]:
    return [cell for cell in survey.program.notebook.with_role(Role.SKIP) if cell.code is not None]


def _names_bound(cell: Cell) -> set[str]:
    names: set[str] = set()
    reader = Reader(lambda read: None, names.add)
    for each in ast.parse(cell.code.python).body if cell.code else ():
        reader.visit(each)
    return names


def _bound_by_magics(survey: Survey) -> dict[int, set[str]]:
    """`%%bash --out text`, `%%capture out`: names bound by cell, known as soon as that cell is reached."""
    found: dict[int, set[str]] = {}
    for cell, _, argument, _, kind in survey.magics():
        names = re.findall(r"--(?:out|err|proc|bg|output)[ =](\w+)", argument) if kind == "cell" else []
        names += re.findall(r"(?:^|\s)(\w+)\s*<<", argument)  # %sql answer << SELECT ...
        for later in survey.program.notebook.cells[cell.index :] if names else ():
            found.setdefault(later.index, set()).update(names)
    return found


def _blind_cells(survey: Survey) -> list[int]:
    """Cells whose magics may bind any name."""
    found = []
    for cell, name, argument, _, kind in survey.magics():
        opaque = kind == "cell" and cell.code is not None and cell.code.opaque and name not in words.QUIET_CELL_MAGICS
        if opaque or (kind == "line" and name in words.BINDING_MAGICS) or (name == "store" and "-r" in argument):
            found.append(cell.index)
    unread = [
        cell for cell in survey.program.notebook.code_cells if cell.code and cell.code.opaque and not cell.code.magics
    ]
    return found + [cell.index for cell in unread]  # cells that are not valid Python, and may fail


def _binding_unseen(survey: Survey) -> frozenset[int]:
    """Return the statements (by index) that bind names which only a text, or another file, holds."""
    imports = (site for site in survey.sites[ast.ImportFrom] if _is_unknown_star(site))
    stores = (site for site in survey.sites[ast.Subscript] if _is_store_by_text(site.node))
    calls = (site for site, call in survey.calls_named("exec", "update", *_OF_IPYTHON) if _binds_by_text(call))
    return frozenset(site.statement.index for site in (*imports, *stores, *calls))


_OF_IPYTHON = ("run_line_magic", "magic", "run_cell_magic", "run_cell", "push", "ex")


def _is_unknown_star(site: Site) -> bool:
    return isinstance(site.node, ast.ImportFrom) and site.node.names[0].name == "*" and not site.statement.effects.defs


def _is_store_by_text(node: ast.AST) -> bool:
    """`globals()[name] = ...`; of `globals()["k"] = ...` the effects know."""
    match node:
        case ast.Subscript(value=ast.Call(func=ast.Name(id="globals" | "locals" | "vars")), slice=key, ctx=ast.Store()):
            return not isinstance(key, ast.Constant)
        case _:
            return False


def _binds_by_text(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id="exec"):
            return True
        case ast.Attribute(value=ast.Call(func=ast.Name(id="globals" | "locals" | "vars")), attr="update"):
            return True
        case ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr="run_line_magic" | "magic"):
            name = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
            return name is None or str(name).partition(" ")[0].lstrip("%") in words.BINDING_MAGICS
        case ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython"))):
            return call.func.attr in _OF_IPYTHON
        case _:
            return False
