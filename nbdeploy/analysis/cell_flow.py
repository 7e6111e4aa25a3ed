"""The flow of names between cells: who reads what another cell made or changed last."""

from __future__ import annotations

from dataclasses import dataclass

from nbdeploy.analysis.program import Program, Statement

__all__ = ["Edge", "cell_flow"]


@dataclass(frozen=True, slots=True)
class Edge:
    """Names that the cell `target` reads as the cell `source` left them."""

    source: int
    target: int
    names: tuple[str, ...]


def cell_flow(program: Program) -> tuple[Edge, ...]:
    """Return the edges between cells, by target and source.

    A name flows from the cell that bound or changed it last, so that `df`, filled in cell 5, goes to a reader through cell 5.
    Imported names are left out: everything reads `pd`.
    """
    writer: dict[str, int] = {}
    found: dict[tuple[int, int], set[str]] = {}
    for each in program.statements:
        for name in _needed(program, each):
            source = writer.get(name)
            if source is not None and source != each.cell:
                found.setdefault((each.cell, source), set()).add(name)
        for name in _written(program, each):
            writer[name] = each.cell
    return tuple(Edge(source, target, tuple(sorted(names))) for (target, source), names in sorted(found.items()))


def _needed(program: Program, statement: Statement) -> frozenset[str]:
    effects = statement.effects
    if statement.imports:
        return frozenset()
    if statement.defines_code:
        return _names(program, effects.refs)
    return _names(program, program.reads(statement) | effects.mutates | (effects.defs - effects.kills))


def _written(program: Program, statement: Statement) -> frozenset[str]:
    if statement.imports:
        return frozenset()
    return _names(program, statement.effects.defs | statement.effects.mutates)


def _names(program: Program, names: frozenset[str]) -> frozenset[str]:
    """Leave out modules and the analysis' pseudo-names, such as `<files>`."""
    return frozenset(name for name in names - program.modules if name.isidentifier())
