"""Which names a program reads, in the order of its run, and which of them may be bound by then.

The set of names that may be bound only grows (a `del` that certainly runs takes a name out), so that a read of a name outside
it is one that no road through the notebook can have bound.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from nbdeploy.analysis.scopes import declared_outer, local_names
from nbdeploy.analysis.targets import argument_names, bound_by_import, given_to, plain_targets
from nbdeploy.analysis.walking import children

__all__ = ["FunctionReads", "Read", "Reader", "function_reads"]

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


class Read(NamedTuple):
    """A read of a global name.

    `sure` says that it happens whenever the statement (or the call of the function) runs; `called` that it is a call;
    `late` that it stands in a function inside the function, which runs nobody knows when.
    """

    name: str
    line: int
    sure: bool
    called: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class FunctionReads:
    """The global names that a function's body (or a class's methods) read when it is called."""

    name: str
    reads: tuple[Read, ...]
    rebinds: frozenset[str] = frozenset()
    is_class: bool = False


@dataclass
class Reader:
    """Walks statements in the order of evaluation, and reports reads, bindings and deletions of global names."""

    on_read: Callable[[Read], None]
    on_bind: Callable[[str], None]
    on_delete: Callable[[str, bool], None] = lambda name, sure: None
    on_function: Callable[[FunctionReads], None] = lambda function: None
    locals: list[set[str]] = field(default_factory=list)
    unsure: int = 0
    guarded: int = 0  # inside a `try` that catches: a missing name is expected
    _called: ast.expr | None = None

    def visit(self, node: ast.AST) -> None:
        visit = _METHODS.get(node.__class__)
        if visit is not None:
            visit(self, node)
        else:
            self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        for each in children(node):
            self.visit(each)

    def visit_Attribute(self, node: ast.Attribute | ast.Starred) -> None:
        self.visit(node.value)

    visit_Starred = visit_Attribute

    def visit_Constant(self, node: ast.Constant) -> None:
        """It reads nothing."""

    # names ----------------------------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        if self._is_local(node.id):
            return
        if node.ctx.__class__ is ast.Load:
            if not self.guarded:
                self.on_read(Read(node.id, node.lineno, not self.unsure, node is self._called))
        elif isinstance(node.ctx, ast.Store):
            self._bind(node.id)
        else:
            self.on_delete(node.id, not self.unsure)

    def _bind(self, name: str) -> None:
        if not self._is_local(name):
            self.on_bind(name)

    def _is_local(self, name: str) -> bool:
        return bool(self.locals) and any(name in names for names in self.locals)

    def visit_Call(self, node: ast.Call) -> None:
        self._called = node.func
        self.visit(node.func)
        for value in given_to(node):
            self.visit(value)
            if isinstance(value, ast.Lambda):  # as a rule it is called at once: df.apply(lambda ...)
                self._inner(argument_names(value.args), [value.body])

    # bindings -------------------------------------------------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> None:
        self._all(node.value, *node.targets)
        if isinstance(node.value, ast.Lambda):
            for name in (name for target in node.targets for name in plain_targets(target)):
                self.on_function(_function(name, node.value))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._all(node.value, node.annotation)
        if node.value is not None:
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.visit(ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target))
        self._all(node.value, node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._all(node.value, node.target)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in bound_by_import(node):
            self._bind(name)

    visit_ImportFrom = visit_Import

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name is not None:
            self._bind(node.name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest is not None:
            self._bind(node.rest)
        self.generic_visit(node)

    # branches -------------------------------------------------------------------------------------------------------

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._maybe(*node.body, *node.orelse)

    def visit_While(self, node: ast.While) -> None:
        self.visit_If(node)  # type: ignore[arg-type]

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._all(node.iter, node.target)
        self._maybe(*node.body, *node.orelse)

    visit_AsyncFor = visit_For

    def visit_Try(self, node: ast.Try) -> None:
        caught = bool(node.handlers)
        self.guarded += caught
        self._all(*node.body)
        self.guarded -= caught
        self._maybe(*node.handlers, *node.orelse)
        self._all(*node.finalbody)

    def visit_TryStar(self, node: ast.TryStar) -> None:
        self.visit_Try(ast.Try(node.body, node.handlers, node.orelse, node.finalbody))

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._all(node.type)
        if node.name is not None:
            self._bind(node.name)
        self._all(*node.body)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        self._maybe(*node.cases)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self._maybe(node.body, node.orelse)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self._maybe(*node.values[1:])

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self._all(item.context_expr, item.optional_vars)
        self.guarded += (swallows := any(_swallows(item.context_expr) for item in node.items))
        self._all(*node.body)
        self.guarded -= swallows

    visit_AsyncWith = visit_With

    # scopes ---------------------------------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: _FUNCTION) -> None:
        arguments = node.args
        self._all(*node.decorator_list, *arguments.defaults, *arguments.kw_defaults, *_annotations(node))
        self._bind(node.name)
        if not self.locals:
            self.on_function(_function(node.name, node))

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._all(*node.args.defaults, *node.args.kw_defaults)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._all(*node.decorator_list, *node.bases, *(each.value for each in node.keywords))
        names: set[str] = set()
        self.locals.append(names)
        for each in node.body:
            self.visit(each)
            names |= local_names([each])
        self.locals.pop()
        self._bind(node.name)
        if not self.locals:
            methods = [_function(each.name, each) for each in node.body if isinstance(each, _FUNCTION)]
            reads = tuple(each for method in methods for each in method.reads)
            rebinds = frozenset(name for method in methods for name in method.rebinds)
            self.on_function(FunctionReads(node.name, reads, rebinds, is_class=True))

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)
        bound = {name for each in node.generators for name in plain_targets(each.target)}
        inner: list[ast.AST | None] = [each.iter for each in node.generators[1:]]
        inner += [condition for each in node.generators for condition in each.ifs]
        inner += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._inner(bound, inner)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def _inner(self, names: set[str], body: Iterable[ast.AST | None]) -> None:
        self.locals.append(names)
        self._maybe(*body)
        self.locals.pop()

    def _maybe(self, *nodes: ast.AST | None) -> None:
        self.unsure += 1
        self._all(*nodes)
        self.unsure -= 1

    def _all(self, *nodes: ast.AST | None) -> None:
        for each in nodes:
            if each is not None:
                self.visit(each)


_METHODS: dict[type[ast.AST], Callable[[Reader, ast.AST], None]] = {
    getattr(ast, name.removeprefix("visit_")): method
    for name, method in vars(Reader).items()
    if name.startswith("visit_")
}


def function_reads(body: list[ast.stmt], names: set[str]) -> tuple[Read, ...]:
    """Return the reads of global names in a function's body; `names` are its own."""
    reads: list[Read] = []
    reader = Reader(reads.append, lambda name: None, locals=[names])
    for each in body:
        reader.visit(each)
        reads += _nested(each, names)
    return tuple(reads)


def _nested(node: ast.stmt, names: set[str]) -> list[Read]:
    """Reads of globals in the functions inside a function; whether those are called is not known."""
    if not isinstance(node, _FUNCTION):
        return []
    inner = names | argument_names(node.args) | local_names(node.body)
    return [Read(each.name, each.line, sure=False, late=True) for each in function_reads(node.body, inner)]


def _function(name: str, node: _FUNCTION | ast.Lambda) -> FunctionReads:
    body: list[ast.stmt] = [ast.Expr(node.body)] if isinstance(node, ast.Lambda) else node.body
    outer = declared_outer(node)
    own = (argument_names(node.args) | local_names(body)) - outer
    return FunctionReads(name, function_reads(body, own), frozenset(outer))


def _annotations(node: _FUNCTION) -> list[ast.expr]:
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    found = [each.annotation for each in every if each is not None]
    return [each for each in [*found, node.returns] if each is not None]


def _swallows(expression: ast.expr) -> bool:
    """`with suppress(NameError):`, `with pytest.raises(NameError):`."""
    function = expression.func if isinstance(expression, ast.Call) else expression
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in {"suppress", "raises", "assertRaises", "assertRaisesRegex"}
