"""Which names could be the request, the likeliest first, told by the text: by how a name is made and what is done with it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Set

from nbdeploy.analysis.asking import asks, model_names
from nbdeploy.analysis.binding_time import Cut, Source, cut_for, is_training
from nbdeploy.analysis.imported import BUILTINS
from nbdeploy.analysis.likely_answer import Answer
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.slicing import Target, is_learnt, slice_for
from nbdeploy.analysis.targets import plain_targets, root_name
from nbdeploy.analysis.walking import walk

__all__ = ["Candidates", "cut_reaching"]

_LOADERS = frozenset({"cloudpickle", "dill", "joblib", "json", "pickle", "yaml"})  # of objects, settings: not of rows
_TABLES = frozenset({"DataFrame", "Series", "array", "asarray", "open", "tensor"})


def cut_reaching(program: Program, source: Source, answer: Answer, bindings: Mapping[str, str]) -> Cut | None:
    """Return the cut for a source if the answer depends on it."""
    cut = cut_for(program, source, bindings, answer.names, answer.statement)
    reaches = cut.dynamic & answer.names and (cut.served or answer.expression)
    return cut if reaches else None


class Candidates:
    """Names that could be the input."""

    def __init__(self, program: Program, answer: Answer, bindings: Mapping[str, str]) -> None:
        self.program = program
        self.answer = answer
        self.bindings = bindings
        self.settled = True
        self._reaching: Set[str] = frozenset()
        self._models = model_names(program)
        self._lookups = _lookups(program)
        # what only functions read, as a global, is not what is sent
        direct = {name for each in program.serving for name in each.effects.refs | each.effects.late}
        self._readers = {name: each for name, each in _live_ins(program, answer) if name in direct}

    def likeliest(self) -> list[Cut]:
        """Return the cuts that are as likely, at best one.

        Data from outside comes first, then rows that the tagged cells load or spell out, whatever else they assign, and what
        is spelt out before.
        """
        outer = self._outer()
        found = outer if any(each.source.name not in self.bindings for each in outer) else []
        for sources in (self._loaded(), self._rest()):
            if not found:
                found = [each for each in map(self._cut, sources) if each is not None][:1]
        self.settled = self._reaching <= {each.source.name for each in found[:1]}
        return found or outer

    def _outer(self) -> list[Cut]:
        cuts = {name: self._cut(Source(name)) for name, each in self._readers.items() if self._may_be_rows(name, each)}
        reaching = {name: cut for name, cut in cuts.items() if cut is not None and self._is_learnt(name)}
        self._reaching = reaching.keys() - self.bindings.keys()
        first = [cut for name, cut in reaching.items() if not _derived(self.program, name, self._readers, reaching)]
        if len(first) < 2:
            return first
        asked = [cut for cut in first if _is_asked(cut, self.answer)]  # `index=y_test.index` makes one of y_test, too
        made = [cut for cut in asked or first if self._definition(cut.source.name) is not None]
        learnt = _learnt_from(self.program)
        return [cut for cut in made if cut.source.name not in learnt] or made or asked or first

    def _loaded(self) -> list[Source]:
        """Return what a tagged cell loads or spells out as rows; a text or a number may be the request, or a path."""
        tables = [each for each in self._assigning() if _loads(each.node)]
        plain = [each for each in self._assigning() if isinstance(getattr(each.node, "value", None), ast.Constant)]
        return [source for each in (*tables, *plain) for source in self._made_by(each)]

    def _rest(self) -> list[Source]:
        before = [Source(name) for name in self._readers if name not in self._models]
        return [*(source for each in self._assigning() for source in self._made_by(each)), *before]

    def _assigning(self) -> list[Statement]:
        return [each for each in self.program.serving if isinstance(each.node, ast.Assign) and not is_training(each)]

    def _made_by(self, statement: Statement) -> list[Source]:
        no_input = self._models if self.answer.expression else self._models | self.answer.names
        return [Source(name, statement) for name in sorted(statement.effects.kills - no_input)]

    def _cut(self, source: Source) -> Cut | None:
        return cut_reaching(self.program, source, self.answer, self.bindings)

    def _may_be_rows(self, name: str, reader: Statement) -> bool:
        """Tell by what is done with a name, and by the statement that made it, whether it is no model, setting or statistic."""
        if name in self._models or name in self._lookups:
            return False
        definition = self.program.definition_of(name, reader)
        return definition is None or not _is_setting(self.program, definition.node)

    def _is_learnt(self, name: str) -> bool:
        return self._definition(name) is None or is_learnt(self.program, name, self._readers[name])

    def _definition(self, name: str) -> Statement | None:
        return self.program.definition_of(name, self._readers[name])


def _is_asked(cut: Cut, answer: Answer) -> bool:
    """Tell whether a model is asked about what depends on the source."""
    calls = asks(*(each.statement.node for each in cut.served), answer.statement.node)
    names = {each.id for call in calls for each in walk(*call.args) if isinstance(each, ast.Name)}
    return bool(names & cut.dynamic)


def _live_ins(program: Program, answer: Answer) -> Iterator[tuple[str, Statement]]:
    """Yield the names that the tagged cells read from outside, with their first reader."""
    bound: set[str] = set()
    seen: set[str] = set()
    for each in program.serving:
        for name in sorted(program.reads(each) - bound - seen - program.modules - BUILTINS):
            definition = program.definition_of(name, each)
            if name.isidentifier() and not (definition is not None and definition.defines_code):
                seen.add(name)
                yield name, each
        bound |= each.effects.defs
        if each.index == answer.statement.index:
            return


def _derived(program: Program, name: str, readers: Mapping[str, Statement], others: Collection[str]) -> bool:
    """Tell whether the value of `name` is made of another candidate's; names made by one statement are equals."""
    if len(others) < 2:
        return False
    own = program.definition_of(name, readers[name])
    made = {each.place for each in slice_for(program, [Target(name, readers[name].index)]).statements}
    for other in others:
        definition = program.definition_of(other, readers[other])
        if other == name or definition is None or definition.place not in made or definition is own:
            continue
        if own is None or definition.index < own.index:
            return True
    return False


def _learnt_from(program: Program) -> frozenset[str]:
    """Return the names that a model is fitted to, rows and labels: less likely to be sent than others."""
    calls = [each for statement in program.statements for each in walk(statement.node) if isinstance(each, ast.Call)]
    given = (call.args for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "fit")
    return frozenset(name for arguments in given for each in arguments if (name := root_name(each)) is not None)


def _lookups(program: Program) -> frozenset[str]:
    """Return the names that the tagged cells use as columns, lists of them, tables to look up in, bins."""
    nodes = [node for each in program.serving for node in walk(each.node)]
    found = {name for node in nodes for name in _looked_up(node)}
    for node in nodes:  # `for column in columns: df[column] = ...`
        if isinstance(node, ast.For | ast.comprehension) and not found.isdisjoint(plain_targets(node.target)):
            found |= {each.id for each in walk(node.iter) if isinstance(each, ast.Name)}
    return frozenset(found)


def _looked_up(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Subscript(slice=ast.Name(id=name)):
            yield name
        case ast.Call(func=ast.Attribute(attr="map" | "replace" | "reindex"), args=[ast.Name(id=name), *_]):
            yield name
        case ast.keyword(arg="columns" | "map" | "bins" | "labels", value=ast.Name(id=name)):
            yield name


def _loads(node: ast.stmt) -> bool:
    """Tell whether a statement reads rows from a file, or spells them out."""
    match getattr(node, "value", None):
        case ast.List(elts=[ast.List() | ast.Dict() | ast.Tuple(), *_]) | ast.Dict(keys=[_, _, *_]):
            return True
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=[_, *_]):
            return name in _TABLES or name.startswith(("read_", "fetch_"))
        case _:
            return False


def _is_setting(program: Program, node: ast.stmt) -> bool:
    """Tell whether a statement makes a number, a list of columns, a generator, a stored object: no rows."""
    value = getattr(node, "value", None)
    if isinstance(value, ast.Constant):
        return True
    if isinstance(value, ast.ListComp):
        value = value.generators[0].iter  # `[each for each in df.columns if ...]`
    if any(isinstance(each, ast.Attribute) and each.attr in {"columns", "dtypes", "shape"} for each in _chain(value)):
        return True
    if not isinstance(value, ast.Call):
        return False
    origin, known = program.imported.origin(value.func), program.imported.known
    if origin is not None:
        return origin.partition(".")[0] in _LOADERS or origin.endswith((".default_rng", ".device", ".compile"))
    return isinstance(value.func, ast.Attribute) and value.func.attr in known.whole_column_methods


def _chain(node: ast.AST | None) -> Iterator[ast.AST]:
    """Yield an expression and what it is asked of: `df.columns.tolist()`, `df.columns`, `df`."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        yield node
        node = node.func if isinstance(node, ast.Call) else node.value
