"""The serving path: from what a client sends to what it gets back, and everything that is frozen into it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from nbdeploy.analysis.binding_time import Cut, ServedStatement, Source, Trouble, cut_for, is_training
from nbdeploy.analysis.focusing import focused
from nbdeploy.analysis.inference import Output, find_bindings, find_input, find_output, made_by_preprocess
from nbdeploy.analysis.observations import Observation, Observed, Origin
from nbdeploy.analysis.program import Place, Program, Statement
from nbdeploy.analysis.row_parts import untagged_makers
from nbdeploy.analysis.served_form import fitted_receivers
from nbdeploy.analysis.slicing import is_learnt
from nbdeploy.errors import Diagnostic, ServingPathError, Severity
from nbdeploy.notebook.cells import Role

__all__ = ["Frozen", "Input", "ServingPath", "Storage", "check_roles", "diagnosed", "serving_path"]


class Storage(StrEnum):
    """How a static value is carried into the package."""

    IMPORT = "import"
    DEFINITION = "definition"
    CONSTANT = "constant"
    ARTIFACT = "artifact"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A static value that served code reads, as it was at that moment of the recorded run."""

    name: str
    storage: Storage
    observation: Observation
    reader: Statement
    definition: Statement | None = None  # of an import, a function or a class

    @property
    def key(self) -> tuple[str, str]:
        """Two reads with the same key are of one value."""
        if self.storage in {Storage.IMPORT, Storage.DEFINITION}:
            return self.name, str(self.definition.place if self.definition else self.observation.origin_module)
        return self.name, self.observation.digest or ""


@dataclass(frozen=True, slots=True)
class Input:
    name: str
    observation: Observation
    after: Statement | None = None


@dataclass(frozen=True, slots=True)
class ServingPath:
    """What is served.

    `served` are the statements of a request, in order. `frozen` maps each of them (by place) to the static values that it
    reads; `behind` holds what the notebook's functions and classes among these read in turn. `bindings` are names that
    predict reads as rows of what preprocess makes.
    """

    input: Input
    output: Output
    served: tuple[ServedStatement, ...]
    frozen: Mapping[Place, tuple[Frozen, ...]]
    behind: tuple[Frozen, ...]
    bindings: Mapping[str, str]
    handed: Mapping[str, Observation]
    diagnostics: tuple[Diagnostic, ...] = ()

    def stage(self, role: Role) -> tuple[ServedStatement, ...]:
        return tuple(each for each in self.served if each.original.role is role)

    def values(self) -> Iterator[Frozen]:
        """Every frozen value once, in order of first reading."""
        seen: set[tuple[str, str]] = set()
        everything = [*self.behind, *(each for group in self.frozen.values() for each in group)]
        for each in everything:
            if each.key not in seen:
                seen.add(each.key)
                yield each

    def with_constants(self, keys: Container[tuple[str, str]]) -> ServingPath:
        """Return the path with these values as constants: learnt, but in a form that no file of data carries."""

        def settled(values: tuple[Frozen, ...]) -> tuple[Frozen, ...]:
            return tuple(replace(each, storage=Storage.CONSTANT) if each.key in keys else each for each in values)

        frozen = {place: settled(values) for place, values in self.frozen.items()}
        return replace(self, frozen=frozen, behind=settled(self.behind))

    @property
    def artifacts(self) -> tuple[Frozen, ...]:
        return tuple(each for each in self.values() if each.storage is Storage.ARTIFACT)


def check_roles(program: Program) -> None:
    """Refuse a notebook without a predict cell, saying how to tag."""
    if program.with_role(Role.PREDICT):
        return
    tagged = sorted({each.cell for each in program.statements if each.role is not None})
    found = f"cells {', '.join(map(str, tagged))} carry other roles" if tagged else "no cell is tagged"
    predicting = next((s for s in program.statements if _looks_like_prediction(s) and s.role is None), None)
    hint = f"; cell {predicting.cell}, line {predicting.line} looks like one" if predicting else ""
    raise ServingPathError(
        Diagnostic(
            code="NBD201",
            message=f"no cell is tagged `predict` ({found}), so there is nothing to serve{hint}",
            fix="tag the cell that makes the predictions: cell metadata tag `predict`, or %%predict on its first line",
            cell=predicting.cell if predicting else None,
            line=predicting.line if predicting else None,
        )
    )


def _looks_like_prediction(statement: Statement) -> bool:
    return ".predict(" in statement.source or ".predict_proba(" in statement.source


def serving_path(
    program: Program,
    observed: Observed,
    *,
    input: str | None = None,
    output: str | None = None,
    bind: Mapping[str, str] | None = None,
) -> ServingPath:
    """Cut the serving path out of a recorded notebook.

    Raises
    ------
    ServingPathError
        No honest service can be cut: the candidates, the cell and line, and the option or edit that settles it are told.
    """
    check_roles(program)
    answer = find_output(program, observed, output)
    _check_trains(answer.statement)
    bindings = (
        {} if _starts_in_predict(program, input) and not bind else find_bindings(program, observed, answer, bind or {})
    )
    program = focused(program, answer.names, answer.statement, bindings)
    source, value = find_input(program, observed, answer, bindings, input)
    cut = cut_for(program, source, bindings, answer.names, answer.statement)
    _check_depends(cut, answer, source)
    _check_troubles(cut)
    frozen, behind = _freeze(program, observed, cut, answer)
    used = {name: maker for name, maker in bindings.items() if name in _read_in(cut, answer) and maker in cut.dynamic}
    diagnostics = (*_unused_preprocess(program, cut, input, value, answer), *_changed_later(program, frozen))
    return ServingPath(
        Input(source.name, value, source.after),
        answer,
        cut.served,
        frozen,
        behind,
        used,
        made_by_preprocess(program, observed),
        tuple(diagnostics),
    )


def _starts_in_predict(program: Program, name: str | None) -> bool:
    """Tell whether the wanted input is first met in the predict cells, so that preprocess takes no part."""
    if name is None:
        return False
    before = program.with_role(Role.PREPROCESS)
    return not any(name in program.reads(each) | each.effects.defs for each in before)


def _read_in(cut: Cut, output: Output) -> frozenset[str]:
    reads = {name for each in cut.statements(Role.PREDICT) for name in each.dynamic}
    return frozenset(reads | (output.names if output.expression is not None else frozenset()))


def _check_depends(cut: Cut, output: Output, source: Source) -> None:
    if output.names & cut.dynamic and (cut.served or output.expression is not None):
        return
    raise ServingPathError(
        Diagnostic(
            code="NBD208",
            cell=output.statement.cell,
            line=output.statement.line,
            message=f"the output {output.label!r} does not depend on the input {source.name!r}: every request would get the"
            " recorded answer",
            fix=f"make the predict cell read {source.name} (or what the preprocess cells make of it), or name another --input",
        )
    )


def _check_trains(statement: Statement) -> None:
    """Refuse an output that a statement makes which also trains, whatever its input may be."""
    if statement.effects.trains and not is_training(statement) and not fitted_receivers(statement):
        raise ServingPathError(diagnosed(Trouble("trains", statement, statement.effects.trains[0].method)))


_TROUBLES = {
    "trains": (
        "NBD206",
        "`{detail}` trains on the rows that it predicts or prepares: a service would train anew on every request",
        "fit on the training rows in a statement of its own, and only predict or transform the rows to serve",
    ),
    "function trains": (
        "NBD206",
        "the served function {0!r} calls `{1}`: a service would train anew on every request",
        "move the training out of {0} and pass it the fitted object",
    ),
    "shared state": (
        "NBD207",
        "the statement changes {detail!r}, which was made outside the serving path: requests would change it for one another",
        "make {detail} inside the tagged cells, or leave the change out of them",
    ),
    "static state": (
        "NBD207",
        "the statement changes {detail!r}, which comes from no request: requests would change it for one another",
        "change {detail} in a statement of its own, in a cell without a role if it only prepares training",
    ),
    "reads global": (
        "NBD210",
        "the function {0!r} reads {1} as a global variable, and that is what a request brings",
        "give {0} an argument for it",
    ),
}


def _check_troubles(cut: Cut) -> None:
    if cut.troubles:
        raise ServingPathError(*dict.fromkeys(diagnosed(each) for each in cut.troubles))


def diagnosed(trouble: Trouble) -> Diagnostic:
    code, message, fix = _TROUBLES[trouble.kind]
    parts = trouble.detail.split(":")
    fields = [*parts, ""]
    line = trouble.statement.line
    for call in trouble.statement.effects.trains:
        if trouble.kind == "trains" and call.method == trouble.detail:
            line = trouble.statement.line + call.line - trouble.statement.node.lineno
    return Diagnostic(
        code=code,
        cell=trouble.statement.cell,
        line=line,
        message=message.format(*fields, detail=trouble.detail),
        fix=fix.format(*fields, detail=trouble.detail),
    )


# frozen values ------------------------------------------------------------------------------------------------------


def _freeze(
    program: Program, observed: Observed, cut: Cut, output: Output
) -> tuple[dict[Place, tuple[Frozen, ...]], tuple[Frozen, ...]]:
    frozen: dict[Place, tuple[Frozen, ...]] = {}
    behind: dict[tuple[str, str], Frozen] = {}
    read: dict[tuple[Place, str], Frozen] = {}
    readers = [(each.original, each.frozen, each.fitted) for each in cut.served]
    if output.expression is not None:
        names = (output.statement.effects.refs | output.statement.effects.late) - cut.dynamic
        readers.append((output.statement, frozenset(names), frozenset()))
    for statement, names, fitted in readers:
        _check_awaits(statement)
        values = tuple(_frozen(program, observed, statement, names, fitted))
        frozen[statement.place] = (*frozen.get(statement.place, ()), *values)
        within = tuple(_behind(program, observed, statement, values, cut.dynamic))
        _check_one_value(statement, (*values, *within), read)
        for each in within:
            behind.setdefault(each.key, each)
    return frozen, tuple(behind.values())


def _check_one_value(statement: Statement, values: tuple[Frozen, ...], read: dict[tuple[Place, str], Frozen]) -> None:
    """Refuse a function that reads one global with two values: in the package it can read only one of them."""
    now = {each.name: each for each in values if each.storage in {Storage.CONSTANT, Storage.ARTIFACT}}
    for each in values:
        if each.storage is not Storage.DEFINITION or each.definition is None:
            continue
        for name in sorted(each.definition.effects.late & now.keys()):
            before = read.setdefault((each.definition.place, name), now[name])
            if before.key != now[name].key:
                message = (
                    f"the function {each.name!r} reads the global {name!r}, which holds another value here than where"
                    f" cell {before.reader.cell} calls it: the package has one function, which can read only one of them"
                )
                fix = f"give {each.name} an argument for it"
                raise ServingPathError(
                    Diagnostic(code="NBD218", cell=statement.cell, line=statement.line, message=message, fix=fix)
                )


def _check_awaits(statement: Statement) -> None:
    """Refuse `await` at the top of a served cell: a service's `predict` is no coroutine."""
    for node in ast.walk(statement.node) if not statement.defines_code else ():
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            line = statement.line + node.lineno - statement.node.lineno
            message = "the served statement awaits: `predict` of the package is an ordinary function"
            fix = "call an ordinary function, or run the coroutine to its end with asyncio.run(...) inside one"
            raise ServingPathError(Diagnostic(code="NBD219", cell=statement.cell, line=line, message=message, fix=fix))


def _frozen(
    program: Program, observed: Observed, statement: Statement, names: Iterable[str], fitted: frozenset[str]
) -> Iterator[Frozen]:
    for name in sorted(names):
        seen = observed.made(statement, name) if name in fitted else observed.read(statement, name)
        if seen is None:
            if not hasattr(builtins, name):
                raise ServingPathError(_never_seen(statement, name))
            continue
        yield _stored(program, statement, name, seen)


def _stored(program: Program, statement: Statement, name: str, seen: Observation) -> Frozen:
    definition = program.definition_of(name, statement)
    if definition is not None and definition.imports and seen.origin is not Origin.VALUE:
        return Frozen(name, Storage.IMPORT, seen, statement, program.with_submodules(name, definition))
    if definition is not None and definition.defines_code:  # also what a decorator has made of it
        return Frozen(name, Storage.DEFINITION, seen, statement, definition)
    if seen.origin is Origin.NOTEBOOK:
        return Frozen(
            name, Storage.DEFINITION, seen, statement, _named_definition(program, statement, seen, definition)
        )
    if seen.origin in {Origin.MODULE, Origin.LIBRARY}:
        return Frozen(name, Storage.IMPORT, seen, statement)
    if seen.literal is not None and not (_is_data(seen.literal) and is_learnt(program, name, statement)):
        return Frozen(name, Storage.CONSTANT, seen, statement)
    return Frozen(name, Storage.ARTIFACT, seen, statement)


def _is_data(literal: str) -> bool:
    """Tell whether a constant is made of numbers, texts and containers of them, as a file of data may hold it."""
    tree = ast.parse(literal, mode="eval")
    names = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)}
    return names <= {"np", "float"}  # numpy scalars, nan


def _named_definition(
    program: Program, statement: Statement, seen: Observation, definition: Statement | None
) -> Statement:
    """Return where a notebook function that goes by another name (`clean = strip_all`, `f = lambda ...`) is defined."""
    own = program.definition_of(seen.origin_name or "", statement)
    if own is not None and own.defines_code:
        return own
    if definition is None:
        raise ServingPathError(_never_seen(statement, seen.name))
    return definition


def _behind(
    program: Program, observed: Observed, statement: Statement, values: Iterable[Frozen], dynamic: frozenset[str]
) -> Iterator[Frozen]:
    """What the notebook's functions and classes among the values read in turn."""
    read = list(values)
    waiting = [each for each in read if each.storage is Storage.DEFINITION]
    seen = {each.name for each in waiting}
    for name in sorted({need for each in read for need in each.observation.needs} - seen):
        if value := observed.read(statement, name) or observed.made(statement, name):
            found = _stored(program, statement, name, value)
            yield found
            waiting.append(found)
            seen.add(name)
    while waiting:
        definition = waiting.pop().definition
        if definition is None:
            continue
        for name in sorted(definition.effects.late | definition.effects.refs):
            value = observed.read(statement, name) or observed.made(statement, name)
            if name in seen or value is None:
                continue
            seen.add(name)
            found = _stored(program, statement, name, value)
            yield found
            if found.storage is Storage.DEFINITION:
                waiting.append(found)


def _never_seen(statement: Statement, name: str) -> Diagnostic:
    return Diagnostic(
        code="NBD211",
        cell=statement.cell,
        line=statement.line,
        message=f"the served statement reads {name!r}, which had no value when the notebook ran top to bottom",
        fix=f"define {name} in a cell above, and run the notebook from the top once",
    )


# findings -----------------------------------------------------------------------------------------------------------


def _unused_preprocess(
    program: Program, cut: Cut, wanted: str | None, value: Observation, output: Output
) -> Iterator[Diagnostic]:
    tagged = sorted({each.cell for each in program.with_role(Role.PREPROCESS)})
    if not tagged or cut.statements(Role.PREPROCESS):
        return
    severity = Severity.WARNING if wanted is not None else Severity.ERROR
    finding = Diagnostic(
        code="NBD213",
        severity=severity,
        cell=tagged[0],
        message=f"preprocess cell{'s' if len(tagged) > 1 else ''} {', '.join(map(str, tagged))} would not be applied to requests:"
        f" {cut.source.name!r}, which the predict cells read, could not be shown to be rows of anything that they make",
        fix=f"{_way_to(program, cut.source.name)}, or serve the prediction alone with --input {cut.source.name}",
    )
    if severity is Severity.ERROR:
        raise ServingPathError(finding)
    yield finding


def _way_to(program: Program, name: str) -> str:
    """Say which statements between preprocess and predict have no role, if that is what is missing."""
    between = untagged_makers(program, name, program.with_role(Role.PREDICT)[0])
    if not between:
        return f"tag the cells that lead from them to {name} as well, say --bind {name}=NAME"
    told = " and ".join(f"`{_first_line(each)}` (cell {each.cell}, line {each.line})" for each in between[:3])
    return f"put {told} into a cell tagged `preprocess`, and what takes rows of it into one without a role"


def _first_line(statement: Statement) -> str:
    line, *more = statement.source.splitlines()
    return line if len(line) <= 60 and not more else f"{line[:57]}..."


def _changed_later(program: Program, frozen: Mapping[Place, tuple[Frozen, ...]]) -> Iterator[Diagnostic]:
    """Tell which frozen objects a later cell changes: the deployed one is the one that predict read."""
    told: set[str] = set()
    for values in frozen.values():
        for each in values:
            later = _change_after(program, each)
            if each.storage is Storage.ARTIFACT and later is not None and each.name not in told:
                told.add(each.name)
                yield Diagnostic(
                    code="NBD216",
                    severity=Severity.INFO,
                    cell=later.cell,
                    line=later.line,
                    message=f"{each.name!r} is changed here, after cell {each.reader.cell} has read it; the service keeps it"
                    f" as cell {each.reader.cell} read it",
                )


def _change_after(program: Program, value: Frozen) -> Statement | None:
    for each in program.statements[value.reader.index + 1 :]:
        if value.name in each.effects.defs | each.effects.mutates and each.role not in {Role.PREDICT, Role.PREPROCESS}:
            return each
    return None
