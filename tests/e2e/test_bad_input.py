"""What a user gets wrong, each tried by the command line: the exit status, what is said, and that nothing stays behind."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sklearn.linear_model import LinearRegression

from tests.e2e.conftest import NOTHING, Home, Ran, write_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

IMPORTS = """
import pandas as pd
from sklearn.linear_model import LinearRegression
"""
DATA = """
df = pd.DataFrame({"Age": [22.0, 38.0, None, 35.0] * 10, "Fare": [7.25, 71.3, 7.9, 53.1] * 10})
price = [1.0, 2.0, 3.0, 4.0] * 10
"""
PREPARE = ("preprocess", "X = df[['Age', 'Fare']].fillna(30.0)")
FIT = "model = LinearRegression().fit(X, price)"
PREDICT = ("predict", "guess = model.predict(X)")
GOOD = (IMPORTS, DATA, PREPARE, FIT, PREDICT)
NAME = "titanic"


def notebook(folder: Path, *cells: str | tuple[str, str]) -> Path:
    return write_notebook(folder / "work" / "titanic.ipynb", *cells)


def deploy(home: Home, path: Path, *options: object, **settings: object) -> Ran:
    return home.nbdeploy("deploy", path, "--name", NAME, "--onnx", "off", "--json", *options, **settings)


def refused(ran: Ran, home: Home, *, status: int, code: str, cell: int | None = None, line: int | None = None) -> str:
    """Return the message of the only error, which is of that kind and at that place; nothing was left behind."""
    assert ran.status == status
    problem = ran.problem
    assert (problem["code"], problem["cell"], problem["line"]) == (code, cell, line)
    assert home.deployed() == NOTHING
    message: str = problem["message"]
    return message


# the file -----------------------------------------------------------------------------------------------------------------


def test_a_missing_file(home: Home, tmp_path: Path) -> None:
    message = refused(deploy(home, tmp_path / "nowhere.ipynb"), home, status=1, code="NBD010")
    assert "No such file" in message


def test_a_directory(home: Home, tmp_path: Path) -> None:
    assert "directory" in refused(deploy(home, tmp_path), home, status=1, code="NBD010")


def test_an_empty_file(home: Home, tmp_path: Path) -> None:
    (tmp_path / "empty.ipynb").write_text("")
    assert "empty" in refused(deploy(home, tmp_path / "empty.ipynb"), home, status=1, code="NBD001")


# the roles ----------------------------------------------------------------------------------------------------------------


def test_no_tagged_cell(home: Home, tmp_path: Path) -> None:
    path = notebook(tmp_path, *(each if isinstance(each, str) else each[1] for each in GOOD))
    assert "no cell is tagged" in refused(deploy(home, path), home, status=1, code="NBD201", cell=4, line=1)


def test_two_roles_on_a_cell(home: Home, tmp_path: Path) -> None:
    path = notebook(tmp_path, IMPORTS, DATA, PREPARE, FIT, ("predict test", "guess = model.predict(X)"))
    message = refused(deploy(home, path), home, status=1, code="NBD004", cell=4)
    assert "predict" in message
    assert "test" in message


def test_a_tag_that_is_nearly_a_role(home: Home, tmp_path: Path) -> None:
    path = notebook(tmp_path, IMPORTS, DATA, PREPARE, FIT, ("predic", "guess = model.predict(X)"))
    ran = deploy(home, path)
    assert "'predic' looks like a role" in refused(ran, home, status=1, code="NBD006", cell=4)
    assert "did you mean 'predict'?" in ran.problem["fix"]


def test_a_hint_about_the_notebook_is_told_beside_the_error(home: Home, tmp_path: Path) -> None:
    path = notebook(tmp_path, IMPORTS, DATA, PREPARE, FIT)
    metadata = {"kernelspec": {"name": "python2", "language": "python", "display_name": "Python 2"}}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"metadata": metadata}))
    ran = deploy(home, path)
    assert [(each["code"], each["severity"]) for each in ran.answer["diagnostics"]] == [
        ("NBD201", "error"),
        ("NBD003", "warning"),
    ]


def test_a_syntax_error(home: Home, tmp_path: Path) -> None:
    path = notebook(tmp_path, IMPORTS, DATA, PREPARE, "a = 1\nmodel = LinearRegression(", PREDICT)
    refused(deploy(home, path), home, status=1, code="NBD005", cell=3, line=2)


def test_an_input_that_does_not_exist(home: Home, tmp_path: Path) -> None:
    message = refused(deploy(home, notebook(tmp_path, *GOOD), "--input", "fd"), home, status=1, code="NBD203")
    assert "'fd'" in message
    assert "df (pandas.DataFrame (40, 2))" in message


# the run ------------------------------------------------------------------------------------------------------------------


def test_a_notebook_that_fails_in_its_fifth_cell(home: Home, tmp_path: Path) -> None:
    path = notebook(tmp_path, IMPORTS, DATA, PREPARE, FIT, "a = 1\n\nb = {}['Cabin']", PREDICT)
    message = refused(deploy(home, path), home, status=1, code="NBD301", cell=4, line=3)
    assert message.endswith("KeyError: 'Cabin'")


@pytest.mark.parametrize("end", ["import os; os._exit(1)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_kernel_that_dies(home: Home, tmp_path: Path, end: str) -> None:
    path = notebook(tmp_path, IMPORTS, DATA, PREPARE, f"{FIT}\n{end}", PREDICT)
    assert "died" in refused(deploy(home, path), home, status=1, code="NBD302", cell=3)


def test_a_test_cell_that_fails(home: Home, tmp_path: Path) -> None:
    test = ("test", "best = max(guess)\nassert best > 1000, f'only {best:.0f}'")
    message = refused(deploy(home, notebook(tmp_path, *GOOD, test)), home, status=1, code="NBD301", cell=5, line=2)
    assert "AssertionError: only" in message


@pytest.mark.parametrize(
    ("make", "told"),
    [
        ("from sklearn.preprocessing import FunctionTransformer\nprep = FunctionTransformer(lambda x: x + 1)", "prep"),
        (
            "log = open('log.txt', 'w')\nclass Prep:\n    transform = staticmethod(lambda x: x)\nprep = Prep(); prep.log = log",
            "prep",
        ),
    ],
    ids=["a lambda inside", "an open file inside"],
)
def test_an_object_that_cannot_be_stored(home: Home, tmp_path: Path, make: str, told: str) -> None:
    prepare = ("preprocess", "X = prep.transform(df[['Age', 'Fare']].fillna(30.0))")
    ran = deploy(home, notebook(tmp_path, IMPORTS, DATA, make, prepare, FIT, PREDICT))
    message = refused(ran, home, status=1, code="NBD401", cell=3, line=1)
    assert told in message


# the gates ----------------------------------------------------------------------------------------------------------------


def test_a_median_of_the_request_is_refused_and_mended_by_the_command_that_is_told(home: Home, tmp_path: Path) -> None:
    prepare = ("preprocess", "X = df[['Age', 'Fare']].copy()\nX['Age'] = X['Age'].fillna(df.Age.median())")
    path = notebook(tmp_path, IMPORTS, DATA, prepare, FIT, PREDICT)
    text = path.read_bytes()
    ran = deploy(home, path)
    message = refused(ran, home, status=1, code="NBD510", cell=2, line=2)
    assert len(message.splitlines()) == 1
    assert message.startswith("row 2 alone is answered otherwise than among the 40 recorded rows")
    assert "makes column Age of X nan instead of 35.0" in message
    verdicts = {each["name"]: each["verdict"] for each in ran.answer["gates"]}
    asked = {name: verdict for name, verdict in verdicts.items() if verdict != "skip"}
    assert asked == {"reproduce": "pass", "faithful": "pass", "rowwise": "fail"}
    assert len(verdicts) == 10
    assert ran.answer["gates"][4]["reason"] == "not asked: rowwise failed"
    page = Path(ran.answer["report"])
    assert page.parent == home.data / "failed" / NAME
    for told in ("Not deployed: rowwise failed", "X[&#39;Age&#39;].fillna(df.Age.median())", "35.0", "--freeze 2:2"):
        assert told in page.read_text(encoding="utf-8")

    command = shlex.split(ran.problem["fix"].partition(": nbdeploy ")[2])
    assert command == ["deploy", str(path), "--name", NAME, "--onnx", "off", "--freeze", "2:2"]
    rest = ("--out", tmp_path / "package", "--json")
    mended = home.nbdeploy("export", *command[1:], *rest)  # the gates that matter, in less time
    assert mended.status == 0, mended.stderr
    assert [each["code"] for each in mended.answer["diagnostics"]] == ["NBD524"]
    assert path.read_bytes() == text
    one_row = "import json, pandas, titanic; print(json.dumps(list(titanic.predict(pandas.read_json('row.json')))))"
    assert {"name": "rowwise", "verdict": "pass"}.items() <= mended.answer["gates"][2].items()
    folder = tmp_path / "package"
    (folder / "row.json").write_text('[{"Age": null, "Fare": 7.9}]')
    alone = subprocess.run([sys.executable, "-c", one_row], cwd=folder, capture_output=True, text=True, check=True)
    ages = [22.0, 38.0, 35.0, 35.0] * 10
    rows = list(zip(ages, [7.25, 71.3, 7.9, 53.1] * 10, strict=True))
    model = LinearRegression().fit(rows, [1.0, 2.0, 3.0, 4.0] * 10)
    assert json.loads(alone.stdout) == pytest.approx([model.predict([(35.0, 7.9)])[0]])


def test_a_label_among_the_features(home: Home, tmp_path: Path) -> None:
    """The notebook's own score is perfect, and nobody can send such a request."""
    data = f"{DATA}\ndf['Survived'] = [0, 1, 1, 0] * 10"
    prepare = ("preprocess", "X = df[['Age', 'Fare', 'Survived']].fillna(30.0)")
    path = notebook(tmp_path, IMPORTS, data, prepare, "model = LinearRegression().fit(X, df['Survived'])", PREDICT)
    message = refused(deploy(home, path), home, status=1, code="NBD505", cell=2, line=1)
    assert message.startswith(
        "a request has to bring the column 'Survived', which the model is trained to predict (cell 3)"
    )


def test_a_key_in_a_cell(home: Home, tmp_path: Path) -> None:
    key = "ghp_" + "a1B2c3D4e5F6" * 3
    served = ("predict", f"key = '{key}'\nguess = model.predict(X)")  # the page of the failure shows what is served
    path = notebook(tmp_path, IMPORTS, f"{DATA}token = '{key}'", PREPARE, FIT, served)
    ran = deploy(home, path, "--report", tmp_path / "new" / "page.html")
    message = refused(ran, home, status=1, code="NBD560", cell=1, line=4)
    assert "notebook/source.ipynb (cell 1, line 4), notebook/validated.html" in message
    page = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert "Not deployed: safe failed" in page
    assert key[:8] not in ran.stdout + ran.stderr + page
    assert {each["name"]: each["verdict"] for each in ran.answer["gates"]}["safe"] == "fail"


# the disk -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing can be written, not even by root."""
    folder = tmp_path / "read only"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    with mounted(folder, "ro"):
        yield folder


@pytest.fixture
def nearly_full(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own that has hardly any room."""
    folder = tmp_path / "small"
    folder.mkdir()
    with mounted(folder, "size=64k"):
        yield folder


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no disk of its own for a test: mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_out_in_a_read_only_folder(home: Home, tmp_path: Path, read_only: Path) -> None:
    ran = deploy(home, notebook(tmp_path, *GOOD), "--out", read_only / "titanic")
    assert "can't be written" in refused(ran, home, status=3, code="NBD403")
    assert "record" not in ran.stderr  # nobody waits for a notebook first
    assert list(read_only.iterdir()) == []


def test_out_that_holds_something_else(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    ran = deploy(home, notebook(tmp_path, *GOOD), "--out", out)
    refused(ran, home, status=2, code="NBD710")
    assert "record" not in ran.stderr
    assert [each.name for each in out.iterdir()] == ["thesis.txt"]


def test_out_below_a_file(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = deploy(home, notebook(tmp_path, *GOOD), "--out", tmp_path / "file" / "titanic")
    assert "not writable" in refused(ran, home, status=3, code="NBD403")


def test_a_read_only_data_folder(home: Home, tmp_path: Path, read_only: Path) -> None:
    environment = home.environment | {"NBDEPLOY_HOME": str(read_only / "data")}
    ran = deploy(home, notebook(tmp_path, *GOOD), env=environment)
    message = refused(ran, home, status=3, code="NBD601")
    assert str(read_only) in message
    assert list(read_only.iterdir()) == []


def test_out_on_a_full_disk(home: Home, tmp_path: Path, nearly_full: Path) -> None:
    out = ("--out", nearly_full / "titanic")
    ran = home.nbdeploy("export", notebook(tmp_path, *GOOD), "--name", NAME, "--onnx", "off", "--json", *out)
    assert "No space left" in refused(ran, home, status=3, code="NBD403")
    assert list(nearly_full.iterdir()) == []


def test_a_full_disk_under_the_data_folder(home: Home, tmp_path: Path, nearly_full: Path) -> None:
    full = Home(nearly_full)
    ran = deploy(full, notebook(tmp_path, *GOOD))
    assert ran.status == 3
    assert ran.problem["code"] in {"NBD403", "NBD601"}
    assert full.deployed() == NOTHING


def test_files_that_may_not_grow(home: Home, tmp_path: Path) -> None:
    """What a quota does, and what needs no mount: every file that the command writes ends at 40 kB."""

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    ran = deploy(home, notebook(tmp_path, *GOOD), preexec_fn=small_files)
    assert ran.status in {1, 3}
    assert ran.problem["fix"]
    assert home.deployed() == NOTHING
