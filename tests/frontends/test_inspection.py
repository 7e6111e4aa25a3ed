"""`nbdeploy check` and `nbdeploy slice` as they are used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from nbdeploy import checking
from nbdeploy.frontends.cli import main
from tests.analysis.notebooks import document_of

SEEDLESS = "from sklearn.model_selection import train_test_split\nX_train, X_test = train_test_split(X)"
TWO = "import pandas as pd\na = pd.read_csv('a')\nb = pd.read_csv('b')\nm = pd.read_pickle('m')"
CELLS = (
    (None, "import pandas as pd\nX = pd.read_csv('x.csv')"),
    (None, SEEDLESS),
    (None, "from sklearn.cluster import KMeans\nmodel = KMeans(random_state=1).fit(X_train)"),
    ("predict", "y = model.predict(X_test)"),
)


def write(path: Path, *cells: tuple[str | None, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document_of(cells or CELLS), indent=1))
    return path


def nbdeploy(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nbdeploy.frontends.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def answer(*arguments: str | Path, status: int = 0) -> Any:
    ran = nbdeploy(*arguments, "--json")
    assert ran.returncode == status, ran.stderr
    return json.loads(ran.stdout, parse_constant=pytest.fail)


def codes(entry: dict[str, Any]) -> list[str]:
    return [each["code"] for each in entry["diagnostics"]]


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


# check ---------------------------------------------------------------------------------------------------------------


def test_the_json_answer_tells_the_part_of_each_cell_and_the_flow(tmp_path: Path) -> None:
    (entry,) = answer("check", write(tmp_path / "a.ipynb"))["notebooks"]
    assert entry["ok"] is True
    assert [each["part"] for each in entry["cells"]] == ["training", "training", "frozen", "served"]
    assert entry["cells"][3] == {
        "index": 3,
        "role": "predict",
        "defs": ["y"],
        "refs": ["X_test", "model"],
        "part": "served",
        "why": "runs for every request",
        "statements": [{"line": 1, "end_line": 1, "part": "served"}],
    }
    assert {"from": 2, "to": 3, "names": ["model"]} in entry["flow"]
    assert (entry["input"], entry["output"], entry["frozen"]) == ("X_test", "y", {"model": 2})
    assert {"code", "severity", "cell", "line", "message", "fix"} <= entry["diagnostics"][0].keys()


def test_input_and_output_can_be_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", (None, TWO), ("predict", "p = m.predict(a + b)\nq = p"))
    (entry,) = answer("check", path, "--input", "b", "--output", "p")["notebooks"]
    assert (entry["input"], entry["output"], entry["assumed"]) == ("b", "p", [])


def test_folders_are_searched_and_checkpoints_left_out(tmp_path: Path) -> None:
    wanted = [write(tmp_path / name) for name in ("a.ipynb", "deep/er/b.ipynb")]
    for name in (".ipynb_checkpoints/a-checkpoint.ipynb", "deep/.git/c.ipynb", "env/site-packages/d.ipynb"):
        write(tmp_path / name)
    found = answer("check", tmp_path, wanted[0])["notebooks"]
    assert [each["path"] for each in found] == [str(each) for each in wanted]


def test_codes_are_selected_and_ignored_by_their_beginnings(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", *CELLS[:2])
    (every,) = answer("check", path, status=1)["notebooks"]
    assert {"NBD201", "NBD110"} <= set(codes(every))
    (entry,) = answer("check", path, "--select", "nbd1", "--ignore", "NBD110")["notebooks"]
    assert [code for code in codes(entry) if code == "NBD110" or not code.startswith("NBD1")] == []
    assert entry["ok"] is True


def test_a_file_that_is_no_notebook_is_an_entry_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "broken.ipynb").write_bytes(b"\xff\xfe{")
    write(tmp_path / "good.ipynb")
    found = answer("check", tmp_path, tmp_path / "missing.ipynb", status=1)["notebooks"]
    assert [(Path(each["path"]).name, codes(each)[:1], each["ok"]) for each in found] == [
        ("broken.ipynb", ["NBD001"], False),
        ("good.ipynb", ["NBD110"], True),
        ("missing.ipynb", ["NBD010"], False),
    ]


def test_a_fault_of_the_analysis_is_a_finding_and_the_other_steps_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: Any) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(checking, "explain", fails)
    assert main(["check", str(write(tmp_path / "a.ipynb")), "--json"]) == 1
    out, err = capfd.readouterr()
    (entry,) = json.loads(out)["notebooks"]
    assert set(codes(entry)) == {"NBD110", "NBD199"}
    assert "RecursionError: too deep" in next(e["message"] for e in entry["diagnostics"] if e["code"] == "NBD199")
    assert "Traceback" not in out + err


def test_one_notebook_is_told_in_full_and_several_in_a_line_each(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb")
    one = nbdeploy("check", path).stdout
    assert f"{path}:1:2 warning NBD110" in one
    assert "│ X_train, X_test = train_test_split(X)" in one
    assert "runs for every request" in one
    several = nbdeploy("check", path, write(tmp_path / "b.ipynb", (None, "x = 1"))).stdout.splitlines()
    assert [line.split()[0] for line in several] == ["!", "✗", "2"]
    assert several[-1].startswith("2 notebooks, 1 without errors: 1 error, 1 warning")


def test_quiet_says_it_with_the_exit_status_alone(tmp_path: Path) -> None:
    good = nbdeploy("check", write(tmp_path / "a.ipynb"), "--quiet")
    bad = nbdeploy("check", write(tmp_path / "b.ipynb", (None, "x = 1")), "--quiet")
    assert [(each.returncode, each.stdout, each.stderr) for each in (good, bad)] == [(0, "", ""), (1, "", "")]


def test_the_copy_with_the_fixes_has_them_and_the_notebook_stays(tmp_path: Path) -> None:
    path, copy = write(tmp_path / "a.ipynb"), tmp_path / "fixed.ipynb"
    before = path.read_bytes()
    (entry,) = answer("check", path, "--fixed", copy)["notebooks"]
    assert [each["code"] for each in entry["fixed"]["diagnostics"]] == ["NBD110"]
    assert path.read_bytes() == before
    (again,) = answer("check", copy)["notebooks"]
    assert "NBD110" not in codes(again)
    document = json.loads(copy.read_text())
    assert len(document["cells"]) == len(CELLS)
    assert document["cells"][3] == json.loads(before)["cells"][3]
    assert names(tmp_path) == ["a.ipynb", "fixed.ipynb"]


def test_half_characters_in_names_and_texts_break_nothing(tmp_path: Path) -> None:
    path = tmp_path / "half-\udcff.ipynb"
    document = {**document_of(CELLS), "metadata": {"title": "\ud800 ü"}}
    path.write_text(json.dumps(document))
    (entry,) = answer("check", path, "--fixed", tmp_path / "fixed.ipynb", "--graph", tmp_path / "a.svg")["notebooks"]
    assert entry["path"] == str(path)
    assert json.loads((tmp_path / "fixed.ipynb").read_text("utf-8"))["metadata"] == document["metadata"]
    assert ElementTree.parse(tmp_path / "a.svg") is not None
    assert "half-\\udcff.ipynb:1:2 warning NBD110" in nbdeploy("check", path).stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_an_answer_that_cannot_be_written_is_told() -> None:
    command = [sys.executable, "-m", "nbdeploy.frontends.cli", "list", "--json"]
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert ran.returncode == 3
    assert "No space left on device" in ran.stderr
    assert "Traceback (most recent call last)" not in ran.stderr


def test_the_graph_is_written_for_one_notebook(tmp_path: Path) -> None:
    path, graph = write(tmp_path / "a.ipynb"), tmp_path / "a.svg"
    (entry,) = answer("check", path, "--graph", graph)["notebooks"]
    assert entry["graph"] == str(graph)
    assert ElementTree.parse(graph).getroot().tag.endswith("svg")
    assert str(graph) in nbdeploy("check", path, "--graph", graph).stdout.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", ".", "--graph", "x.svg"), "--graph takes one notebook, not 2"),
        (("check", ".", "--fixed", "x.ipynb"), "--fixed takes one notebook, not 2"),
        (("check", "a.ipynb", "--fixed", "./a.ipynb"), "--fixed writes a copy, and this is the notebook itself"),
        (("check", "a.ipynb", "--graph", "no/where.svg"), "no/where.svg can't be written"),
        (("check", "empty"), "empty holds no notebook"),
        (("check", "a.ipynb", "--select", "E501"), "'E501' is not a code"),
        (("slice", "a.ipynb", "--for", "modle"), "no cell makes 'modle' (did you mean 'model'?)"),
        (("slice", "a.ipynb", "--for", "model.coef_"), "'model.coef_' is a part of 'model'"),
        (("slice", "a.ipynb", "--for", "model", "--cell", "1"), "'model' is first made in cell 2, after cell 1"),
        (("slice", "a.ipynb", "--for", "model", "--cell", "9"), "there is no cell 9: the cells are 0 to 3"),
        (("slice", "a.ipynb", "--for", "X", "--out", "a.ipynb"), "--out is the notebook itself"),
    ],
)
def test_wrong_use_is_told_and_writes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    write(tmp_path / "a.ipynb")
    write(tmp_path / "b.ipynb")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    before = (tmp_path / "a.ipynb").read_bytes()
    assert main(arguments) == 2
    assert message in capfd.readouterr().err.replace("\n", " ")
    assert (names(tmp_path), (tmp_path / "a.ipynb").read_bytes()) == (
        ["a.ipynb", "b.ipynb", "empty"],
        before,
    )


# slice ---------------------------------------------------------------------------------------------------------------


def test_a_slice_goes_through_a_pipe_into_python(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", (None, "%matplotlib inline\na = 20"), (None, "print('no')"), (None, "b = a + 1"))
    printed = nbdeploy("slice", path, "--for", "b").stdout
    assert printed == "# cell 0\na = 20\n\n# cell 2\nb = a + 1\n"
    assert answer("slice", path, "--for", "b")["code"] == printed


def test_a_slice_is_written_to_a_file_and_its_answer_counts_the_statements(tmp_path: Path) -> None:
    path, out = write(tmp_path / "a.ipynb", (None, "a = 1\nc = 2\na = 3")), tmp_path / "a.py"
    found = answer("slice", path, "--for", "a", "--out", out)
    assert out.read_text() == found["code"] == "# cell 0\na = 3\n"
    assert found["statements"] == [{"cell": 0, "line": 3, "end_line": 3}]
    assert (found["of"], found["path"]) == (3, str(out))


def test_a_slice_up_to_a_cell_leaves_later_cells_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", (None, "a = [1]"), (None, "b = 2"), (None, "a.append(b)"))
    assert answer("slice", path, "--for", "a", "--cell", "1")["code"] == "# cell 0\na = [1]\n"
    assert "a.append(b)" in answer("slice", path, "--for", "a")["code"]
