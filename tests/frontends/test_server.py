"""The sidebar's server side, asked as the browser asks it: a real Jupyter Server, started once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TOKEN = "a-token-of-the-tests"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Server:
    """A running Jupyter Server with `folder` as its root."""

    url: str
    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / ".home"

    def ask(self, method: str, route: str, body: Any = None, token: str = TOKEN) -> tuple[int, Any]:
        """Return the status, and the JSON that was answered."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {token}"} if token else {}
        request = urllib.request.Request(f"{self.url}/{route}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text[:1] == b"{" else text.decode()


def add_kernel(data: Path, name: str, language: str, *command: str) -> None:
    folder = data / "kernels" / name
    folder.mkdir(parents=True)
    argv = [*command, "-m", "kernel", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": name, "language": language}))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("root")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "ServerApp.jpserver_extensions": "{'nbdeploy': True}",
        "ServerApp.root_dir": str(folder),
        "ServerApp.port": str(port),
        "ServerApp.allow_root": "True",
        "ServerApp.open_browser": "False",
        "IdentityProvider.token": TOKEN,
    }
    places = {"CONFIG_DIR": ".config", "RUNTIME_DIR": ".runtime", "DATA_DIR": ".data"}
    homes = {f"JUPYTER_{name}": str(folder / place) for name, place in places.items()}
    homes["NBDEPLOY_HOME"] = str(folder / ".home")
    add_kernel(folder / ".data", "bare", "python", sys.executable, "-I", "-S")
    add_kernel(folder / ".data", "ir", "R", "R")
    environment = {**os.environ, **homes, "PYTHONPATH": str(ROOT), "JUPYTER_NO_CONFIG": ""}
    command = [sys.executable, "-m", "jupyter_server", *(f"--{name}={value}" for name, value in options.items())]
    with (folder / ".log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    running = Server(f"http://127.0.0.1:{port}", folder)
    try:
        for _ in range(1200):
            try:
                running.ask("GET", "api")
                break
            except OSError:
                assert process.poll() is None, (folder / ".log").read_text()
                time.sleep(0.1)
        yield running
    finally:
        process.terminate()
        process.wait(20)


def notebook(*cells: tuple[str, str]) -> dict[str, Any]:
    """Return a notebook's JSON: for each code cell its tag and its source."""
    made = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {"tags": [tag]} if tag else {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for number, (tag, source) in enumerate(cells)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}


DOUBLING = notebook(
    ("", "factor = 2\nrows = [1, 2]"),
    ("preprocess", "x = [each + 1 for each in rows]"),
    ("predict", "y = [factor * each for each in x]"),
)
DOUBLING["metadata"] = {"nbdeploy": {"input": "rows"}}


def test_what_the_editor_holds_is_checked_without_a_file(server: Server) -> None:
    status, answer = server.ask("POST", "nbdeploy/check", {"path": "new.ipynb", "notebook": DOUBLING})
    parts = [each["part"] for each in answer["cells"]]
    assert (status, answer["path"], answer["ok"], answer["input"], answer["output"], parts) == (
        200, "new.ipynb", True, "rows", "y", ["frozen", "served", "served"]
    )  # fmt: skip
    assert not (server.folder / "new.ipynb").exists()


def test_a_check_imports_nothing(server: Server) -> None:
    (server.folder / "beside.py").write_text("open('was-imported', 'w').close()\nname = 1\n")
    starred = notebook(("", "from beside import *"), ("predict", "y = x + name"))
    status, _ = server.ask("POST", "nbdeploy/check", {"path": "starred.ipynb", "notebook": starred})
    assert (status, (server.folder / "was-imported").exists()) == (200, False)


def test_a_notebook_that_is_none_is_a_diagnostic(server: Server) -> None:
    status, answer = server.ask("POST", "nbdeploy/check", {"path": "odd.ipynb", "notebook": {"cells": 3}})
    assert (status, answer["ok"], answer["cells"]) == (200, False, [])
    assert answer["diagnostics"][0]["code"].startswith("NBD0")


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("POST", "nbdeploy/check"),
        ("POST", "nbdeploy/deploys"),
        ("GET", "nbdeploy/deploys"),
        ("GET", "nbdeploy/deploys/00"),
        ("DELETE", "nbdeploy/deploys/00"),
        ("GET", "nbdeploy/versions"),
        ("GET", "nbdeploy/aliases?name=tiny"),
        ("GET", "nbdeploy/versions/tiny/1"),
        ("GET", "nbdeploy/versions/tiny/1/report.html"),
        ("GET", "nbdeploy/versions/tiny/1/service"),
        ("POST", "nbdeploy/versions/tiny/1/service"),
        ("DELETE", "nbdeploy/versions/tiny/1/service"),
        ("POST", "nbdeploy/versions/tiny/1/service/predict"),
    ],
)
def test_who_has_not_logged_in_is_refused(server: Server, method: str, route: str) -> None:
    body = {"path": "new.ipynb", "notebook": DOUBLING} if method == "POST" else None
    assert server.ask(method, route, body, token="")[0] == 403
    assert server.ask(method, route, body, token="wrong")[0] == 403


@pytest.mark.parametrize(
    "path", ["../out.ipynb", "a/../../out.ipynb", "/../out.ipynb", "notes.txt", "nul\0.ipynb", ".."]
)
@pytest.mark.parametrize("route", ["nbdeploy/check", "nbdeploy/deploys"])
def test_a_path_out_of_the_root_folder_is_refused(server: Server, route: str, path: str) -> None:
    (server.folder.parent / "out.ipynb").write_text(json.dumps(DOUBLING))
    assert server.ask("POST", route, {"path": path, "notebook": DOUBLING})[0] == 404


@pytest.mark.parametrize("body", [[], {}, {"path": 3}, "text"])
def test_a_body_that_is_not_asked_for_is_refused(server: Server, body: Any) -> None:
    assert server.ask("POST", "nbdeploy/check", body)[0] == 400


def test_a_deploy_that_is_not_there_is_not_found(server: Server) -> None:
    assert server.ask("GET", "nbdeploy/deploys/00")[0] == 404
    assert server.ask("POST", "nbdeploy/deploys", {"path": "missing.ipynb"})[0] == 404


def test_a_kernel_that_is_not_there_is_named(server: Server) -> None:
    (server.folder / "doubling.ipynb").write_text(json.dumps(DOUBLING))
    status, answer = server.ask("POST", "nbdeploy/deploys", {"path": "doubling.ipynb", "kernel": "no-such"})
    assert status == 400
    assert "no-such" in answer["message"]


def test_a_kernel_of_another_language_is_refused(server: Server) -> None:
    (server.folder / "doubling.ipynb").write_text(json.dumps(DOUBLING))
    status, answer = server.ask("POST", "nbdeploy/deploys", {"path": "doubling.ipynb", "kernel": "ir"})
    assert status == 400
    assert "not one of Python's" in answer["message"]


def test_a_kernel_whose_python_lacks_nbdeploy_is_told_what_to_install(server: Server) -> None:
    (server.folder / "doubling.ipynb").write_text(json.dumps(DOUBLING))
    _, first = server.ask("POST", "nbdeploy/deploys", {"path": "doubling.ipynb", "kernel": "bare"})
    last = followed(server, first["id"])[-1]
    (found,) = last["answer"]["diagnostics"]
    assert (last["state"], found["code"], found["fix"]) == ("failed", "NBD713", "install nbdeploy there")


@pytest.fixture
def deployed(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package of a version `tiny 1` that was deployed, without a Bento."""
    from nbdeploy.home import save_deployment

    monkeypatch.setenv("NBDEPLOY_HOME", str(server.home))
    (tmp_path / "notebook").mkdir()
    (tmp_path / "notebook" / "report.html").write_text("<script>parent.stolen = 1</script>")
    example = {"request": {"rows": [{"a": 1.5}]}, "predictions": [2]}
    contract = {"input": {"kind": "table", "columns": [{"name": "a", "dtype": "float64"}]}, "examples": [example]}
    (tmp_path / "contract.json").write_text(json.dumps(contract))
    gates = [{"name": "faithful", "verdict": "pass"}, {"name": "better", "verdict": "skip"}]
    save_deployment("tiny", "1", {"name": "tiny", "version": "1", "package": str(tmp_path), "gates": gates})
    return tmp_path


def test_the_history_tells_what_each_version_has_left(server: Server, deployed: Path) -> None:
    status, answer = server.ask("GET", "nbdeploy/versions?name=tiny")
    (tiny,) = answer["versions"]
    assert (status, tiny["version"], tiny["pages"], tiny["gates"]) == (
        200, "1", ["report.html"], {"pass": 1, "fail": 0, "skip": 1}
    )  # fmt: skip
    assert tiny["deployed"].startswith("20")
    assert server.ask("GET", "nbdeploy/versions?name=other")[1] == {"versions": []}
    form = server.ask("GET", "nbdeploy/versions/tiny/1")[1]
    assert (form["input"]["kind"], form["examples"][0]["predictions"]) == ("table", [2])


def test_a_page_of_a_deploy_can_do_nothing_in_jupyters_name(server: Server, deployed: Path) -> None:
    headers = {"Authorization": f"token {TOKEN}"}
    request = urllib.request.Request(f"{server.url}/nbdeploy/versions/tiny/1/report.html", headers=headers)
    with urllib.request.urlopen(request, timeout=30) as page:
        policy = page.headers["Content-Security-Policy"]
        assert page.headers.get_content_type() == "text/html"
    assert policy.startswith("sandbox ")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    ("method", "place", "status"),
    [
        ("GET", "tiny/2", 404),
        ("GET", "none/1", 404),
        ("GET", "tiny/1/validated.html", 404),
        ("GET", "tiny/1/contract.json", 404),
        ("GET", "..%2Ftiny/1", 404),
        ("GET", "tiny/..%2F1/report.html", 404),
        ("POST", "none/1/service", 404),
        ("POST", "tiny/1/service", 409),  # there is no Bento to serve
        ("POST", "tiny/1/service/predict", 409),  # nor is it served
    ],
)
def test_what_is_not_there_is_refused(server: Server, deployed: Path, method: str, place: str, status: int) -> None:
    body = {} if method == "POST" else None
    assert server.ask(method, f"nbdeploy/versions/{place}", body)[0] == status


def followed(server: Server, key: str) -> list[dict[str, Any]]:
    """Return all states of a deploy until its end."""
    request = urllib.request.Request(
        f"{server.url}/nbdeploy/deploys/{key}", headers={"Authorization": f"token {TOKEN}"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return [json.loads(line) for line in answer]


@pytest.mark.slow
def test_a_deploy_that_fails_tells_cell_and_line(server: Server) -> None:
    failing = notebook(("", "x = [1]\n1 / 0"), ("predict", "y = x"))
    (server.folder / "failing.ipynb").write_text(json.dumps(failing))
    _, first = server.ask("POST", "nbdeploy/deploys", {"path": "failing.ipynb", "kernel": "python3"})
    last = followed(server, first["id"])[-1]
    (found,) = (each for each in last["answer"]["diagnostics"] if each["severity"] == "error")
    assert (first["state"], last["state"], found["cell"], found["line"]) == ("running", "failed", 0, 2)
    assert last["stages"][0]["state"] == "fail"


@pytest.mark.slow
def test_a_cancelled_deploy_leaves_nothing_behind(server: Server, tmp_path: Path) -> None:
    import psutil

    endless = notebook(
        ("", f"open({str(tmp_path / 'began')!r}, 'w').close()\nx = [1]\nwhile True: pass"), ("predict", "y = x")
    )
    (server.folder / "endless.ipynb").write_text(json.dumps(endless))
    _, first = server.ask("POST", "nbdeploy/deploys", {"path": "endless.ipynb", "kernel": "python3"})
    assert server.ask("POST", "nbdeploy/deploys", {"path": "endless.ipynb", "kernel": "python3"})[0] == 409
    deadline = time.monotonic() + 60
    while not (tmp_path / "began").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (deploying,) = [
        each for each in psutil.process_iter(["cmdline"]) if "endless.ipynb" in (each.info["cmdline"] or ())
    ]
    tree = [deploying, *deploying.children(recursive=True)]
    assert len(tree) > 1, "the kernel runs"
    status, last = server.ask("DELETE", f"nbdeploy/deploys/{first['id']}")
    assert (status, last["state"], last["answer"]) == (200, "cancelled", None)
    assert psutil.wait_procs(tree, timeout=5)[1] == []
    assert list(server.home.glob("**/endless/[0-9]*")) == []


def test_a_process_that_dies_without_an_answer_is_a_diagnostic() -> None:
    from nbdeploy.frontends.watched import answer_of

    (lacking,) = answer_of(b"", 1, ["/usr/bin/python: No module named nbdeploy"])["diagnostics"]
    (killed,) = answer_of(b"half an ans", -9, [])["diagnostics"]
    assert (lacking["code"], lacking["fix"]) == ("NBD713", "install nbdeploy there")
    assert "status -9" in killed["message"]
