"""Reproducible training: `train` of an exported package makes the model that was deployed, or one of its kind.

A seeded training must make artifacts that answer the recorded rows as the notebook did. One that draws random numbers
without a seed is run three times: the deployed model must be no further from the nearest of these runs than they are from
one another. (Four runs of one kind would be parted so by chance in at most about one case of twenty.)
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from nbdeploy.clock import Clock
from nbdeploy.errors import Diagnostic, GateError, NbdeployError, UsageError
from nbdeploy.operating.spread import Distance, apart, flattened
from nbdeploy.operating.training import Environment, ask, train
from nbdeploy.packaging.installed import installed
from nbdeploy.progress import Event, Progress, silent
from nbdeploy.proving.locked import pinned
from nbdeploy.proving.verdict import Outcome

__all__ = ["Retrained", "check_training"]

RUNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """Whether training anew makes the deployed model: the verdict, why, the figures, and what to do where it does not.

    `unseeded` are the findings of the rules about random draws without a seed (NBD110) in cells that train.
    """

    package: Path
    outcome: Outcome
    reason: str
    figures: Mapping[str, Any]
    diagnostics: tuple[Diagnostic, ...] = ()
    unseeded: tuple[Diagnostic, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.outcome is not Outcome.FAIL,
            "package": str(self.package),
            "verdict": str(self.outcome),
            "reason": self.reason,
            "figures": dict(self.figures),
            "unseeded": [each.as_json() for each in self.unseeded],
            "diagnostics": [each.as_json() for each in self.diagnostics],
        }


def check_training(package: Path, data: Path, *, venv: Path | None = None, progress: Progress = silent) -> Retrained:
    """Train the package in the folder `data`, and compare what the new artifacts answer with the recorded answers.

    It runs in a clean process that may import only what the lock names; with `venv`, in an environment of the lock that is
    made in that folder, unless there is one. Raises UsageError (NBD592: the data are missing), GateError (NBD593: `train`
    fails) and EnvironmentProblem (NBD594: no environment can be made of the lock).
    """
    package, data = package.absolute(), data.absolute()
    contract = _contract(package)
    if not data.is_dir():
        raise UsageError(_no_folder(data))
    with Clock(progress).stage("train", f"training {contract['module']} anew"):
        environment = Environment.of(package, contract["module"], venv)
        with tempfile.TemporaryDirectory(prefix="nbdeploy-", ignore_cleanup_errors=True) as scratch:
            runs = [_run(environment, data, Path(scratch, "1"))]
            if not runs[0]["same"]:
                for number in range(2, RUNS + 1):
                    progress(Event("train", "update", "measuring the spread of trainings", done=number, total=RUNS))
                    runs.append(_run(environment, data, Path(scratch, str(number))))
    return _judged(package, runs, environment)


def _contract(package: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((package / "contract.json").read_text("utf-8"))
        return {**found, "module": str(found["module"])}
    except (OSError, ValueError, LookupError, TypeError) as error:
        message = f"{package} is not an exported package: no contract.json that names its module ({error})"
        raise UsageError(
            Diagnostic(
                code="NBD705", message=message, fix="give the folder that `nbdeploy export` wrote: --package DIR"
            )
        ) from None


def _run(environment: Environment, data: Path, out: Path) -> dict[str, Any]:
    made = train(environment, data, out)
    asked = made if "problem" in made else ask(environment, out)
    if "problem" in asked:
        raise _not_trained(asked, data)
    return {**made, **asked}


# judging ----------------------------------------------------------------------------------------------------------------


def _judged(package: Path, runs: Sequence[Mapping[str, Any]], environment: Environment) -> Retrained:
    first = runs[0]
    unseeded = _unseeded(package)
    other = _other_versions(package, environment)
    figures: dict[str, Any] = {
        "rows": first["rows"],
        "mismatches": first["mismatches"],
        "runs": len(runs),
        "seconds": [each["seconds"] for each in runs],
        "artifacts": first["made"],
        "other_versions": other,
    }
    if "metric" in first:
        figures |= {"metric": [each["metric"] for each in runs], "metric_recorded": first["metric_recorded"]}
    told = f" ({_listed(other)} here: not what the lock names)" if other else ""
    if first["same"]:
        reason = f"training anew answers the {first['rows']} recorded rows as the notebook did{told}"
        return Retrained(package=package, outcome=Outcome.PASS, reason=reason, figures=figures, unseeded=unseeded)
    return _compared(package, runs, figures, unseeded, told)


def _compared(
    package: Path,
    runs: Sequence[Mapping[str, Any]],
    figures: dict[str, Any],
    unseeded: tuple[Diagnostic, ...],
    told: str,
) -> Retrained:
    """Judge answers that are not the recorded ones by how far the runs are from one another."""
    recorded, answers = flattened(runs[0]["recorded"]), [flattened(each["answers"]) for each in runs]
    spread = max((apart(one, other) for one, other in combinations(answers, 2)), key=Distance.rank)
    nearest = min((apart(each, recorded) for each in answers), key=Distance.rank)
    figures |= {"spread": spread.as_json(), "distance_to_recorded": nearest.as_json()}
    if nearest.within(spread) and not spread.is_nothing:
        reason = f"inside the notebook's own spread: {nearest} from the nearest of {len(runs)} trainings,"
        reason += f" which are up to {spread} apart"
        reason += f"; {_where(unseeded)}" if unseeded else ""
        return Retrained(
            package=package, outcome=Outcome.PASS, reason=reason + told, figures=figures, unseeded=unseeded
        )
    fault = _repeatable(runs, nearest, told) if spread.is_nothing else _outside(unseeded, nearest, spread, told)
    return Retrained(
        package=package,
        outcome=Outcome.FAIL,
        reason=fault.message,
        figures=figures,
        diagnostics=(fault,),
        unseeded=unseeded,
    )


def _repeatable(runs: Sequence[Mapping[str, Any]], nearest: Distance, told: str) -> Diagnostic:
    return Diagnostic(
        code="NBD591",
        message=f"training gives the same model {len(runs)} times, and it is not the deployed one: {nearest} from its answers,"
        f" {runs[0]['mismatches']} of {runs[0]['rows']} rows differ; {runs[0]['first']}{told}",
        fix="the data have changed since, or the libraries: train on the data of the deploy (--data DIR), in the environment"
        " of the lock (--venv DIR); otherwise deploy again",
    )


def _outside(unseeded: tuple[Diagnostic, ...], nearest: Distance, spread: Distance, told: str) -> Diagnostic:
    first = unseeded[0] if unseeded else None
    return Diagnostic(
        code="NBD590",
        cell=first.cell if first else None,
        line=first.line if first else None,
        message=f"training anew does not make the deployed model again: its answers are {nearest} from the nearest of {RUNS}"
        f" trainings, and these are only up to {spread} apart" + (f"; {_where(unseeded)}" if unseeded else "") + told,
        fix=f"{first.fix}; then deploy again"
        if first
        else "give whatever draws random numbers a seed, then deploy again",
    )


def _where(unseeded: Sequence[Diagnostic]) -> str:
    return "; ".join(f"cell {each.cell} line {each.line}: {each.message.partition(':')[0]}" for each in unseeded[:3])


def _unseeded(package: Path) -> tuple[Diagnostic, ...]:
    """Return what draws random numbers without a seed, in the cells that `train.py` names."""
    from nbdeploy.analysis.rules import findings
    from nbdeploy.reading import open_notebook

    source = package / "notebook" / "source.ipynb"
    texts = [path.read_text(encoding="utf-8") for path in package.glob("*/train.py")]
    cells = {int(each) for text in texts for each in re.findall(r"^\s*# cell (\d+)", text, re.MULTILINE)}
    try:
        return tuple(each for each in findings(open_notebook(source)) if each.code == "NBD110" and each.cell in cells)
    except NbdeployError:
        return ()


def _other_versions(package: Path, environment: Environment) -> list[str]:
    """Return what is installed here in another version than the lock pins; an environment of the lock has none."""
    if environment.own:
        return []
    here = {name: each.version for name, each in installed().items()}
    pins = pinned(package / "requirements.lock")
    return [f"{name} {here[name]}" for name, version in pins.items() if name in here and here[name] != version]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _no_folder(data: Path) -> Diagnostic:
    return Diagnostic(
        code="NBD592",
        message=f"the folder {data}, where the notebook's relative paths hold, is not there",
        fix=_DATA,
    )


def _not_trained(report: Mapping[str, Any], data: Path) -> NbdeployError:
    place = f"{report['file']} line {report['line']} ({report['source']}): " if report.get("file") else ""
    if missing := report.get("missing"):
        message = f"{place}{missing} is not there, read from the folder {data}"
        return UsageError(Diagnostic(code="NBD592", message=message, fix=_DATA))
    return GateError(
        Diagnostic(
            code="NBD593",
            message=f"training fails: {place}{report['problem']}",
            fix="the data or the libraries are not those of the deploy: --data DIR names the notebook's folder, --venv DIR an"
            " environment of the package's own lock",
        )
    )


_DATA = "name the folder that holds the data as the notebook reads them: --data DIR"
