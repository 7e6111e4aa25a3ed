"""The colours of the graph, on light and on dark pages."""

from __future__ import annotations

__all__ = ["STYLE"]

PAGE = {"light": "#ffffff", "dark": "#16181d"}
INK = {"light": "#1f2430", "dark": "#e7e9ee"}
MUTED = {"light": "#5b6472", "dark": "#a3abb9"}
# fill, stroke and ink of a box; lines take the stroke
PARTS = {
    "light": {
        "served": ("#e6f0ff", "#2563c9", "#12397a"),
        "frozen": ("#fff1dc", "#c87512", "#7a4300"),
        "training": ("#e7f6ea", "#3f8f53", "#1d5a2d"),
        "carried": ("#e2f5f6", "#2a8c93", "#0e5358"),
        "test": ("#f6e9fb", "#9a4fb5", "#622879"),
        "input": ("#eef3fb", "#7f93b5", "#3d5070"),
        "unused": ("#f7f7f8", "#d4d7dd", "#8a919d"),
        "plain": ("#f3f4f7", "#8d96a6", "#333b48"),
        "end": ("#2563c9", "#2563c9", "#ffffff"),
    },
    "dark": {
        "served": ("#17294a", "#6ea3f5", "#cfe0ff"),
        "frozen": ("#3a2a12", "#e0a04d", "#ffe2b8"),
        "training": ("#173322", "#6fbf84", "#cdeed6"),
        "carried": ("#12333a", "#5dbcc4", "#c9eef1"),
        "test": ("#33203c", "#c58adb", "#efd8f8"),
        "input": ("#232b3a", "#8fa3c4", "#d3ddef"),
        "unused": ("#1b1e24", "#363b45", "#7d8594"),
        "plain": ("#23272f", "#7d8696", "#dde1e8"),
        "end": ("#6ea3f5", "#6ea3f5", "#0d1830"),
    },
}
ROAD = {"light": "#f2f7ff", "dark": "#131c2d"}
SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
MONO = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace'


def colours(page: str) -> str:
    """Return the rules that give the colours of one kind of page."""
    rules = [
        f".page{{fill:{PAGE[page]}}}",
        f".road{{fill:{ROAD[page]}}}",
        f"text{{fill:{INK[page]}}}",
        f".told{{fill:{MUTED[page]}}}",
        f".lane{{fill:{MUTED[page]}}}",
        f".edge.faint .line{{stroke:{PARTS[page]['unused'][1]}}}.edge.faint .head{{fill:{PARTS[page]['unused'][1]}}}",
        f".edge.recorded .line{{stroke:{PARTS[page]['input'][1]}}}.edge.recorded .head{{fill:{PARTS[page]['input'][1]}}}",
        f".label.recorded{{fill:{PARTS[page]['input'][2]}}}",
    ]
    for part, (fill, stroke, ink) in PARTS[page].items():
        rules += [
            f".cell.{part} rect{{fill:{fill};stroke:{stroke}}}",
            f".cell.{part} text{{fill:{ink}}}",
            f".lane.{part}{{fill:{ink}}}" if part != "end" else "",
            f".edge.{part} .line{{stroke:{stroke}}}.edge.{part} .head{{fill:{stroke}}}.label.{part}{{fill:{ink}}}",
        ]
    return "".join(rules)


STYLE = (
    f"text{{font-family:{SANS};font-size:11px}}"
    f".mono,.index,.label{{font-family:{MONO}}}"
    ".name{font-weight:600}.mono{font-size:11.5px}.small{font-size:10.5px;opacity:.85}.label{font-size:10px}"
    ".index{font-size:10.5px;font-weight:700}.word{font-size:11px}.end.word,.word.end{text-anchor:end}"
    ".lane{font-size:12px;font-weight:600}.cell rect{stroke-width:1.2}.cell.served rect{stroke-width:1.8}"
    ".edge path{fill:none}.edge .line{stroke-width:1.4}.edge .hit{stroke:transparent;stroke-width:9}"
    ".edge .head{stroke:none}.edge.recorded .line{stroke-dasharray:4 3}"
    ".edge:hover .line{stroke-width:3}.cell:hover rect{stroke-width:2.6}"
    f"{colours('light')}@media (prefers-color-scheme:dark){{{colours('dark')}}}"
)
