"""Which cells of an untagged notebook look as if they should be tagged: a word to the user, never a guess that is acted on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nbdeploy.analysis.binding_time import is_training
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.row_parts import rows_of
from nbdeploy.analysis.slicing import Target, slice_for
from nbdeploy.analysis.targets import root_name
from nbdeploy.analysis.walking import walk
from nbdeploy.notebook.cells import Role

__all__ = ["Proposal", "proposals_for"]

PREDICTING = ("predict_proba", "predict")
TRANSFORMING = ("transform", "fit_transform", "predict")  # their rows are the argument
SPLITTING = "train_test_split"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A role for a cell, and why."""

    cell: int
    role: Role
    why: str

    def __str__(self) -> str:
        return f"cell {self.cell} {self.why}: tag it `{self.role}`"


@dataclass(frozen=True, slots=True)
class _Prediction:
    statement: Statement
    call: str
    rows: str | None


def proposals_for(program: Program) -> tuple[Proposal, ...]:
    """Return proposals for the roles that no cell has yet: one predict cell, what prepares its rows, and the tests."""
    if program.with_role(Role.PREDICT):
        return ()
    found = list(_predictions(program))
    if not found:
        return ()
    last = found[-1]
    proposals = [*_preparing(program, last), Proposal(last.statement.cell, Role.PREDICT, f"calls {last.call}")]
    taken = {each.cell for each in proposals}
    tests = {each.cell: each for each in program.statements if isinstance(each.node, ast.Assert)}
    last_cell = last.statement.cell  # what is asserted before is no test of the answer: `assert sys.version_info > ...`
    free = [cell for cell, each in tests.items() if each.role is None and cell not in taken and cell > last_cell]
    proposals += [Proposal(cell, Role.TEST, "asserts") for cell in free if not program.with_role(Role.TEST)]
    return tuple(sorted(proposals, key=lambda each: each.cell))


def _predictions(program: Program) -> Iterator[_Prediction]:
    for each in program.statements:
        if each.role is not None or each.defines_code:
            continue
        for node in walk(each.node):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
                continue
            name = root_name(node.func.value) if node.func.attr in PREDICTING else None
            if name is not None:
                yield _Prediction(each, f"{name}.{node.func.attr}", root_name(node.args[0]))


def _preparing(program: Program, prediction: _Prediction) -> Iterator[Proposal]:
    """Propose the cells that make the predicted rows of loaded ones: neither loading, nor splitting, nor fitting."""
    if prediction.rows is None or program.with_role(Role.PREPROCESS):
        return
    made = slice_for(program, [Target(prediction.rows, prediction.statement.index)], process=False).statements
    rows = {prediction.rows}
    cells: dict[int, set[str]] = {}
    held_back: set[int] = {prediction.statement.cell}
    for each in reversed(made):
        changed = (each.effects.defs | each.effects.mutates) & rows
        if each.imports or each.defines_code or not changed:
            continue
        rows |= set() if _loads(each) else _origins(program, each, changed)
        if each.role is not None or _loads(each) or _splits(each) or is_training(each):
            held_back.add(each.cell)
        else:
            cells.setdefault(each.cell, set()).update(changed)
    for cell in sorted(cells.keys() - held_back):
        yield Proposal(cell, Role.PREPROCESS, f"prepares {', '.join(sorted(cells[cell])[:3])}")


def _origins(program: Program, statement: Statement, names: frozenset[str]) -> set[str]:
    """Return the names whose rows a statement hands on: `df` in `X = df.drop(...)`, all that `np.c_[a, b]` joins."""
    node = statement.node
    if not isinstance(node, ast.Assign):
        return set()
    taken = {rows_of(node, name) for name in names} - {None}
    if taken:
        return {each for each in taken if each is not None}
    if isinstance(node.value, ast.Call) and getattr(node.value.func, "attr", "") in TRANSFORMING:
        return {root for each in node.value.args for root in [root_name(each)] if root is not None}
    root = root_name(node.value.func if isinstance(node.value, ast.Call) else node.value)
    if root is not None and root not in program.modules:
        return {root}
    return {each for each in statement.effects.refs - program.modules if each.isidentifier()}


def _loads(statement: Statement) -> bool:
    calls = (each.func for each in walk(statement.node) if isinstance(each, ast.Call))
    names = {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}
    return any(name.startswith(("read_", "load", "fetch_")) or name == "open" for name in names)


def _splits(statement: Statement) -> bool:
    return SPLITTING in statement.source
