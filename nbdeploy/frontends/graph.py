"""The flow of names between a notebook's cells as an SVG: what is served as a column, what it takes along beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from nbdeploy.frontends.graph_content import (
    ANSWER,
    LABEL,
    REQUEST,
    box_of,
    cell_of,
    flows_of,
    folded,
    keys_of,
    used_lanes,
)
from nbdeploy.frontends.graph_layout import laid_out
from nbdeploy.frontends.graph_style import STYLE
from nbdeploy.frontends.text_width import elided, mono_width, sans_width

if TYPE_CHECKING:
    from nbdeploy.analysis.explanation import CellPart, Explanation
    from nbdeploy.frontends.graph_content import Flow, Lane, Runs
    from nbdeploy.frontends.graph_layout import Layout, Line, Link, Placed

__all__ = ["graph_svg"]

MARGIN = 24.0
RADIUS = 6.0


def graph_svg(explanation: Explanation, name: str) -> str:
    """Return the graph of one notebook, called `name`, as a self-contained SVG for light and dark pages."""
    shown, runs = folded(explanation)
    lanes = used_lanes(shown)
    flows = flows_of(shown)
    boxes = [box_of(key, shown, lanes) for key in keys_of(shown)]
    head = heading(explanation, name)
    layout = laid_out(boxes, [each.link for each in flows], len(lanes), top=len(head) * 18.0 + 40.0)
    texts_width = max((sans_width(text, size) for text, size in head), default=0.0)
    width, height = max(layout.width, texts_width) + 2 * MARGIN, layout.height + 2 * MARGIN
    parts = [
        opening(width, height),
        f'<title id="title">{printed(name)}: the flow of names between its cells</title>',
        f'<desc id="summary">{printed(summary(explanation))}</desc>',
        f"<style>{STYLE}</style>",
        '<rect class="page" width="100%" height="100%"/>',
        f'<g transform="translate({MARGIN:.0f} {MARGIN:.0f})">',
        *drawn_heading(head),
        *drawn_lanes(layout, lanes, len(head) * 18.0 + 28.0),
        *drawn_lines(layout, flows),
        *(drawn_box(each, shown, runs) for each in layout.boxes),
        "</g></svg>",
    ]
    return "\n".join(parts) + "\n"


def opening(width: float, height: float) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    aria = 'role="graphics-document document" aria-labelledby="title summary"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {aria}>'


# texts ---------------------------------------------------------------------------------------------------------------


def heading(explanation: Explanation, name: str) -> list[tuple[str, float]]:
    """Return the lines above the graph with their sizes."""
    told = [(name if len(name) <= 80 else f"{name[:79]}…", 16.0)]
    if explanation.input is not None and not explanation.assumed:
        told.append((f"{explanation.input} → {explanation.output}"[:140], 12.0))
    for each in explanation.assumed if explanation.input is None else ():
        told.append((each.replace("`", ""), 12.0))
    if explanation.input is not None and explanation.assumed:
        told.append(("assumed without a run: " + "; ".join(explanation.assumed).replace("`", "")[:160], 11.0))
    return told + [(str(each).replace("`", ""), 11.0) for each in explanation.proposals[:6]]


def summary(explanation: Explanation) -> str:
    counts: dict[str, int] = {}
    for each in explanation.cells:
        counts[str(each.part or "cells")] = counts.get(str(each.part or "cells"), 0) + 1
    told = ", ".join(f"{number} {part}" for part, number in counts.items())
    way = f"From {explanation.input} to {explanation.output}. " if explanation.input is not None else ""
    return f"{way}{told}."


def tooltip(cell: CellPart) -> str:
    what = ", ".join(dict.fromkeys(part for part in (str(cell.role or ""), str(cell.part or "")) if part))
    head = f"cell {cell.index}{f' ({what})' if what else ''}{f': {cell.why}' if cell.why else ''}"
    return "\n".join(
        [head.replace("`", ""), cell.first_line, *([f"makes {', '.join(cell.defs)}"] if cell.defs else [])]
    )


def run_tooltip(run: Sequence[CellPart]) -> str:
    return "\n".join(
        [f"{len(run)} cells that are left out", *(f"{each.index}: {each.first_line[:80]}" for each in run)]
    )


# drawing -------------------------------------------------------------------------------------------------------------


def drawn_heading(head: Sequence[tuple[str, float]]) -> Iterator[str]:
    for number, (text, size) in enumerate(head):
        kind = "name" if number == 0 else "told"
        yield f'<text class="{kind}" x="0" y="{14 + 18 * number}" font-size="{size:g}">{printed(text)}</text>'


def drawn_lanes(layout: Layout, lanes: Sequence[Lane], top: float) -> Iterator[str]:
    for number, (own, title) in enumerate(lanes):
        x, width = layout.lanes[number]
        kind = own[0] if own else "plain"
        if kind == "served":
            boxes = [each for each in layout.boxes if each.box.lane == number]
            bottom = max(each.y + each.box.height for each in boxes) + 12
            place = f'x="{x - 10:.1f}" y="{top - 10:.1f}" width="{width + 20:.1f}" height="{bottom - top + 10:.1f}"'
            yield f'<rect class="road" {place} rx="12"/>'
        yield f'<text class="lane {kind}" x="{x:.1f}" y="{top + 6:.1f}">{printed(title)}</text>'


def drawn_lines(layout: Layout, flows: Sequence[Flow]) -> Iterator[str]:
    by_link = {each.link: each for each in flows}
    faint_first = sorted(layout.lines, key=lambda each: by_link[each.link].kind != "faint")
    for line in faint_first:
        own = by_link[line.link]
        what = f"{ends(line.link)}: {', '.join(own.names)}"
        yield (
            f'<g class="edge {own.kind}"><title>{printed(what)}</title>'
            f'<path class="hit" d="{path(line.points)}"/><path class="line" d="{path(line.points)}"/>{arrow(line)}</g>'
        )
    for line in layout.lines:
        label = elided(shortened(line.link.label, line.label_room), line.label_room, LABEL)
        if label:
            kind = by_link[line.link].kind
            yield f'<text class="label {kind}" x="{line.label_x:.1f}" y="{line.label_y:.1f}">{printed(label)}</text>'


def ends(link: Link) -> str:
    source, target = (each if each in (REQUEST, ANSWER) else f"cell {each}" for each in (link.source, link.target))
    return f"{source} to {target}"


def shortened(label: str, room: float) -> str:
    """Return as many of a label's names as fit, and the number of the others."""
    names = label.split(", ")
    for kept in range(len(names), 0, -1):
        rest = len(names) - kept
        text = ", ".join(names[:kept]) + (f" +{rest}" if rest else "")
        if mono_width(text, LABEL) <= room:
            return text
    return names[0]


def path(points: Sequence[tuple[float, float]]) -> str:
    """Return a path through the corners, each rounded as far as its sides allow."""
    (x, y), *_ = points
    found = [f"M{x:.1f} {y:.1f}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(RADIUS, distance(before, corner) / 2, distance(corner, after) / 2)
        start, end = towards(corner, before, radius), towards(corner, after, radius)
        found.append(f"L{start[0]:.1f} {start[1]:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {end[0]:.1f} {end[1]:.1f}")
    return "".join([*found, f"L{points[-1][0]:.1f} {points[-1][1] - 4:.1f}"])


def distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])  # all sides are level or upright


def towards(start: tuple[float, float], end: tuple[float, float], length: float) -> tuple[float, float]:
    whole = distance(start, end)
    share = length / whole if whole else 0.0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def arrow(line: Line) -> str:
    x, y = line.points[-1]
    return f'<path class="head" d="M{x:.1f} {y:.1f}l-3.5 -6h7z"/>'


def drawn_box(placed: Placed, explanation: Explanation, runs: Runs) -> str:
    if placed.box.key in (REQUEST, ANSWER):
        return drawn_end(placed, explanation)
    cell = cell_of(placed.box.key, explanation)
    part = str(cell.part or "plain")
    run = runs.get(cell.index, ())
    inner = small_texts(placed, cell, run) if part == "unused" else wide_texts(placed, cell, explanation)
    return "".join([opened(part, run_tooltip(run) if run else tooltip(cell)), rect(placed, 7.0), *inner, "</g>"])


def opened(kind: str, text: str) -> str:
    lines = [printed(line) for line in text.split("\n")]
    label = "; ".join(lines).replace('"', "&quot;")
    return f'<g class="cell {kind}" role="graphics-object" aria-label="{label}"><title>{"&#10;".join(lines)}</title>'


def rect(placed: Placed, radius: float) -> str:
    box = placed.box
    return (
        f'<rect x="{placed.x:.1f}" y="{placed.y:.1f}" width="{box.width:g}" height="{box.height:g}" rx="{radius:g}"/>'
    )


def drawn_end(placed: Placed, explanation: Explanation) -> str:
    """Draw the pill of the request or the answer."""
    request = placed.box.key == REQUEST
    name = (explanation.input if request else explanation.output) or ""
    word = "request" if request else "answer"
    left = 14 + sans_width(word, 11.0) + 8
    shown = elided(name, placed.box.width - left - 10, 11.5)
    return "".join(
        [
            opened("end", f"{word}: {name}"),
            rect(placed, placed.box.height / 2),
            text_at(placed, 14, 18.5, word, "word"),
            text_at(placed, left, 18.5, shown, "mono"),
            "</g>",
        ]
    )


def small_texts(placed: Placed, cell: CellPart, run: Sequence[CellPart]) -> Iterable[str]:
    number = f"{cell.index}–{run[-1].index}" if run else str(cell.index)
    left = 10 + mono_width(number, 10.5) + 8
    yield text_at(placed, 10, 18, number, "index")
    yield text_at(
        placed, left, 18, elided(cell.first_line or "(empty)", placed.box.width - left - 8, 10.5), "mono small"
    )


def wide_texts(placed: Placed, cell: CellPart, explanation: Explanation) -> Iterable[str]:
    room = placed.box.width - 24
    role, part = str(cell.role or ""), str(cell.part or "")
    word = " · ".join(dict.fromkeys(each for each in (role, part) if each))
    yield text_at(placed, 12, 18, str(cell.index), "index")
    yield text_at(placed, placed.box.width - 12, 18, word, "word end")
    yield text_at(placed, 12, 36, elided(cell.first_line, room, 11.5), "mono")
    yield text_at(placed, 12, 53, elided(gives(cell, explanation), room, 10.5), "mono small")


def gives(cell: CellPart, explanation: Explanation) -> str:
    """Return what a cell hands on: the values that are frozen of it, or the names that others read."""
    frozen = list(dict.fromkeys(name for each in cell.statements for name in each.makes))
    if frozen:
        return f"frozen: {', '.join(frozen)}"
    onward = dict.fromkeys(name for edge in explanation.flow if edge.source == cell.index for name in edge.names)
    names = list(onward) or ([] if cell.part == "carried" and len(cell.defs) > 6 else list(cell.defs))
    return f"→ {', '.join(names)}" if names else ""


def text_at(placed: Placed, x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{placed.x + x:.1f}" y="{placed.y + y:.1f}">{printed(text)}</text>' if text else ""


def printed(text: str) -> str:
    """Return a text as XML can hold it."""
    return escape("".join(char if char.isprintable() else " " for char in text), quote=False)
