"""What the recorder shall look at: which names before and after which statements. JSON, since it crosses into the kernel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nbdeploy.analysis.program import Place, Program, Statement
from nbdeploy.analysis.served_form import fitted_receivers, transforming
from nbdeploy.notebook.cells import Role
from nbdeploy.recording.metric_calls import looked_at

__all__ = ["Substitution", "plan_of", "substitutions"]


@dataclass(frozen=True, slots=True)
class Substitution:
    """A training statement that a run with live objects does not repeat.

    It is left out, or it takes the live objects `takes`, or it runs in its served form `source` (`transform`).
    """

    statement: Statement
    takes: tuple[str, ...] = ()
    source: str | None = None


def plan_of(program: Program, live: Iterable[Substitution] = (), metrics: Iterable[str] = ()) -> dict[str, Any]:
    """Return the plan: for each tagged statement the names to observe before and after; `metrics` wherever they are made."""
    plan: dict[str, list[dict[str, Any]]] = {}
    for each in program.statements:
        if each.role in {Role.PREPROCESS, Role.PREDICT, Role.TEST}:
            plan.setdefault(str(each.cell), []).append(_observations(program, each))
        elif wanted := sorted(each.effects.defs & set(metrics)):
            plan.setdefault(str(each.cell), []).append({"place": list(each.place), "before": [], "after": wanted})
    for where, seen in looked_at(program).items():
        entry = _entry(plan, where)
        entry["before"] = sorted({*entry["before"], *seen["names"]})
        entry["calls"] = seen["calls"]
    for substitution in live:
        entry = _entry(plan, substitution.statement.place)
        entry["instead"] = {"takes": list(substitution.takes), "source": substitution.source}
    return {"cells": plan, "code": _code(program)}


def _entry(plan: dict[str, list[dict[str, Any]]], place: Place) -> dict[str, Any]:
    """Return what is planned for a statement, nothing so far if need be."""
    entries = plan.setdefault(str(place[0]), [])
    entry = next((each for each in entries if each["place"] == list(place)), None)
    if entry is None:
        entry = {"place": list(place), "before": [], "after": []}
        entries.append(entry)
    return entry


def _code(program: Program) -> dict[str, list[str]]:
    """Return for each function and class of the notebook the names that it reads."""
    reads: dict[str, set[str]] = {}
    for each in program.statements:
        if each.defines_code:
            for name in each.effects.defs:
                reads.setdefault(name, set()).update(each.effects.late | each.effects.refs)
    return {name: sorted(names) for name, names in reads.items()}


def _observations(program: Program, statement: Statement) -> dict[str, Any]:
    effects = statement.effects
    after = effects.defs | effects.mutates | {each.receiver for each in effects.trains if each.receiver}
    return {
        "place": list(statement.place),
        "before": sorted(program.reads(statement)),
        "after": sorted(after),
    }


def substitutions(program: Program, live: Iterable[str]) -> tuple[Substitution, ...]:
    """Return what a run that is given the live objects `live` does instead of training them again."""
    names = frozenset(live)
    found = []
    for each in program.statements:
        if each.imports or each.defines_code:
            continue
        changed = program.touched_by(each)
        if each.effects.defs & names:
            found.append(Substitution(each, takes=tuple(sorted(each.effects.defs & names))))
        elif fitted_receivers(each) and names & set(fitted_receivers(each)):
            found.append(Substitution(each, source=transforming(each, program.imported).source))
        elif each.effects.trains and (changed | each.effects.mutates) & names and not each.effects.kills - names:
            found.append(Substitution(each))
    return tuple(found)
