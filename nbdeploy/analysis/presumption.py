"""What a deploy would probably serve, told before anything has run.

A deploy infers input, output and bindings from the recorded run (`inference.py`). Without a run only the text speaks: what is
presumed here is shown to people as a presumption ("if the input is `df`"), and nothing is deployed on the strength of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from nbdeploy.analysis.asking import asks, model_names
from nbdeploy.analysis.binding_time import Cut, Source, cut_for, is_training
from nbdeploy.analysis.imported import BUILTINS
from nbdeploy.analysis.likely_answer import Answer, likely_answer
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.row_parts import likely_bindings
from nbdeploy.analysis.slicing import Target, is_learnt, slice_for
from nbdeploy.analysis.walking import walk
from nbdeploy.notebook.cells import Role

__all__ = ["Presumed", "Said", "presume", "said_in"]

_LOADERS = frozenset({"cloudpickle", "dill", "joblib", "json", "pickle", "yaml"})  # of objects, settings: not of rows


@dataclass(frozen=True, slots=True)
class Said:
    """What the user settled: by an option, a role magic or the notebook's settings."""

    input: str | None = None
    output: str | None = None
    bind: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Presumed:
    """The service that the tagged cells would make, and those of the inputs that are as likely as its own.

    `settled` says that the input can be no other: the user named it, or no other data reaches the answer.
    """

    cut: Cut
    answer: Answer
    bindings: Mapping[str, str]
    rivals: tuple[Cut, ...] = ()
    settled: bool = True

    @property
    def input(self) -> str:
        return self.cut.source.name

    @property
    def others(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.source.name for each in self.rivals if each.source.name != self.input))


def said_in(program: Program, options: Said) -> Said:
    """Return what is settled; options win over role magics, and these over the notebook's settings."""
    magics: dict[str, str] = {}
    for cell in program.notebook.cells:
        magics |= cell.options
    settings = program.notebook.settings
    return Said(
        options.input or magics.get("input") or settings.input,
        options.output or magics.get("output") or settings.output,
        {**settings.bind, **options.bind},
    )


def presume(program: Program, said: Said) -> Presumed | None:
    """Return the most likely service of the tagged cells; None where there is none, or no input reaches the answer.

    Where no cell is tagged `predict`, the answer has no label: it is all that the preprocess cells make.
    """
    answer = likely_answer(program, said.output) or _prepared(program)
    if answer is None:
        return None
    bindings = {**likely_bindings(program, answer.names, answer.statement), **said.bind}
    if said.input is not None:
        return _for_input(program, said.input, answer, bindings)
    candidates = _Candidates(program, answer, bindings)
    found = candidates.likeliest()
    if not found:
        return None
    bindings = {**_used(bindings, found[0]), **said.bind}
    return Presumed(found[0], answer, bindings, tuple(found[1:]), candidates.settled)


def _prepared(program: Program) -> Answer | None:
    preprocess = program.with_role(Role.PREPROCESS)
    if not preprocess or program.with_role(Role.PREDICT):
        return None
    made = (name for each in preprocess for name in each.effects.defs | each.effects.mutates)
    return Answer("", preprocess[-1], frozenset(name for name in made if name.isidentifier()))


def _used(bindings: Mapping[str, str], cut: Cut) -> dict[str, str]:
    """Return the bindings that the served statements make use of."""
    read = {name for each in cut.served for name in each.dynamic} | cut.dynamic
    return {name: made for name, made in bindings.items() if name in read and made in cut.dynamic}


def _for_input(program: Program, name: str, answer: Answer, bindings: Mapping[str, str]) -> Presumed | None:
    preprocess = program.with_role(Role.PREPROCESS)
    if not any(name in program.reads(each) | each.effects.defs for each in preprocess):
        bindings = {}  # the input is first met in the predict cells: preprocess takes no part
    made = [Source(name, each) for each in program.serving if name in each.effects.kills]
    for source in (Source(name), *made):
        cut = _cut(program, source, answer, bindings)
        if cut is not None:
            return Presumed(cut, answer, bindings)
    return None


def _cut(program: Program, source: Source, answer: Answer, bindings: Mapping[str, str]) -> Cut | None:
    """Return the cut for a source if the answer depends on it."""
    cut = cut_for(program, source, bindings, answer.names, answer.statement)
    reaches = cut.dynamic & answer.names and (cut.served or answer.expression)
    return cut if reaches else None


# candidates ----------------------------------------------------------------------------------------------------------


class _Candidates:
    """Names that could be the input."""

    def __init__(self, program: Program, answer: Answer, bindings: Mapping[str, str]) -> None:
        self.program = program
        self.answer = answer
        self.bindings = bindings
        self.settled = True
        self._models = model_names(program)
        self._readers = dict(_live_ins(program, answer))

    def likeliest(self) -> list[Cut]:
        """Return the cuts that are as likely, at best one: of data from outside, else of data that the tagged cells load."""
        outer = self._outer()
        if any(each.source.name not in self.bindings for each in outer):
            return outer
        return next(([each] for each in self._inner() if each is not None), outer)

    def _outer(self) -> list[Cut]:
        data = {name: each for name, each in self._readers.items() if self._is_data(name, each)}
        cuts = {name: self._cut(Source(name)) for name in data}
        reaching = {name: cut for name, cut in cuts.items() if cut is not None}
        self.settled = len(reaching.keys() - self.bindings.keys()) <= 1
        first = [cut for name, cut in reaching.items() if not _derived(self.program, name, data, reaching)]
        asked = [
            cut for cut in first if _is_asked(cut, self.answer)
        ] or first  # `index=y_test.index` makes one of y_test, too
        learnt = _learnt_from(self.program)
        return [cut for cut in asked if cut.source.name not in learnt] or asked

    def _inner(self) -> Iterator[Cut | None]:
        """Yield the cuts of rows that a tagged cell loads or spells out, then of names that are spelt out before."""
        made = self._models if self.answer.expression else self._models | self.answer.names
        loading = [each for each in self.program.serving if isinstance(each.node, ast.Assign) and not is_training(each)]
        yield from (self._cut(Source(name, each)) for each in loading for name in sorted(each.effects.kills - made))
        plain = (name for name, each in self._readers.items() if not self._is_data(name, each))
        yield from (self._cut(Source(name)) for name in plain if name not in self._models)

    def _cut(self, source: Source) -> Cut | None:
        return _cut(self.program, source, self.answer, self.bindings)

    def _is_data(self, name: str, reader: Statement) -> bool:
        """Tell whether a name holds rows by what is done with it and how it was made: no model, setting or statistic."""
        if name in self._models or name in _lookups(self.program):
            return False
        definition = self.program.definition_of(name, reader)
        if definition is None:
            return True
        return not _is_setting(self.program, definition.node) and is_learnt(self.program, name, reader)


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


def _derived(program: Program, name: str, readers: Mapping[str, Statement], others: Iterable[str]) -> bool:
    """Tell whether the value of `name` is made of another candidate's; names made by one statement are equals."""
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
    return frozenset(each.id for arguments in given for each in arguments if isinstance(each, ast.Name))


def _lookups(program: Program) -> frozenset[str]:
    """Return the names that the tagged cells use as lists of columns, tables to look up in, bins."""
    return frozenset(name for each in program.serving for node in walk(each.node) for name in _looked_up(node))


def _looked_up(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Subscript(slice=ast.Name(id=name)):
            yield name
        case ast.Call(func=ast.Attribute(attr="map" | "replace" | "reindex"), args=[ast.Name(id=name), *_]):
            yield name
        case ast.keyword(arg="columns" | "map" | "bins" | "labels", value=ast.Name(id=name)):
            yield name


def _is_setting(program: Program, node: ast.stmt) -> bool:
    """Tell whether a statement makes a number, a list of columns, a generator, a stored object: no rows."""
    value = getattr(node, "value", None)
    if isinstance(value, ast.Constant):
        return True
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
