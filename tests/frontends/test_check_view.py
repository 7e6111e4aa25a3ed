"""A check as people read it."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from nbdeploy.analysis.explanation import explain
from nbdeploy.checking import CheckResult
from nbdeploy.errors import Diagnostic, Severity
from nbdeploy.frontends.check_view import check_html, check_text, print_checks, span
from nbdeploy.frontends.rendering import written
from tests.analysis.notebooks import program_of
from tests.analysis.test_explanation import CHURN


def finding(
    message: str = "it is `bad`", *, line: int | None = 1, cell: int | None = 0, code: str = "NBD101"
) -> Diagnostic:
    return Diagnostic(code=code, message=message, fix="mend it", cell=cell, line=line, severity=Severity.WARNING)


def result(*findings: Diagnostic, source: str = "x = bad(1)") -> CheckResult:
    return CheckResult("a.ipynb", findings, sources=(source,))


def told(*findings: Diagnostic, source: str = "x = bad(1)") -> list[str]:
    return [line.rstrip() for line in check_text(result(*findings, source=source)).splitlines()]


def test_a_finding_has_its_place_its_line_with_a_mark_and_its_fix() -> None:
    assert told(finding())[:5] == [
        "a.ipynb:0:1 warning NBD101",
        "  it is bad",
        "    1 │ x = bad(1)",
        "      │     ^^^",
        "  fix: mend it",
    ]


@pytest.mark.parametrize(
    ("message", "line", "marked"),
    [
        ("'df' is changed", "df['a'] = df.b", "df"),
        ("`fit` trains", "    model.fit(X)", "fit"),
        ("'nothing' of it", "    model.fit(X)", "model.fit(X)"),
        ("'fit' as a word", "fitted = fit(x)", "fit"),
        ("an odd ` mark", "a = 1", "a = 1"),
    ],
)
def test_the_mark_is_under_what_the_message_quotes(message: str, line: str, marked: str) -> None:
    start, end = span(finding(message), line)
    assert line[start:end] == marked
    if marked == "fit" and line.startswith("fitted"):
        assert start == line.index("= ") + 2


@pytest.mark.parametrize(("cell", "line"), [(None, None), (0, None), (7, 1), (0, 9), (0, 2)])
def test_without_a_line_to_show_nothing_is_shown(cell: int | None, line: int | None) -> None:
    assert not [each for each in told(finding(cell=cell, line=line), source="x = 1\n\n") if "│" in each]


def test_a_mark_far_to_the_right_and_wide_letters_stay_in_sight() -> None:
    lines = told(finding(), source=f"text = {'字' * 90!r} + bad(1)")
    shown, mark = (each for each in lines if "│" in each)
    assert "bad(1)" in shown
    assert mark.count("^") == 3
    assert cell_len(shown.partition("bad(")[0]) == len(mark.partition("^")[0])


def test_the_third_finding_of_a_code_on_is_a_place() -> None:
    lines = told(*(finding(line=line) for line in range(1, 6)), source="bad\n" * 5)
    assert [line for line in lines if line.startswith("a.ipynb")] == [
        "a.ipynb:0:1 warning NBD101",
        "a.ipynb:0:2 warning NBD101",
    ]
    assert "NBD101 3 more at 0:3, 0:4, 0:5" in lines


def test_the_table_gives_each_cell_its_part_and_folds_what_is_left_out() -> None:
    program = program_of(*CHURN, "print(1)", "print(2)", "print(3)")
    text = check_text(CheckResult("a.ipynb", (), explain(program)))
    rows = {line.split()[0]: line.split()[1] for line in text.splitlines() if line.strip()[:1].isdecimal()}
    assert rows["5"] == "served"
    assert rows["8"] == "frozen"
    assert rows["11-13"] == "unused"
    assert "Assumed without a run: the input is df; the output is answer; X_test is rows of X." in " ".join(
        text.split()
    )
    assert text.endswith("nothing stands in the way of a deploy")


def test_an_untagged_notebook_gets_its_proposals() -> None:
    program = program_of("X = load()", "model = M()\nmodel.fit(X)", "y = model.predict(X)")
    text = check_text(CheckResult("a.ipynb", (), explain(program)))
    assert "No cell is tagged predict: nothing is served yet." in text
    assert "cell 2 calls model.predict: tag it predict" in text


def test_several_notebooks_are_a_line_each() -> None:
    error = Diagnostic(code="NBD201", message="no")
    info = Diagnostic(code="NBD125", message="by the way", severity=Severity.INFO)
    results = [result(), result(finding(), finding(), info), result(error, finding())]
    assert written(lambda console: print_checks(results, console)).splitlines() == [
        "✓ a.ipynb",
        "! a.ipynb  NBD101  1 info",
        "✗ a.ipynb  NBD201  NBD101",
        "3 notebooks, 2 without errors: 1 error, 3 warnings, 1 info",
    ]


def test_in_a_notebook_it_is_html_and_the_users_text_stays_text() -> None:
    html = check_html(result(finding("it is `<bad>`"), source="x = '<b>' + bad"))
    assert "<code" in html
    assert "&lt;bad&gt;" in html
    assert "&#x27;&lt;b&gt;&#x27;" in html
    assert "<b>'" not in html
