"""The graph: well-formed, self-contained, and no text or line where another is."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbdeploy.analysis.explanation import explain
from nbdeploy.frontends.graph import graph_svg
from nbdeploy.frontends.graph_layout import Box, Layout, Link, laid_out
from nbdeploy.frontends.text_width import elided, mono_width, sans_width
from nbdeploy.reading import open_notebook
from tests.analysis.notebooks import program_of
from tests.analysis.test_explanation import CHURN

SVG = "{http://www.w3.org/2000/svg}"
UNTAGGED = tuple(each if isinstance(each, str) else each[1] for each in CHURN)
ODD = (
    "a_very_long_name_of_a_value_that_nobody_could_read = another_even_longer_name_of_something = 1",
    "表 = '幅の広い文字' * 30",
    "x = '<&>\"'\n",
    "",
    *(f"n{number} = 1" for number in range(9)),
    ("predict", f"X = [[1]]\ny = model.predict(X) + {' + '.join(f'n{number}' for number in range(9))} + 表"),
)


def drawn(*cells: str | tuple[str, str]) -> ElementTree.Element:
    return ElementTree.fromstring(graph_svg(explain(program_of(*cells)), "some <notebook>.ipynb"))


def texts(root: ElementTree.Element) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Return all texts with the room that they may take at most."""
    found = []
    for each in root.iter(f"{SVG}text"):
        kinds, text = each.attrib["class"].split(), each.text or ""
        size = float(each.get("font-size") or (10 if "label" in kinds else 12 if "lane" in kinds else 11.5))
        mono = {"mono", "index", "label"} & set(kinds)
        width = (
            mono_width(text, min(size, 11.5))
            if mono
            else sans_width(text, min(size, 12) if "name" not in kinds else 16)
        )
        x, y = float(each.attrib["x"]), float(each.attrib["y"])
        left = x - width if "end" in kinds else x
        found.append((text, (left, y - 0.8 * size, left + width, y + 0.2 * size)))
    return found


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    across = one[0] < other[2] - 0.5 and other[0] < one[2] - 0.5
    return across and one[1] < other[3] - 0.5 and other[1] < one[3] - 0.5


@pytest.mark.parametrize("cells", [CHURN, UNTAGGED, ODD, ("",)], ids=["tagged", "untagged", "odd", "empty"])
def test_no_text_lies_on_another(cells: tuple[str | tuple[str, str], ...]) -> None:
    found = texts(drawn(*cells))
    assert [(a[0], b[0]) for a, b in itertools.combinations(found, 2) if overlap(a[1], b[1])] == []


def test_each_cell_is_a_box_with_words_for_those_who_cannot_see_it() -> None:
    boxes = [each for each in drawn(*CHURN).iter(f"{SVG}g") if each.get("role") == "graphics-object"]
    told = [each.attrib["aria-label"] for each in boxes]
    assert [label.partition(";")[0].partition(":")[0] for label in sorted(told)] == [
        "answer",
        *(f"cell {name}" for name in ("0 (training)", "1 (frozen)", "10 (test)", "2 (training)", "3 (unused)")),
        *(f"cell {name}" for name in ("4 (frozen)", "5 (preprocess, served)", "6 (training)", "7 (carried)")),
        *(f"cell {name}" for name in ("8 (frozen)", "9 (predict, served)")),
        "request",
    ]
    assert all(each.find(f"{SVG}title") is not None for each in boxes)


def test_what_the_request_brings_comes_from_the_request_and_bound_rows_from_what_is_served() -> None:
    titles = {each.findtext(f"{SVG}title") for each in drawn(*CHURN).iter(f"{SVG}g") if "edge" in each.get("class", "")}
    assert {"request to cell 5: df", "cell 5 to cell 9: X_test = X", "cell 8 to cell 9: model"} <= titles
    assert "cell 2 to request: recorded rows" in titles
    assert not any(each and each.startswith("cell 6 to cell 9") for each in titles)


def test_the_road_runs_from_the_request_above_to_the_answer_below() -> None:
    groups = [each for each in drawn(*CHURN).iter(f"{SVG}g") if each.get("class") in ("cell served", "cell end")]
    rects = [each.find(f"{SVG}rect") for each in groups]
    places = [(float(each.attrib["x"]), float(each.attrib["y"])) for each in rects if each is not None]
    assert len({x for x, _ in places}) == 1
    assert [y for _, y in places] == sorted(y for _, y in places)


def test_it_needs_nothing_from_elsewhere_and_knows_dark_pages() -> None:
    svg = graph_svg(explain(program_of(*CHURN)), "x.ipynb")
    assert re.findall(r"href|url\(|<script|@import", svg) == []
    assert svg.count("http") == 1  # the name space
    assert "prefers-color-scheme:dark" in svg


def test_a_run_of_cells_that_are_left_out_is_one_box() -> None:
    root = drawn(*(f"print({number})" for number in range(5)), "a = 1")
    assert "0–4" in [each.text for each in root.iter(f"{SVG}text")]
    assert "5 cells" in [each.text for each in root.iter(f"{SVG}text")]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Box], list[Link], int]:
    lanes = draw(st.integers(1, 4))
    count = draw(st.integers(1, 14))
    boxes = [
        Box(str(n), draw(st.integers(0, lanes - 1)), 200.0, draw(st.sampled_from([28.0, 60.0]))) for n in range(count)
    ]
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    wanted = draw(st.sets(pairs, max_size=30))
    links = [Link(str(a), str(b), "name", 40.0, 20.0) for a, b in sorted(wanted) if a < b]
    return boxes, links, lanes


def sides(layout: Layout) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Return each straight piece of each line, with its trunk."""
    return [
        (line.link.trunk, (min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])))
        for line in layout.lines
        for a, b in itertools.pairwise(line.points)
    ]


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_lines_cross_no_box_and_lie_on_no_other_cells_lines(graph: tuple[list[Box], list[Link], int]) -> None:
    boxes, links, lanes = graph
    layout = laid_out(boxes, links, lanes)
    rooms = [
        (each.x + 1, each.y + 1, each.x + each.box.width - 1, each.y + each.box.height - 1) for each in layout.boxes
    ]
    for _, side in sides(layout):
        assert not any(
            side[0] < r[2] and r[0] < side[2] + 0.1 and side[1] < r[3] and r[1] < side[3] + 0.1 for r in rooms
        )
    for (one, a), (other, b) in itertools.combinations(sides(layout), 2):
        if one == other:
            continue
        level = a[1] == a[3] == b[1] == b[3] and min(a[2], b[2]) - max(a[0], b[0]) > 0.1
        upright = a[0] == a[2] == b[0] == b[2] and min(a[3], b[3]) - max(a[1], b[1]) > 0.1
        assert not level
        assert not upright


@settings(max_examples=50, deadline=None)
@given(graphs())
def test_every_link_goes_down_and_boxes_of_a_lane_follow_their_order(graph: tuple[list[Box], list[Link], int]) -> None:
    boxes, links, lanes = graph
    layout = laid_out(boxes, links, lanes)
    assert all(line.points[0][1] < line.points[-1][1] for line in layout.lines)
    for lane in range(lanes):
        ys = [each.y for each in layout.boxes if each.box.lane == lane]
        assert ys == sorted(set(ys))


@pytest.mark.parametrize(
    ("text", "shown"),
    [("short", "short"), ("a" * 40, "a" * 15 + "…"), ("字" * 20, "字" * 7 + "…"), ("tab\there", "tab here"), ("", "")],
)
def test_texts_are_cut_to_their_room(text: str, shown: str) -> None:
    assert elided(text, 100.0, 10.0) == shown
    assert mono_width(elided(text, 100.0, 10.0), 10.0) <= 100


def test_the_graph_in_the_docs_is_the_one_that_is_drawn() -> None:
    root = Path(__file__).parent.parent.parent
    notebook = root / "example_notebooks" / "churn.ipynb"
    drawn = graph_svg(explain(open_notebook(notebook)), notebook.name)
    assert (root / "docs" / "images" / "churn.svg").read_text(encoding="utf-8") == drawn
