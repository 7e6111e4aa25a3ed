"""The training path: the statements that the frozen values are made by, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from nbdeploy.analysis.dataflow import Atom, Flow
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.pruning import pruned
from nbdeploy.analysis.pseudo_names import AMBIENT_STATE, EVERYTHING, is_pseudo
from nbdeploy.analysis.targets import given_to

__all__ = ["Slice", "Target", "is_learnt", "slice_for"]


@dataclass(frozen=True, slots=True)
class Target:
    """A name as it stands when the statements up to `before` (an index, exclusive) have run."""

    name: str
    before: int


@dataclass(frozen=True, slots=True)
class Slice:
    """The statements that make the targets, in order, without what only shows something; and the names that they lack."""

    statements: tuple[Statement, ...]
    targets: tuple[Target, ...]
    missing: frozenset[str] = frozenset()


def slice_for(program: Program, targets: Iterable[Target], *, process: bool = True) -> Slice:
    """Return the backward slice for the targets.

    A statement belongs to it if it binds or changes a needed name, or an object that a needed name may share; a statement
    that changes the process (a seed, an option) if anything after it is needed, unless `process` is False.
    """
    wanted = tuple(targets)
    flows = program.dataflow
    needed: set[Atom] = set()
    kept: list[Statement] = []
    for each in reversed(program.statements):
        for target in wanted:
            if target.before == each.index + 1:
                needed |= flows.atoms_of(target.name, target.before)
        flow = flows.flows[each.index]
        if not needed or not _makes(flow, needed, process):
            continue
        form = pruned(each, needed, flows, program.imported)
        if form is not each:
            flow = flows.flow_of(form)
            if not _makes(flow, needed, process):  # only together with what was cut out of it
                continue
        kept.append(form)
        needed -= flow.kills
        needed |= flow.reads
    kept.reverse()
    bound = {name for each in kept for name in each.effects.defs}
    names = {each for each in needed if isinstance(each, str) and not is_pseudo(each)}
    return Slice(tuple(kept), wanted, frozenset(names - bound))


def _makes(flow: Flow, needed: set[Atom], process: bool) -> bool:
    if (process and AMBIENT_STATE in flow.writes) or (EVERYTHING in needed and flow.writes):
        return True
    return not flow.writes.isdisjoint(needed)


# Functions of modules that make a constant of their literal arguments.
_CONSTANT_MAKERS = frozenset({"compile", "date", "datetime", "join", "timedelta", "to_datetime", "arange", "linspace"})


def is_learnt(program: Program, name: str, before: Statement) -> bool:
    """Tell whether a value comes from data (`df.age.median()`) and not from what is written in the notebook (`0.5`)."""
    found = slice_for(program, [Target(name, before.index)], process=False)
    return any(_reads_data(program, each) for each in found.statements if not (each.imports or each.defines_code))


def _reads_data(program: Program, statement: Statement) -> bool:
    calls = (node for node in ast.walk(statement.node) if isinstance(node, ast.Call))
    return any(not _makes_constant(program, call) for call in calls)


def _makes_constant(program: Program, call: ast.Call) -> bool:
    literal = all(_is_plain(each) for each in given_to(call))
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    constructs = name[:1].isupper() or name in _CONSTANT_MAKERS
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Constant):
        return literal  # "a b c".split()
    builtin = isinstance(call.func, ast.Name) and name in {
        "dict",
        "list",
        "set",
        "tuple",
        "float",
        "int",
        "str",
        "range",
        "sorted",
    }
    return (literal and constructs) or builtin


def _is_plain(node: ast.expr) -> bool:
    return not any(isinstance(each, ast.Call | ast.Attribute | ast.Subscript) for each in ast.walk(node))
