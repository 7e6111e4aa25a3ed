"""Each example notebook: deployed by the command line, served, and asked every row that the notebook predicted."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import EXAMPLES, MINUTES, ROOT, Deployed, Ran, Served, free_port, program, serving

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = {"ok", "name", "version", "package", "module", "bento_tag", "bento_path", "run_id", "experiment", "input"}
KEYS |= {"output", "bindings", "gates", "diagnostics", "seconds"}
PROVEN = ("reproduce", "faithful", "rowwise", "served", "tested", "robust", "budget", "safe")

# What a cell at the notebook's end makes of its own variables: a client's rows, and what the notebook predicted for them.
OWN_ANSWERS = {
    "churn": """
        rows = pd.read_csv("data/customers.csv").loc[predictions.index].to_dict("records")
        answers = predictions.to_dict("records")
    """,
    "reviews": """
        rows = train_test_split(texts, test_size=0.25, stratify=reviews["sentiment"], random_state=SEED)[1]
        answers = sentiment.tolist()
    """,
    "house_prices": """
        rows = train_test_split(X, test_size=test_size, random_state=seed)[1].tolist()
        answers = y_pred.tolist()
    """,
}


@dataclass(frozen=True)
class OwnAnswers:
    """The rows that a notebook predicted, and its predictions, as JSON values."""

    rows: list[Any]
    predictions: list[Any]

    def body(self, rows: list[Any]) -> dict[str, Any]:
        return {"rows" if isinstance(rows[0], dict) else "input": rows}


@pytest.fixture(scope="module", params=sorted(OWN_ANSWERS))
def example(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def deployed(example: str, deploy_example: Callable[[str], Deployed]) -> Deployed:
    return deploy_example(example)


@pytest.fixture(scope="module")
def own(example: str, tmp_path_factory: pytest.TempPathFactory) -> OwnAnswers:
    """What the notebook itself says, when it is run without nbdeploy."""
    return own_answers(example, tmp_path_factory.mktemp("own") / "answers.json")


def own_answers(example: str, file: Path) -> OwnAnswers:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(EXAMPLES / f"{example}.ipynb", as_version=4)
    lines = "\n".join(line.strip() for line in OWN_ANSWERS[example].splitlines())
    dump = f"import json\njson.dump([rows, answers], open({str(file)!r}, 'w'))"
    notebook.cells.append(nbformat.v4.new_code_cell(f"{lines}\n{dump}"))
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    rows, predictions = json.loads(file.read_text(), parse_constant=lambda nan: None)
    assert len(rows) == len(predictions) >= 100
    return OwnAnswers(rows, predictions)


def differences(expected: list[Any], got: list[Any]) -> list[tuple[int, Any, Any]]:
    """Return the rows whose answers differ: classes at all, numbers by more than 1e-9 of their size."""
    assert len(got) == len(expected)
    pairs = zip(range(len(expected)), expected, got, strict=True)
    return [(row, wanted, found) for row, wanted, found in pairs if not same(wanted, found)]


def same(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, dict):
        return wanted.keys() == found.keys() and all(same(wanted[name], found[name]) for name in wanted)
    if isinstance(wanted, float):
        return math.isclose(wanted, found, rel_tol=1e-9, abs_tol=0.0)
    return type(wanted) is type(found) and bool(wanted == found)


def assert_answers_like_the_notebook(server: Served, own: OwnAnswers) -> None:
    together = server.predict(own.body(own.rows))["predictions"]
    assert differences(own.predictions, together) == []
    alone = [server.predict(own.body([row]))["predictions"][0] for row in own.rows[:25]]
    assert differences(own.predictions[:25], alone) == []


def test_the_comparison_sees_a_difference() -> None:
    assert differences([1.0, 2.0], [1.0 + 1e-12, 2.0 + 1e-8]) == [(1, 2.0, 2.0 + 1e-8)]
    assert differences([{"call": "yes"}, {"call": "no"}], [{"call": "yes"}, {"call": "yes"}])[0][0] == 1


def test_a_deploy_answers_with_one_json_document_and_all_gates_passed(example: str, deployed: Deployed) -> None:
    answer = deployed.answer
    assert answer.keys() >= KEYS
    assert (answer["ok"], answer["name"], answer["version"]) == (True, example, "1")
    verdicts = {each["name"]: each["verdict"] for each in answer["gates"]}
    assert {gate: verdicts[gate] for gate in PROVEN} == dict.fromkeys(PROVEN, "pass")
    assert set(answer["seconds"]) == {"record", "export", "prove", "track", "build", "total"}
    assert answer["bento_tag"] == f"{example}:1"
    assert (Path(answer["bento_path"]) / "src" / "sbom.cdx.json").is_file()


def test_progress_goes_to_stderr(deployed: Deployed) -> None:
    told = [line.strip(" ▸✓") for line in deployed.ran.stderr.splitlines()]
    assert told[0].startswith("record")
    assert [line for line in told if line.startswith("served")]


def test_the_bento_from_the_store_answers_every_row_as_the_notebook_did(
    example: str, deployed: Deployed, own: OwnAnswers, tmp_path: Path
) -> None:
    command = [program("bentoml"), "serve", deployed.answer["bento_tag"], "--host", "127.0.0.1"]
    with serving(command, tmp_path / "log", env=deployed.home.environment, cwd=tmp_path) as server:
        assert_answers_like_the_notebook(server, own)
        assert server.get("/contract")["name"] == example


def test_the_exported_folder_is_served_by_bentoml_alone(
    deploy_example: Callable[[str], Deployed], tmp_path: Path
) -> None:
    deployed = deploy_example("house_prices")
    command = [program("bentoml"), "serve", "service:Service", "--host", "127.0.0.1"]
    with serving(command, tmp_path / "log", env=deployed.home.environment, cwd=deployed.package) as server:
        assert_answers_like_the_notebook(server, own_answers("house_prices", tmp_path / "answers.json"))


def test_http_batch_stream_and_browser_answer_as_the_notebook_did(deploy_example: Callable[[str], Deployed]) -> None:
    browsers = ("chromium", "chromium-browser", "google-chrome")
    lacking = [each for each in ("nats-server", "npm") if shutil.which(each) is None]
    lacking += [] if any(map(shutil.which, browsers)) else ["chromium"]
    if lacking:
        pytest.skip(f"this machine lacks {', '.join(lacking)}: apt-get install {' '.join(lacking)}")
    home = deploy_example("house_prices").home
    command = [sys.executable, str(ROOT / "scripts" / "five_ways.py"), "house_prices"]
    ran = subprocess.run(
        command, env=home.environment, capture_output=True, text=True, timeout=5 * MINUTES, check=False
    )
    assert ran.returncode == 0, ran.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in ran.stdout.splitlines()[2:]]
    assert rows == [[way, "300", "0"] for way in ("notebook", "HTTP", "batch", "stream", "browser")]


def test_the_package_is_one_function_with_the_notebooks_own_types(deployed: Deployed, tmp_path: Path) -> None:
    """`from MODULE import predict` takes and gives what the notebook's variables held."""
    shown = f"import {deployed.answer['module']} as m; print(m.predict.__name__, callable(m.train))"
    ran = subprocess.run(
        [sys.executable, "-c", shown], cwd=deployed.package, capture_output=True, text=True, timeout=120
    )
    assert (ran.stdout, ran.stderr) == ("predict True\n", "")


# `nbdeploy verify` on a deployed example, and on what becomes of it when somebody changes it -----------------------------


@pytest.fixture(scope="module")
def churn(deploy_example: Callable[[str], Deployed]) -> Deployed:
    return deploy_example("churn")


def checks(answer: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["verdict"] for each in answer["checks"]}


def test_a_deployed_bento_keeps_its_contract_on_all_recorded_rows(churn: Deployed) -> None:
    ran = churn.home.nbdeploy("verify", "churn", "--json")
    assert ran.status == 0, ran.stderr
    assert (ran.answer["kind"], ran.answer["name"], ran.answer["version"]) == ("bento", "churn", "1")
    assert [checks(ran.answer)[name] for name in ("answers", "form", "equal", "refuses")] == ["pass"] * 4
    equal = next(each for each in ran.answer["checks"] if each["name"] == "equal")
    assert (equal["figures"]["rows"], equal["figures"]["mismatches"]) == (375 + 10, 0)


def test_a_load_test_sizes_the_bento_by_its_cpu_time(churn: Deployed) -> None:
    ran = churn.home.nbdeploy(
        "loadtest", "churn", "--first", "2", "--most", "4", "--slow", "60000", "--peak", "50", "--json"
    )
    assert ran.status == 0, ran.stderr
    first = ran.answer["steps"][0]
    assert (first["kept"], first["errors"]) == (True, 0)
    assert first["cpu_ms"] > 0
    assert first["memory_mb"] > 50
    assert ran.answer["sizing"]["memory_limit_mib"] > first["memory_mb"]


def test_a_changed_constant_is_a_fault_of_the_system(churn: Deployed, tmp_path: Path) -> None:
    shutil.copytree(churn.package, tmp_path / "package")
    constants = tmp_path / "package" / "churn" / "constants.py"
    constants.write_text(constants.read_text().replace("THRESHOLD = 0.3", "THRESHOLD = 0.5"))
    ran = churn.home.nbdeploy("verify", tmp_path / "package", "--json")
    assert (ran.status, ran.answer["kind"], ran.answer["fault"]) == (1, "package", "system")
    assert [each["code"] for each in ran.answer["diagnostics"]] == ["NBD534"]
    assert checks(ran.answer)["equal"] == "fail"


def test_other_artifacts_are_a_fault_of_the_model(churn: Deployed, tmp_path: Path) -> None:
    """As after a training on other rows: the files and their manifest fit together, but the contract does not know them."""
    shutil.copytree(churn.package / "artifacts", tmp_path / "artifacts")
    medians = tmp_path / "artifacts" / "medians.json"
    medians.write_text(json.dumps({name: 3 * value for name, value in json.loads(medians.read_text()).items()}))
    manifest = json.loads((tmp_path / "artifacts" / "manifest.json").read_text())
    manifest["artifacts"]["medians"]["sha256"] = hashlib.sha256(medians.read_bytes()).hexdigest()
    (tmp_path / "artifacts" / "manifest.json").write_text(json.dumps(manifest))
    environment = {**churn.home.environment, "CHURN_ARTIFACTS": str(tmp_path / "artifacts")}
    ran = churn.home.nbdeploy("verify", "churn:1", "--json", env=environment)
    assert (ran.status, ran.answer["fault"]) == (1, "model")
    assert [each["code"] for each in ran.answer["diagnostics"]] == ["NBD537", "NBD538"]  # other answers, a lower metric


def test_an_artifact_that_is_not_the_recorded_one_is_not_served(churn: Deployed, tmp_path: Path) -> None:
    shutil.copytree(churn.package, tmp_path / "package")
    with (tmp_path / "package" / "artifacts" / "medians.json").open("a") as file:
        file.write("\n")
    ran = churn.home.nbdeploy("verify", tmp_path / "package", "--json")
    assert (ran.status, ran.answer["fault"]) == (1, "system")
    assert [each["code"] for each in ran.answer["diagnostics"]] == ["NBD531"]
    assert "was changed: its sha256 is" in ran.answer["diagnostics"][0]["message"]


def test_a_stopped_service_is_held_to_the_contract_of_the_package(churn: Deployed) -> None:
    contract = churn.package / "contract.json"
    ran = churn.home.nbdeploy("verify", f"http://127.0.0.1:{free_port()}", "--contract", contract, "--json")
    assert (ran.status, ran.answer["fault"], ran.answer["name"]) == (1, "system", "churn")


def test_the_report_and_the_whole_proof_lie_in_the_package_the_bento_and_the_run(churn: Deployed) -> None:
    page = churn.package / "notebook" / "report.html"
    assert churn.answer["report"] == str(page)
    report = json.loads((churn.package / "notebook" / "report.json").read_text())
    assert [each["name"] for each in report["gates"]] == [each["name"] for each in churn.answer["gates"]]
    assert report["places"] == {"bento": "churn:1", "mlflow run": f"{churn.answer['run_id']} in churn"}
    assert [(each["cell"], each["role"]) for each in report["path"]] == [
        (6, "preprocess"),
        (10, "preprocess"),
        (14, "preprocess"),
        (20, "predict"),
    ]
    assert {each["name"]: each["kept_as"] for each in report["frozen"]} == {
        "TEXT_COLUMNS": "constant",
        "medians": "artifact",
        "EXPORT_DATE": "constant",
        "tenure_band": "definition",
        "model": "artifact",
        "THRESHOLD": "constant",
    }
    contract = json.loads((churn.package / "contract.json").read_text())
    assert contract["gates"] == report["gates"]
    assert {each["name"]: each["verdict"] for each in contract["gates"]}["served"] == "pass"
    bento = Path(churn.answer["bento_path"]) / "src"
    for file in ("contract.json", "HANDOVER.md", "notebook/report.html", "notebook/report.json"):
        assert (bento / file).read_bytes() == (churn.package / file).read_bytes()
    kept = {
        each.parent.name: each.name
        for each in churn.home.data.glob(f"mlartifacts/**/{churn.answer['run_id']}/**/*.html")
    }
    assert kept == {"notebook": "validated.html", "report": "report.html"}


# The last of this file: from here on there are two versions of `reviews`.


def test_a_deployed_name_gets_its_next_version_and_the_first_is_still_served(
    deploy_example: Callable[[str], Deployed], tmp_path: Path
) -> None:
    first = deploy_example("reviews")
    shutil.copytree(EXAMPLES / "data", tmp_path / "data")
    text = (EXAMPLES / "reviews.ipynb").read_text()
    (tmp_path / "reviews.ipynb").write_text(text.replace("C=5.0", "C=1.0"))
    assert first.home.nbdeploy("deploy", tmp_path / "reviews.ipynb", "--onnx", "off", "--quiet") == Ran(0, "", "")

    shown = first.home.nbdeploy("show", "reviews:2", "--json").answer
    better = next(each for each in shown["gates"] if each["name"] == "better")
    assert better["verdict"] == "pass"
    assert "version 1 (the newest before): accuracy_score 0.9" in better["reason"]
    assert (better["figures"]["rows"], better["figures"]["same_held_out_rows"]) == (150, True)

    changed = first.home.nbdeploy("diff", "reviews", "--json").answer
    assert [each["path"] for each in changed["code"]] == ["reviews/train.py"]
    assert (changed["before"], changed["after"], changed["environment"], changed["data"]) == ("1", "2", [], [])
    assert [(each["rows"], each["refused"]) for each in changed["answers"]] == [(150, 0)] * 2

    there = first.home.deployed()
    assert [each for each in there["packages"] if "reviews" in each] == [
        f"packages/reviews/{each}" for each in ("1", "1.json", "2", "2.json")
    ]
    assert [each for each in there["bentos"] if "reviews" in each] == ["reviews/1", "reviews/2"]
    assert sorted(each for each in there["models"] if "reviews" in each) == ["reviews:1", "reviews:2"]

    example = json.loads((first.package / "contract.json").read_text())["examples"][0]
    command = [program("nbdeploy"), "serve", "reviews:1", "--json"]
    with serving(command, tmp_path / "log", env=first.home.environment, cwd=tmp_path) as server:
        assert server.predict(example["request"]) == {"predictions": example["predictions"], "version": "1"}
        told = json.loads(server.log.read_text().splitlines()[0])
        assert told == {
            "ok": True,
            "name": "reviews",
            "bento_tag": "reviews:1",
            "url": f"http://127.0.0.1:{server.port}",
        }
