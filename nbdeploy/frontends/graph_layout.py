"""Where the boxes and lines of the graph lie: lanes side by side, rows from top to bottom, lines in the room between.

A line leaves its box below, runs in the gap under the row, goes down in the gutter beside a lane where boxes are in its way,
and comes in from above. All lines of one box share a trunk. So no line crosses a box, and no two boxes' lines lie on each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Box", "Layout", "Line", "Link", "Placed", "laid_out"]

TRACK = 9.0  # between lines that run side by side
PAD = 12.0  # between a line and a box
LABELS = 15.0  # the strip above a row where the names stand
PORT = 18.0  # from a box's left side to its trunk, and to its first line coming in


@dataclass(frozen=True, slots=True)
class Box:
    """A box to be placed: boxes are given in the order in which they are read."""

    key: str
    lane: int
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Link:
    """`room` is what the label needs to be shown in full, `least` what its shortest form needs.

    Links of one source and one strand lie on each other where they run the same way.
    """

    source: str
    target: str
    label: str = ""
    room: float = 0.0
    least: float = 0.0
    strand: str = ""

    @property
    def trunk(self) -> str:
        return f"{self.source} {self.strand}"


@dataclass(frozen=True, slots=True)
class Placed:
    box: Box
    x: float
    y: float
    row: int


@dataclass(frozen=True, slots=True)
class Line:
    """A link as drawn: the corners of its path, and the place and room of its label."""

    link: Link
    points: tuple[tuple[float, float], ...]
    label_x: float
    label_y: float
    label_room: float


@dataclass(frozen=True, slots=True)
class Layout:
    boxes: tuple[Placed, ...]
    lines: tuple[Line, ...]
    lanes: tuple[tuple[float, float], ...]  # x and width of each
    width: float
    height: float


def laid_out(boxes: Sequence[Box], links: Sequence[Link], lanes: int, top: float = 0.0) -> Layout:
    """Return the layout of boxes in `lanes` lanes; `top` is left free above. Links go from earlier boxes to later ones."""
    order = {each.key: number for number, each in enumerate(boxes)}
    links = [each for each in links if order[each.source] < order[each.target]]
    rows = _rows(boxes, links)
    plan = _Plan({each.key: each for each in boxes}, rows, links)
    return _Geometry(boxes, plan, lanes, top).layout()


def _rows(boxes: Sequence[Box], links: Iterable[Link]) -> dict[str, int]:
    """Give each box the first row below all that it depends on and below what its lane has so far."""
    before: dict[str, list[str]] = {}
    for each in links:
        before.setdefault(each.target, []).append(each.source)
    rows: dict[str, int] = {}
    last: dict[int, int] = {}
    for box in boxes:
        above = [rows[each] for each in before.get(box.key, ())]
        rows[box.key] = max([*above, last.get(box.lane, -1)], default=-1) + 1
        last[box.lane] = rows[box.key]
    return rows


Run = tuple[float, float]


class _Tracks:
    """Tracks side by side in one gap or gutter: runs of one box share a track, others must not touch."""

    def __init__(self) -> None:
        self._taken: list[list[tuple[str, Run]]] = []

    def place(self, owner: str, run: Run) -> int:
        for number, track in enumerate(self._taken):
            if all(other == owner or run[1] < taken[0] or taken[1] < run[0] for other, taken in track):
                track.append((owner, run))
                return number
        self._taken.append([(owner, run)])
        return len(self._taken) - 1

    def __len__(self) -> int:
        return len(self._taken)


class _Plan:
    """Which gaps, gutters, tracks and ports each link uses, before anything has coordinates.

    Places across are counted as 2 * lane + 1 for a lane and 2 * gutter for the gutter to the left of the lane of that number.
    """

    def __init__(self, boxes: Mapping[str, Box], rows: Mapping[str, int], links: Sequence[Link]) -> None:
        self.boxes, self.rows, self.links = boxes, rows, links
        self.gaps: dict[int, _Tracks] = {}
        self.gutters: dict[int, _Tracks] = {}
        self.coming = self._coming()
        self.routes = {each: self._route(each) for each in sorted(links, key=self._span)}

    def _span(self, link: Link) -> tuple[int, int]:
        return self.rows[link.target] - self.rows[link.source], self.rows[link.source]

    def _coming(self) -> dict[str, list[Link]]:
        """Return the links that come in at each box in their order: from the own lane first, then from near lanes."""
        coming: dict[str, list[Link]] = {}
        for each in self.links:
            coming.setdefault(each.target, []).append(each)
        for target, links in coming.items():
            lane = self.boxes[target].lane
            links.sort(key=lambda each: (self._side(each, lane), -self.rows[each.source]))
        return coming

    def _side(self, link: Link, lane: int) -> int:
        return abs(self.boxes[link.source].lane - lane)

    def straight(self, link: Link) -> bool:
        """Tell whether the link can go straight down: into the first port of the next box in its lane."""
        source, target = self.boxes[link.source], self.boxes[link.target]
        first = self.coming[link.target][0] is link
        return source.lane == target.lane and first and not self._between(link)

    def is_entered_straight(self, target: str) -> bool:
        return any(each.target == target and not route for each, route in self.routes.items())

    def _between(self, link: Link) -> bool:
        lane = self.boxes[link.source].lane
        top, bottom = self.rows[link.source], self.rows[link.target]
        return any(each.lane == lane and top < self.rows[key] < bottom for key, each in self.boxes.items())

    def _route(self, link: Link) -> tuple[int, ...]:
        """Return () for a straight link, (track,) for one through one gap, else the tracks of gap, gutter and gap."""
        if self.straight(link):
            return ()
        source, target = self.boxes[link.source], self.boxes[link.target]
        start, end = 2 * source.lane + 1, 2 * target.lane + 1
        top, bottom = self.rows[link.source], self.rows[link.target]
        if bottom == top + 1:
            return (self._gap(top).place(link.trunk, _run(start, end)),)
        gutter = self.gutter(link)
        first = self._gap(top).place(link.trunk, _run(start, 2 * gutter))
        down = self.gutters.setdefault(gutter, _Tracks()).place(link.trunk, (float(top), float(bottom - 1)))
        last = self._gap(bottom - 1).place(link.trunk, _run(2 * gutter, end))
        return first, down, last

    def gutter(self, link: Link) -> int:
        """Return the gutter in which the link goes down: the target's, on the side from which it comes."""
        source, target = self.boxes[link.source].lane, self.boxes[link.target].lane
        return target if source < target else target + 1

    def _gap(self, row: int) -> _Tracks:
        return self.gaps.setdefault(row, _Tracks())


def _run(start: float, end: float) -> Run:
    return min(start, end), max(start, end)


def _shared(room: float, least: Sequence[float], full: Sequence[float]) -> list[float]:
    """Share room out: to each what it needs at least, then in full to as many as that is enough for."""
    if sum(least) > room:
        return [each * room / sum(least) for each in least]
    found = list(least)
    for number in sorted(range(len(least)), key=lambda each: full[each] - least[each]):
        if sum(found) - least[number] + full[number] <= room:
            found[number] = full[number]
    return found


class _Geometry:
    def __init__(self, boxes: Sequence[Box], plan: _Plan, lanes: int, top: float) -> None:
        self.boxes, self.plan, self.lanes = boxes, plan, lanes
        self.widths = [max((each.width for each in boxes if each.lane == lane), default=0.0) for lane in range(lanes)]
        self.lane_x = self._across()
        self.count = max(plan.rows.values(), default=-1) + 1
        self.row_y, self.gap_y, self.height = self._down(top)
        self.placed = {each.key: self._place(each) for each in boxes}

    def _across(self) -> list[float]:
        found: list[float] = []
        x = 0.0
        for lane in range(self.lanes):
            x += self._gutter_width(lane)
            found.append(x)
            x += self.widths[lane]
        return [*found, x]

    def _gutter_width(self, gutter: int) -> float:
        return 2 * PAD + TRACK * max(len(self.plan.gutters.get(gutter, ())) - 1, 0)

    def _down(self, top: float) -> tuple[list[float], list[float], float]:
        """Return the y of each row and of the gap under it, and of the end."""
        heights = [0.0] * self.count
        for each in self.boxes:
            row = self.plan.rows[each.key]
            heights[row] = max(heights[row], each.height)
        rows: list[float] = []
        gaps: list[float] = []
        y = top + PAD
        for row in range(self.count):
            rows.append(y)
            y += heights[row]
            gaps.append(y + PAD)
            tracks = len(self.plan.gaps.get(row, ()))
            y += 2 * PAD + TRACK * max(tracks - 1, 0) + (LABELS if self._is_entered(row + 1) else 0.0)
        return rows, gaps, y

    def _is_entered(self, row: int) -> bool:
        return any(each.label and self.plan.rows[each.target] == row for each in self.plan.links)

    def _place(self, box: Box) -> Placed:
        row = self.plan.rows[box.key]
        return Placed(box, self.lane_x[box.lane], self.row_y[row], row)

    def layout(self) -> Layout:
        lines = tuple(self._line(each) for each in self.plan.links)
        lanes = tuple(zip(self.lane_x[: self.lanes], self.widths, strict=True))
        width = self.lane_x[-1] + self._gutter_width(self.lanes)
        return Layout(tuple(self.placed.values()), lines, lanes, width, self.height)

    def _line(self, link: Link) -> Line:
        source, target = self.placed[link.source], self.placed[link.target]
        start = source.x + PORT
        enter, room = self._port(link, target)
        bottom, end = source.y + source.box.height, target.y
        route = self.plan.routes[link]
        corners = [(start, bottom)]
        if len(route) == 1:
            y = self.gap_y[source.row] + TRACK * route[0]
            corners += [(start, y), (enter, y)]
        elif route:
            x = self._track_x(self.plan.gutter(link), route[1])
            high = self.gap_y[source.row] + TRACK * route[0]
            low = self.gap_y[target.row - 1] + TRACK * route[2]
            corners += [(start, high), (x, high), (x, low), (enter, low)]
        return Line(link, (*corners, (enter, end)), enter + 5, end - 6, room - 10)

    def _port(self, link: Link, target: Placed) -> tuple[float, float]:
        """Return where a link comes in, and the room up to the next: as its label needs, or less if all need too much."""
        coming = self.plan.coming[link.target]
        # The first port lies under the trunk of the box above: what does not come from there comes in beside it.
        left = target.x + PORT + (0.0 if self.plan.is_entered_straight(link.target) else TRACK)
        room = target.x + target.box.width - left
        rooms = _shared(room, [each.least + 14 for each in coming], [each.room + 14 for each in coming])
        number = coming.index(link)
        return left + sum(rooms[:number]), rooms[number] if number + 1 < len(coming) else room - sum(rooms[:number])

    def _track_x(self, gutter: int, track: int) -> float:
        left = self.lane_x[gutter] - self._gutter_width(gutter) if gutter < self.lanes else self.lane_x[-1]
        return left + PAD + TRACK * track
