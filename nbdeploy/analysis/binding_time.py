"""The binding-time cut: of the tagged statements, which depend on the input and so are served.

Walk the serving path once, forward, with the set of names that depend on the input. A statement that reads none of them is
static: it ran at training time and only the values that it left behind matter. A statement that fits an object is training,
whatever it reads. The rest is served. Then walk the served statements backward from the output and keep what it needs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nbdeploy.analysis.depending import dependent_part
from nbdeploy.analysis.program import Place, Program, Statement
from nbdeploy.analysis.served_form import fitted_receivers, transforming, without_display
from nbdeploy.notebook.cells import Role

__all__ = ["Cut", "ServedStatement", "Source", "Trouble", "cut_for", "is_training", "needed_for"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the input enters: a name that the training side made, or that the tagged statement `after` defines."""

    name: str
    after: Statement | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A statement that can't be served, by the kind of its trouble; it matters only if the output needs it."""

    kind: str
    statement: Statement
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ServedStatement:
    """A statement that runs for every request.

    `statement` is its served form, `original` what the user wrote. `frozen` are the names whose recorded value it reads,
    `fitted` those of them that are read as they stand after the original statement (`fit_transform`).
    """

    statement: Statement
    original: Statement
    dynamic: frozenset[str]
    frozen: frozenset[str]
    fitted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Cut:
    """The served statements of a serving path for one input, and what is wrong with them."""

    source: Source
    served: tuple[ServedStatement, ...]
    dynamic: frozenset[str]
    troubles: tuple[Trouble, ...] = ()

    def statements(self, role: Role) -> tuple[ServedStatement, ...]:
        return tuple(each for each in self.served if each.original.role is role)


def cut_for(
    program: Program,
    source: Source,
    bindings: Mapping[str, str],
    output: Iterable[str],
    last: Statement | None = None,
) -> Cut:
    """Return the cut for an input; `output` are the names that the answer is made of, `last` the statement that makes it."""
    walk = _Walk(program, source, bindings)
    for each in program.serving:
        walk.step(each)
        if last is not None and each.index == last.index:
            break
    kept = _backward(program, walk.served, frozenset(output), bindings)
    places = {each.original.place for each in kept}
    troubles = tuple(each for each in walk.troubles if each.statement.place in places)
    return Cut(source, kept, frozenset(walk.dynamic), troubles)


def needed_for(
    program: Program, statements: Sequence[Statement], names: Iterable[str]
) -> tuple[frozenset[str], tuple[Statement, ...]]:
    """Return the live-in names that `names` need from the statements, and the statements that take part."""
    needed, kept = set(names), []
    for each in reversed(statements):
        if each.effects.display or is_training(each):
            continue
        if _contributes(program, each, needed):
            kept.append(each)
            needed = (needed - (each.effects.kills - each.effects.mutates)) | program.reads(each)
    return frozenset(needed), tuple(reversed(kept))


class _Walk:
    def __init__(self, program: Program, source: Source, bindings: Mapping[str, str]) -> None:
        self.program = program
        self.source = source
        self.bindings = bindings
        self.dynamic: set[str] = set() if source.after else {source.name}
        self.served: list[ServedStatement] = []
        self.troubles: list[Trouble] = []
        self._accumulators = _accumulators(program)
        self._bound = False

    def step(self, statement: Statement) -> None:
        if statement.role is Role.PREDICT and not self._bound:
            self._bound = True
            self.dynamic |= {name for name, made in self.bindings.items() if made in self.dynamic}
        if self.source.after is not None and statement.index == self.source.after.index:
            self.dynamic.add(self.source.name)
            return
        pruned = without_display(statement, self.program.imported)
        receivers = frozenset(fitted_receivers(pruned))
        if receivers and not self.dynamic & receivers:
            pruned = transforming(pruned, self.program.imported)
        pruned = dependent_part(self.program, pruned, self.dynamic)
        if not self._depends(pruned):
            self._static(pruned, statement)
        elif pruned.effects.trains:
            self._training(pruned, statement)
        elif not pruned.effects.display:
            self._serve(pruned, statement, receivers - self.dynamic)
            self.dynamic -= statement.effects.kills - pruned.effects.defs

    def _depends(self, statement: Statement) -> bool:
        effects = statement.effects
        if statement.imports or statement.defines_code:
            return False
        changed = (effects.defs - effects.kills) | effects.mutates
        return bool((self.program.reads(statement) | changed) & self.dynamic)

    def _static(self, statement: Statement, original: Statement) -> None:
        """A statement that depends on no input: only what it leaves behind matters, unless a request will change that."""
        if statement.place in self._accumulators:
            self._serve(statement, original)
        else:
            self.dynamic -= statement.effects.kills

    def _training(self, statement: Statement, original: Statement) -> None:
        if is_training(statement):
            self.dynamic -= statement.effects.defs  # the fitted object: static
            return
        call = statement.effects.trains[0]
        self.troubles.append(Trouble("trains", original, call.method))
        self._serve(statement, original)

    def _serve(self, statement: Statement, original: Statement, fitted: frozenset[str] = frozenset()) -> None:
        reads = self.program.reads(statement)
        code = self.program.code_behind(statement.effects.refs, original)
        for name, definition in code.items():
            if (definition.effects.late & self.dynamic) - {name}:
                detail = f"{name}:{', '.join(sorted(definition.effects.late & self.dynamic))}"
                self.troubles.append(Trouble("reads global", original, detail))
            for shared in _declared_global(definition):
                self.troubles.append(Trouble("shared state", original, shared))
            training = _training_inside(definition, self.program.imported.known.training_methods)
            if training:
                self.troubles.append(Trouble("function trains", original, f"{name}:{training}"))
        trained = {each.receiver for each in statement.effects.trains}  # told as training, not as shared state
        changed = statement.effects.mutates - self.dynamic - fitted - trained - statement.effects.kills
        for name in sorted(name for name in changed if not name.startswith("<")):
            made_here = name in statement.effects.defs and name not in statement.effects.refs
            if not made_here and name not in self.program.modules:
                tagged = any(name in each.effects.kills for each in self.program.serving)
                self.troubles.append(Trouble("static state" if tagged else "shared state", original, name))
        frozen = (statement.effects.refs | statement.effects.late) - self.dynamic
        self.served.append(
            ServedStatement(statement, original, frozenset(reads & self.dynamic), frozenset(frozen), fitted)
        )
        self.dynamic |= statement.effects.defs
        self.dynamic |= {name for name in statement.effects.mutates - self.program.modules if not name.startswith("<")}
        self.dynamic -= fitted - statement.effects.defs


def is_training(statement: Statement) -> bool:
    """`model.fit(X, y)`, `model = Model().fit(X, y)`, `_ = model.fit(X, y)`: the whole statement only trains."""
    node = statement.node
    value = node.value if isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign) else None
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return False
    return value.func.attr in {"fit", "partial_fit", "train_on_batch", "backward", "zero_grad"}


def _declared_global(definition: Statement) -> list[str]:
    """Return the globals that a function's body rebinds."""
    nodes = (node for node in ast.walk(definition.node) if isinstance(node, ast.Global))
    return sorted({name for node in nodes for name in node.names})


def _training_inside(definition: Statement, methods: frozenset[str]) -> str:
    """Return the training method that a function's body calls, or an empty text."""
    if isinstance(definition.node, ast.ClassDef):
        return ""  # a class's methods train when called by name: seen where they are called
    for node in ast.walk(definition.node):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in methods:
            return node.func.attr
    return ""


def _accumulators(program: Program) -> frozenset[Place]:
    """Statements that bind a name to a fresh empty value which a later one changes: `preds = []`, `preds.append(...)`."""
    found: set[Place] = set()
    changed: set[str] = set()
    for each in reversed(program.serving):
        changed |= each.effects.mutates
        if _fresh(each.node) and each.effects.kills & changed:
            found.add(each.place)
    return frozenset(found)


def _fresh(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Assign):
        return False
    match node.value:
        case ast.List(elts=[]) | ast.Dict(keys=[]) | ast.Constant(value=int() | float() | str()):
            return True
        case ast.Call(func=ast.Name(id="list" | "dict" | "set" | "deque" | "defaultdict" | "Counter")):
            return True
        case ast.Call(func=ast.Attribute(attr="DataFrame"), args=[]):
            return True
        case _:
            return False


def _backward(
    program: Program, served: Sequence[ServedStatement], output: frozenset[str], bindings: Mapping[str, str]
) -> tuple[ServedStatement, ...]:
    needed, kept = set(output), []
    crossed = False
    for each in reversed(served):
        if each.original.role is Role.PREPROCESS and not crossed:
            crossed = True
            needed = {bindings.get(name, name) for name in needed}
        if _contributes(program, each.statement, needed):
            kept.append(each)
            effects = each.statement.effects
            needed = (needed - (effects.kills - effects.mutates - effects.refs)) | program.reads(each.statement)
    return tuple(reversed(kept))


def _contributes(program: Program, statement: Statement, needed: set[str]) -> bool:
    if statement.effects.defs & needed:
        return True
    changed = program.touched_by(statement)
    return bool(changed & needed)
