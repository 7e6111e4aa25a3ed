"""The visitor behind `effects_of`: one walk over a statement, with Python's scopes."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nbdeploy.analysis.calls import LibraryCalls, is_true
from nbdeploy.analysis.display import shows
from nbdeploy.analysis.imported import BUILTINS, Imported
from nbdeploy.analysis.knowledge import Callee
from nbdeploy.analysis.pseudo_names import AMBIENT_STATE, EVERYTHING
from nbdeploy.analysis.scopes import Scope, Scopes, annotations_of, defaults_of, function_scope
from nbdeploy.analysis.sharing import CODE, How, Share, Sharing
from nbdeploy.analysis.summary import Functions
from nbdeploy.analysis.targets import (
    argument_names,
    given_to,
    global_by_text,
    is_setting,
    plain_targets,
    root_name,
    roots,
)
from nbdeploy.analysis.walking import children, walk

__all__ = ["TrainingCall", "Visitor"]


@dataclass(frozen=True, slots=True)
class TrainingCall:
    """A call of a method that fits its receiver, e.g. `model.fit(X, y)`: receiver `model`, method `fit`."""

    receiver: str | None
    method: str
    line: int


class Visitor:
    """Collects what a statement binds, reads and changes.

    `mutates` are certain enough to decide what a request changes; `may_change` adds what only a sound slice must assume:
    methods that nobody knows, whose answer is used. With `inside`, functions that the statement defines count as called.
    """

    def __init__(self, imported: Imported, functions: Functions | None = None, *, inside: bool = False) -> None:
        self.imported = imported
        self.functions = functions or Functions()
        self.inside = inside
        self.defs: set[str] = set()
        self.refs: set[str] = set()
        self.late: set[str] = set()
        self.mutates: set[str] = set()
        self.deeply: set[str] = set()
        self.may_change: set[str] = set()
        self.handed: set[str] = set()
        self.offered: set[str] = set()
        self.bound_methods: set[tuple[str, str]] = set()
        self.asked: set[str] = set()
        self.seeds: set[str] = set()
        self.works: set[str] = set()
        self.aliases: set[Share] = set()
        self.calls: set[str] = set()
        self.trains: list[TrainingCall] = []
        self.consumable: set[str] = set()
        self.drawing: set[str] = set()
        self.training_draws: set[str] = set()
        self.settled: set[str] = set()
        self.flat: dict[str, frozenset[str]] = {}
        self.scopes = Scopes()
        self._sharing = Sharing(imported, self.functions, self.scopes)
        self._given: dict[ast.expr, set[str]] = {}  # lambdas that a call is given, and what they may be called with
        self._calls = LibraryCalls(imported)

    # names ----------------------------------------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> None:
        visit = _METHODS.get(type(node))
        if visit is not None:
            visit(self, node)
        else:
            for each in children(node):
                self.visit(each)

    def generic_visit(self, node: ast.AST) -> None:
        for each in children(node):
            self.visit(each)

    def visit_Name(self, node: ast.Name) -> None:
        if node.ctx.__class__ is ast.Load:
            self._read(node.id)
        else:
            self._bind(node.id)

    def visit_Attribute(self, node: ast.Attribute | ast.Starred | ast.keyword) -> None:
        self.visit(node.value)

    visit_Starred = visit_keyword = visit_Attribute

    def visit_Constant(self, node: ast.Constant) -> None:
        """It reads nothing."""

    @property
    def _is_late(self) -> bool:
        return bool(self.scopes) and not self.inside and any(scope.late for scope in self.scopes)

    @property
    def _changes_late(self) -> bool:
        return bool(self.scopes) and not self.inside and any(scope.late and not scope.at_once for scope in self.scopes)

    @property
    def _at_top(self) -> bool:
        return not self.scopes or all(scope.at_once for scope in self.scopes)

    def _read(self, name: str) -> None:
        if not self.scopes.is_local(name):
            (self.late if self._is_late else self.refs).add(name)

    def _bind(self, name: str) -> None:
        if not self.scopes or (name in self.scopes[-1].outer and not self.scopes[-1].is_class):
            if not self._is_late:
                self.defs.add(name)
        elif self.scopes[-1].is_class:
            self.scopes[-1].names.add(name)  # before, the name is that of the scope around
        elif name not in self.scopes[-1].names:  # a walrus inside a comprehension binds outside of it
            holder = next((scope for scope in reversed(self.scopes) if name in scope.names), None)
            if holder is None:
                self.defs.add(name)

    def _change(self, names: Iterable[str], *, deeply: bool = True) -> None:
        """Note what is changed in place; not `deeply`: only what it holds itself, not what that holds in turn."""
        if not self._changes_late:
            changed = self.scopes.outer(names)
            self.mutates |= changed
            self.deeply |= changed if deeply else set()

    def _may_change(self, names: Iterable[str], *, deeply: bool = True) -> None:
        if not self._changes_late:
            changed = self.scopes.outer(names) - self.imported.modules
            self.may_change |= changed
            self.deeply |= changed if deeply else set()

    def _disturb(self, pseudo_names: Iterable[str]) -> None:
        if not self._changes_late:
            self.mutates |= set(pseudo_names)

    # scopes ---------------------------------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind(node.name)
        for each in (*node.decorator_list, *defaults_of(node.args), *annotations_of(node)):
            self.visit(each)
        self._share_code(node.name, node.decorator_list, defaults_of(node.args))
        self._enter(function_scope(node), node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for each in defaults_of(node.args):
            self.visit(each)
        given = self._given.get(node)
        scope = Scope(argument_names(node.args), late=True, at_once=given is not None, items_of=given or set())
        self._enter(scope, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name)
        for each in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.visit(each)
        self._share_code(node.name, node.decorator_list, node.bases)
        for statement in node.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                self._put(node.name, statement.value)
        self._enter(Scope(is_class=True), node.body)

    def _share_code(self, name: str, decorators: Iterable[ast.expr], holds: Iterable[ast.expr]) -> None:
        """A definition's name holds its code, its defaults or bases, and what its decorators made of it."""
        if not self.scopes:
            self.aliases.add(Share(name, CODE, How.IS))
            for each in decorators:
                self._read_when_called(name, each)
            for each in holds:
                self._put(name, each)

    def _read_when_called(self, name: str, decorator: ast.expr) -> None:
        origin = self.imported.origin(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if origin is not None and origin.rpartition(".")[2] in {
            "cache",
            "cached",
            "lru_cache",
            "memoize",
            "singledispatch",
        }:
            self.consumable.add(name)  # a call leaves something behind in the function
        self.aliases |= set(self._sharing.shares(name, decorator))

    def _enter(self, scope: Scope, body: Iterable[ast.AST]) -> None:
        self.scopes.append(scope)
        for each in body:
            self.visit(each)
        self.scopes.pop()

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)  # runs in the enclosing scope
        bound = {name for each in node.generators for name in plain_targets(each.target)}
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        inner: list[ast.AST] = [each.iter for each in node.generators[1:]]
        inner += [condition for each in node.generators for condition in each.ifs]
        items_of = {name for each in node.generators for name in self.reachable(each.iter)}
        self._enter(Scope(bound, at_once=True, items_of=items_of - bound), [*inner, *results])
        if isinstance(node, ast.GeneratorExp) and not self.scopes and not self.inside:
            later = Visitor(self.imported, inside=True)
            later._enter(Scope(bound), [*inner, *results])
            self.late |= later.refs

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    # bindings -------------------------------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        names = self.imported.bound_by(node)
        for name in names:
            self._bind(name)
        if any(alias.name == "*" for alias in node.names) and not names:
            self._disturb({AMBIENT_STATE})  # binds names that nobody can see here

    visit_ImportFrom = visit_Import

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._assign(target, node.value)
            self._note_kind(target, node.value)
        for target in node.targets[1:]:  # `a = b = []`
            self._share(root_name(target), node.targets[0])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self._assign(node.target, node.value)
            self._note_kind(node.target, node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        name = root_name(node.target)
        if name is not None:
            self._read(name)
            self._change({name}, deeply=False)
            self._put(name, node.value)
        if isinstance(node.target, ast.Name):
            self._bind(node.target.id)
            self._share(node.target.id, node.target)
        else:
            self._assign(node.target, node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._assign(node.target, node.value)
        self._note_kind(node.target, node.value)

    def _note_kind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            for each, one in zip(target.elts, value.elts, strict=False):
                self._note_kind(each, one)
        if isinstance(target, ast.Name) and not self.scopes:
            if self._calls.makes_consumable(value):
                self.consumable.add(target.id)
            if self._calls.is_settled(value):
                self.settled.add(target.id)
            flat = self._calls.flat_if(value)
            if flat is not None:
                self.flat[target.id] = flat

    def _assign(self, target: ast.expr, value: ast.expr, *, item: bool = False) -> None:
        """Bind a target to a value, or to an item of it."""
        if isinstance(target, ast.Starred):
            target = target.value
        if isinstance(target, ast.Tuple | ast.List):
            self._unpack(target.elts, value)
            return
        if isinstance(target, ast.Attribute | ast.Subscript):
            self._change(roots(target), deeply=not isinstance(target.value, ast.Name))
            if is_setting(target, self.imported.modules):
                self._disturb({AMBIENT_STATE})
            if (bound := global_by_text(target)) is not None:
                self._bind(bound)
            self.visit(target)
            self._put(root_name(target), value)
        else:
            self.visit(target)
            self._share(next(plain_targets(target), None), value, item=item)

    def _unpack(self, targets: list[ast.expr], value: ast.expr) -> None:
        values = value.elts if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(targets) else ()
        for position, each in enumerate(targets):
            self._assign(each, values[position] if values else value, item=not values)

    def _share(self, name: str | None, value: ast.expr, *, item: bool = False) -> None:
        if name is None or not self._at_top or name in self.imported.modules:
            return
        item = item or bool(self.scopes)
        self.aliases |= set((self._sharing.parts if item else self._sharing.shares)(name, value))

    def _put(self, name: str | None, value: ast.expr) -> None:
        """Note that what `name` holds may hold the value from now on."""
        if name is not None and self._at_top:
            for each in self.scopes.outer([name]) - self.imported.modules:
                self.aliases |= set(self._sharing.puts(each, value))

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self._assign(node.target, node.iter, item=True)
        for each in (*node.body, *node.orelse):
            self.visit(each)

    visit_AsyncFor = visit_For

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            settled = AMBIENT_STATE in self.mutates
            self.visit(item.context_expr)
            if not settled:  # `with torch.no_grad()`: a setting that ends with the block
                self.mutates.discard(AMBIENT_STATE)
            if item.optional_vars is not None:
                self._assign(item.optional_vars, item.context_expr)
                self._note_kind(item.optional_vars, item.context_expr)
        for each in node.body:
            self.visit(each)

    visit_AsyncWith = visit_With

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            self._bind(node.name)
        self.generic_visit(node)

    def visit_Match(self, node: ast.Match) -> None:
        """What a pattern binds may be a part of the subject."""
        self.generic_visit(node)
        for pattern in (part for case in node.cases for part in walk(case.pattern)):
            for field in ("name", "rest"):
                name = getattr(pattern, field, None)
                if isinstance(name, str):
                    self._share(name, node.subject, item=True)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.name is not None:
            self._bind(node.name)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name is not None:
            self._bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest is not None:
            self._bind(node.rest)
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Attribute | ast.Subscript):
                self._change(roots(target))
            for name in plain_targets(target):
                self._read(name)  # it must be there
            self.visit(target)

    # calls ----------------------------------------------------------------------------------------------------------

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call) and not shows(node.value, self.imported):
            self._discarded(node.value)
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        callee = self.imported.callee(node)
        if node.args or node.keywords:
            self._note_callbacks(node)
        if callee.origin is not None:
            self._library_call(node, callee)
        elif isinstance(node.func, ast.Attribute):
            self._method_call(node, node.func, callee)
        else:
            self._own_call(node)
        if callee.touches:
            self._touch(node, callee)
        self._code_in_text(node, callee)
        self.generic_visit(node)

    def _library_call(self, node: ast.Call, callee: Callee) -> None:
        position, given = callee.out_position, self._arguments(node)
        if position is not None and len(node.args) > position:
            self._change(roots(node.args[position]))
        if callee.changes_first and node.args:
            self._change(roots(node.args[0]))
            self._put_arguments(roots(node.args[0]), node)
        elif not callee.calm:
            self._may_change(given)
        self.offered |= given
        if callee.changes_state or self._changes_setting(node, callee):
            self._disturb({AMBIENT_STATE})
        for keyword in node.keywords:
            if keyword.arg == "out":
                self._change(roots(keyword.value))
        if not callee.makes_object:
            self.works |= self._direct_arguments(node)

    def _changes_setting(self, node: ast.Call, callee: Callee) -> bool:
        """`sys.path.append`, `os.environ.update`; random numbers have streams of their own."""
        if not callee.sets or not is_setting(node.func, self.imported.modules):
            return False
        return not (callee.seeds or self._calls.draws(node, callee))

    def _method_call(self, node: ast.Call, function: ast.Attribute, callee: Callee) -> None:
        receivers = self._receivers(node, function)
        if callee.trains and not self._is_late:
            trained = roots(function.value)
            self.trains.append(TrainingCall(next(iter(sorted(trained)), None), function.attr, node.lineno))
            self._train(function, callee, trained)
        if callee.switches and not node.args:
            self._may_change(receivers)
        elif callee.changes_receiver or is_true(node, self.imported.known.in_place_keywords):
            self._change(receivers, deeply=not _is_of_container(node))
            self._put_arguments(receivers, node)
        elif not callee.calm:
            self._may_change(receivers, deeply=not _is_of_container(node))
            self.asked |= self.scopes.outer(receivers)
            self._put_arguments(receivers, node)
            self.handed |= self._arguments(node)
        if callee.changes_arguments:
            self._change(self._arguments(node))
        if callee.delegates:  # it calls what it is given on the receiver
            self.handed |= receivers | self._arguments(node)
        if callee.works:
            self.works |= receivers
        self.works |= self._direct_arguments(node)

    def _train(self, function: ast.Attribute, callee: Callee, receivers: frozenset[str]) -> None:
        """Note what training may draw: as its object does, or, where nobody knows that, as the method's name says."""
        self.works |= receivers
        if receivers:
            self.training_draws |= callee.streams
        elif not self._calls.is_settled(function.value):
            self._disturb(callee.streams)
            for each in callee.streams:
                self._read(each)

    def _own_call(self, node: ast.Call) -> None:
        """A call of the notebook's own function, or of an object."""
        if isinstance(node.func, ast.Name) and not self.scopes.is_local(node.func.id):
            self.calls.add(node.func.id)
            self._may_change({node.func.id})
            self.works.add(node.func.id)
        elif not isinstance(node.func, ast.Name | ast.Lambda):  # `getattr(box, "add")(1)`
            self.asked |= self.reachable(node.func)
            self._may_change(self.reachable(node.func))
        self.works |= self._direct_arguments(node)
        self.handed |= self._arguments(node)
        for each in self.functions.changed_arguments(node):
            self._may_change(self.reachable(each))
        for each in self.functions.surely_changed(node):
            self._change(self.reachable(each))
        for holder, each in self.functions.kept_arguments(node):
            for name in self.reachable(holder):
                self._put(name, each)

    def _touch(self, node: ast.Call, callee: Callee) -> None:
        """Note what the call does to files and to streams of random numbers."""
        self._disturb(self._calls.files_written(node, callee))
        for each in self._calls.files_read(node, callee):
            self._read(each)
        drawn = self._calls.draws(node, callee)
        self.seeds |= set() if self._changes_late else callee.seeds
        self._disturb(callee.seeds | drawn)
        if callee.makes_object:
            self.drawing |= drawn
        for each in drawn:
            self._read(each)

    def _note_callbacks(self, node: ast.Call) -> None:
        """What a call is given to call: lambdas, and methods of objects, which change these."""
        for each in given_to(node):
            if isinstance(each, ast.Lambda):
                self._given[each] = self._called_with(node)
            elif isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Load):
                self.bound_methods |= {(name, each.attr) for name in self.scopes.outer(roots(each))}
                if each.attr in self.imported.known.changing_methods:
                    self._may_change(roots(each))

    def _called_with(self, node: ast.Call) -> set[str]:
        """Names whose objects the call may hand to the functions that it is given."""
        receiver = self.reachable(node.func.value) if isinstance(node.func, ast.Attribute) else set()
        return self._arguments(node) | receiver

    def _receivers(self, node: ast.Call, function: ast.Attribute) -> frozenset[str]:
        """Return the names whose objects a method may change: of `list.append(rows, 1)` the first argument's."""
        value = function.value
        if isinstance(value, ast.Name) and node.args and value.id in BUILTINS and value.id not in self.imported.bound:
            return roots(node.args[0])
        if isinstance(value, ast.Call) and self.imported.origin(value.func) is None:
            return roots(value) | self.reachable(value) - {CODE}  # `table.setdefault(key, rows).append(row)`
        return roots(value)

    def _arguments(self, node: ast.Call) -> set[str]:
        """Names whose objects are handed to the call."""
        return {name for each in given_to(node) for name in self._sharing.reachable(each)} - {CODE}

    def reachable(self, value: ast.expr) -> set[str]:
        """Return the names whose objects can be had from a value."""
        return set(self._sharing.reachable(value))

    def _direct_arguments(self, node: ast.Call) -> set[str]:
        return {each.id for each in given_to(node) if isinstance(each, ast.Name)}

    def _put_arguments(self, receivers: Iterable[str], node: ast.Call) -> None:
        """An object may keep what it is given."""
        given = given_to(node)
        for receiver in receivers if given else ():
            for each in given:
                self._put(receiver, each)

    def _discarded(self, call: ast.Call) -> None:
        """A call whose answer is thrown away was made for its effect: on its receiver, or on its arguments."""
        callee = self.imported.callee(call)
        if callee.calm or (callee.switches and not call.args) or self.functions.of(call) is not None:
            return
        if isinstance(call.func, ast.Attribute) and callee.origin is None:
            receivers = roots(call.func.value)
            self._change(receivers, deeply=not _is_of_container(call))
            if receivers:
                return
        if callee.origin is None or not callee.origin.startswith("builtins."):
            self._change(self._arguments(call))

    def _code_in_text(self, node: ast.Call, callee: Callee) -> None:
        """Names that only a text holds: `df.query("age > @limit")`, `eval("k + 1")`, `globals()["k"]`."""
        origin = callee.origin
        if origin is None and callee.method not in {"query", "eval"}:
            return
        text = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if origin is None:
            for name in re.findall(r"@([A-Za-z_]\w*)", text) if isinstance(text, str) else ():
                self._read(name)
        elif origin in {"builtins.eval", "builtins.exec", "pandas.eval"}:
            self._run_text(text)
        elif origin in {"builtins.globals", "builtins.locals", "builtins.vars", "builtins.dir"} and not node.args:
            self._read(EVERYTHING)

    def _run_text(self, text: object) -> None:
        try:
            code = ast.parse(text.strip()).body if isinstance(text, str) else [ast.Name(EVERYTHING, ast.Load())]
        except SyntaxError:
            code = [ast.Name(EVERYTHING, ast.Load())]
        for each in code:
            self.visit(each)


_METHODS: dict[type[ast.AST], Callable[[Visitor, ast.AST], None]] = {
    getattr(ast, name.removeprefix("visit_")): method
    for name, method in vars(Visitor).items()
    if name.startswith("visit_")
}

# Methods of containers which change what the container itself holds, and not the objects in it.
_CONTAINER_METHODS = frozenset(
    {"add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop", "popitem", "popleft", "remove",
     "reverse", "setdefault", "sort", "update"}
)  # fmt: skip


def _is_of_container(call: ast.Call) -> bool:
    """`rows.append(row)`: of what `rows` itself holds."""
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.attr in _CONTAINER_METHODS
    )
