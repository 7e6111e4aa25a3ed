"""The page of `nbdeploy edge` in Chromium, without a network: its answers are the notebook's, its refusals the service's."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from nbdeploy.analysis.values import ColumnSpec, Kind, Schema
from nbdeploy.errors import EnvironmentProblem, GateError, UsageError
from nbdeploy.operating.edge import export_page
from nbdeploy.operating.edge_runtime import FILES
from nbdeploy.proving.portable_process import _difference
from nbdeploy.proving.whole_path import whole_graph
from tests.packaging.packages import write_package

if TYPE_CHECKING:
    from tests.conftest import Recorded

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]
AXE = Path(__file__).resolve().parents[2] / "extension" / "node_modules" / "axe-core" / "axe.min.js"

TABLE = Schema(
    kind=Kind.TABLE,
    type="pandas.DataFrame",
    rows=4,
    shape=(4, 6),
    columns=(
        ColumnSpec("age", "float64", nullable=True),
        ColumnSpec("size", "float32"),
        ColumnSpec("rooms", "int8"),
        ColumnSpec("member", "bool"),
        ColumnSpec("port", "str"),
        ColumnSpec("note", "str", nullable=True, required=False),
    ),
)
ANSWER = Schema(
    kind=Kind.TABLE,
    type="pandas.DataFrame",
    rows=4,
    shape=(4, 2),
    columns=(ColumnSpec("score", "float64"), ColumnSpec("call", "bool")),
)
PREDICT = """
import numpy as np
import pandas as pd

def predict(df):
    area = df["size"].astype("float64") * df["rooms"]
    score = df["age"].fillna(40.5) + area + np.where(df["port"] == "S", 0.25, -1.0) + df["member"]
    return pd.DataFrame({"score": score, "call": score > 45})
"""
ROW: dict[str, Any] = {"age": 31.5, "size": 0.1, "rooms": 3, "member": True, "port": "S"}
ROWS = [
    ROW,
    {**ROW, "age": None, "port": "C"},
    {**ROW, "rooms": -7, "member": False},
    {**ROW, "size": 1e30, "note": "x"},
]
ODD: list[Any] = [
    {**ROW, "age": "old"},
    {**ROW, "age": True},
    {**ROW, "size": None},
    {**ROW, "rooms": 2.5},
    {**ROW, "rooms": 200},
    {**ROW, "rooms": "3"},
    {**ROW, "member": 1},
    {**ROW, "member": None},
    {**ROW, "port": 7},
    {**ROW, "port": "it's", "rooms": [1, "a", None, {"b": False}]},
    {**ROW, "note": 1},
    {key: ROW[key] for key in ("age", "size")},
    {**ROW, "somewhere over the rainbow": 1},
    3,
    None,
    [1],
]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Write a package with a graph of all that its `predict` does."""
    folder = tmp_path_factory.mktemp("table")
    gates = [{"name": "portable", "verdict": "pass", "figures": {}}]
    examples = [{"request": {"rows": [each]}} for each in ROWS]
    contract = {"name": "table", "module": "edge_table", "version": "3", "gates": gates, "examples": examples}
    contract |= {"input": TABLE.as_json(), "output": ANSWER.as_json()}
    write_package(folder, "edge_table", PREDICT, TABLE, ANSWER, extra={"contract.json": json.dumps(contract)})
    sys.path.insert(0, str(folder))
    package = importlib.import_module("edge_table")
    rows = importlib.import_module("edge_table.schema").parse_rows([{"note": None, **each} for each in ROWS])
    rows = pd.concat(
        [rows.drop(columns="note").assign(age=np.float64(each)) for each in (30.0, np.nan)], ignore_index=True
    )
    graph = whole_graph(package.predict, "edge_table", rows, {}, lambda a, b, what: _difference(a, b, 1e-9, what))
    (folder / "edge").mkdir()
    (folder / "edge" / "predict.onnx").write_bytes(graph.content)
    (folder / "edge" / "signature.json").write_text(json.dumps({"inputs": graph.inputs, "outputs": graph.outputs}))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Any]]:
    """Return a function that exports a package's page and opens it in a browser that reaches nothing else."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None or not shutil.which("npm"):
        pytest.skip("there is no Chromium or no npm on this machine: apt-get install chromium npm")
    with pytest.MonkeyPatch.context() as patched, playwright.sync_playwright() as started:
        patched.setenv("NBDEPLOY_HOME", str(tmp_path_factory.mktemp("home")))
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with ServedFolders() as served:

            def opened(package: Path) -> Any:
                folder = served.folder / package.name
                if not folder.exists():
                    try:
                        export_page(package, folder)
                    except EnvironmentProblem as problem:
                        pytest.skip(f"onnxruntime-web can't be had from here: {problem}")
                page = browser.new_page(color_scheme="dark")
                page.route("**", lambda route: route.continue_() if served.url in route.request.url else route.abort())
                page.on("pageerror", lambda error: pytest.fail(str(error)))
                page.goto(f"{served.url}/{package.name}/")
                page.wait_for_selector("form[data-ready]")
                return page

            yield opened
        browser.close()


class ServedFolders:
    """A plain web server for a folder, as any host of static files is one."""

    def __enter__(self) -> ServedFolders:
        import tempfile

        self.folder = Path(tempfile.mkdtemp(prefix="nbdeploy-pages-"))
        quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(self.folder)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.folder)


ASK = """
rows => import("./predict.js").then(({predict}) => predict(rows)).catch(({problems, message}) => ({problems, message}))
"""


@pytest.mark.slow
def test_the_browser_answers_every_recorded_row_as_the_notebook_did(
    pages: Callable[[Path], Any], recordings: Callable[[str], Recorded]
) -> None:
    proven = recordings("house_prices").proven
    found = pages(proven.folder).evaluate(ASK, proven.requests["rows"])
    assert found == pytest.approx(proven.requests["predictions"], rel=1e-12)


@pytest.mark.slow
def test_the_browser_answers_a_table_as_the_package_does(pages: Callable[[Path], Any], table: Path) -> None:
    schema = importlib.import_module("edge_table.schema")
    wanted = schema.answer(importlib.import_module("edge_table").predict(schema.parse_rows(ROWS)))
    found = pages(table).evaluate(ASK, ROWS)
    assert found == [{**each, "score": pytest.approx(each["score"], rel=1e-12)} for each in wanted]
    assert {type(each["call"]) for each in found} == {bool}
    assert pages(table).evaluate(ASK, []) == []


@pytest.mark.slow
def test_the_browser_refuses_what_the_service_refuses_in_the_same_words(
    pages: Callable[[Path], Any], table: Path
) -> None:
    schema = importlib.import_module("edge_table.schema")
    page = pages(table)
    for rows in (*([each] for each in ODD), [ROW, *ODD[:4]], ROW, "rows"):
        with pytest.raises(schema.BadRequest) as refused:
            schema.parse_rows(rows)
        assert page.evaluate(ASK, rows) == {"problems": refused.value.problems, "message": str(refused.value)}


@pytest.mark.slow
def test_the_form_works_by_keyboard_and_says_what_is_wrong_at_the_field(
    pages: Callable[[Path], Any], table: Path
) -> None:
    page = pages(table)
    assert [each.inner_text() for each in page.locator("label").all()] == ["age", "size", "rooms", "member", "port"]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "field-0"
    page.keyboard.press("Enter")
    page.wait_for_selector("dd")
    assert page.locator("dd").all_inner_texts()[1] == "false"
    page.keyboard.press("Control+A")
    page.keyboard.type("fifty")
    page.keyboard.press("Enter")
    page.wait_for_selector("[aria-invalid]")
    assert page.locator("#field-0-fault").inner_text() == "'fifty' is not a number"
    page.keyboard.press("Control+A")
    page.keyboard.type("50")
    page.keyboard.press("Enter")
    page.wait_for_selector("dd")
    assert page.locator("[aria-invalid]").count() == 0
    assert page.locator("dd").all_inner_texts()[1] == "true"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_can_be_read_by_everyone(pages: Callable[[Path], Any], table: Path, scheme: str) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not here (make extension)")
    page = pages(table)
    page.emulate_media(color_scheme=scheme)
    page.locator("#field-2").fill("many")
    page.locator("button[type=submit]").click()
    page.wait_for_selector("[aria-invalid]")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    assert [each["id"] for each in found["violations"]] == []


def test_the_page_may_lie_in_the_package_itself_and_is_written_again_over_itself(table: Path, tmp_path: Path) -> None:
    package, runtime = tmp_path / "package", tmp_path / "dist"
    shutil.copytree(table, package)
    runtime.mkdir()
    for name in FILES:
        (runtime / name).write_text("stands for it")
    first = export_page(package, package / "edge", runtime)
    assert export_page(package, package / "edge", runtime) == first
    assert (first.folder, first.name, first.version) == (package / "edge", "table", "3")
    assert sorted(each.name for each in first.folder.iterdir()) == [
        "README.md",
        "index.html",
        "page.js",
        "predict.js",
        "predict.onnx",
        "runtime",
        "schema.json",
        "signature.json",
        "style.css",
    ]


def test_a_package_without_a_graph_says_which_line_stood_in_the_way(table: Path, tmp_path: Path) -> None:
    package = tmp_path / "package"
    shutil.copytree(table, package, ignore=shutil.ignore_patterns("edge"))
    contract = json.loads((package / "contract.json").read_text())
    contract["gates"][0]["figures"] = {"whole_path": {"reason": "cell 6, `df.loc[3]`: it has no form in a graph"}}
    (package / "contract.json").write_text(json.dumps(contract))
    with pytest.raises(GateError, match=r"NBD670[\s\S]*cell 6, `df.loc\[3\]`"):
        export_page(package, tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_a_folder_of_somebody_else_is_left_alone_and_a_runtime_must_be_whole(table: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="NBD672"):
        export_page(table, tmp_path)
    with pytest.raises(EnvironmentProblem, match="NBD671"):
        export_page(table, tmp_path / "page", tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]
