"""The page that a stopped deploy leaves: what was seen, where it lies, and what it must not show."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.errors import Diagnostic, GateError, UsageError
from nbdeploy.proving.report import FrozenValue, ServedCell, whole_proof
from nbdeploy.proving.report_page import report_html
from nbdeploy.proving.stopped import KEPT, check_report_place, hand_out, leave_report
from tests.proving.test_report import REPORT, Page, gate

if TYPE_CHECKING:
    from pathlib import Path

STATEMENTS = [
    {
        "place": [4, 2],
        "code": "X['Age'] = X['Age'].fillna(df.Age.median())",
        "name": "X",
        "columns": [{"column": "Age", "row": 17, "among": "28.0", "apart": "nan"}],
    },
    {"place": [9, 1], "code": "y = f(X)", "name": "y", "columns": [], "error": "ValueError: one row"},
]


def stopped(name: str = "rowwise", **figures: Any) -> GateError:
    error = GateError(Diagnostic(code="NBD510", cell=4, line=2, message="row 17 alone", fix="--freeze 4:2"))
    error.gates = whole_proof([gate("reproduce"), gate("faithful"), gate(name, "fail", "row 17 alone", **figures)])
    error.gate = name
    return error


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.mark.parametrize(
    "figures",
    [
        {"statements": STATEMENTS, "positions": [17]},
        {"mismatches": 1, "apart": {"statements": STATEMENTS, "positions": [17]}},
    ],
    ids=["rowwise", "faithful"],
)
def test_the_page_shows_rows_statement_and_fix_of_the_gate_that_failed(data: Path, figures: Any) -> None:
    place = leave_report(REPORT, stopped(**figures), None)
    assert place.parent == data / "failed" / "risk"
    page = Page(place.read_text(encoding="utf-8"))
    assert page.open == []
    for told in (
        "Not deployed: rowwise failed, after 2 of 10 gates had passed.",
        "Cell 4, line 2 X['Age'] = X['Age'].fillna(df.Age.median())",
        "Age 17 28.0 nan",
        "fails with these rows alone: ValueError: one row",
        "NBD510 cell 4, line 2: row 17 alone --freeze 4:2",
        "rows that are answered otherwise 17",
        "no seed",
    ):
        assert told in page.text
    assert page.text.index("--freeze 4:2") < page.text.index("The proof")
    assert "let pass" not in page.text
    levels = [int(tag[1]) for tag, _ in page.elements if tag in {"h1", "h2", "h3"}]
    assert levels.count(1) == 1


def test_it_lies_where_it_was_asked_for(tmp_path: Path, data: Path) -> None:
    asked = tmp_path / "new" / "page.html"
    assert leave_report(REPORT, stopped(), asked) == asked
    assert "row 17 alone" in asked.read_text(encoding="utf-8")
    assert not data.exists()


def test_no_more_than_the_last_pages_are_kept(data: Path) -> None:
    folder = data / "failed" / "risk"
    for number in range(KEPT + 3):
        leave_report(replace(REPORT, made=f"2026-01-02T03:04:{number:02}+00:00"), stopped(), None)
    kept = sorted(each.name[:15] for each in folder.iterdir())
    assert (len(kept), kept[0], kept[-1]) == (KEPT, "20260102T030403", f"20260102T0304{KEPT + 2}")


def test_no_secret_of_the_served_code_is_on_the_page(tmp_path: Path) -> None:
    key, word = "ghp_" + "a1B2c3D4e5F6" * 3, "xK9#mQ2vL7&pR4z"
    report = replace(
        REPORT,
        path=(ServedCell(0, "predict", f"headers = {{'token': '{key}'}}", ()),),
        frozen=(FrozenValue("password", "constant", "str", 0, literal=repr(word)),),
    )
    place = leave_report(report, stopped(examples=[f"row 3: {key}"]), tmp_path / "page.html")
    text = Page(place.read_text(encoding="utf-8")).text
    assert key[:8] not in text
    assert word not in text
    assert "ghp…" in text


def test_a_place_that_can_take_no_page_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check_report_place(None)
    check_report_place(tmp_path / "new" / "page.html")
    for wrong in (tmp_path, tmp_path / "file" / "page.html"):
        with pytest.raises(UsageError, match=r"NBD569 the report can't be written to .*: a file is needed"):
            check_report_place(wrong)
    with pytest.raises(UsageError, match="NBD569"):
        hand_out(REPORT, tmp_path / "file" / "page.html")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file"]


def test_the_report_of_what_is_deployed_is_handed_out_too(tmp_path: Path) -> None:
    hand_out(REPORT, None)
    hand_out(REPORT, tmp_path / "new" / "page.html")
    assert (tmp_path / "new" / "page.html").read_text(encoding="utf-8") == report_html(REPORT)


def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o500)
    if os.geteuid() == 0:  # who may write everywhere
        monkeypatch.setattr(os, "access", lambda *asked: False)
    with pytest.raises(UsageError, match=r"NBD569 .* is not writable"):
        check_report_place(tmp_path / "page.html")
