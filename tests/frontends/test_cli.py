"""The command line: exit statuses, one JSON document on stdout, no tracebacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.errors import Diagnostic, GateError
from nbdeploy.frontends.cli import failed
from nbdeploy.frontends.commands import open_to_all
from nbdeploy.home import save_deployment
from nbdeploy.proving.report import whole_proof
from nbdeploy.proving.verdict import GATES

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = ("check", "slice", "export", "deploy", "run", "serve", "retrain", "verify", "list", "show")
DEPLOYMENT = {
    "ok": True,
    "name": "titanic",
    "version": "1",
    "package": "packages/titanic/1",
    "module": "titanic",
    "bento_tag": None,
    "bento_path": None,
    "run_id": "abc",
    "experiment": "titanic",
    "input": "df",
    "output": "y",
    "bindings": {},
    "gates": [{"name": "faithful", "verdict": "pass", "reason": "", "figures": {"rows": 20, "worst": float("nan")}}],
    "diagnostics": [],
    "seconds": {"total": 1.5},
}


def nbdeploy(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nbdeploy.frontends.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **settings)


def package(folder: Path, pipeline: str) -> Path:
    """Write the least that `nbdeploy run` asks of an exported package."""
    (folder / "toy").mkdir(parents=True)
    (folder / "contract.json").write_text('{"module": "toy"}')
    (folder / "toy" / "__init__.py").write_text("")
    (folder / "toy" / "pipeline.py").write_text(pipeline)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    ran = nbdeploy(command, "--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"example:\n  nbdeploy {command}" in ran.stdout
    assert "--json" in ran.stdout
    assert "--quiet" in ran.stdout


def test_the_help_lists_the_commands_and_the_version_is_told() -> None:
    listed = nbdeploy("--help").stdout
    assert [command for command in COMMANDS if f"    {command} " not in listed] == []
    assert nbdeploy("--version").stdout.split()[0] == "nbdeploy"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("depoly", "x.ipynb"), "'depoly' is not known (did you mean 'deploy'?)"),
        (("deploy", "x.ipynb", "--inptu", "df"), "unknown option --inptu (did you mean '--input'?)"),
        (("deploy", "x.ipynb", "--from", "kernel"), "--from kernel needs a live kernel"),
        (("export", "x.ipynb"), "export needs --out"),
        (("serve", "titanic", "--port", "0"), "'0' is not a port"),
        (("show", "titanic"), "nothing called 'titanic' was deployed from here"),
        (("run", "nowhere", "train"), "nowhere is not an exported package"),
    ],
)
def test_wrong_use_exits_with_2_and_says_why(arguments: tuple[str, ...], message: str) -> None:
    for json_option in ((), ("--json",)):
        ran = nbdeploy(*arguments[:1], *json_option, *arguments[1:])
        assert ran.returncode == 2
        assert message in ran.stderr.replace("\n", " ")
        assert "Traceback" not in ran.stderr
        if json_option:
            answer = json.loads(ran.stdout)
            assert answer["ok"] is False
            assert message in answer["diagnostics"][0]["message"]
        else:
            assert ran.stdout == ""


def test_list_and_show_give_one_json_document_and_a_text_for_people() -> None:
    assert json.loads(nbdeploy("list", "--json").stdout) == {"deployments": []}
    assert "nothing is deployed yet" in nbdeploy("list").stdout
    save_deployment("titanic", "1", DEPLOYMENT)
    shown = json.loads(nbdeploy("show", "titanic", "--json").stdout, parse_constant=pytest.fail)
    assert shown["gates"][0]["figures"] == {"rows": 20, "worst": None}
    assert json.loads(nbdeploy("list", "--json").stdout)["deployments"][0]["name"] == "titanic"
    text = nbdeploy("show", "titanic:1").stdout
    assert "faithful" in text
    assert "(cd packages/titanic/1 && python -m pytest tests)" in text


def test_quiet_says_nothing() -> None:
    ran = nbdeploy("list", "--quiet")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_serving_what_has_no_bento_says_how_to_get_one() -> None:
    save_deployment("titanic", "1", DEPLOYMENT)
    ran = nbdeploy("serve", "titanic", "--json")
    assert ran.returncode == 2
    assert json.loads(ran.stdout)["diagnostics"][0]["code"] == "NBD708"


def test_run_calls_the_packages_own_pipeline_in_its_folder(tmp_path: Path) -> None:
    folder = package(tmp_path / "made", "import os, sys\nprint(os.getcwd(), sys.argv[1:])")
    ran = nbdeploy("run", str(folder), "train", "--data", "x.csv")
    assert (ran.returncode, ran.stdout.strip()) == (0, f"{folder} ['train', '--data', 'x.csv']")


def test_what_a_stage_prints_is_not_in_the_json_document(tmp_path: Path) -> None:
    folder = package(tmp_path / "made", "import os\nprint('noise')\nos.write(1, b'raw noise')")
    ran = nbdeploy("run", "--json", str(folder), "train")
    assert json.loads(ran.stdout) == {"ok": True, "package": str(folder), "stage": ["train"], "status": 0}
    assert "noise" in ran.stderr
    assert "raw noise" in ran.stderr


@pytest.mark.parametrize(("own", "status"), [(0, 0), (1, 1), (2, 2), (7, 1)])
def test_a_failed_stage_fails_the_command(tmp_path: Path, own: int, status: int) -> None:
    ran = nbdeploy("run", str(package(tmp_path / "made", f"raise SystemExit({own})")), "train")
    assert ran.returncode == status


def test_whatever_writes_to_stdout_meanwhile_goes_to_stderr() -> None:
    source = """
import os, subprocess, sys
from nbdeploy.frontends.stdout import guarded
with guarded() as stdout:
    print("python"); os.write(1, b"descriptor\\n"); subprocess.run(["echo", "child"]); stdout.write("answer")
print("after")
"""
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    assert ran.stdout == "answerafter\n"
    assert sorted(ran.stderr.split()) == ["child", "descriptor", "python"]


def test_a_fault_of_nbdeploy_itself_is_one_line_and_a_file_with_the_traceback(tmp_path: Path) -> None:
    save_deployment("titanic", "1", {"name": "titanic"})  # a record that lacks everything
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    ran = nbdeploy("show", "titanic", env=environ)
    assert ran.returncode == 3
    assert "nbdeploy itself failed: KeyError: 'diagnostics'" in ran.stderr
    assert "Traceback" not in ran.stderr
    (report,) = tmp_path.glob("nbdeploy-*-traceback.txt")
    assert "KeyError" in report.read_text()
    assert "Traceback" in nbdeploy("show", "titanic", env={**environ, "NBDEPLOY_DEBUG": "1"}).stderr


def test_ctrl_c_ends_a_command_with_130(tmp_path: Path) -> None:
    import signal

    folder = package(tmp_path / "made", "import time\nprint('started', flush=True)\ntime.sleep(60)")
    command = [sys.executable, "-m", "nbdeploy.frontends.cli", "run", str(folder), "train"]
    heard = {
        "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    }  # a job in the background is deaf to it
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **heard
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in errors
    assert "nbdeploy/frontends" not in errors


@pytest.mark.parametrize(
    ("host", "key", "warned"),
    [
        ("127.0.0.1", "", False),
        ("localhost", "", False),
        ("0.0.0.0", "", True),
        ("0.0.0.0", "k", False),
        ("::", "", True),
    ],
)
def test_a_service_that_others_can_reach_without_a_key_is_warned_of(
    host: str, key: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_API_KEY", key)
    warning = open_to_all(host, {"name": "churn", "module": "churn"})
    assert (warning is not None) == warned
    if warning is not None:
        assert (warning.code, "set CHURN_API_KEY" in warning.fix) == ("NBD570", True)


def test_a_failed_deploy_tells_all_gates_to_people_and_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    diagnostic = Diagnostic(code="NBD510", message="rows look at each other", fix="compute it before")
    error = GateError(diagnostic)
    error.gates = whole_proof([{"name": "rowwise", "verdict": "fail", "reason": "rows differ", "figures": {"rows": 3}}])
    stdout = StringIO()
    assert failed(error, stdout, as_json=True) == 1
    answer = json.loads(stdout.getvalue())
    assert [each["name"] for each in answer["gates"]] == list(GATES)
    told = " ".join(capsys.readouterr().err.split())
    assert "rowwise fail rows differ" in told
    assert (
        "skipped reproduce, faithful, portable, served, tested, robust, budget, safe, better: not asked: rowwise failed"
        in told
    )
    assert "NBD510" in told
