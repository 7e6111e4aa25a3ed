"""What a deploy would probably serve, told before anything has run.

A deploy infers input, output and bindings from the recorded run (`inference.py`). Without a run only the text speaks: what is
presumed here is shown to people as a presumption ("if the input is `df`"), and nothing is deployed on the strength of it.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from nbdeploy.analysis.binding_time import Cut, Source, cut_for, is_training, needed_for
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.slicing import Target, is_learnt, slice_for
from nbdeploy.analysis.targets import plain_targets, root_name
from nbdeploy.notebook.cells import Role

__all__ = ["Answer", "Presumed", "Said", "likely_answer", "presume", "rows_of", "said_in"]

PREDICTING = frozenset({"predict", "predict_proba", "decision_function", "transform", "score_samples", "forward"})
TAKING_ROWS = frozenset({"copy", "head", "reset_index", "sample", "sort_index", "tail", "to_numpy"})
NOT_DATA = frozenset(dir(builtins)) | {"get_ipython", "display"}


@dataclass(frozen=True, slots=True)
class Said:
    """What the user settled: by an option, a role magic or the notebook's settings."""

    input: str | None = None
    output: str | None = None
    bind: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service would give back: a name, or the expression of a statement."""

    label: str
    statement: Statement
    names: frozenset[str]
    expression: bool = False


@dataclass(frozen=True, slots=True)
class Presumed:
    """The service that the tagged cells would make. `others` are further names that could be the input."""

    cut: Cut
    answer: Answer
    bindings: Mapping[str, str]
    others: tuple[str, ...] = ()

    @property
    def input(self) -> str:
        return self.cut.source.name


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
    """Return the most likely service of the tagged cells; None where there is none, or no input reaches the answer."""
    answer = likely_answer(program, said.output)
    if answer is None:
        return None
    bindings = {**_bindings(program, answer), **said.bind}
    if said.input is not None:
        return _for_input(program, said.input, answer, bindings)
    found = _reaching(program, answer, bindings)
    if not found:
        return None
    source, cut = found[0]
    bindings = {**_used(bindings, cut), **said.bind}
    others = tuple(each.name for each, _ in found[1:] if each.name != source.name)
    return Presumed(cut, answer, bindings, tuple(dict.fromkeys(others)))


def _used(bindings: Mapping[str, str], cut: Cut) -> dict[str, str]:
    """Return the bindings that the served statements make use of."""
    read = {name for each in cut.served for name in each.dynamic} | cut.dynamic
    return {name: made for name, made in bindings.items() if name in read and made in cut.dynamic}


# answer --------------------------------------------------------------------------------------------------------------


def likely_answer(program: Program, wanted: str | None) -> Answer | None:
    """Return what the last predict cell answers; None where nothing is tagged, or no tagged cell makes `wanted`."""
    predict = program.with_role(Role.PREDICT)
    if not predict:
        return None
    if wanted is not None:
        makers = [each for each in program.serving if wanted in each.effects.defs | each.effects.mutates]
        return Answer(wanted, makers[-1], frozenset({wanted})) if makers else None
    own = [each for each in predict if each.cell == predict[-1].cell]
    shown = _shown(own[-1])
    bound = _last_bound(own, _fitted(program))
    if shown is not None and _asks(shown):
        bound = None  # `print(model.predict(X_new))`
    if isinstance(shown, ast.Name):
        makers = [each for each in program.serving if shown.id in each.effects.defs | each.effects.mutates]
        return Answer(shown.id, makers[-1] if makers else own[-1], frozenset({shown.id}), expression=not makers)
    if bound is not None and (shown is None or own[-1].effects.display or bound[0] in own[-1].effects.refs):
        return Answer(bound[0], bound[1], frozenset({bound[0]}))
    if shown is not None:
        return Answer(ast.unparse(shown), own[-1], own[-1].effects.refs, expression=True)
    return None


def _shown(last: Statement) -> ast.expr | None:
    """Return the expression that ends a cell: itself, or E of `print(E)` or `display(E)`."""
    if not isinstance(last.node, ast.Expr):
        return None
    match last.node.value:
        case ast.Call(func=ast.Name(id="print" | "display"), args=[only], keywords=[]):
            return None if isinstance(only, ast.Constant | ast.JoinedStr | ast.Starred) else only
        case ast.Constant():
            return None
        case value:
            return None if last.effects.display and not _asks(value) else value


def _asks(node: ast.expr) -> bool:
    calls = (each.func for each in ast.walk(node) if isinstance(each, ast.Call))
    return any(isinstance(func, ast.Attribute) and func.attr in PREDICTING for func in calls)


def _last_bound(statements: list[Statement], fitted: frozenset[str]) -> tuple[str, Statement] | None:
    for each in reversed(statements):
        if each.imports or each.defines_code or each.effects.display or is_training(each) or not each.effects.refs:
            continue
        names = [name for name in _targets(each) if name != "_" and name not in fitted]
        if names:
            return names[-1], each
    return None


def _targets(statement: Statement) -> list[str]:
    """Return the names that a statement binds or fills, in the order of the text."""
    node = statement.node
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    found = [name for each in targets if isinstance(each, ast.expr) for name in (plain_targets(each))]
    filled = [root_name(each) for each in targets if isinstance(each, ast.Subscript | ast.Attribute)]
    rest = sorted((statement.effects.defs | statement.effects.mutates) - set(found))
    return [*(name for name in filled if name), *found] or [name for name in rest if name.isidentifier()]


# bindings ------------------------------------------------------------------------------------------------------------


def _bindings(program: Program, answer: Answer) -> dict[str, str]:
    """Return predict's names that the training side took as rows of what preprocess makes (`X_test` of `X`)."""
    preprocess = program.with_role(Role.PREPROCESS)
    predict = [each for each in program.with_role(Role.PREDICT) if each.index <= answer.statement.index]
    if not preprocess or not predict:
        return {}
    made = {name for each in preprocess for name in each.effects.defs | each.effects.mutates}
    needed, _ = needed_for(program, predict, answer.names)
    found = {name: _taken_from(program, name, made, predict[0]) for name in sorted(needed)}
    return {name: maker for name, maker in found.items() if maker is not None and maker != name}


def _taken_from(program: Program, name: str, made: set[str], before: Statement) -> str | None:
    """Follow a name back, through statements that take rows, to a name that preprocess makes."""
    for _ in range(8):  # `a = b; b = a` in a loop of cells would go on for ever
        definition = program.definition_of(name, before)
        if definition is None or definition.role is Role.PREPROCESS:
            return name if name in made else None
        origin = rows_of(definition.node, name)
        if origin is None:
            return None
        name, before = origin, definition
        if name in made and not _rebound_after(program, name, made, before):
            return name
    return None


def _rebound_after(program: Program, name: str, made: set[str], before: Statement) -> bool:
    definition = program.definition_of(name, before)
    return definition is not None and definition.role is not Role.PREPROCESS and rows_of(definition.node, name) in made


def rows_of(node: ast.stmt, name: str) -> str | None:
    """Return the name whose rows an assignment gives to `name`."""
    if not isinstance(node, ast.Assign):
        return None
    match node.value:
        case ast.Call(func=ast.Attribute(attr="train_test_split") | ast.Name(id="train_test_split"), args=arguments):
            order = [each for target in node.targets for each in plain_targets(target)]
            place = order.index(name) // 2 if name in order else len(arguments)
            return root_name(arguments[place]) if place < len(arguments) else None
        case ast.Call(func=ast.Attribute(value=rows, attr=method)) if method in TAKING_ROWS:
            return root_name(rows)
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id=rows), attr="iloc" | "loc")):
            return rows
        case ast.Subscript(value=ast.Name(id=rows), slice=ast.Slice() | ast.Compare() | ast.Name() | ast.UnaryOp()):
            return rows
        case ast.Name(id=rows):
            return rows
        case _:
            return None


# input ---------------------------------------------------------------------------------------------------------------


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


def _reaching(program: Program, answer: Answer, bindings: Mapping[str, str]) -> list[tuple[Source, Cut]]:
    """Return what could be the input, the likeliest first: data from outside, then data that the tagged cells load."""
    outside = dict(_live_ins(program, answer))
    fitted = _fitted(program)
    data = {name: each for name, each in outside.items() if name not in fitted and _is_data(program, name, each)}
    cuts = {name: _cut(program, Source(name), answer, bindings) for name in data}
    reaching = {name: cut for name, cut in cuts.items() if cut is not None}
    first = [name for name in reaching if not _derived(program, name, data, reaching)]
    asked = [
        name for name in first if _is_asked(reaching[name], answer)
    ]  # else `index=y_test.index` makes y_test one, too
    outer: list[tuple[Source, Cut]] = [(Source(name), reaching[name]) for name in asked or first]
    if any(source.name not in bindings for source, _ in outer):
        return outer
    made = fitted if answer.expression else fitted | answer.names
    loading = [each for each in program.serving if _loads(each)]
    inside = [Source(name, each) for each in loading for name in sorted(each.effects.kills - made)]
    plain = [Source(name) for name in outside if name not in fitted and name not in data]
    tried = ((each, _cut(program, each, answer, bindings)) for each in (*inside, *plain))
    return next(([(each, cut)] for each, cut in tried if cut is not None), outer)


def _is_asked(cut: Cut, answer: Answer) -> bool:
    """Tell whether a model is asked about what depends on the source."""
    nodes = [*(each.statement.node for each in cut.served), answer.statement.node]
    calls = [each for node in nodes for each in ast.walk(node) if isinstance(each, ast.Call)]
    asked = [each for each in calls if isinstance(each.func, ast.Attribute) and each.func.attr in PREDICTING]
    names = {each.id for call in asked for part in call.args for each in ast.walk(part) if isinstance(each, ast.Name)}
    return bool(names & cut.dynamic)


def _live_ins(program: Program, answer: Answer) -> Iterator[tuple[str, Statement]]:
    """Yield the names that the tagged cells read from outside, with their first reader."""
    bound: set[str] = set()
    seen: set[str] = set()
    for each in program.serving:
        for name in sorted(program.reads(each) - bound - seen - program.modules - NOT_DATA):
            definition = program.definition_of(name, each)
            if name.isidentifier() and not (definition is not None and definition.defines_code):
                seen.add(name)
                yield name, each
        bound |= each.effects.defs
        if each.index == answer.statement.index:
            return


def _is_data(program: Program, name: str, reader: Statement) -> bool:
    definition = program.definition_of(name, reader)
    if definition is None:
        return True
    value = getattr(definition.node, "value", None)
    return not isinstance(value, ast.Constant) and is_learnt(program, name, reader)


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


def _loads(statement: Statement) -> bool:
    """Tell whether a tagged statement brings data of its own: a file, or rows that are spelt out."""
    return isinstance(statement.node, ast.Assign) and not is_training(statement)


def _fitted(program: Program) -> frozenset[str]:
    """Return the names that are models by what is done with them: they are fitted, asked, or called."""
    trained = {call.receiver for each in program.statements for call in each.effects.trains if call.receiver}
    asked = {name for each in program.serving for name in (*_asked(each.node), *_handed_in(program, each))}
    return frozenset(trained | asked)


def _asked(node: ast.stmt) -> Iterator[str]:
    for each in ast.walk(node):
        match each:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in PREDICTING:
                yield name
            case ast.Call(func=ast.Name(id=name)):
                yield name


def _handed_in(program: Program, statement: Statement) -> Iterator[str]:
    """Yield the names that are handed to a function of the notebook which asks them."""
    for each in ast.walk(statement.node):
        match each:
            case ast.Call(func=ast.Name(id=function), args=arguments):
                definition = program.definition_of(function, statement)
                if definition is None or not isinstance(definition.node, ast.FunctionDef):
                    continue
                asked = set(_asked(definition.node))
                pairs = zip(definition.node.args.args, arguments, strict=False)
                yield from (value.id for own, value in pairs if isinstance(value, ast.Name) and own.arg in asked)
