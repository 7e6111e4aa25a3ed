"""The report: every figure of it is on the page, with words and a unit, and nothing on the page comes from elsewhere."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.proving.figures import KNOWN, figures_of, shown_number
from nbdeploy.proving.report import Data, Form, FrozenValue, Report, ServedCell, whole_proof
from nbdeploy.proving.report_page import SHOWS, headline, notebook_html, report_html
from nbdeploy.proving.seal import seal
from nbdeploy.proving.verdict import GATES
from tests.proving.contracts import DIGEST, changed

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = '<script>alert("x")</script> & {{ 7 * 7 }}.ipynb'
VOID = {"meta", "br", "link", "hr", "img", "input"}


def gate(name: str, verdict: str = "pass", reason: str = "", **figures: Any) -> dict[str, Any]:
    return {"name": name, "verdict": verdict, "reason": reason, "figures": figures}


REPORT = Report(
    name="risk",
    version="3",
    notebook="risk.ipynb",
    made="2026-01-02T03:04:05+00:00",
    python="3.11.2",
    platform="Linux",
    gates=whole_proof(
        [
            gate("faithful", reason="375 rows", rows=375, largest_difference=2.5e-16, seconds=0.0398),
            gate("portable", model={"way": "double", "flips": 0, "size_ratio": 0.0258}),
            gate("robust", "fail", "it broke", statuses={"200": 59, "none": 1}, slowest_ms=2142.4),
            gate("budget", p99_ms=36.53, rps=39.3, budget={"p99_ms": 500.0}, a_new_figure_ms=7.25),
        ]
    ),
    path=(
        ServedCell(4, "preprocess", "X = df[['a', 'b']] < 3", ("medians",)),
        ServedCell(9, "predict", "y = f(X)", ()),
    ),
    frozen=(
        FrozenValue(
            "medians", "artifact", "dict", 3, file="artifacts/medians.json", format="json", bytes=1543, sha256="a" * 64
        ),
        FrozenValue("THRESHOLD", "constant", "float", 1, literal="0.3"),
    ),
    input=Form("df", "pandas.DataFrame (375, 2)", 375, (("a", "float64"), ("b", "str"))),
    output=Form("y", "numpy.ndarray (375,)", 375, (("", "float64"),)),
    bindings={"X_test": "X"},
    data=(Data("df", 1500, 11, "b" * 64),),
    metrics={"accuracy": 0.8125},
    packages={"pandas": "3.1.1", "scikit-learn": "1.9.1"},
    locked=42,
    hashed=True,
    seconds={"record": 8.07, "prove": 54.2, "total": 74.5},
    places={"bento": "risk:3"},
    diagnostics=(
        {"code": "NBD110", "severity": "warning", "cell": 2, "line": 1, "message": "no seed", "fix": "seed it"},
    ),
)


class Page(HTMLParser):
    """The elements of a page, its texts, and what is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def tags(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in names]


def test_the_page_is_whole_and_comes_from_nowhere_else() -> None:
    text = report_html(REPORT)
    page = Page(text)
    assert page.open == []
    assert text.startswith("<!doctype html>")
    assert not page.tags("script", "link", "img", "iframe", "object")
    assert not re.findall(r"https?:|url\(|@import|//[a-z]", text)
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    (policy,) = [each for each in page.tags("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_the_page_can_be_read_by_all() -> None:
    text = report_html(REPORT)
    page = Page(text)
    assert page.tags("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert page.tags("th")
    assert all(each.get("scope") in {"col", "row"} for each in page.tags("th"))
    names = [each["id"] for each in page.tags("h2")]
    assert [each["aria-labelledby"] for each in page.tags("section") if "aria-labelledby" in each] == names
    for words in ("prefers-color-scheme: dark", "@media print", "max-width: 36rem"):
        assert words in text


def test_all_ten_gates_are_there_and_those_that_were_not_asked_say_why() -> None:
    page = Page(report_html(REPORT))
    assert [each["name"] for each in REPORT.gates] == list(GATES)
    assert [text for text in page.texts if text in GATES][: len(GATES)] == list(GATES)
    assert page.text.count("not asked: robust failed") == 6
    assert set(SHOWS) == set(GATES)
    assert headline(REPORT) == "3 of 10 gates passed, 1 failed and let pass, 6 skipped."


def test_every_figure_of_the_json_is_on_the_page_with_what_it_measures() -> None:
    page = Page(report_html(REPORT))
    for gate in json.loads(json.dumps(REPORT.as_json()))["gates"]:
        for figure in figures_of(gate["figures"]):
            assert f"{figure.what} {figure.value} {figure.unit}".strip() in page.text, figure
    for text in (
        "8.07 s",
        "54.2 s",
        "74.5 s",
        "1,543",
        "0.8125",
        "1,500",
        "3.1.1",
        "a" * 64,
        "b" * 64,
        "0.3",
        "NBD110",
    ):
        assert text in page.text


@pytest.mark.parametrize(
    ("figures", "what", "value", "unit"),
    [
        ({"p99_ms": 36.53}, "99th percentile of latency, 1 client", "36.53", "ms"),
        ({"budget": {"p99_ms": 500.0}}, "limit asked for: 99th percentile of latency, 1 client", "500", "ms"),
        (
            {"ratio_to_last": {"p99_ms": 1.5}},
            "ratio to the version before: 99th percentile of latency, 1 client",
            "1.5",
            "times",
        ),
        ({"model": {"flips": 0}}, "model: rows whose class changed", "0", ""),
        ({"statuses": {"none": 1}}, "connections without an answer", "1", ""),
        ({"wait_ms": 1.25}, "wait ms", "1.25", "ms"),
        ({"largest_difference": None}, "largest difference of two numbers", "–", ""),
        ({"positions": [3, 8]}, "rows that are answered otherwise", "3, 8", ""),
        ({"statements": [{"code": "x"}]}, "statements, 1: code", "x", ""),
        (
            {"segments": {"age < 3.5": {"low": -0.5}}},
            "segments, age < 3.5: lower end of the interval of the difference",
            "-0.5",
            "",
        ),
    ],
)
def test_a_figure_says_what_was_measured_and_its_unit(figures: Any, what: str, value: str, unit: str) -> None:
    (found,) = figures_of(figures)
    assert (found.what, found.value, found.unit) == (what, value, unit)


@pytest.mark.parametrize(
    ("number", "text"),
    [(375, "375"), (1500, "1,500"), (500.0, "500"), (0.0398, "0.0398"), (2.775e-16, "2.78e-16"), (9978.94, "9,978.94"),
     (0.0, "0"), (float("inf"), "inf"), (1.5e20, "1.50e20"), (-0.25, "-0.25")],
)  # fmt: skip
def test_numbers_are_written_as_people_read_them(number: float, text: str) -> None:
    assert shown_number(number) == text


def test_the_words_of_figures_are_no_names_of_variables() -> None:
    assert [what for what, _ in KNOWN.values() if "_" in what] == []


def test_what_a_user_wrote_is_text_and_never_markup() -> None:
    hostile = replace(
        REPORT,
        notebook=HOSTILE,
        name=HOSTILE,
        path=(ServedCell(0, "predict", HOSTILE, (HOSTILE,)),),
        frozen=(FrozenValue(HOSTILE, "constant", HOSTILE, 0, literal=HOSTILE),),
        bindings={HOSTILE: HOSTILE},
        gates=whole_proof([gate("faithful", reason=HOSTILE, **{HOSTILE: HOSTILE})]),
    )
    for text in (report_html(hostile), notebook_html(hostile, [(HOSTILE, HOSTILE)], [HOSTILE])):
        assert "<script" not in text
        assert "{{ 7 * 7 }}" in Page(text).text
        assert "49" not in Page(text).text.replace("74.5", "")


def test_a_notebook_shows_the_same_gates_and_what_to_do_next() -> None:
    page = Page(notebook_html(REPORT, [("package", "p/3")], ["nbdeploy serve risk"]))
    assert page.open == []
    assert page.text.startswith("risk 3 is deployed. 3 of 10 gates passed")
    assert "nbdeploy serve risk" in page.text
    assert not page.tags("script", "link", "h1", "h2")


def test_a_package_gets_the_report_and_the_whole_proof(tmp_path: Path) -> None:
    (tmp_path / "notebook").mkdir()
    (tmp_path / "contract.json").write_text(json.dumps(changed(model={"digest": DIGEST, "artifacts": {}}, metric=None)))
    odd = replace(REPORT, gates=whole_proof([gate("faithful", worst=float("nan"))]))
    seal(tmp_path, odd)
    contract = json.loads((tmp_path / "contract.json").read_text())
    assert (contract["version"], len(contract["gates"]), contract["gates"][1]["figures"]) == ("3", 10, {"worst": None})
    told = json.loads((tmp_path / "notebook" / "report.json").read_text(), parse_constant=pytest.fail)
    assert (told["report"], told["name"], told["gates"]) == (1, "risk", contract["gates"])
    assert (tmp_path / "notebook" / "report.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "HANDOVER.md").read_text().startswith("# Handover: risk, version 3")
    assert sorted(each.name for each in tmp_path.rglob("*") if each.is_file()) == [
        "HANDOVER.md",
        "contract.json",
        "report.html",
        "report.json",
    ]
