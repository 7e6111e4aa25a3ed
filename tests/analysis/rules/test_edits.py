"""Edits in the sources of cells."""

from __future__ import annotations

import pytest

from nbdeploy.analysis.rules.edits import apply_edits, compatible_edits, edited_cells
from nbdeploy.errors import Diagnostic, Edit, NewCell


def test_edits_are_made_in_their_places_whatever_their_order() -> None:
    edits = [
        Edit(0, 1, 4, 1, 5, "two"),
        Edit(0, 1, 0, 1, 1, "b"),
        Edit(1, 2, 0, 2, 1, "z"),
        Edit(0, 1, 5, 1, 5, " + 1"),
    ]
    assert apply_edits(["a = 1", "x\ny"], edits) == ["b = two + 1", "x\nz"]


def test_an_edit_may_reach_over_lines() -> None:
    assert apply_edits(["f(\n  1,\n)"], [Edit(0, 1, 2, 3, 0, "2")]) == ["f(2)"]


def test_a_new_cell_stands_in_front_and_the_others_keep_their_index() -> None:
    edits = [NewCell(1, "k = 1"), Edit(1, 1, 0, 1, 1, "k")]
    assert edited_cells(["a", "b", "c"], edits) == [(0, "a"), (None, "k = 1"), (1, "k"), (2, "c")]


def test_the_same_edit_twice_is_made_once() -> None:
    edits = [NewCell(0, "k = 1"), NewCell(0, "k = 1")]
    assert apply_edits(["a"], edits) == ["k = 1", "a"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_python_counts_them(newline: str) -> None:
    assert apply_edits([f"a{newline}b\x0c{newline}c"], [Edit(0, 3, 0, 3, 1, "d")]) == [f"a{newline}b\x0c{newline}d"]


def test_overlapping_edits_are_refused() -> None:
    with pytest.raises(ValueError, match="two edits overlap"):
        apply_edits(["abc"], [Edit(0, 1, 0, 1, 2, "x"), Edit(0, 1, 1, 1, 3, "y")])


def test_an_edit_outside_its_cell_is_refused() -> None:
    with pytest.raises(ValueError, match="line 3, column 0 is outside the cell"):
        apply_edits(["a"], [Edit(0, 3, 0, 3, 0, "x")])


def test_of_two_findings_that_edit_one_place_the_first_wins_whole() -> None:
    first = Diagnostic(code="A", message="", edits=(Edit(0, 1, 0, 1, 2, "x"),))
    second = Diagnostic(code="B", message="", edits=(NewCell(0, "n"), Edit(0, 1, 1, 1, 3, "y")))
    third = Diagnostic(code="C", message="", edits=(Edit(0, 1, 3, 1, 4, "z"),))
    assert compatible_edits([first, second, third]) == (*first.edits, *third.edits)


def test_edits_are_told_in_json() -> None:
    finding = Diagnostic(code="A", message="m", edits=(Edit(1, 2, 3, 4, 5, "x"), NewCell(6, "y")))
    assert finding.as_json()["edits"] == [
        {"cell": 1, "line": 2, "column": 3, "end_line": 4, "end_column": 5, "text": "x"},
        {"before": 6, "source": "y"},
    ]
