"""`nbdeploy verify` on a deployed example, and on what becomes of it when somebody changes it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Deployed


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
    assert [each["code"] for each in ran.answer["diagnostics"]] == ["NBD537"]


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
    for file in ("contract.json", "notebook/report.html", "notebook/report.json"):
        assert (bento / file).read_bytes() == (churn.package / file).read_bytes()
    kept = {
        each.parent.name: each.name
        for each in churn.home.data.glob(f"mlartifacts/**/{churn.answer['run_id']}/**/*.html")
    }
    assert kept == {"notebook": "validated.html", "report": "report.html"}
