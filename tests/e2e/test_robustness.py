"""The commands on files that are no good: one JSON document, coded diagnostics, exit status 1, and never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def notebook_of(*sources: object, **metadata: object) -> str:
    cells = [{"cell_type": "code", "metadata": {}, "source": each, "outputs": []} for each in sources]
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4})


BAD = {
    "empty": (b"", "NBD001"),
    "truncated": (notebook_of("x = 1")[:40].encode(), "NBD001"),
    "utf16": (notebook_of("x = 1").encode("utf-16"), "NBD001"),
    "bytes": (bytes(range(256)), "NBD001"),
    "deep_json": (b"[" * 100_000, "NBD001"),
    "no_source": (notebook_of(None).encode(), "NBD001"),
    "format_3": (b'{"nbformat": 3, "worksheets": []}', "NBD002"),
    "julia": (notebook_of("x = 1", kernelspec={"language": "julia", "name": "julia-1.9"}).encode(), "NBD003"),
    "python_2": (notebook_of("print 'x'").encode(), "NBD005"),
    "parentheses": (notebook_of("x = " + "(" * 5000).encode(), "NBD005"),
    "long_sum": (notebook_of("x = " + "+".join(["1"] * 1000)).encode(), "NBD005"),
    "half_a_character": (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "\'\\ud800\'"}]}', "NBD005"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    for name, (content, _) in BAD.items():
        (folder / f"{name}.ipynb").write_bytes(content)
    (folder / "loop.ipynb").symlink_to("loop.ipynb")
    os.mkfifo(folder / "pipe.ipynb")
    return folder


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nbdeploy.frontends.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_check_tells_what_is_wrong_with_each_file(folder: Path) -> None:
    paths = sorted(folder.iterdir())
    done = ran("check", "--json", *map(str, paths))
    answer = json.loads(done.stdout)
    expected = {name: code for name, (_, code) in BAD.items()} | dict.fromkeys(("loop", "pipe"), "NBD010")
    found = {Path(each["path"]).stem: each["diagnostics"][0]["code"] for each in answer["notebooks"]}
    assert (found, done.returncode) == (expected, 1)
    assert "Traceback" not in done.stderr


def test_check_shows_them_to_people_without_a_traceback(folder: Path) -> None:
    done = ran("check", *map(str, sorted(folder.iterdir())))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize("name", ["truncated", "long_sum", "half_a_character", "pipe", "loop"])
def test_slice_and_export_refuse_with_a_code(folder: Path, tmp_path: Path, name: str) -> None:
    path = str(folder / f"{name}.ipynb")
    for command in (["slice", path, "--for", "x"], ["export", path, "--out", str(tmp_path / "out")]):
        done = ran(*command, "--json")
        code = json.loads(done.stdout)["diagnostics"][0]["code"]
        assert (done.returncode, code) == (1, BAD.get(name, (b"", "NBD010"))[1])
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
