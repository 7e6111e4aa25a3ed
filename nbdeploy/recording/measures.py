"""The notebook's own measure of its answers, with the labels of the recorded rows.

A call of a metric is taken only if it can be written as a function of labels and answers, and if that function, asked with
what was recorded, gives the number that the notebook got.
"""

from __future__ import annotations

import ast
import io
import math
import tokenize
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nbdeploy.analysis.imported import BUILTINS
from nbdeploy.analysis.inference import Output
from nbdeploy.analysis.observations import Observation, Observed, Origin
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.recording.formats import Stored
from nbdeploy.recording.metric_calls import MetricCall, chained, is_greater_better, metric_calls, names_in

__all__ = ["FoundMeasure", "Measure", "Measuring"]

NO_CALL = "the notebook measures its answers with no metric of scikit-learn: name the labels with --labels NAME"
DEFAULTS = {
    "accuracy": (True, "np.mean(np.asarray({labels}) == np.asarray({answers}))", "import numpy as np"),
    "root_mean_squared_error": (
        False,
        "root_mean_squared_error({labels}, {answers})",
        "from sklearn.metrics import root_mean_squared_error",
    ),
    "log_loss": (False, "log_loss({labels}, {answers})", "from sklearn.metrics import log_loss"),
}


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric as source: the body of a function of `labels` and `answers`, which are the names of its arguments.

    `function` is what it calls, as the source names it, with the labels as argument `labels_at` (0 or 1).
    `cell` and `line` are where the notebook computes it, `value` what it got; a metric that nobody wrote has neither.
    """

    name: str
    greater_is_better: bool
    labels: str
    answers: str
    expression: str
    lines: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    cell: int | None = None
    line: int | None = None
    value: float = math.nan
    function: str = ""
    labels_at: int = 0

    @property
    def source(self) -> str:
        """Return it as a program that defines `metric`."""
        body = "".join(f"    {line}\n" for text in self.lines for line in text.split("\n"))
        head = f"def metric({self.labels}, {self.answers}):\n{body}"
        return "".join(f"{line}\n" for line in self.imports) + f"{head}    return float({self.expression})\n"


@dataclass(frozen=True, slots=True)
class FoundMeasure:
    """A measure with the stored labels, `labels_name` as the notebook calls them."""

    measure: Measure
    labels: Stored
    labels_name: str


@dataclass
class Measuring:
    """The search for a measure at the end of a recorded run: `seen` is what the recorder saw of each metric call."""

    program: Program
    observed: Observed
    output: Output
    seen: Mapping[str, Any]
    ask: Callable[[str], Any]
    reasons: list[str] = field(default_factory=list)

    def of_the_notebook(self, labels: Observation | None = None) -> tuple[Measure, Observation] | None:
        """Return the first metric that holds, and the labels that it takes; only with `labels` where these are given."""
        for call in metric_calls(self.program):
            for measure, found in self._tried(call):
                if (labels is None or labels.digest == found.digest) and self._holds(measure, found):
                    return measure, found
        return None

    def by_default(self, labels: Observation, name: str) -> Measure | None:
        """Return the metric that is usual for such labels and answers, None where there is none."""
        kind = self.ask(f"usual_metric({labels.digest!r}, {self.output.observation.digest!r})")
        if kind not in DEFAULTS:
            self.reasons.append(f"no metric is usual for {self.output.label} ({self.output.observation.schema})")
            return None
        greater, text, needed = DEFAULTS[kind]
        answers = self._answers_name(name)
        text = text.format(labels=name, answers=answers)
        function = text.partition("(")[0] if needed.endswith(kind) else ""
        made = Measure(kind, greater, name, answers, text, imports=(needed,), function=function)
        value = self._value(made, labels)
        return None if isinstance(value, str) else replace(made, value=value)

    @property
    def reason(self) -> str:
        return self.reasons[0] if self.reasons else NO_CALL

    def _tried(self, call: MetricCall) -> Iterator[tuple[Measure, Observation]]:
        """Yield the ways to write a call as a function of labels and answers."""
        seen = self.seen.get(_key(call), {})
        values = [each and Observation.from_json(each) for each in seen.get("arguments", ())]
        hidden = call.inside is not None and not call.inside.returned  # what the metric gives is not seen then
        if sum(map(bool, values)) != sum(each != "" for each in call.watched[1]):
            return
        if not hidden and not isinstance(seen.get("value"), float):
            return
        where = f"{call.function} in cell {call.statement.cell}"
        for place, labels in enumerate(values):
            if labels is None:
                continue
            if labels.digest is None or labels.problem or labels.schema.rows != self.output.observation.schema.rows:
                self.reasons.append(f"{where} compares {labels.schema}, not a label for each answer")
                continue
            written = self._as_score(call, labels) if call.method else self._written(call, place, values)
            if not written:
                self.reasons.append(f"{where} is not computed from {self.output.label} alone, row by row")
            for each in written:
                value = self._value(each, labels) if hidden else seen["value"]
                if not isinstance(value, str):
                    yield replace(each, value=value), labels

    def _as_score(self, call: MetricCall, labels: Observation) -> list[Measure]:
        """`model.score(X, y)` is the accuracy of a classifier and R² of a regressor: the recorded number tells which."""
        assert call.arguments is not None
        name = self._labels_name(call.arguments[1])
        answers = self._answers_name(name)
        return [
            Measure(
                function,
                True,
                name,
                answers,
                f"{function}({name}, {answers})",
                imports=(f"from sklearn.metrics import {function}",),
                cell=call.statement.cell,
                line=call.statement.line,
                function=function,
            )
            for function in ("accuracy_score", "r2_score")
        ]

    def _written(self, call: MetricCall, place: int, values: list[Observation | None]) -> list[Measure]:
        assert call.arguments is not None
        name = self._labels_name(call.arguments[place])
        answers = self._answers_name(name)
        draft = _Draft(self.program, self.observed, self.output, name, answers)
        other = values[1 - place]  # None: made where nobody looks, so the number alone tells whether it is the output
        same = other is None or other.digest == self.output.observation.digest
        if not same and call.inside is not None and not call.inside.returned:
            return []
        score = answers if same else draft.expression(call.arguments[1 - place], call.statement)
        function = draft.expression(call.call.func, call.statement)
        options = [(each.arg, draft.expression(each.value, call.statement)) for each in call.options]
        if score is None or function is None or any(text is None or key == "sample_weight" for key, text in options):
            return []
        if not same and answers not in draft.used:
            return []
        pair = (name, score) if place == 0 else (score, name)
        text = f"{function}({', '.join([*pair, *(f'{key}={text}' for key, text in options)])})"
        return [
            Measure(
                call.function,
                is_greater_better(call.function),
                name,
                answers,
                text,
                tuple(draft.lines),
                tuple(dict.fromkeys(draft.imports)),
                call.statement.cell,
                call.statement.line,
                function=function,
                labels_at=place,
            )
        ]

    def _answers_name(self, labels: str) -> str:
        name = self.output.name or "answers"
        return name if name != labels else "answers"

    def _labels_name(self, expression: ast.expr) -> str:
        taken = {self.output.name} | {name for each in self.program.statements for name in each.effects.defs}
        return expression.id if isinstance(expression, ast.Name) else "labels" if "labels" not in taken else "y_true"

    def _holds(self, measure: Measure, labels: Observation) -> bool:
        value = self._value(measure, labels)
        where = f"{measure.name} in cell {measure.cell}"
        if isinstance(value, str):
            self.reasons.append(f"{where} can't be computed from the recorded answers: {value}")
            return False
        if not math.isclose(value, measure.value, rel_tol=1e-9, abs_tol=1e-12):
            self.reasons.append(f"{where} is {measure.value:g} in the notebook and {value:g} on {self.output.label}")
            return False
        return True

    def _value(self, measure: Measure, labels: Observation) -> float | str:
        digest = self.output.observation.digest
        found: float | str = self.ask(f"measured_again({measure.source!r}, {labels.digest!r}, {digest!r})")
        return found


@dataclass
class _Draft:
    """A metric's call as a function of its own: what must be bound and imported for it."""

    program: Program
    observed: Observed
    output: Output
    labels: str
    answers: str
    lines: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    _bound: set[str] = field(default_factory=set)

    def expression(self, node: ast.expr, reader: Statement) -> str | None:
        """Return an expression of the notebook as source, None where it reads what a function of answers has not."""
        return double_quoted(ast.unparse(node)) if self._settled(node, reader) else None

    def _settled(self, node: ast.AST, reader: Statement) -> bool:
        inner = {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
        own = inner if isinstance(node, ast.expr) else set()  # the variables of comprehensions
        return all(self._bind(name, reader) for name in sorted(names_in(node) - own))

    def _bind(self, name: str, reader: Statement) -> bool:
        seen = self.observed.read(reader, name)
        if name == self.output.name and seen is not None and seen.digest == self.output.observation.digest:
            self.used.add(self.answers)
            return True
        if name in self._bound:
            return True
        if name in {self.labels, self.answers}:
            return False
        made = self.program.definition_of(name, reader)
        if made is not None and isinstance(made.node, ast.Import | ast.ImportFrom):
            self.imports.append(_imported(made.node, name))
            return True
        if made is None:
            return name in BUILTINS
        if chained(self.program, ast.Name(name, ast.Load()), reader) and made.index > self.output.statement.index:
            return self._inline(name, made)
        if seen is None or seen.origin is not Origin.VALUE or seen.literal is None:
            return False
        self.imports += seen.imports
        self._add(name, f"{name} = {double_quoted(seen.literal)}")
        return True

    def _inline(self, name: str, made: Statement) -> bool:
        assert isinstance(made.node, ast.Assign | ast.AnnAssign)
        if made.node.value is None or not self._settled(made.node.value, made):
            return False
        self._add(name, f"{name} = {double_quoted(ast.unparse(made.node.value))}")
        return True

    def _add(self, name: str, line: str) -> None:
        self._bound.add(name)
        self.lines.append(line)


def double_quoted(source: str) -> str:
    """Write the texts of an expression with the quotes that formatters want."""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for each in reversed(tokens):
        text = each.string
        if each.type == tokenize.STRING and text[:1] == text[-1:] == "'" and not {'"', "\\"} & set(text):
            start, end = each.start[1], each.end[1]
            source = f'{source[:start]}"{text[1:-1]}"{source[end:]}' if each.start[0] == 1 == each.end[0] else source
    return source


def _imported(statement: ast.Import | ast.ImportFrom, name: str) -> str:
    """Return the import of just this name."""
    bound = [each for each in statement.names if (each.asname or each.name.partition(".")[0]) == name]
    if isinstance(statement, ast.Import):
        return "\n".join(ast.unparse(ast.Import([each])) for each in bound)
    return ast.unparse(ast.ImportFrom(statement.module, bound or [ast.alias(name)], statement.level))


def _key(call: MetricCall) -> str:
    return f"{':'.join(map(str, call.statement.place))} {ast.dump(call.watched[0])}"
