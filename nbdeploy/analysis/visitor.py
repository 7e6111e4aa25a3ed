"""The visitor behind `effects_of`: one walk over a statement, with Python's scopes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nbdeploy.analysis import knowledge as known
from nbdeploy.analysis.display import method_name, shows
from nbdeploy.analysis.sharing import Sharing
from nbdeploy.analysis.targets import argument_names, bound_by_import, plain_targets, root_name, roots

__all__ = ["AMBIENT_STATE", "EVERYTHING", "FILES", "Scope", "TrainingCall", "Visitor", "declared_outer", "local_names"]

AMBIENT_STATE = "<process>"
"""The pseudo-name of what no name holds: seeds, options, environment variables, the import path."""
FILES = "<files>"
"""The pseudo-name of what is on disk: writing changes it, reading reads it."""
EVERYTHING = "<everything>"
"""Read by code that is a text (`eval(text)`): it may read any name."""


@dataclass(frozen=True, slots=True)
class TrainingCall:
    """A call of a method that fits its receiver, e.g. `model.fit(X, y)`: receiver `model`, method `fit`."""

    receiver: str | None
    method: str
    line: int


@dataclass
class Scope:
    """The names that a function, lambda, class or comprehension binds for itself."""

    names: set[str] = field(default_factory=set)
    late: bool = False  # a function body: its reads happen when it is called
    is_class: bool = False  # its names are no scope for the functions inside
    outer: set[str] = field(default_factory=set)  # declared global or nonlocal


class Visitor(ast.NodeVisitor):
    """Collects what a statement binds, reads and changes.

    `mutates` are certain enough to decide what a request changes; `may_change` adds what only a sound slice must assume:
    methods that nobody knows, whose answer is used.
    """

    def __init__(self, modules: frozenset[str], displays: frozenset[str]) -> None:
        self.modules = modules
        self.displays = displays
        self.defs: set[str] = set()
        self.refs: set[str] = set()
        self.late: set[str] = set()
        self.mutates: set[str] = set()
        self.may_change: set[str] = set()
        self.aliases: set[tuple[str, str]] = set()
        self.calls: set[str] = set()
        self.trains: list[TrainingCall] = []
        self.scopes: list[Scope] = []
        self._sharing = Sharing(lambda name: name in self.modules or self._is_local(name))

    # names ----------------------------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._read(node.id)
        else:
            self._bind(node.id)

    def _is_local(self, name: str) -> bool:
        inner = self.scopes[-1] if self.scopes else None
        return any(
            name in scope.names and name not in scope.outer and (not scope.is_class or scope is inner)
            for scope in self.scopes
        )

    @property
    def _is_late(self) -> bool:
        return any(scope.late for scope in self.scopes)

    def _read(self, name: str) -> None:
        if not self._is_local(name):
            (self.late if self._is_late else self.refs).add(name)

    def _bind(self, name: str) -> None:
        if not self.scopes or (name in self.scopes[-1].outer and not self.scopes[-1].is_class):
            self.defs.add(name)
        elif name not in self.scopes[-1].names:  # a walrus inside a comprehension binds outside of it
            holder = next((scope for scope in reversed(self.scopes) if name in scope.names), None)
            if holder is None:
                self.defs.add(name)

    def _change(self, names: Iterable[str], into: set[str] | None = None) -> None:
        if not self._is_late:
            (self.mutates if into is None else into).update(name for name in names if not self._is_local(name))

    def _disturb(self, pseudo_name: str) -> None:
        if not self._is_late:
            self.mutates.add(pseudo_name)

    # scopes ---------------------------------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind(node.name)
        for each in (*node.decorator_list, *_defaults(node.args), *_annotations(node)):
            self.visit(each)
        self._share(node.name, _defaults(node.args))
        self._enter(_function_scope(node), node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for each in _defaults(node.args):
            self.visit(each)
        self._enter(Scope(argument_names(node.args), late=True), [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name)
        for each in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.visit(each)
        self._enter(Scope(local_names(node.body), is_class=True), node.body)

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
        self._enter(Scope(bound), [*inner, *results])

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    # bindings -------------------------------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in bound_by_import(node):
            self._bind(name)
        if any(alias.name == "*" for alias in node.names):
            self._disturb(AMBIENT_STATE)  # binds names that nobody can see here

    visit_ImportFrom = visit_Import

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._assign(target, node.value)
        for target in node.targets[1:]:  # `a = b = []`
            self._share(root_name(target), [node.targets[0]])

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
            self._change({name})
        self._assign(node.target, node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._assign(node.target, node.value)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            self._unpack(target.elts, value)
            return
        if isinstance(target, ast.Attribute | ast.Subscript):
            self._change(roots(target))
            if _is_setting(target, self.modules):
                self._disturb(AMBIENT_STATE)
            if (bound := _global_by_text(target)) is not None:
                self._bind(bound)
            name = root_name(target)
        else:
            name = next(plain_targets(target), None)
        self.visit(target)
        self._share(name, [value])

    def _unpack(self, targets: list[ast.expr], value: ast.expr) -> None:
        values = value.elts if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(targets) else ()
        for position, each in enumerate(targets):
            self._assign(each, values[position] if values else value)

    def _share(self, name: str | None, values: Iterable[ast.expr]) -> None:
        if name is None or self.scopes or name in self.modules:
            return
        self.aliases |= {(name, other) for value in values for other in self._sharing.names(value) if other != name}

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
                self._change(roots(target))
            self.visit(target)

    # calls ----------------------------------------------------------------------------------------------------------

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call) and not shows(node.value, self.displays):
            self._discarded(node.value)
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        method = method_name(node)
        function = node.func.id if isinstance(node.func, ast.Name) else method
        receivers = roots(node.func.value) if isinstance(node.func, ast.Attribute) else frozenset()
        of_module = bool(receivers & self.modules)
        if isinstance(node.func, ast.Name) and not self._is_local(node.func.id):
            self.calls.add(node.func.id)
            self._change({node.func.id} - self.modules, self.may_change)
        if method is not None and not of_module:
            self._method_call(node, method, receivers)
        if of_module or method is None:
            self._function_call(node, function or "")
        self._code_in_text(node, function or "")
        self.generic_visit(node)

    def _method_call(self, node: ast.Call, method: str, receivers: frozenset[str]) -> None:
        if method in known.TRAINING_METHODS and not self._is_late:
            self.trains.append(TrainingCall(next(iter(sorted(receivers)), None), method, node.lineno))
        if method in known.MUTATING_METHODS or _is_true(node, "inplace") or (method[-1] == "_" and method[0] != "_"):
            self._change(receivers)
            for receiver in receivers:  # a container holds what is put into it
                self._share(receiver, [*node.args, *(each.value for each in node.keywords)])
        elif method not in known.FRESH_METHODS:
            self._change(receivers, self.may_change)
        self._touch_files(node, method)

    def _function_call(self, node: ast.Call, function: str) -> None:
        if function in known.MUTATING_FUNCTIONS and node.args:
            self._change(roots(node.args[0]))
        if function in known.AMBIENT or _draws_random(node, self.modules):
            self._disturb(AMBIENT_STATE)
        if _is_setting(node.func, self.modules) and function in known.MUTATING_METHODS:
            self._disturb(AMBIENT_STATE)  # sys.path.append, os.environ.update
        for keyword in node.keywords:
            if keyword.arg == "out":
                self._change(roots(keyword.value))
        self._touch_files(node, function)

    def _touch_files(self, node: ast.Call, function: str) -> None:
        if function == "open" and _opens_for_writing(node):
            self._disturb(FILES)
        if function in known.FILE_WRITERS:
            self._disturb(FILES)
        if function in known.FILE_READERS or function.startswith("read_"):
            self._read(FILES)

    def _discarded(self, call: ast.Call) -> None:
        """A call whose answer is thrown away was made for its effect: on its receiver, or on its arguments."""
        receivers = roots(call.func.value) if isinstance(call.func, ast.Attribute) else frozenset()
        if receivers and not receivers & self.modules:
            if method_name(call) not in known.FRESH_METHODS:
                self._change(receivers)
            return
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            self._change(roots(argument) - self.modules)

    def _code_in_text(self, node: ast.Call, function: str) -> None:
        """Names that only a text holds: `df.query("age > @limit")`, `eval("k + 1")`, `globals()["k"]`."""
        text = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if function in {"query", "eval"} and isinstance(node.func, ast.Attribute):
            for name in re.findall(r"@([A-Za-z_]\w*)", text) if isinstance(text, str) else ():
                self._read(name)
        elif function in {"eval", "exec"}:
            try:
                for each in (
                    ast.parse(text.strip()).body if isinstance(text, str) else [ast.Name(EVERYTHING, ast.Load())]
                ):
                    self.visit(each)
            except SyntaxError:
                self._read(EVERYTHING)
        elif function in {"globals", "locals", "vars", "dir"} and not node.args:
            self._read(EVERYTHING)


def _opens_for_writing(call: ast.Call) -> bool:
    modes = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "mode")]
    texts = [each.value for each in modes if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return any(set(text) & set("wax+") for text in texts)


def _is_true(call: ast.Call, keyword: str) -> bool:
    return any(
        each.arg == keyword and not (isinstance(each.value, ast.Constant) and each.value.value is False)
        for each in call.keywords
    )


def _is_setting(node: ast.expr, modules: frozenset[str]) -> bool:
    """`os.environ[...]`, `pd.options.x`, `sys.path.append`, `decimal.getcontext().prec`: part of a module's own state."""
    depth = 0
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute | ast.Subscript):
            node, depth = node.value, depth + 1
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return False
    return node.id in modules and (depth > 1 or node.id == "environ")


def _draws_random(call: ast.Call, modules: frozenset[str]) -> bool:
    """`np.random.rand()`, `random.random()`, `torch.randn(3)`: the next draw depends on it."""
    parts: list[str] = []
    node: ast.expr = call.func
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in modules or not parts:
        return False
    makes_generator = parts[0] in {"default_rng", "RandomState", "Generator", "Random"}
    return not makes_generator and (
        "random" in {*parts[1:], node.id} or (node.id == "torch" and parts[0].startswith("rand"))
    )


def _global_by_text(target: ast.expr) -> str | None:
    """Return `k` for `globals()["k"]`."""
    match target:
        case ast.Subscript(
            value=ast.Call(func=ast.Name(id="globals" | "vars"), args=[]), slice=ast.Constant(value=str() as name)
        ):
            return name
        case _:
            return None


def _defaults(arguments: ast.arguments) -> Iterator[ast.expr]:
    yield from arguments.defaults
    yield from (each for each in arguments.kw_defaults if each is not None)


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
    yield from (each.annotation for each in every if each is not None and each.annotation is not None)
    if node.returns is not None:
        yield node.returns


def _function_scope(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Scope:
    return Scope(argument_names(node.args) | local_names(node.body), late=True, outer=declared_outer(node))


def declared_outer(node: ast.AST) -> set[str]:
    """Return the names that a function's body declares global."""
    return {name for each in ast.walk(node) if isinstance(each, ast.Global) for name in each.names}


def local_names(body: Iterable[ast.stmt]) -> set[str]:
    """Return the names bound directly in the body of a function or class (not in functions nested in it)."""
    collector = Visitor(frozenset(), frozenset())
    for each in body:
        collector.visit(each)
    return collector.defs
