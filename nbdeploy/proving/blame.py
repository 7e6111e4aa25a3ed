"""Whose fault a fault is: what a service was seen to do, held against its contract. Pure: values in, findings out.

*System*: the service breaks the contract. It does not answer, refuses what the contract allows, answers in another form, is too
slow, or gives other answers though the fitted objects are those of the contract: then code, constants or libraries differ.
*Model*: the service keeps the contract's form, and the numbers are others because the fitted objects are, or because the world
is (the metric on labelled rows fell).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nbdeploy.analysis.values import Kind, Schema
from nbdeploy.errors import Diagnostic
from nbdeploy.proving.answers import Comparison, compared, shown
from nbdeploy.proving.budget import AT_LEAST, misses
from nbdeploy.proving.contract_file import Contract, Refusal
from nbdeploy.proving.verdict import Outcome

__all__ = [
    "FIXES",
    "Answered",
    "Fault",
    "Finding",
    "Metric",
    "Refused",
    "Seen",
    "fault_of",
    "form_fault",
    "judged",
    "places_in",
    "same_model",
]

NOT_UNDERSTOOD = 422  # the model itself refused what the schema allows


class Fault(StrEnum):
    SYSTEM = "system"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Answered:
    """One right request: how many rows it had (None: one case), what is to be answered, and what was.

    `status` is 0 where no answer came; `text` is then the reason. `version` is the one that the answer's body told.
    """

    rows: int | None
    wanted: Any
    status: int
    predictions: Any = None
    version: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """One wrong request, the status that it got, and the row and field of each problem that was told."""

    refusal: Refusal
    status: int
    places: tuple[tuple[int | None, str | None], ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric on labelled rows: what the contract says, what the service reaches, and which way is better."""

    name: str
    promised: float
    reached: float
    rows: int
    greater_is_better: bool
    allowed: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was seen of a service.

    `trouble` says why it does not answer at all. `digest` and `version` are what its answers carried in their headers.
    `figures` are those that budgets limit; `unmeasured` says why there is no figure for a budget. `is_own` is False where the
    service is held to a contract that is not the one it states. `metric` is a text where there is none: why.
    """

    trouble: str = ""
    digest: str | None = None
    version: str | None = None
    answers: Sequence[Answered] = ()
    refusals: Sequence[Refused] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    metric: Metric | str = "no labels are given, or the contract has no metric"
    is_own: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `fault` is set where it failed."""

    check: str
    outcome: Outcome
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    fault: Fault | None = None
    diagnostic: Diagnostic | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.check,
            "verdict": str(self.outcome),
            "fault": str(self.fault) if self.fault else None,
            "reason": self.reason,
            "figures": dict(self.figures),
        }


def judged(contract: Contract | None, seen: Seen) -> tuple[Finding, ...]:
    """Hold what was seen against the contract; a service that does not answer is judged by that alone."""
    if seen.trouble or contract is None:
        return (_failed("answers", Fault.SYSTEM, "NBD531", f"the service does not answer: {seen.trouble}"),)
    return (
        _answers(contract, seen),
        _form(contract, seen),
        _equality(contract, seen),
        _refusals(seen),
        _budget(contract, seen),
        _metric(seen),
    )


def fault_of(findings: Sequence[Finding]) -> Fault | None:
    """Return whose fault it is. Where the system is at fault, nothing can be said of the model yet."""
    faults = {each.fault for each in findings}
    return next((each for each in (Fault.SYSTEM, Fault.MODEL) if each in faults), None)


def same_model(contract: Contract, seen: Seen) -> bool:
    """Tell whether the contract's own fitted objects answer. Where no digest is told, the same version has to do."""
    if seen.digest and contract.digest:
        return seen.digest == contract.digest
    return seen.version in {None, contract.version}


def _answers(contract: Contract, seen: Seen) -> Finding:
    """Every request that the contract allows gets status 200."""
    bad = [each for each in seen.answers if each.status != 200]
    figures = {"requests": len(seen.answers), "refused": len(bad)}
    if not bad:
        return Finding("answers", Outcome.PASS, f"{len(seen.answers)} requests were answered", figures)
    first = bad[0]
    if not first.status:
        return _failed("answers", Fault.SYSTEM, "NBD531", f"the service stopped answering: {first.text}", figures)
    reason = (
        f"{len(bad)} of {len(seen.answers)} requests that the contract allows got status {first.status}: {first.text}"
    )
    if all(each.status == NOT_UNDERSTOOD for each in bad) and not same_model(contract, seen):
        return _failed("answers", Fault.MODEL, "NBD537", f"{reason}; {_other_model(contract, seen)}", figures)
    return _failed("answers", Fault.SYSTEM, "NBD532", reason, figures)


def _form(contract: Contract, seen: Seen) -> Finding:
    """As many predictions as rows, each in the form of the output, under the contract's own version."""
    given = [each for each in seen.answers if each.status == 200]
    faults = [fault for each in given if (fault := _fault_in(contract, each, seen.is_own))]
    figures = {"answers": len(given), "wrong": len(faults)}
    if not given:
        return Finding("form", Outcome.SKIP, "there is no answer to look at", figures)
    if faults:
        return _failed("form", Fault.SYSTEM, "NBD533", faults[0], figures)
    told = f"{len(given)} answers have the contract's form"
    other = seen.version not in {None, contract.version}
    return Finding("form", Outcome.PASS, told + (f"; version {seen.version} answers" if other else ""), figures)


def _fault_in(contract: Contract, answer: Answered, is_own: bool) -> str:
    if is_own and answer.version != contract.version:
        return f"an answer is of version {answer.version!r}, and the contract is that of {contract.version!r}"
    if answer.rows is None:
        return ""
    if not isinstance(answer.predictions, list):
        return f"predictions is no list: {shown(answer.predictions)}"
    if len(answer.predictions) != answer.rows:
        return f"{answer.rows} rows were sent, and {len(answer.predictions)} predictions came back"
    numbered = enumerate(answer.predictions)
    return next(
        (f"prediction {n}: {fault}" for n, each in numbered if (fault := form_fault(contract.output, each))), ""
    )


def form_fault(form: Schema, prediction: Any) -> str:
    """Say what about a prediction is not of the output's form, an empty text where all is well."""
    if form.kind is Kind.TABLE:
        keys = [column.key for column in form.columns]
        if not isinstance(prediction, dict) or sorted(prediction) != sorted(keys):
            return f"an object with the fields {', '.join(keys)} was promised, got {shown(prediction)}"
        wrong = (each for each in form.columns if not _is_of(each.dtype, prediction[each.key]))
        return next((f"{each.key} is {each.dtype}, got {shown(prediction[each.key])}" for each in wrong), "")
    if form.kind in {Kind.ARRAY, Kind.TENSOR, Kind.SPARSE} and form.shape is not None:
        return _nested_fault(form.shape[1:], form.dtype or "", prediction)
    if form.kind is Kind.SERIES and not _is_of(form.dtype or "", prediction):
        return f"{form.dtype} was promised, got {shown(prediction)}"
    return ""


def _nested_fault(shape: tuple[int, ...], dtype: str, value: Any) -> str:
    if not shape:
        return "" if _is_of(dtype, value) else f"{dtype} was promised, got {shown(value)}"
    if not isinstance(value, list) or len(value) != shape[0]:
        return f"a list of {shape[0]} was promised, got {shown(value)}"
    return next((fault for each in value if (fault := _nested_fault(shape[1:], dtype, each))), "")


def _is_of(dtype: str, value: Any) -> bool:
    """Whether a JSON value is one that a dtype gives; null stands for what is missing, infinities are texts."""
    base = dtype.removeprefix("torch.").partition("[")[0].lower()
    if value is None or base in {"object", "category"}:
        return True
    if base.startswith("bool"):
        return isinstance(value, bool)
    if base.startswith(("int", "uint")):
        return isinstance(value, int) and not isinstance(value, bool)
    if base.startswith(("float", "double", "bfloat")):
        return (isinstance(value, int | float) and not isinstance(value, bool)) or value in {"Infinity", "-Infinity"}
    return isinstance(value, str) if base.startswith(("str", "datetime")) else True


def _equality(contract: Contract, seen: Seen) -> Finding:
    """The predictions are the contract's, within its tolerance."""
    comparison = Comparison(tolerance=contract.tolerance)
    for each in seen.answers:
        if each.status == 200:
            comparison = compared(comparison, each.predictions, each.wanted)
    figures = {
        "rows": comparison.rows,
        "mismatches": comparison.mismatches,
        "largest_difference": comparison.largest,
        "tolerance": contract.tolerance.as_json(),
        "digest": seen.digest,
        "contract_digest": contract.digest,
    }
    known = same_model(contract, seen)
    if not comparison.rows:
        return Finding("equal", Outcome.SKIP, "there is no answer to compare", figures)
    if not comparison.mismatches:
        told = f"{comparison.rows} predictions equal the contract's"
        return Finding("equal", Outcome.PASS, told if known else f"{told}, by other fitted objects", figures)
    reason = f"{comparison.mismatches} of {comparison.rows} predictions differ from the contract's; {comparison.first}"
    if known:
        why = "the fitted objects are the contract's, so code, constants or libraries are not"
        return _failed("equal", Fault.SYSTEM, "NBD534", f"{reason}; {why}", figures)
    return _failed("equal", Fault.MODEL, "NBD537", f"{reason}; {_other_model(contract, seen)}", figures)


def _other_model(contract: Contract, seen: Seen) -> str:
    if seen.digest and contract.digest:
        return f"other fitted objects answer (digest {seen.digest[:12]}, the contract's is {contract.digest[:12]})"
    return f"version {seen.version} answers, the contract is that of {contract.version}"


def _refusals(seen: Seen) -> Finding:
    """Wrong requests get a 4xx that names row and field."""
    wrong = [fault for each in seen.refusals if (fault := _fault_of_refusal(each))]
    figures = {"requests": len(seen.refusals), "wrong": len(wrong)}
    if not seen.refusals:
        return Finding("refuses", Outcome.SKIP, "the contract has no wrong request", figures)
    if wrong:
        return _failed("refuses", Fault.SYSTEM, "NBD535", wrong[0], figures)
    return Finding(
        "refuses", Outcome.PASS, f"{len(seen.refusals)} wrong requests were refused by row and field", figures
    )


def _fault_of_refusal(refused: Refused) -> str:
    wrong = refused.refusal
    if not 400 <= refused.status < 500:
        got = f"status {refused.status}" if refused.status else "no answer"
        return f"a request that is wrong ({wrong.why}) got {got} instead of a 4xx: {refused.text}"
    if (wrong.row, wrong.field) not in refused.places:
        return f"a wrong request ({wrong.why}) was refused without row {wrong.row} and field {wrong.field!r}: {refused.text}"
    return ""


def _budget(contract: Contract, seen: Seen) -> Finding:
    figures: dict[str, Any] = {**seen.figures, "budget": dict(contract.budgets)}
    if not contract.budgets:
        return Finding("budget", Outcome.SKIP, "the contract has no budget", figures)
    known = {key: limit for key, limit in contract.budgets.items() if key in seen.figures}
    over = [
        _told(key, seen.figures[key], limit) for key, limit in known.items() if misses(key, seen.figures[key], limit)
    ]
    left = "".join(f"; {key} not measured: {why}" for key, why in seen.unmeasured.items())
    if over:
        return _failed("budget", Fault.SYSTEM, "NBD536", "; ".join(over) + left, figures)
    if not known:
        return Finding("budget", Outcome.SKIP, left.removeprefix("; ") or "nothing of it is measured here", figures)
    kept = ", ".join(f"{key} {seen.figures[key]:g} of {limit:g}" for key, limit in known.items())
    return Finding("budget", Outcome.PASS, f"kept: {kept}{left}", figures)


def _told(key: str, figure: float, limit: float) -> str:
    return f"{key} is {figure:g}, and {'at least' if key in AT_LEAST else 'at most'} {limit:g} was promised"


def _metric(seen: Seen) -> Finding:
    metric = seen.metric
    if isinstance(metric, str):
        return Finding("metric", Outcome.SKIP, metric)
    figures = {
        "metric": metric.name,
        "promised": metric.promised,
        "reached": metric.reached,
        "rows": metric.rows,
        "greater_is_better": metric.greater_is_better,
    }
    worse = (metric.promised - metric.reached) * (1 if metric.greater_is_better else -1)
    reason = (
        f"{metric.name} is {metric.reached:.6g} on {metric.rows} labelled rows, the contract has {metric.promised:.6g}"
    )
    if worse > metric.allowed:
        return _failed("metric", Fault.MODEL, "NBD538", reason, figures)
    return Finding("metric", Outcome.PASS, reason, figures)


FIXES = {
    "NBD531": "look at the service's own log; `nbdeploy serve NAME` or `bentoml serve` starts it by hand",
    "NBD532": "compare the service's schema.py with the contract's `input`: something between client and service was changed",
    "NBD533": "compare the service with the package of this version: what answers there is not what was proven",
    "NBD534": "install requirements.lock as it is, and compare the served files with the package's; the model needs no change",
    "NBD535": "compare the service's schema.py with that of the package; look for a gateway that rewrites requests or statuses",
    "NBD536": "give the service the machine that the budget was made for, or more of it; the model's answers are right",
    "NBD537": "serve the artifacts of this contract, or deploy the new ones as a version with a contract of its own",
    "NBD538": "the service does what was promised and the data has moved on: train again on newer rows",
}


def _failed(check: str, fault: Fault, code: str, reason: str, figures: Mapping[str, Any] | None = None) -> Finding:
    diagnostic = Diagnostic(code=code, message=f"{fault} fault: {reason}", fix=FIXES[code])
    return Finding(check, Outcome.FAIL, reason, figures or {}, fault, diagnostic)


def places_in(body: Mapping[str, Any] | None) -> Iterator[tuple[int | None, str | None]]:
    """Yield row and field of each problem that a refusal tells."""
    problems = (body or {}).get("problems")
    for each in problems if isinstance(problems, list) else ():
        if isinstance(each, dict):
            yield each.get("row"), each.get("field")
