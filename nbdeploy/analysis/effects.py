"""What one statement does to the names of the notebook.

Reads, binds, changes in place, may share objects between names. The visitor follows Python's scopes: what a comprehension,
a lambda, a function or a class binds inside itself is not a name of the notebook. Bodies of functions read their globals
when they are called, not when they are defined: those reads are `late`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nbdeploy.analysis import knowledge as known

__all__ = ["AMBIENT_STATE", "Effects", "TrainingCall", "effects_of", "is_display", "mutated_parameters", "root_name"]

AMBIENT_STATE = "<process>"
"""The pseudo-name of what no name holds: seeds, options, environment variables."""

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class TrainingCall:
    """A call of a method that fits its receiver, e.g. `model.fit(X, y)`: receiver `model`, method `fit`."""

    receiver: str | None
    method: str
    line: int


@dataclass(frozen=True, slots=True)
class Effects:
    """What a statement does. All sets hold top-level names of the notebook (and `AMBIENT_STATE`).

    `defs` are bound; of these `kills` are certainly bound anew, whatever branch is taken. `refs` are read while the
    statement runs; `late` when a function that it defines is called. `mutates` may be changed in place. `aliases` are
    pairs of names that may share an object afterwards.
    """

    defs: frozenset[str] = frozenset()
    kills: frozenset[str] = frozenset()
    refs: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()
    mutates: frozenset[str] = frozenset()
    aliases: frozenset[tuple[str, str]] = frozenset()
    calls: frozenset[str] = frozenset()
    trains: tuple[TrainingCall, ...] = ()
    display: bool = False


def effects_of(
    statement: ast.stmt,
    modules: frozenset[str] = frozenset(),
    displays: frozenset[str] = frozenset(),
    *,
    shown: bool = False,
) -> Effects:
    """Return the effects of a top-level statement.

    `modules` are the names bound by imports anywhere in the notebook, `displays` those of them that only show things.
    `shown` says that the statement ends its cell, so that the value of an expression is displayed, not thrown away.
    """
    visitor = _Visitor(modules, displays)
    if isinstance(statement, ast.Expr) and shown:
        visitor.visit(statement.value)
    else:
        visitor.visit(statement)
    visitor.refs -= frozenset(_bound_first(statement)) - visitor.mutates
    return Effects(
        defs=frozenset(visitor.defs),
        kills=_kills(statement) & frozenset(visitor.defs),
        refs=frozenset(visitor.refs),
        late=frozenset(visitor.late),
        mutates=frozenset(visitor.mutates),
        aliases=frozenset(visitor.aliases),
        calls=frozenset(visitor.calls),
        trains=tuple(visitor.trains),
        display=is_display(statement, displays),
    )


def mutated_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[int]:
    """Return the positions of the parameters whose object the function's body may change."""
    visitor = _Visitor(frozenset(), frozenset())
    for each in function.body:
        visitor.visit(each)
    parameters = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    shared = {name: {name} for name in parameters}
    for left, right in visitor.aliases:
        for group in shared.values():
            if {left, right} & group:
                group |= {left, right}
    rebound = _rebound_first(function, parameters)
    return frozenset(
        position for position, name in enumerate(parameters) if name not in rebound and shared[name] & visitor.mutates
    )


def _rebound_first(function: ast.FunctionDef | ast.AsyncFunctionDef, parameters: list[str]) -> frozenset[str]:
    """Parameters that the first statements bind to a copy of themselves: `df = df.copy()`."""
    found = set()
    for each in function.body:
        match each:
            case ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Attribute(attr=method))) if (
                name in parameters and method in known.FRESH_METHODS
            ):
                found.add(name)
            case _:
                break
    return frozenset(found)


def _bound_first(statement: ast.stmt) -> Iterator[str]:
    """Names that a loop or a `with` certainly binds before its own body reads them."""
    if isinstance(statement, ast.For | ast.AsyncFor):
        targets = set(_plain_targets(statement.target))
        read_by_iterable = {each.id for each in ast.walk(statement.iter) if isinstance(each, ast.Name)}
        yield from targets - read_by_iterable
        yield from _bound_in(statement.body, read_by_iterable)
    elif isinstance(statement, ast.With | ast.AsyncWith):
        entered = {
            name for item in statement.items if item.optional_vars for name in _plain_targets(item.optional_vars)
        }
        read = {
            each.id for item in statement.items for each in ast.walk(item.context_expr) if isinstance(each, ast.Name)
        }
        yield from entered - read
        yield from _bound_in(statement.body, read)


def _bound_in(body: list[ast.stmt], read: set[str]) -> Iterator[str]:
    bound: set[str] = set()
    for each in body:
        effects = effects_of(each)
        read |= effects.refs - bound
        fresh = effects.kills - read
        bound |= fresh
        yield from fresh


def root_name(node: ast.expr) -> str | None:
    """Return `df` for `df`, `df.a`, `df['a'].b[0]`, `df.loc[m, 'a']`; None where no name is at the root."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def is_display(statement: ast.stmt, displays: frozenset[str]) -> bool:
    """Tell whether the statement only shows something: `print(x)`, `plt.plot(x)`, `df.head()`, `df`, a docstring."""
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return _shows(statement.value, displays)
    if isinstance(statement, ast.Assign):  # `_ = plt.title(...)`, `ax = plt.gca()`
        return isinstance(statement.value, ast.Call) and _calls_display(statement.value, displays)
    return False


def _shows(value: ast.expr, displays: frozenset[str]) -> bool:
    if isinstance(value, ast.Call):
        return _calls_display(value, displays) or _method(value) in known.DISPLAY_METHODS
    if isinstance(value, ast.Tuple):
        return all(_shows(each, displays) for each in value.elts)
    return isinstance(value, ast.Constant | ast.Name | ast.Attribute | ast.Subscript | ast.Compare | ast.JoinedStr)


def _calls_display(call: ast.Call, displays: frozenset[str]) -> bool:
    function: ast.expr = call.func
    while isinstance(function, ast.Attribute | ast.Subscript | ast.Call):
        function = function.func if isinstance(function, ast.Call) else function.value
    if not isinstance(function, ast.Name):
        return False
    plain = function is call.func
    return function.id in displays or (plain and function.id in known.DISPLAY_FUNCTIONS)


def _method(call: ast.Call) -> str | None:
    return call.func.attr if isinstance(call.func, ast.Attribute) else None


def _kills(statement: ast.stmt) -> frozenset[str]:
    """Names that are certainly bound by the statement, whatever happens in it."""
    match statement:
        case ast.Assign(targets=targets):
            return frozenset(name for target in targets for name in _plain_targets(target))
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            return frozenset({name})
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return frozenset({statement.name})
        case ast.Import() | ast.ImportFrom():
            return frozenset(_bound_by_import(statement))
        case ast.With() | ast.AsyncWith():
            inner = frozenset(name for each in statement.body for name in _kills(each))
            return inner | frozenset(
                name for item in statement.items if item.optional_vars for name in _plain_targets(item.optional_vars)
            )
        case ast.If(body=body, orelse=orelse) if orelse:
            return frozenset(n for s in body for n in _kills(s)) & frozenset(n for s in orelse for n in _kills(s))
        case ast.Delete(targets=targets):
            return frozenset(name for target in targets for name in _plain_targets(target))
        case _:
            return frozenset()


def _plain_targets(target: ast.expr) -> Iterator[str]:
    match target:
        case ast.Name(id=name):
            yield name
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for each in elements:
                yield from _plain_targets(each)
        case ast.Starred(value=value):
            yield from _plain_targets(value)


def _bound_by_import(statement: ast.Import | ast.ImportFrom) -> Iterator[str]:
    for alias in statement.names:
        if alias.name != "*":
            yield alias.asname or alias.name.split(".")[0]


@dataclass
class _Scope:
    """The names that a function, lambda, class or comprehension binds for itself."""

    names: set[str] = field(default_factory=set)
    late: bool = False  # a function body: its reads happen when it is called
    is_class: bool = False  # its names are no scope for the functions inside
    outer: set[str] = field(default_factory=set)  # declared global or nonlocal


class _Visitor(ast.NodeVisitor):
    def __init__(self, modules: frozenset[str], displays: frozenset[str]) -> None:
        self.modules = modules
        self.displays = displays
        self.defs: set[str] = set()
        self.refs: set[str] = set()
        self.late: set[str] = set()
        self.mutates: set[str] = set()
        self.aliases: set[tuple[str, str]] = set()
        self.calls: set[str] = set()
        self.trains: list[TrainingCall] = []
        self._scopes: list[_Scope] = []

    # names ----------------------------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._read(node.id)
        else:
            self._bind(node.id)

    def _is_local(self, name: str) -> bool:
        inner = self._scopes[-1] if self._scopes else None
        return any(
            name in scope.names and name not in scope.outer and (not scope.is_class or scope is inner)
            for scope in self._scopes
        )

    def _read(self, name: str) -> None:
        if self._is_local(name):
            return
        (self.late if any(scope.late for scope in self._scopes) else self.refs).add(name)

    def _bind(self, name: str) -> None:
        if not self._scopes or (self._scopes[-1].late and name in self._scopes[-1].outer):
            self.defs.add(name)
        elif name not in self._scopes[-1].names:  # a walrus inside a comprehension binds outside of it
            holder = next((scope for scope in reversed(self._scopes) if name in scope.names), None)
            if holder is None:
                self.defs.add(name)

    def _change(self, name: str | None) -> None:
        if name is not None and not self._is_local(name) and not any(scope.late for scope in self._scopes):
            self.mutates.add(name)

    # scopes ---------------------------------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind(node.name)
        for each in (*node.decorator_list, *_defaults(node.args), *_annotations(node)):
            self.visit(each)
        self._enter(_function_scope(node), node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for each in _defaults(node.args):
            self.visit(each)
        self._enter(_Scope(_argument_names(node.args), late=True), [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name)
        for each in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.visit(each)
        self._enter(_Scope(_local_names(node.body), is_class=True), node.body)

    def _enter(self, scope: _Scope, body: Iterable[ast.AST]) -> None:
        self._scopes.append(scope)
        for each in body:
            self.visit(each)
        self._scopes.pop()

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)  # runs in the enclosing scope
        bound = {name for each in node.generators for name in _plain_targets(each.target)}
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        inner: list[ast.AST] = [each.iter for each in node.generators[1:]]
        inner += [condition for each in node.generators for condition in each.ifs]
        self._enter(_Scope(bound), [*inner, *results])

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    # bindings -------------------------------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in _bound_by_import(node):
            self._bind(name)

    visit_ImportFrom = visit_Import

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._assign(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self._assign(node.target, node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        name = root_name(node.target)
        if name is not None:
            self._read(name)
            self._change(name)
        self._assign(node.target, node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._assign(node.target, node.value)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            values = (
                value.elts if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts) else ()
            )
            for position, each in enumerate(target.elts):
                self._assign(each, values[position] if values else value)
            return
        if isinstance(target, ast.Attribute | ast.Subscript):
            name = root_name(target)
            self._change(name)
            if _is_environ(target):
                self.mutates.add(AMBIENT_STATE)
        else:
            name = next(_plain_targets(target), None)
        self.visit(target)
        if name is not None and not self._scopes:
            self.aliases |= {(name, other) for other in self._shared(value) if other != name}

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self._assign(node.target, node.iter)
        for each in (*node.body, *node.orelse):
            self.visit(each)

    visit_AsyncFor = visit_For

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self._assign(item.optional_vars, item.context_expr)
        for each in node.body:
            self.visit(each)

    visit_AsyncWith = visit_With

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            self._bind(node.name)
        self.generic_visit(node)

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
                self._change(root_name(target))
            self.visit(target)

    # calls ----------------------------------------------------------------------------------------------------------

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call) and not _shows(node.value, self.displays):
            self._discarded(node.value)
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        method = _method(node)
        function = node.func.id if isinstance(node.func, ast.Name) else method
        if isinstance(node.func, ast.Name) and not self._is_local(node.func.id):
            self.calls.add(node.func.id)
        receiver = root_name(node.func.value) if isinstance(node.func, ast.Attribute) else None
        of_module = receiver is not None and receiver in self.modules
        if method is not None and not of_module:
            self._method_call(node, method, receiver)
        if function in known.MUTATING_FUNCTIONS and (of_module or method is None) and node.args:
            self._change(root_name(node.args[0]))
        if function in known.AMBIENT and (of_module or method is None) and not any(s.late for s in self._scopes):
            self.mutates.add(AMBIENT_STATE)
        self.generic_visit(node)

    def _method_call(self, node: ast.Call, method: str, receiver: str | None) -> None:
        if method in known.TRAINING_METHODS and not any(scope.late for scope in self._scopes):
            self.trains.append(TrainingCall(receiver, method, node.lineno))
        if (
            method in known.MUTATING_METHODS
            or _is_true(node, "inplace")
            or (method.endswith("_") and not method.startswith("_"))
        ):
            self._change(receiver)

    def _discarded(self, call: ast.Call) -> None:
        """A call whose answer is thrown away was made for its effect: on its receiver, or on its arguments."""
        receiver = root_name(call.func.value) if isinstance(call.func, ast.Attribute) else None
        if receiver is not None and receiver not in self.modules:
            if _method(call) not in known.FRESH_METHODS:
                self._change(receiver)
            return
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            self._change(root_name(argument))

    # sharing --------------------------------------------------------------------------------------------------------

    def _shared(self, value: ast.expr) -> set[str]:
        """Names whose object the value may be, hold, or be a view of."""
        match value:
            case ast.Name(id=name):
                return set() if self._is_local(name) or name in self.modules else {name}
            case ast.Attribute() | ast.Subscript():
                name_or_none = root_name(value)
                return set() if name_or_none is None or name_or_none in self.modules else {name_or_none}
            case ast.Call():
                return self._shared_by_call(value)
            case ast.Tuple() | ast.List() | ast.Set():
                return {name for each in value.elts for name in self._shared(each)}
            case ast.Dict():
                return {name for each in value.values for name in self._shared(each)}
            case ast.IfExp():
                return self._shared(value.body) | self._shared(value.orelse)
            case ast.BoolOp():
                return {name for each in value.values for name in self._shared(each)}
            case ast.Starred() | ast.NamedExpr() | ast.Await():
                return self._shared(value.value)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return {name for each in value.generators for name in self._shared(each.iter)}
            case _:
                return set()

    def _shared_by_call(self, call: ast.Call) -> set[str]:
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        held = {name for each in arguments for name in self._shared(each)}
        if isinstance(call.func, ast.Attribute):
            receiver = root_name(call.func.value)
            if receiver is None or receiver in self.modules:
                holds = call.func.attr[:1].isupper() or call.func.attr in known.HOLDING_FUNCTIONS
                return held if holds else set()
            if call.func.attr in known.FRESH_METHODS:
                return set()
            return {receiver}
        if isinstance(call.func, ast.Name):
            name = call.func.id
            if name in self.modules or name in known.HOLDING_FUNCTIONS:
                return held if name[:1].isupper() or name in known.HOLDING_FUNCTIONS else set()
            return held | {name}
        return held


def _is_true(call: ast.Call, keyword: str) -> bool:
    return any(
        each.arg == keyword and not (isinstance(each.value, ast.Constant) and each.value.value is False)
        for each in call.keywords
    )


def _is_environ(target: ast.expr) -> bool:
    node = target.value if isinstance(target, ast.Attribute | ast.Subscript) else target
    return isinstance(node, ast.Attribute) and node.attr in {"environ", "options", "display", "rcParams"}


def _defaults(arguments: ast.arguments) -> Iterator[ast.expr]:
    yield from arguments.defaults
    yield from (each for each in arguments.kw_defaults if each is not None)


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
    yield from (each.annotation for each in every if each is not None and each.annotation is not None)
    if node.returns is not None:
        yield node.returns


def _argument_names(arguments: ast.arguments) -> set[str]:
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
    return {each.arg for each in every if each is not None}


def _function_scope(node: ast.FunctionDef | ast.AsyncFunctionDef) -> _Scope:
    outer = {name for each in ast.walk(node) if isinstance(each, ast.Global) for name in each.names}
    return _Scope(_argument_names(node.args) | _local_names(node.body), late=True, outer=outer)


def _local_names(body: Iterable[ast.stmt]) -> set[str]:
    """Names bound directly in the body of a function or class (not in functions nested in it)."""
    collector = _Visitor(frozenset(), frozenset())
    for each in body:
        collector.visit(each)
    return collector.defs
