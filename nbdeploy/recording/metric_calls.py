"""Where the notebook measures how good its answers are: calls of scikit-learn's metrics, and of `model.score`.

A call in a function of the notebook's own counts as one at the place where that function is called.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nbdeploy.analysis.program import Place, Program, Statement
from nbdeploy.notebook.cells import Role
from nbdeploy.recording.own_metrics import computed_by

__all__ = ["MetricCall", "chained", "is_greater_better", "looked_at", "metric_calls"]

LABELS = ("y_true", "labels_true")
ANSWERS = ("y_pred", "y_score", "y_prob", "y_proba", "labels_pred", "pred_decision")
GREATER = ("_score", "_corrcoef")
LESS = ("_error", "_loss", "_deviance")
NO_LABELS = frozenset({"silhouette_score", "calinski_harabasz_score", "davies_bouldin_score", "consensus_score"})
"""Scores of a clustering on its own rows: there is nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Inside:
    """The call of the notebook's own function that computes a metric, and where in it the two compared values stand.

    "" stands for answers that the function makes itself. `returned` says that the call gives the metric's value.
    """

    call: ast.Call
    slots: tuple[int | str, int | str]
    returned: bool


@dataclass(frozen=True, slots=True)
class MetricCall:
    """One call that compares two values row by row, by scikit-learn's name; `method` says that it is `model.score`.

    Where a function of the notebook's own computes it, `call` is its call with what the statement gives the function, and
    `inside` is how the function is called: there alone something can be seen.
    """

    statement: Statement
    call: ast.Call
    function: str
    method: bool = False
    inside: Inside | None = None

    @property
    def slots(self) -> tuple[int | str, int | str] | None:
        """Return where the two values that are compared stand, as scikit-learn orders them (`model.score`: rows, labels)."""
        named = {each.arg for each in self.call.keywords}
        if None in named or any(isinstance(each, ast.Starred) for each in self.call.args):
            return None
        places = list(range(len(self.call.args)))[:2]
        first = places[0] if places else next((name for name in LABELS if name in named), None)
        second = places[1] if len(places) > 1 else next((name for name in ANSWERS if name in named), None)
        return None if first is None or second is None else (first, second)

    @property
    def watched(self) -> tuple[ast.Call, tuple[int | str, int | str]]:
        """Return the call that the statement makes, and where in it the two values stand; "" is none to look at."""
        if self.inside is not None:
            return self.inside.call, self.inside.slots
        assert self.slots is not None
        return self.call, ("", self.slots[1]) if self.method else self.slots  # the rows of `model.score` tell nothing

    @property
    def arguments(self) -> tuple[ast.expr, ast.expr] | None:
        """Return the two values that are compared."""
        given: dict[int | str | None, ast.expr] = {each.arg: each.value for each in self.call.keywords}
        given |= dict(enumerate(self.call.args))
        return (given[self.slots[0]], given[self.slots[1]]) if self.slots else None

    @property
    def options(self) -> tuple[ast.keyword, ...]:
        return tuple(each for each in self.call.keywords if each.arg not in {*LABELS, *ANSWERS})


def is_greater_better(function: str) -> bool:
    """Tell which way is better, as scikit-learn names its metrics: `..._score` grows, a loss or an error shrinks."""
    return not function.endswith(LESS)


def metric_calls(program: Program) -> Iterator[MetricCall]:
    """Yield the calls that may measure what the predict cells make: those of test cells first, then what comes after these.

    What was measured before is looked at, too: `model.score(X_test, y_test)` may stand above `model.predict(X_test)`.
    """
    later = {each.index for each in _after_predict(program)}
    statements = program.statements if later else ()
    for each in sorted(statements, key=lambda each: (each.role is not Role.TEST, each.index not in later, each.index)):
        if each.imports or each.defines_code or each.is_compound:
            continue
        for node in ast.walk(each.node):
            if isinstance(node, ast.Call):
                direct = _metric_call(program, each, node)
                yield from (direct,) if direct and direct.arguments else _inside(program, each, node)


def _after_predict(program: Program) -> tuple[Statement, ...]:
    predict = program.with_role(Role.PREDICT)
    return program.statements[predict[0].index :] if predict else ()


def _metric_call(program: Program, statement: Statement, call: ast.Call) -> MetricCall | None:
    origin = program.imported.origin(call.func) or ""
    name = origin.rpartition(".")[2]
    if origin.startswith("sklearn.metrics.") and name.endswith((*GREATER, *LESS)) and name not in NO_LABELS:
        return MetricCall(statement, call, name)
    if isinstance(call.func, ast.Attribute) and call.func.attr == "score" and len(call.args) == 2 and not call.keywords:
        return MetricCall(statement, call, "score", method=True)
    return None


def _inside(program: Program, statement: Statement, outer: ast.Call) -> Iterator[MetricCall]:
    """Yield the metrics that a function of the notebook's own computes, as far as one look at its arguments tells them."""
    watched = None
    for each in computed_by(program, statement, outer):
        metric = _metric_call(program, statement, each.call)
        if metric is None or metric.method or not metric.arguments or not _is_plain(metric.options):
            continue
        names = [part.id if isinstance(part, ast.Name) else "" for part in metric.arguments]
        slots = each.slots.get(names[0], ""), each.slots.get(names[1], "")
        if slots == ("", "") or ("" in slots and not each.returned) or slots != (watched or slots):
            continue
        watched = slots
        given = [each.given.get(name, ast.Constant(None)) for name in names]
        call = ast.copy_location(ast.Call(each.call.func, given, list(metric.options)), outer)
        yield MetricCall(statement, call, metric.function, inside=Inside(outer, slots, each.returned))


def _is_plain(options: tuple[ast.keyword, ...]) -> bool:
    return all(each.arg is not None and isinstance(each.value, ast.Constant) for each in options)


def chained(program: Program, expression: ast.expr, before: Statement) -> dict[str, Statement]:
    """Return the plain assignments since the first predict cell that `expression` is made by, by the name they bind."""
    after = {each.index for each in _after_predict(program)}
    found: dict[str, Statement] = {}
    waiting = [(name, before) for name in names_in(expression)]
    while waiting:
        name, reader = waiting.pop()
        made = program.definition_of(name, reader)
        if name in found or made is None or made.index not in after or not _binds_one(made, name):
            continue
        found[name] = made
        waiting += [(each, made) for each in names_in(made.node)]
    return found


def names_in(node: ast.AST) -> set[str]:
    """Return the names that are read."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}


def _binds_one(statement: Statement, name: str) -> bool:
    match statement.node:
        case ast.Assign(targets=[ast.Name(id=bound)]) | ast.AnnAssign(target=ast.Name(id=bound)):
            return bound == name and statement.role is not Role.PREPROCESS
    return False


def looked_at(program: Program) -> dict[Place, dict[str, Any]]:
    """Return what the recorder must see for it, by statement: the `names` before it, and its `calls`.

    A call is a dumped tree, with the slots of the two values that it compares.
    """
    found: dict[Place, dict[str, Any]] = {}
    for each in metric_calls(program):
        entry = found.setdefault(each.statement.place, {"calls": {}, "names": []})
        call, slots = each.watched
        entry["calls"][ast.dump(call)] = slots
        if each.method or each.arguments is None:
            continue
        parts = [*each.arguments, *(option.value for option in each.options)]
        for part in parts:
            entry["names"] += names_in(part)
            for made in chained(program, part, each.statement).values():
                found.setdefault(made.place, {"calls": {}, "names": []})["names"] += names_in(made.node)
    return found
