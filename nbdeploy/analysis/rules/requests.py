"""The code that would run for a request, with the names in it that the request reaches.

Which name is the request is presumed (`presumption.py`) until a run settles it: findings say "if df is the input".
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from nbdeploy.analysis.binding_time import Cut
from nbdeploy.analysis.display import is_display
from nbdeploy.analysis.imported import Imported
from nbdeploy.analysis.likely_answer import shown_by
from nbdeploy.analysis.presumption import Presumed, Presumption
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.rules.survey import Survey
from nbdeploy.analysis.targets import plain_targets
from nbdeploy.analysis.walking import children, walk
from nbdeploy.errors import Diagnostic, Edit, NewCell, Severity

__all__ = ["Requests", "ServedCode", "mentions"]


@dataclass(frozen=True, slots=True)
class ServedCode:
    """A piece of code that runs for every request: a statement, or the body of a function that it calls.

    `dynamic` are the names in it that depend on the input `source`; `settled` says that it can be no other.
    """

    statement: Statement
    body: tuple[ast.AST, ...]
    dynamic: frozenset[str]
    source: str
    settled: bool
    function: str = ""

    def nodes(self, imported: Imported) -> Iterator[ast.AST]:
        """All nodes, without the statements that only show something and the functions that are defined inside."""
        waiting = list(self.body)
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Expr | ast.Assign) and is_display(node, imported) and node not in self.body:
                continue
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            yield node
            waiting += children(node)

    @property
    def when(self) -> str:
        """The condition under which a finding holds, to end a sentence with."""
        inside = f" (in {self.function}, which the served code calls)" if self.function else ""
        return inside if self.settled else f"{inside}, if {self.source} is the input"

    def finding(
        self,
        code: str,
        node: ast.AST,
        message: str,
        fix: str,
        edits: tuple[Edit | NewCell, ...] = (),
        severity: Severity = Severity.WARNING,
    ) -> Diagnostic:
        """Return the diagnostic that blames one node of this code."""
        line = getattr(node, "lineno", self.statement.line)
        return Diagnostic(
            code=code, message=message, fix=fix, severity=severity, cell=self.statement.cell, line=line, edits=edits
        )


@dataclass(frozen=True)
class Requests:
    """The likely inputs of the tagged cells: one that is presumed with good reason, or several that are as likely."""

    survey: Survey
    presumption: Presumption

    @property
    def program(self) -> Program:
        return self.survey.program

    @property
    def presumed(self) -> Presumed | None:
        return self.presumption.presumed

    @cached_property
    def cuts(self) -> tuple[Cut, ...]:
        return (self.presumed.cut, *self.presumed.rivals) if self.presumed else ()

    @cached_property
    def settled(self) -> bool:
        """Tell whether the input and the output can be no others: a deploy would take the same."""
        if self.presumed is None or not self.presumed.settled:
            return False
        answer = self.presumed.answer
        return answer.expression or isinstance(answer.statement.node, ast.Assign)

    @cached_property
    def code(self) -> tuple[ServedCode, ...]:
        """Every piece of served code, once for each input that may reach it."""
        presumed = self.presumed
        return tuple(each for cut in self.cuts for each in self._code_of(cut, presumed)) if presumed else ()

    def _code_of(self, cut: Cut, presumed: Presumed) -> Iterator[ServedCode]:
        name, settled = cut.source.name, presumed.settled
        for each in cut.served:
            code = ServedCode(each.original, (each.original.node,), each.dynamic, name, settled)
            yield code
            yield from self._called(code, each.original)
        last = presumed.answer.statement
        shown = shown_by(last) if presumed.answer.expression else None
        if shown is not None and last.place not in {each.original.place for each in cut.served}:
            code = ServedCode(last, (shown,), cut.dynamic & last.effects.refs, name, settled)
            yield code
            yield from self._called(code, last)

    def _called(self, code: ServedCode, reader: Statement) -> Iterator[ServedCode]:
        """The bodies of the notebook's functions that the code calls with what depends on the input, each once."""
        waiting, seen = [code], {("", frozenset[str]())}
        while waiting:
            caller = waiting.pop()
            for node in caller.nodes(self.program.imported):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                    continue
                name, definition = node.func.id, self.program.definition_of(node.func.id, reader)
                if definition is None or not isinstance(definition.node, ast.FunctionDef):
                    continue
                given = _parameters_given(definition.node, node, caller.dynamic)
                if given and (name, given) not in seen:
                    seen.add((name, given))
                    body = definition.node.body
                    dynamic = _spread(body, given)
                    called = ServedCode(definition, tuple(body), dynamic, code.source, code.settled, name)
                    yield called
                    waiting.append(called)


def mentions(node: ast.AST, names: Iterable[str]) -> bool:
    """Tell whether an expression reads one of the names."""
    return any(isinstance(each, ast.Name) and each.id in names for each in walk(node))


def _parameters_given(function: ast.FunctionDef, call: ast.Call, dynamic: frozenset[str]) -> frozenset[str]:
    order = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    given = {name for name, value in zip(order, call.args, strict=False) if mentions(value, dynamic)}
    given |= {each.arg for each in call.keywords if each.arg and mentions(each.value, dynamic)}
    return frozenset(given)


def _spread(body: list[ast.stmt], given: frozenset[str]) -> frozenset[str]:
    """Return the names of a function's body that depend on the parameters; twice, since loops go back."""
    names = set(given)
    nodes = [each for statement in body for each in walk(statement)]
    for _ in range(2):
        for node in nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if mentions(node.value, names):
                    names |= {name for target in targets for name in plain_targets(target)}
            elif isinstance(node, ast.For) and mentions(node.iter, names):
                names |= set(plain_targets(node.target))
    return frozenset(names)
