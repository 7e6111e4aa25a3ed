"""The tagged statements without those of their parts that the answer does not need.

`with torch.no_grad():` holds the prediction and, often, the loss; `a, b = f(train), f(test)` prepares the training rows,
too. What is read there only for the loss, or only for the training rows, must not look like a part of the request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from nbdeploy.analysis.dataflow import Atom
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.pruning import pruned
from nbdeploy.notebook.cells import Role

__all__ = ["focused"]


def focused(program: Program, answer: Iterable[str], last: Statement, bindings: Mapping[str, str]) -> Program:
    """Return the program with its tagged statements cut down to what the names of the answer need.

    `last` is the statement that makes or shows the answer. Places and positions stay, so what a run saw of the statements
    still holds for their parts.
    """
    flows = program.dataflow
    needed: set[Atom] = set().union(*(flows.atoms_of(name, last.index + 1) for name in answer))
    forms: dict[int, Statement] = {}
    crossed = False
    for each in reversed(program.serving):
        if each.role is Role.PREPROCESS and not crossed:
            crossed = True
            needed.update(*(flows.atoms_of(maker, each.index + 1) for maker in bindings.values()))
        flow = flows.flows[each.index]
        if _is_after(program, each, last) or flow.surely.isdisjoint(needed):
            continue
        form = pruned(each, needed, flows, program.imported, surely=True)
        if form is not each:
            forms[each.index], flow = form, flows.flow_of(form)
        needed -= flow.kills
        needed |= flow.reads
    if not forms:
        return program
    return replace(program, statements=tuple(forms.get(each.index, each) for each in program.statements))


def _is_after(program: Program, statement: Statement, last: Statement) -> bool:
    return statement.role is last.role and statement.index > last.index
