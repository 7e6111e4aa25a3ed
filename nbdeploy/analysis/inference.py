"""What the user did not say: the output, the bindings between training side and serving path, and the input.

Never a guess: each is settled by what the recorded run saw, or refused with the candidates and the option that settles it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nbdeploy.analysis.asking import asks
from nbdeploy.analysis.binding_time import Source, cut_for, needed_for
from nbdeploy.analysis.imported import Imported
from nbdeploy.analysis.judging import figures_of_merit
from nbdeploy.analysis.observations import Observation, Observed
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.spelt_out import no_request
from nbdeploy.analysis.targets import plain_targets, root_name
from nbdeploy.analysis.values import ROW_KINDS, Kind
from nbdeploy.analysis.walking import walk
from nbdeploy.errors import Diagnostic, ServingPathError
from nbdeploy.notebook.cells import Role
from nbdeploy.suggestions import did_you_mean

__all__ = ["Output", "binding_candidates", "find_bindings", "find_input", "find_output", "made_by_preprocess"]


Candidates = Mapping[str, tuple[Source, Observation]]
"""Names that could be the input, where they would enter, and their recorded values."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a client gets back: a name, or the expression that a predict cell ends with."""

    label: str
    statement: Statement
    observation: Observation
    name: str | None = None
    expression: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """The names that the answer is made of."""
        if self.name is not None:
            return frozenset({self.name})
        return self.statement.effects.refs


# output -------------------------------------------------------------------------------------------------------------


def find_output(program: Program, observed: Observed, wanted: str | None) -> Output:
    """Return the output that was asked for, or the last name or expression of the last predict cell."""
    if wanted is not None:
        return _named_output(program, observed, wanted)
    predict = program.with_role(Role.PREDICT)
    last_cell = [each for each in predict if each.cell == predict[-1].cell]
    last = last_cell[-1]
    bound = _last_bound(last_cell, observed, program.imported)
    shown = _shown(last)
    value = observed.value(last)
    if value is not None and value.literal == "None":
        shown = None  # plt.show()
    if isinstance(shown, ast.Name) and not _is_print(last):
        return _named_output(program, observed, shown.id)
    if shown is not None and value is not None and (bound is None or _outdoes(last, shown, value, bound)):
        text = ast.get_source_segment(last.source, shown) or ast.unparse(shown)
        return Output(text, last, value, expression=text)
    if bound is not None:
        return _named_output(program, observed, bound.name)
    raise ServingPathError(
        Diagnostic(
            code="NBD204",
            cell=last.cell,
            line=last.line,
            message="the last predict cell binds no name and ends with no expression, so there is nothing to answer",
            fix="assign the predictions (y_pred = model.predict(X)) or name them with --output NAME",
        )
    )


def _outdoes(last: Statement, shown: ast.expr, value: Observation, bound: Observation) -> bool:
    """Tell whether the last expression is the answer, and not the last name that was bound before it.

    It must have rows: `print(model.score(X, y))` has none. One made of the bound name only shows it (`y_pred[:5]`), unless
    it is a value of its own with as many rows (`pd.DataFrame({"y": y_pred})`), or columns of it (`df[["id", "y"]]`).
    """
    if value.schema.kind not in ROW_KINDS:
        return False
    if bound.name not in last.effects.refs:
        return True
    columns = isinstance(shown, ast.Subscript) and isinstance(shown.slice, ast.List | ast.Constant)
    return (columns or not last.effects.display) and value.schema.rows == bound.schema.rows


def _named_output(program: Program, observed: Observed, name: str) -> Output:
    for each in reversed(program.serving):
        if name in each.effects.defs | each.effects.mutates and (made := observed.made(each, name)):
            return Output(name, each, made, name=name)
    for each in reversed(program.serving):  # an expression, or a name that a predict cell only shows
        value = observed.value(each)
        if value is not None and isinstance(each.node, ast.Expr) and ast.unparse(each.node.value) == _unparsed(name):
            return Output(name, each, value, expression=name)
    made_names = sorted(
        {n for each in program.serving for n in each.effects.defs if _is_answer(observed.made(each, n))}
    )
    raise ServingPathError(
        Diagnostic(
            code="NBD204",
            message=f"no tagged cell makes {name!r}{did_you_mean(name, made_names)};"
            f" they make {', '.join(made_names) or 'nothing'}",
            fix="give one of these names with --output NAME",
        )
    )


def _unparsed(text: str) -> str | None:
    try:
        return ast.unparse(ast.parse(text, mode="eval").body)
    except SyntaxError:
        return None


def _value(statement: Statement) -> ast.expr | None:
    """Return the expression that the statement is, with positions inside the statement's own source."""
    if not isinstance(statement.node, ast.Expr):
        return None
    own = ast.parse(statement.source).body[0]
    return own.value if isinstance(own, ast.Expr) else None


def _is_print(statement: Statement) -> bool:
    value = _value(statement)
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in {"print", "display"}


def _shown(last: Statement) -> ast.expr | None:
    """Return the expression that the statement shows: itself, or E of `print(E)` or `display(E)`; None for a plot."""
    value = _value(last)
    if _is_print(last) and isinstance(value, ast.Call):
        alone = len(value.args) == 1 and not isinstance(value.args[0], ast.Starred | ast.Constant | ast.JoinedStr)
        return value.args[0] if alone else None
    if last.effects.display and isinstance(value, ast.Call) and not any(asks(value)):
        return None  # `plt.xlim(0, 10)` answers with two numbers
    return None if isinstance(value, ast.Constant | ast.JoinedStr) else value


def _last_bound(statements: Sequence[Statement], observed: Observed, imported: Imported) -> Observation | None:
    """Return the last name that is bound to, or filled with (`df["y"] = ...`), a value made of others.

    A literal is a request or a setting, no answer. A figure of merit (`mse = mean_squared_error(y, y_pred)`) gives way to
    the last name that is none, unless it has as many rows.
    """
    merits = figures_of_merit((each.node for each in statements), imported)
    last: Observation | None = None
    for each in reversed(statements):
        if each.imports or each.defines_code or each.effects.display or not each.effects.refs:
            continue
        made = [observed.made(each, name) for name in _target_order(each) if name != "_"]
        for seen in reversed([seen for seen in made if seen is not None and _is_answer(seen)]):
            if seen.name not in merits:
                return seen if last is None or seen.schema.rows != last.schema.rows else last
            last = last or seen
    return last


def _target_order(statement: Statement) -> list[str]:
    """Return the names that the statement binds or fills by assignment, in the order of the text."""
    stored = [
        node
        for node in ast.walk(statement.node)
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store)
    ]
    ordered = [root_name(each) for each in sorted(stored, key=lambda n: (n.lineno, n.col_offset))]
    effects = statement.effects
    named = [name for name in dict.fromkeys(ordered) if name is not None and name in effects.defs | effects.mutates]
    if isinstance(statement.node, ast.For | ast.While):  # what a loop fills, else what its last turn leaves
        turns = set(plain_targets(statement.node.target)) if isinstance(statement.node, ast.For) else set()
        filled = sorted(effects.mutates - effects.kills - turns)
        return [*(name for name in named if name not in turns), *filled]
    return named


def _is_answer(observation: Observation | None) -> bool:
    return observation is not None and observation.schema.kind is not Kind.OBJECT


# bindings -----------------------------------------------------------------------------------------------------------


def binding_candidates(program: Program, observed: Observed) -> tuple[tuple[Observation, Observation], ...]:
    """Return the pairs (read by predict, made by preprocess) whose rows the recorder should compare."""
    made = made_by_preprocess(program, observed)
    read = {name: seen for name, seen in _read_by_predict(program, observed).items() if seen.has_rows}
    return tuple((part, whole) for part in read.values() for whole in made.values() if whole.has_rows)


def made_by_preprocess(program: Program, observed: Observed) -> dict[str, Observation]:
    """Return the names that the preprocess cells leave behind, with their values, the last made last."""
    made: dict[str, Observation] = {}
    for each in program.with_role(Role.PREPROCESS):
        for name in sorted(each.effects.defs | each.effects.mutates):
            if seen := observed.made(each, name):
                made.pop(name, None)
                made[name] = seen
    return made


def _read_by_predict(program: Program, observed: Observed) -> dict[str, Observation]:
    """Names that the predict cells take from outside, as they stood when first read."""
    bound: set[str] = set()
    read: dict[str, Observation] = {}
    for each in program.with_role(Role.PREDICT):
        for name in sorted(program.reads(each) - bound):
            if name not in read and (seen := observed.read(each, name)):
                read[name] = seen
        bound |= each.effects.defs
    return read


def find_bindings(program: Program, observed: Observed, output: Output, asked: Mapping[str, str]) -> dict[str, str]:
    """Return which names of the predict cells are rows of what the preprocess cells make (reader -> maker)."""
    made = made_by_preprocess(program, observed)
    read = _read_by_predict(program, observed)
    _check_asked(asked, made, read, observed)
    needed, _ = needed_for(program, program.with_role(Role.PREDICT), output.names)
    bindings = dict(asked)
    for name in sorted(needed & set(read)):
        seen = read[name]
        if name in bindings or not seen.has_rows or not _aligned(seen, output.observation):
            continue
        if name in made and made[name].digest == seen.digest:
            continue
        whole = _whole_of(seen, made, observed)
        if whole is not None:
            bindings[name] = whole
    return bindings


def _whole_of(part: Observation, made: Mapping[str, Observation], observed: Observed) -> str | None:
    if part.name in made and observed.are_rows_of(part, made[part.name]):
        return part.name
    wholes = [name for name, whole in made.items() if whole.has_rows and observed.are_rows_of(part, whole)]
    alike = [name for name in wholes if made[name].schema.type == part.schema.type]
    chosen = alike or wholes
    return chosen[-1] if chosen else None


def _check_asked(
    asked: Mapping[str, str], made: Mapping[str, Observation], read: Mapping[str, Observation], observed: Observed
) -> None:
    for reader, maker in asked.items():
        if reader not in read:
            raise ServingPathError(_unknown("--bind", reader, "is not read by the predict cells", read))
        if maker not in made:
            raise ServingPathError(_unknown("--bind", maker, "is not made by the preprocess cells", made))
        if not observed.are_rows_of(read[reader], made[maker]):
            raise ServingPathError(_not_its_rows(read[reader], made[maker]))


def _not_its_rows(part: Observation, whole: Observation) -> Diagnostic:
    return Diagnostic(
        code="NBD205",
        message=f"--bind {part.name}={whole.name}: the rows of {part.name} ({part.schema}) are not rows of {whole.name}"
        f" ({whole.schema}) as the preprocess cells leave it, so the binding can't be proven",
        fix=f"tag the cells that make {part.name} from {whole.name} as `preprocess` too",
    )


def _unknown(option: str, name: str, what: str, known: Mapping[str, Observation]) -> Diagnostic:
    names = [each for each, seen in known.items() if seen.has_rows]
    return Diagnostic(
        code="NBD205",
        message=f"{option}: {name!r} {what}{did_you_mean(name, names)}; possible: {', '.join(names) or 'nothing'}",
        fix="--bind takes NAME_READ_BY_PREDICT=NAME_MADE_BY_PREPROCESS",
    )


def _aligned(seen: Observation, output: Observation) -> bool:
    return seen.schema.rows is not None and seen.schema.rows == output.schema.rows


# input --------------------------------------------------------------------------------------------------------------


def find_input(
    program: Program, observed: Observed, output: Output, bindings: Mapping[str, str], wanted: str | None
) -> tuple[Source, Observation]:
    """Return where the input enters and its recorded value."""
    candidates = _candidates(program, observed)
    if wanted is not None:
        if wanted not in candidates:
            raise ServingPathError(_no_such_input(wanted, candidates))
        return candidates[wanted]
    reaching = {
        name: (source, seen)
        for name, (source, seen) in candidates.items()
        if seen.has_rows and _reaches(program, source, bindings, output)
    }
    expected = _expected_rows(program, observed, output, bindings)
    fitting = {name: each for name, each in reaching.items() if each[1].schema.rows in expected}
    feeders = {name: each for name, each in reaching.items() if name in fitting or each[1].schema.kind is not Kind.LIST}
    first = {name: each for name, each in fitting.items() if not _is_fed(program, name, feeders, bindings)}
    if len(first) == 1:
        return next(iter(first.values()))
    if first:
        raise ServingPathError(
            _several_inputs(output, first, _of_one_alone(program, observed, output, bindings, first))
        )
    raise ServingPathError(
        _other_rows(program, observed, output, reaching)
        if reaching
        else no_request(program, output.label, output.statement)
    )


def _candidates(program: Program, observed: Observed) -> dict[str, tuple[Source, Observation]]:
    """Every value that could be an input: what the tagged cells read from outside, and what they load or spell out."""
    bound: set[str] = set()
    found: dict[str, tuple[Source, Observation]] = {}
    for each in program.serving:
        for name in sorted(program.reads(each) - bound):
            seen = observed.read(each, name)
            if name not in found and seen is not None and seen.schema.kind is not Kind.OBJECT:
                found[name] = Source(name), seen
        for name in sorted(each.effects.kills - bound):
            seen = observed.made(each, name)
            if name not in found and seen is not None and seen.schema.kind is not Kind.OBJECT:
                found[name] = Source(name, each), seen
        bound |= each.effects.defs
    return found


def _reaches(program: Program, source: Source, bindings: Mapping[str, str], output: Output) -> bool:
    cut = cut_for(program, source, bindings, output.names, output.statement)
    return bool(cut.dynamic & output.names) and (bool(cut.served) or output.expression is not None)


def _is_fed(program: Program, name: str, feeders: Candidates, bindings: Mapping[str, str]) -> bool:
    """Tell whether the value of `name` is made of another candidate; of two that make each other, the earlier counts."""
    order = list(feeders)
    for other, (source, _) in feeders.items():
        if other != name and _feeds(program, source, name, feeders[name], bindings):
            back = _feeds(program, feeders[name][0], other, feeders[other], bindings)
            if not back or order.index(other) < order.index(name):
                return True
    return False


def _feeds(
    program: Program, source: Source, name: str, other: tuple[Source, Observation], bindings: Mapping[str, str]
) -> bool:
    """Tell whether `name`'s value is made from `source` on the serving path."""
    cut = cut_for(program, source, bindings, {name})
    if name not in cut.dynamic:
        return False
    return name in bindings or other[0].after is not None


def _expected_rows(program: Program, observed: Observed, output: Output, bindings: Mapping[str, str]) -> set[int]:
    made = made_by_preprocess(program, observed)
    wholes = [made[maker].schema.rows for maker in bindings.values() if maker in made]
    rows = {each for each in wholes if each is not None}
    if output.observation.schema.rows is not None:
        rows.add(output.observation.schema.rows)
    return rows


def _no_such_input(wanted: str, candidates: Candidates) -> Diagnostic:
    return Diagnostic(
        code="NBD203",
        message=f"the tagged cells neither read nor make {wanted!r}{did_you_mean(wanted, list(candidates))};"
        f" they use {_listing(candidates) or 'no data at all'}",
        fix="give one of these names with --input NAME",
    )


def _of_one_alone(
    program: Program, observed: Observed, output: Output, bindings: Mapping[str, str], found: Candidates
) -> tuple[str, str] | None:
    """Return an input, and the last name with the output's rows that is made of it and no other one.

    In `table = DataFrame({"actual": y_test, "predicted": y_pred})` that is y_pred, made of X_test.
    """
    for each in reversed(program.with_role(Role.PREDICT)):
        for name in reversed(_target_order(each)):
            made = observed.made(each, name)
            if made is None or not _aligned(made, output.observation):
                continue
            alone = Output(name, each, made, name=name)
            makers = [maker for maker, (source, _) in found.items() if _reaches(program, source, bindings, alone)]
            if len(makers) == 1:
                return makers[0], name
    return None


def _several_inputs(output: Output, found: Candidates, alone: tuple[str, str] | None) -> Diagnostic:
    what = f"{output.label!r} ({output.observation.schema})"
    which = "say which one a client sends: " + " or ".join(f"--input {name}" for name in found)
    if alone is not None:
        which = f"answer what is made of {alone[0]} alone: --input {alone[0]} --output {alone[1]}; or {which}"
    return Diagnostic(
        code="NBD202",
        cell=output.statement.cell,
        line=output.statement.line,
        message=f"{len(found)} names could be the input of {what}: {_listing(found)}",
        fix=which,
    )


def _other_rows(program: Program, observed: Observed, output: Output, found: Candidates) -> Diagnostic:
    """Say where the rows get lost: the first served statement that makes fewer or more rows than the input has."""
    rows = output.observation.schema.rows
    place, what = output.statement, f"what it is made from has not: {_listing(found)}"
    fix = "answer every row (no slice, filter, split or aggregate in the tagged cells), or name another output with --output NAME"
    tables = [each for each in found.values() if each[1].schema.kind is not Kind.LIST]
    for source, seen in tables[:1]:
        if changed := _changes_rows(program, observed, output, source, seen):
            place, name, count = changed
            what = f"{source.name} has {seen.schema.rows}: here {name} gets {count}"
            if count == rows:
                fix = f"if {name} is what a client sends, say --input {name}; else {fix}"
    if answer := _with_rows_of(program, observed, output, found):
        fix = (
            f"answer {answer.label}, which has {answer.observation.schema.rows} rows: --output {answer.label}; or {fix}"
        )
    return Diagnostic(
        code="NBD202",
        cell=place.cell,
        line=place.line,
        message=f"the output {output.label!r} has {rows} row{'' if rows == 1 else 's'} ({output.observation.schema}), but"
        f" {what}; a service must answer every row that it is sent",
        fix=fix,
    )


def _with_rows_of(program: Program, observed: Observed, output: Output, found: Candidates) -> Output | None:
    """Return the last name that the predict cells make of a candidate and that has its rows; none that a model is asked with."""
    predict = program.with_role(Role.PREDICT)
    arguments = [each for call in asks(*(each.node for each in predict)) for each in walk(*call.args)]
    asked = {each.id for each in arguments if isinstance(each, ast.Name)}
    merits = figures_of_merit((each.node for each in predict), program.imported)
    for each in reversed(predict):
        names = set(_target_order(each)) - asked - merits
        for name in (name for name in reversed(_target_order(each)) if name in names):
            made = observed.made(each, name)
            if made is None or not made.has_rows or _aligned(made, output.observation):
                continue
            answer, others = Output(name, each, made, name=name), (found[other] for other in found if other != name)
            if any(_aligned(seen, made) and _reaches(program, source, {}, answer) for source, seen in others):
                return answer
    return None


def _changes_rows(
    program: Program, observed: Observed, output: Output, source: Source, seen: Observation
) -> tuple[Statement, str, int] | None:
    for each in cut_for(program, source, {}, output.names, output.statement).served:
        for name in sorted(each.original.effects.defs):
            made = observed.made(each.original, name)
            if made is not None and made.has_rows and made.schema.rows not in {None, seen.schema.rows}:
                return each.original, name, made.schema.rows or 0
    return None


def _listing(found: Candidates) -> str:
    return ", ".join(f"{name} ({seen.schema})" for name, (_, seen) in found.items())
