"""The sidebar in a real JupyterLab, driven in Chromium by mouse and keyboard."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "nbdeploy" / "labextension"
AXE = ROOT / "extension" / "node_modules" / "axe-core" / "axe.min.js"
IMAGES = ROOT / "docs" / "images"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
WIDTH = 251  # pixels: what JupyterLab gives a sidebar at first, and all that this one needs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BUILT / "package.json").is_file(), reason="the sidebar is not built here (make extension)"),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
]

CELLS = (
    ("markdown", [], "# Iris"),
    ("code", ["parameters", "kept"], "seed = 1"),
    (
        "code",
        [],
        (
            "from sklearn.datasets import load_iris\nfrom sklearn.model_selection import train_test_split\n"
            "X, y = load_iris(return_X_y=True, as_frame=True)\nX_train, X_test, y_train, y_test = train_test_split(X, y)"
        ),
    ),
    (
        "code",
        [],
        "from sklearn.linear_model import LogisticRegression\nmodel = LogisticRegression().fit(X_train, y_train)",
    ),
    ("code", [], "widths = X_test * 1.0"),
    ("code", [], "kinds = model.predict(widths)"),
    ("code", [], "kinds[:3]\n1 / 0"),
)


def document(cells: Any) -> str:
    """Return the text of a notebook with cells of (kind, tags, source)."""
    made = []
    for number, (kind, tags, source) in enumerate(cells):
        code = {"outputs": [], "execution_count": None} if kind == "code" else {}
        metadata = {"tags": tags} if tags else {}
        made.append({"cell_type": kind, "id": f"cell-{number}", "metadata": metadata, "source": source, **code})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": made})


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab, and the folder with its notebooks."""

    url: str
    folder: Path

    def page(self, browser: Any, notebook: str, width: int = 1280, height: int = 900) -> Any:
        """Open a notebook with the sidebar beside it."""
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(20_000)
        page.goto(f"{self.url}/lab/tree/{notebook}?reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=40_000)
        page.wait_for_selector("#nbdeploy-sidebar", state="attached")
        page.get_by_role("tab", name="nbdeploy").click()
        page.wait_for_selector(".nbd-Row[data-part], .nbd-Status[data-checking=checked]")
        return page


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    shutil.copytree(ROOT / "example_notebooks", folder)
    extensions = home / "data" / "labextensions"
    extensions.mkdir(parents=True)
    (extensions / "nbdeploy").symlink_to(BUILT)
    quiet = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false"}')  # the question would lie over the button
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "ServerApp.jpserver_extensions": "{'nbdeploy': True}",
        "ServerApp.root_dir": str(folder),
        "ServerApp.port": str(port),
        "ServerApp.allow_root": "True",
        "ServerApp.open_browser": "False",
        "IdentityProvider.token": "",
        "LabApp.expose_app_in_browser": "True",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
    }
    places = {"CONFIG_DIR": "config", "RUNTIME_DIR": "runtime", "DATA_DIR": "data"}
    environment = {
        **os.environ,
        **{f"JUPYTER_{name}": str(home / place) for name, place in places.items()},
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_NO_CONFIG": "",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"{url}/api", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, (home / "log").read_text()
                time.sleep(0.1)
        yield Lab(url, folder)
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield chromium
        chromium.close()


def row(page: Any, number: int) -> Any:
    """Return the list's row of the cell with this index."""
    return page.locator(f'.nbd-Row:has(.nbd-Row-number:text-is("{number}"))')


def saved_tags(path: Path) -> list[list[str]] | None:
    """The tags of the cells; None at the moment in which Jupyter writes the file, which is not whole then."""
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
    except ValueError:
        return None
    return [each["metadata"].get("tags", []) for each in cells]


def see(page: Any, selector: str, text: str = "") -> Any:
    """Wait until there is an element with the text, and return it."""
    found = page.locator(selector, has_text=text).first
    found.wait_for()
    return found


def test_an_example_is_explained_without_being_run(lab: Lab, browser: Any, request: pytest.FixtureRequest) -> None:
    page = lab.page(browser, "churn.ipynb", height=1000)
    see(page, ".nbd-Status[data-state=ok]", "Ready to deploy")
    roles = page.locator(".nbd-Chip").all_inner_texts()
    assert roles.count("preprocess") == 3
    assert "predict" in roles
    stations = page.locator(".nbd-Station .nbd-Row-number").all_inner_texts()
    frozen = page.locator(".nbd-Frozen").all_inner_texts()
    assert stations == ["6", "10", "14", "20"]
    assert "medians9" in frozen
    assert "model17" in frozen
    assert see(page, ".nbd-Station-line code", "X_test = X").is_visible()
    page.locator(".nbd-Frozen", has_text="model").click()
    page.wait_for_selector('.nbd-Row[aria-selected=true]:has(.nbd-Row-number:text-is("17"))')
    assert page.locator(".jp-Notebook .jp-mod-active").is_visible()
    if request.config.getoption("--regenerate-golden"):
        take_pictures(page)
    page.close()


def take_pictures(page: Any) -> None:
    """Write the pictures of the documentation: light and dark."""
    page.get_by_role("tab", name="File Browser").click()  # a second click folds it
    for theme in ("light", "dark"):
        set_theme(page, theme)
        row(page, 10).click()
        page.locator(".nbd-Scroll").evaluate("each => each.scrollTop = 0")
        page.wait_for_timeout(900)  # a toolbar that fades in
        page.screenshot(path=IMAGES / f"sidebar-{theme}.png")


def set_theme(page: Any, theme: str) -> None:
    page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme.title()}'}})")
    page.wait_for_selector(f"body[data-jp-theme-light={str(theme == 'light').lower()}]", state="attached")


def test_cells_are_tagged_mended_and_saved(lab: Lab, browser: Any) -> None:
    path = lab.folder / "iris.ipynb"
    path.write_text(document(CELLS))
    page = lab.page(browser, path.name)
    see(page, ".nbd-Status[data-state=hint]", "Select the cell that makes the predictions")
    # By mouse.
    row(page, 5).click()
    page.get_by_role("button", name="predict", exact=True).click()
    see(page, ".nbd-Chip[data-role=predict]")
    page.locator(".jp-Cell[data-nbdeploy-role=predict]").wait_for(state="attached")
    # By keyboard: up to the cell before, and a role by its key; undone and done again.
    page.locator(".nbd-Cells").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("1")
    see(page, ".nbd-Chip[data-role=preprocess]")
    page.keyboard.press("Control+z")
    page.locator(".nbd-Chip[data-role=preprocess]").wait_for(state="detached")
    page.keyboard.press("Control+Shift+z")
    see(page, ".nbd-Chip[data-role=preprocess]")
    # Several at once, a cell with tags of others among them: those stay.
    row(page, 1).click()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("3")
    page.wait_for_function("document.querySelectorAll('.nbd-Chip[data-role=test]').length === 2")
    page.keyboard.press("0")
    page.wait_for_function("document.querySelectorAll('.nbd-Chip[data-role=test]').length === 0")
    # A fix that is certain, at the press of a button.
    finding = see(page, ".nbd-Problem", "train_test_split")
    finding.get_by_role("button", name="Apply fix").click()
    page.locator(".nbd-Problem", has_text="train_test_split").wait_for(state="detached")
    see(page, ".nbd-Path-end", "answer")
    # Settings: half a limit is none yet.
    budget = page.get_by_label("budget")
    budget.fill("p99_ms")
    assert budget.get_attribute("aria-invalid") == "true"
    budget.fill("p99_ms=250.5 memory_mb=900")
    page.get_by_label("output").fill("kinds")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+s")
    deadline = time.monotonic() + 10
    expected = [[], ["parameters", "kept"], [], [], ["preprocess"], ["predict"], []]
    while saved_tags(path) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    assert saved_tags(path) == expected
    settings = json.loads(path.read_text("utf-8"))["metadata"]["nbdeploy"]
    assert settings == {"budget": {"p99_ms": 250.5, "memory_mb": 900}, "output": "kinds"}
    assert "random_state=" in "".join(json.loads(path.read_text("utf-8"))["cells"][2]["source"])
    # A deploy of what is on the screen: it fails in the last cell, and the way there is a click.
    page.get_by_role("button", name="Deploy iris").click()
    see(page, ".nbd-Stage[data-state=running]", "Run the notebook")
    page.wait_for_selector(".nbd-Deploy-state[data-state=failed]", timeout=60_000)
    page.locator(".nbd-Deploy .nbd-Link", has_text="cell 6, line 2").click()
    page.wait_for_selector(".jp-Notebook .jp-mod-active .cm-focused")
    assert "1 / 0" in page.locator(".jp-Notebook .jp-mod-active").inner_text()
    # Another one, that nobody waits for.
    page.get_by_role("button", name="Deploy iris").click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    see(page, ".nbd-Deploy-state[data-state=cancelled]", "nothing is left behind")
    page.close()


def test_a_deployed_version_is_asked_from_a_form(
    lab: Lab, browser: Any, recordings: Callable[[str], Any], request: pytest.FixtureRequest
) -> None:
    from nbdeploy.home import save_deployment

    proven = recordings("churn").proven
    package = str(proven.folder)
    # The package is served as it is: that a Bento of it answers the same is what every deploy proves.
    facts = {"name": "churn", "version": "1", "package": package, "bento_tag": "churn:1", "bento_path": package}
    save_deployment("churn", "1", {**facts, "gates": proven.proof.as_json()})
    page = lab.page(browser, "churn.ipynb")
    see(page, ".nbd-Version", "just now")
    page.get_by_role("button", name="Try churn 1").click()
    see(page, ".nbd-Trial-state", "Starting")
    page.wait_for_selector(".nbd-Trial", timeout=120_000)
    assert page.get_by_label("contract").input_value() == "Month-to-month"
    page.get_by_role("button", name="Ask", exact=True).click()
    see(page, ".nbd-Answer[data-state=ok]", "As the notebook predicted for this row")
    # What the service refuses, it refuses here, too.
    page.get_by_label("monthly_charges").fill("a lot")
    page.keyboard.press("Enter")
    see(page, ".nbd-Answer[data-state=refused]", "monthly_charges")
    page.add_script_tag(path=AXE)
    assert violations(page) == []
    if request.config.getoption("--regenerate-golden"):
        set_theme(page, "light")
        page.get_by_role("button", name="next row").click()
        page.get_by_role("button", name="Ask", exact=True).click()
        see(page, ".nbd-Answer[data-state=ok]")
        page.locator(".nbd-Version").evaluate("each => each.scrollIntoView()")
        page.locator("#nbdeploy-sidebar").screenshot(path=IMAGES / "sidebar-try.png")
    page.get_by_role("button", name="Stop churn 1").click()
    page.locator(".nbd-Trial").wait_for(state="detached")
    page.close()


ROLES = ("preprocess", "predict", "test")


def untagged(example: str) -> tuple[dict[str, Any], dict[int, str]]:
    """Return an example notebook without its roles, each of its cells with a tag of somebody else, and the roles by cell."""
    notebook = json.loads((ROOT / "example_notebooks" / f"{example}.ipynb").read_text("utf-8"))
    roles = {}
    for index, each in enumerate(notebook["cells"]):
        source, tags = "".join(each["source"]), each["metadata"].get("tags", [])
        by_magic = re.match(r"%%(\w+)\n", source)
        for role in {*tags, *(by_magic.groups() if by_magic else ())} & {*ROLES}:
            roles[index] = role
            each["source"] = source.removeprefix(f"%%{role}\n")
        each["metadata"]["tags"] = [*(tag for tag in tags if tag not in ROLES), "kept"]
    return notebook, roles


@pytest.mark.long
@pytest.mark.parametrize("example", ["churn", "house_prices", "reviews"])
def test_an_example_is_tagged_deployed_and_asked_by_clicks_alone(lab: Lab, browser: Any, example: str) -> None:
    notebook, roles = untagged(example)
    path = lab.folder / f"{example}_clicked.ipynb"
    path.write_text(json.dumps(notebook))
    name = notebook["metadata"].get("nbdeploy", {}).get("name", path.stem)
    page = lab.page(browser, path.name)
    see(page, ".nbd-Status[data-state=hint]", "Select the cell that makes the predictions")
    for index, role in roles.items():
        row(page, index).click()
        page.locator(".nbd-Roles").get_by_role("button", name=role, exact=True).click()
        row(page, index).locator(f".nbd-Chip[data-role={role}]").wait_for()
    see(page, ".nbd-Status[data-state=ok]", "Ready to deploy")
    page.get_by_role("button", name=f"Deploy {name}").click()
    see(page, ".nbd-Deploy-state[data-state=running]")
    page.locator(".nbd-Deploy-state:not([data-state=running])").wait_for(timeout=600_000)
    assert page.locator(".nbd-Deploy-state").inner_text() == f"{name} 1 is deployed", page.locator(
        ".nbd-Deploy"
    ).inner_text()
    gates = page.locator(".nbd-Stage[data-gate]")
    assert gates.count() == 10
    assert {gates.nth(at).get_attribute("data-state") for at in range(10)} <= {"done", "skip"}
    page.locator(".nbd-Deploy").get_by_role("button", name=f"Try {name} 1").click()
    page.locator(".nbd-Trial").wait_for(timeout=120_000)
    page.get_by_role("button", name="Ask", exact=True).click()
    see(page, ".nbd-Answer[data-state=ok]", "As the notebook predicted for this row")
    # The tags are in the file, those of others are where they were, and nothing else has changed.
    for index, each in enumerate(notebook["cells"]):
        each["metadata"]["tags"] += [roles[index]] if index in roles else []
    saved = json.loads(path.read_text("utf-8"))
    assert saved_tags(path) == [each["metadata"]["tags"] for each in notebook["cells"]]
    sources = [["".join(each["source"]) for each in document["cells"]] for document in (saved, notebook)]
    assert sources[0] == sources[1]
    page.close()


def test_the_panel_in_the_notebook_answers_beside_a_cell_that_runs(
    lab: Lab, browser: Any, request: pytest.FixtureRequest
) -> None:
    path = lab.folder / "widget.ipynb"
    first = (
        ("code", [], "%load_ext nbdeploy"),
        ("code", [], "%nbdeploy"),
        ("code", [], "import time; time.sleep(900)"),
    )
    path.write_text(document((*first, *CELLS[2:5], ("code", ["predict"], "kinds = model.predict(widths)"))))
    page = lab.page(browser, path.name)
    page.get_by_text("| Idle").wait_for(timeout=60_000)  # what is run before there is a kernel is lost
    run = "jupyterapp.commands.execute('notebook:run-cell-and-select-next')"
    for _ in range(2):
        page.evaluate(run)
    panel = page.locator(".nbd-Widget")
    panel.locator(".nbd-Row[data-part=served]", has_text="model.predict").wait_for(timeout=60_000)
    assert panel.locator(".nbd-Roles").count() == 0, "a kernel can't give roles"
    page.add_script_tag(path=AXE)
    assert violations(page, ".nbd-Widget") == []
    if request.config.getoption("--regenerate-golden"):
        set_theme(page, "light")
        page.wait_for_timeout(500)
        page.locator(".jp-Notebook").screenshot(path=IMAGES / "panel.png")
    page.evaluate(f"void {run}")
    page.wait_for_selector('.jp-InputPrompt:text-is("[*]:")')
    panel.get_by_role("button", name="Deploy widget").click()
    panel.locator(".nbd-Stage[data-state=running]").first.wait_for(timeout=60_000)
    panel.get_by_role("button", name="Cancel", exact=True).click()
    panel.locator(".nbd-Deploy-state[data-state=cancelled]").wait_for(timeout=60_000)
    page.close()


def test_a_kernel_that_dies_takes_no_deploy_of_the_sidebar_along_and_the_panel_says_so(lab: Lab, browser: Any) -> None:
    path = lab.folder / "dead.ipynb"
    first = (
        ("code", [], "%load_ext nbdeploy\nimport os, pathlib\n_ = pathlib.Path('pid').write_text(str(os.getpid()))"),
        ("code", [], "%nbdeploy"),
        ("code", [], "%deploy"),
    )
    slow = ("code", [], "import time; time.sleep(60)")
    path.write_text(document((*first, slow, *CELLS[2:5], ("code", ["predict"], "kinds = model.predict(widths)"))))
    page = lab.page(browser, path.name)
    sidebar, panel = page.locator("#nbdeploy-sidebar"), page.locator(".nbd-Widget")
    run = "jupyterapp.commands.execute('notebook:run-cell-and-select-next')"

    def show_panel() -> None:
        page.get_by_text("| Idle").wait_for(timeout=60_000)
        row(sidebar, 0).click()
        page.evaluate(run)
        page.evaluate(run)
        panel.locator(".nbd-Row[data-part=served]", has_text="model.predict").wait_for(timeout=60_000)

    show_panel()
    kernel = int((lab.folder / "pid").read_text())  # the kernels of the deploys will write theirs
    for each in (panel, sidebar):
        each.get_by_role("button", name="Deploy dead").click()
        each.locator(".nbd-Stage[data-state=running]").first.wait_for(timeout=60_000)
    os.kill(kernel, signal.SIGKILL)
    panel.locator(".nbd-Status[data-state=error]", has_text="The kernel was restarted or has died").wait_for()
    page.get_by_role("button", name="Ok").click()  # JupyterLab has said that the kernel starts again
    assert sidebar.locator(".nbd-Deploy-state").get_attribute("data-state") == "running"
    sidebar.get_by_role("button", name="Cancel", exact=True).click()
    sidebar.locator(".nbd-Deploy-state[data-state=cancelled]").wait_for()
    show_panel()
    panel.get_by_role("button", name="Deploy dead", disabled=False).wait_for()
    # A deploy of the kernel itself is cancelled from its panel, too.
    page.evaluate(f"void {run}")
    panel.get_by_role("button", name="Cancel", exact=True).click()
    panel.locator(".nbd-Deploy-state[data-state=cancelled]").wait_for(timeout=60_000)
    see(page, ".jp-Notebook .jp-OutputArea-output", "interrupted: nothing was deployed")
    page.close()


def violations(page: Any, where: str = "#nbdeploy-sidebar") -> list[Any]:
    """Return what axe objects to."""
    found = page.evaluate(f"axe.run('{where}', {{resultTypes: ['violations']}})")
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]


def test_what_the_sidebar_shows_is_accessible_in_light_and_dark(lab: Lab, browser: Any) -> None:
    page = lab.page(browser, "reviews.ipynb")
    page.add_script_tag(path=AXE)
    row(page, 1).click()
    see(page, ".nbd-Form")
    for theme in ("dark", "light"):
        set_theme(page, theme)
        page.wait_for_timeout(300)
        assert violations(page) == []
    assert page.locator("#nbdeploy-sidebar").evaluate("each => each.clientWidth") <= WIDTH
    assert page.locator(".nbd-Scroll").evaluate("each => each.scrollWidth <= each.clientWidth")
    page.close()


def test_a_wheel_of_a_source_archive_brings_the_sidebar_its_server_side_and_the_panel(tmp_path: Path) -> None:
    # Without Node: the archive holds what was built.
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path), "-t"]
    environment = {**os.environ, "PATH": ""}
    subprocess.run([*build, "sdist"], cwd=ROOT, env=environment, check=True, timeout=60)
    (archive,) = tmp_path.glob("*.tar.gz")
    shutil.unpack_archive(archive, tmp_path, filter="data")
    unpacked = tmp_path / archive.name.removesuffix(".tar.gz")
    subprocess.run([*build, "wheel"], cwd=unpacked, env=environment, check=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    data = {each.partition(".data/data/")[2] for each in names} - {""}
    built = {each.relative_to(BUILT).as_posix() for each in BUILT.rglob("*") if each.is_file()}
    assert data == {"etc/jupyter/jupyter_server_config.d/nbdeploy.json"} | {
        f"share/jupyter/labextensions/nbdeploy/{each}" for each in built
    }
    assert any(each.startswith("static/remoteEntry.") for each in built)
    assert not [each for each in names if each.startswith("nbdeploy/labextension")], "once is enough"
    static = {each.rpartition("/")[2] for each in names if each.startswith("nbdeploy/frontends/static/")}
    assert static == {"panel.js", "panel.css"}
    # JupyterLab itself takes it for whole and fitting.
    zipfile.ZipFile(wheel).extractall(tmp_path / "wheel")
    (data_folder,) = (tmp_path / "wheel").glob("*.data/data/share/jupyter")
    (tmp_path / "none").mkdir()
    own = {"JUPYTER_PATH": str(data_folder), "JUPYTER_DATA_DIR": str(tmp_path / "none"), "JUPYTER_NO_CONFIG": "1"}
    command = [sys.executable, "-m", "jupyter", "labextension", "list"]
    listed = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, timeout=60)
    assert re.search(r"nbdeploy v\S+ .*enabled.* .*OK", listed.stdout + listed.stderr), listed.stderr


KEYS = 15
MILLISECONDS_A_STEP = """async step => {
  const long = [];
  const observer = new PerformanceObserver(seen => long.push(...seen.getEntries().map(each => each.duration)));
  observer.observe({type: 'longtask'});
  for (let at = 0; at < KEYS; at++) {
    eval(step);
    await new Promise(done => setTimeout(done, 150));
  }
  observer.disconnect();
  return long.reduce((sum, each) => sum + each, 0) / KEYS;
}""".replace("KEYS", str(KEYS))


def test_the_list_of_300_cells_adds_less_than_50_milliseconds_to_a_key(lab: Lab, browser: Any) -> None:
    path = lab.folder / "long.ipynb"
    path.write_text(document([("code", [], f"name_{each} = {each}") for each in range(300)]))
    page = lab.page(browser, path.name)
    assert page.locator(".nbd-Row").count() == 300
    key = "new KeyboardEvent('keydown', {key: 'ArrowDown', bubbles: true, cancelable: true})"
    ours = page.evaluate(MILLISECONDS_A_STEP, f"document.querySelector('.nbd-Cells').dispatchEvent({key})")
    row(page, KEYS).and_(page.locator("[aria-selected=true]")).wait_for()
    # The same walk through the notebook without the sidebar: what JupyterLab itself takes for it.
    page.get_by_role("tab", name="nbdeploy").click()
    page.locator(".nbd-Cells").wait_for(state="hidden")
    own = page.evaluate(MILLISECONDS_A_STEP, "jupyterapp.commands.execute('notebook:move-cursor-down')")
    print(f"milliseconds a key: {ours:.0f} in the list, {own:.0f} in the notebook alone")
    assert ours - own < 50
    page.close()
