"""What the graph shows of an explanation: its boxes, its lanes, and the flows between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from nbdeploy.analysis.cell_flow import Edge
from nbdeploy.analysis.explanation import CellPart, Explanation
from nbdeploy.frontends.graph_layout import Box, Link
from nbdeploy.frontends.text_width import mono_width

__all__ = [
    "ANSWER",
    "LABEL",
    "REQUEST",
    "Flow",
    "Lane",
    "Runs",
    "box_of",
    "cell_of",
    "flows_of",
    "folded",
    "keys_of",
    "used_lanes",
]

WIDE, SMALL = (236.0, 62.0), (170.0, 28.0)  # width and height of a cell's box, and of one that is left out
LABEL = 10.0  # size of the names at the lines
REQUEST, ANSWER = "request", "answer"
RUN = 3  # as many cells that are left out, one after the other, become one box

Lane = tuple[tuple[str, ...], str]
"""The parts whose cells stand in a lane, and its title."""

Runs = Mapping[int, tuple[CellPart, ...]]
"""By the index of the box: the cells that it stands for."""

LANES: tuple[Lane, ...] = (
    (("unused",), "left out"),
    (("training", "input"), "training"),
    (("frozen", "carried"), "frozen and taken along"),
    (("served",), "runs for every request"),
    (("test",), "tests"),
)


@dataclass(frozen=True, slots=True)
class Flow:
    """A link with its names in full and how it is drawn."""

    link: Link
    names: tuple[str, ...]
    kind: str  # the part of the source, or `recorded` for rows that only the recorded run had


def folded(explanation: Explanation) -> tuple[Explanation, Runs]:
    """Return the explanation with each run of cells that are left out as one, and what that one stands for."""
    cells: list[CellPart] = []
    runs: dict[int, tuple[CellPart, ...]] = {}
    stands_for: dict[int, int] = {}
    for unused, group in groupby(explanation.cells, key=lambda each: each.part == "unused" and each.role is None):
        found = tuple(group)
        if not unused or len(found) < RUN:
            cells += found
            continue
        runs[found[0].index] = found
        stands_for |= {each.index: found[0].index for each in found}
        cells.append(replace(found[0], first_line=f"{len(found)} cells", why="", defs=()))
    return replace(explanation, cells=tuple(cells), flow=rejoined(explanation.flow, stands_for)), runs


def rejoined(flow: Sequence[Edge], stands_for: Mapping[int, int]) -> tuple[Edge, ...]:
    """Return the flow between what stands for the cells."""
    names: dict[tuple[int, int], dict[str, None]] = {}
    for edge in flow:
        source, target = stands_for.get(edge.source, edge.source), stands_for.get(edge.target, edge.target)
        if source != target:
            names.setdefault((source, target), {}).update(dict.fromkeys(edge.names))
    return tuple(Edge(source, target, tuple(found)) for (source, target), found in names.items())


def used_lanes(explanation: Explanation) -> tuple[Lane, ...]:
    """Return the lanes that have cells; without a service all cells but those that are left out are one."""
    if explanation.input is None:
        own: tuple[Lane, ...] = ((("",), "cells"),)
        return (LANES[0], *own) if any(each.part == "unused" for each in explanation.cells) else own
    parts = {str(each.part) for each in explanation.cells}
    return tuple((own, title) for own, title in LANES if parts & set(own))


def keys_of(explanation: Explanation) -> list[str]:
    """Return the boxes in the order of the notebook, the request before and the answer after what is served."""
    served = [each.index for each in explanation.cells if each.part == "served"]
    keys: list[str] = []
    for each in explanation.cells:
        if served and each.index == served[0]:
            keys.append(REQUEST)
        keys.append(str(each.index))
        if served and each.index == served[-1]:
            keys.append(ANSWER)
    return keys


def box_of(key: str, explanation: Explanation, lanes: Sequence[Lane]) -> Box:
    if key in (REQUEST, ANSWER):
        return Box(key, lane_of("served", lanes), WIDE[0], SMALL[1])
    part = str(cell_of(key, explanation).part or "")
    return Box(key, lane_of(part, lanes), *(SMALL if part == "unused" else WIDE))


def lane_of(part: str, lanes: Sequence[Lane]) -> int:
    return next((number for number, (own, _) in enumerate(lanes) if part in own), len(lanes) - 1)


def cell_of(key: str, explanation: Explanation) -> CellPart:
    return next(each for each in explanation.cells if str(each.index) == key)


def flows_of(explanation: Explanation) -> list[Flow]:
    """Return the flows to draw: into what is served, a request's names come from the request."""
    found: dict[tuple[str, str], list[str]] = {}
    recorded: set[str] = set()
    parts = {each.index: str(each.part or "") for each in explanation.cells}
    for edge in explanation.flow:
        for name in edge.names:
            source, label = str(edge.source), name
            if parts.get(edge.target) == "served" and parts.get(edge.source) != "served":
                if name == explanation.input and name not in explanation.bindings:
                    recorded.add(source)
                    source = REQUEST
                elif name in explanation.bindings:
                    label = f"{name} = {explanation.bindings[name]}"
                    source = maker_of(explanation.bindings[name], edge.target, explanation)
            found.setdefault((source, str(edge.target)), []).append(label)
    served = [each.index for each in explanation.cells if each.part == "served"]
    if served:
        if not any(source == REQUEST for source, _ in found):
            found[REQUEST, str(served[0])] = [explanation.input or ""]
        found[str(served[-1]), ANSWER] = [explanation.output or ""]
    flows = [flow(source, target, names, parts) for (source, target), names in found.items()]
    rows = "recorded rows"
    links = [labelled(each, REQUEST, rows, strand="recorded") for each in sorted(recorded, key=int)[-1:]]
    return flows + [Flow(each, (rows,), "recorded") for each in links]


def flow(source: str, target: str, names: Sequence[str], parts: dict[int, str]) -> Flow:
    left_out = target.isdigit() and parts.get(int(target)) == "unused"
    kind = "served" if source == REQUEST else parts.get(int(source), "")
    label = "" if left_out or target == ANSWER else ", ".join(names)
    return Flow(labelled(source, target, label), tuple(names), "faint" if left_out else kind or "plain")


def labelled(source: str, target: str, label: str, strand: str = "") -> Link:
    names = label.split(", ")
    least = f"{names[0]} +{len(names) - 1}" if len(names) > 1 else label
    return Link(source, target, label, mono_width(label, LABEL), mono_width(least, LABEL), strand)


def maker_of(name: str, before: int, explanation: Explanation) -> str:
    """Return the served cell that makes a name last before another cell, or the request."""
    served = [each for each in explanation.cells if each.part == "served" and each.index < before]
    hands_on = {(edge.source, each) for edge in explanation.flow for each in edge.names}
    makers = [each for each in served if name in each.defs or (each.index, name) in hands_on]
    return str(makers[-1].index) if makers else str(served[-1].index) if served else REQUEST
