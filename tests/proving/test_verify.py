"""`nbdeploy verify` on services that keep their contract, and on services that break it in one way each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nbdeploy.errors import UsageError
from nbdeploy.proving.blame import FIXES, Fault, Metric, Seen, fault_of, form_fault, judged
from nbdeploy.proving.contract_file import Contract, contract_schema, read_contract
from nbdeploy.proving.verdict import Outcome
from nbdeploy.proving.verify import Verification, verify
from tests.e2e.conftest import free_port
from tests.proving.contracts import ANSWER, CONTRACT, DIGEST, OTHER_DIGEST, FakeService, changed


def read(content: Any) -> Contract:
    return read_contract(json.dumps(content), "contract.json")


def verified(service: FakeService, **options: Any) -> Verification:
    with service.running() as url:
        return verify(url, **options)


def outcomes(found: Verification) -> dict[str, str]:
    return {each.check: str(each.outcome) for each in found.findings}


# reading ----------------------------------------------------------------------------------------------------------------


def test_the_schema_is_one_and_the_contract_is_read() -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(contract_schema())
    contract = read(CONTRACT)
    assert (contract.name, contract.version, contract.sent_as, contract.digest) == ("risk", "3", "rows", DIGEST)
    assert contract.by_row
    assert [(each.row, each.field) for each in contract.refusals] == [(1, "age")]


def test_every_key_and_code_of_a_contract_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "contract.md").read_text(encoding="utf-8")
    assert [key for key in contract_schema()["properties"] if f"`{key}`" not in page] == []
    assert [code for code in (*FIXES, "NBD539") if code not in page] == []


@pytest.mark.parametrize("version", [2, 0, "1", "2.0", None, True])
def test_another_major_version_is_refused(version: Any) -> None:
    with pytest.raises(UsageError, match=r"NBD539 contract\.json can't be read as a contract: it is of version"):
        read(changed(contract=version))


def test_unknown_keys_are_ignored_at_any_depth() -> None:
    more = json.loads(json.dumps(CONTRACT))
    measure = {"name": "accuracy", "value": 0.8, "greater_is_better": True, "seed": 1}
    more |= {"owner": "team a", "segments": ["age"], "metric": measure}
    more["input"] |= {"unit": "years"}
    more["input"]["columns"][0] |= {"unit": "years"}
    more["examples"][0]["weight"] = 2
    found = read(more)
    assert (found.input, found.output, found.examples) == (read(CONTRACT).input, ANSWER, read(CONTRACT).examples)
    assert found.metric == measure


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is no JSON"),
        ("[]", "no JSON object"),
        ('{"version": "1"}', "no JSON object with the key"),
        (json.dumps(changed(tolerance={"relative": "wide"})), r"\$\.tolerance.*"),
        (json.dumps({key: CONTRACT[key] for key in CONTRACT if key != "output"}), "'output' is a required property"),
        (json.dumps(changed(model={"digest": "short"})), r"\$\.model\.digest: 'short' does not match"),
    ],
)
def test_what_is_no_contract_is_told_with_the_place(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_contract(text, "contract.json")


# judging, without a service ---------------------------------------------------------------------------------------------


def test_a_system_fault_is_named_before_a_model_fault() -> None:
    metric = Metric("accuracy", 0.9, 0.5, 100, greater_is_better=True)
    findings = judged(read(changed(budgets={"p99_ms": 5})), Seen(figures={"p99_ms": 6}, metric=metric))
    assert [each.fault for each in findings if each.fault] == [Fault.SYSTEM, Fault.MODEL]
    assert fault_of(findings) is Fault.SYSTEM


@pytest.mark.parametrize(
    ("promised", "reached", "greater", "outcome"),
    [
        (0.8, 0.79, True, Outcome.FAIL),
        (0.8, 0.9, True, Outcome.PASS),
        (2.0, 2.1, False, Outcome.FAIL),
        (2.0, 1.0, False, Outcome.PASS),
    ],
)
def test_a_metric_that_fell_is_a_model_fault(promised: float, reached: float, greater: bool, outcome: Outcome) -> None:
    finding = judged(read(CONTRACT), Seen(metric=Metric("m", promised, reached, 10, greater)))[-1]
    assert (finding.check, finding.outcome) == ("metric", outcome)
    assert finding.fault is (Fault.MODEL if outcome is Outcome.FAIL else None)


@pytest.mark.parametrize(
    ("prediction", "fault"),
    [
        ({"risk": 0.5, "call": "no"}, ""),
        ({"risk": None, "call": None}, ""),
        ({"risk": "Infinity", "call": "no"}, ""),
        ({"risk": "0.5", "call": "no"}, "risk is float64"),
        ({"risk": True, "call": "no"}, "risk is float64"),
        ({"risk": 0.5, "call": 3}, "call is str"),
        ({"risk": 0.5}, "the fields risk, call"),
        ({"risk": 0.5, "call": "no", "x": 1}, "the fields risk, call"),
        (0.5, "the fields risk, call"),
    ],
)
def test_a_prediction_is_held_to_the_outputs_form(prediction: Any, fault: str) -> None:
    found = form_fault(ANSWER, prediction)
    assert (fault in found) if fault else found == ""


# over HTTP --------------------------------------------------------------------------------------------------------------


def test_a_service_that_keeps_its_contract() -> None:
    found = verified(FakeService())
    assert (found.fault, found.kind) == (None, "url")
    assert outcomes(found) == {
        "answers": "pass",
        "form": "pass",
        "equal": "pass",
        "refuses": "pass",
        "budget": "skip",
        "metric": "skip",
    }
    assert found.as_json()["ok"] is True


@pytest.mark.parametrize(
    ("service", "check", "fault", "code"),
    [
        pytest.param(FakeService(off=0.01), "equal", "system", "NBD534", id="a constant was changed"),
        pytest.param(FakeService(off=0.01, digest=OTHER_DIGEST), "equal", "model", "NBD537", id="other artifacts"),
        pytest.param(FakeService(off=0.01, digest=None), "equal", "system", "NBD534", id="no digest, same version"),
        pytest.param(FakeService(lost=True), "form", "system", "NBD533", id="a prediction is lost"),
        pytest.param(FakeService(rename="score"), "form", "system", "NBD533", id="a field is renamed"),
        pytest.param(FakeService(version="4"), "form", "system", "NBD533", id="another version"),
        pytest.param(FakeService(status=400), "answers", "system", "NBD532", id="refuses the examples"),
        pytest.param(FakeService(status=422), "answers", "system", "NBD532", id="the model refuses"),
        pytest.param(FakeService(status=422, digest=OTHER_DIGEST), "answers", "model", "NBD537", id="another refuses"),
        pytest.param(FakeService(status=503), "answers", "system", "NBD532", id="overloaded"),
        pytest.param(FakeService(lenient=True), "refuses", "system", "NBD535", id="takes what is wrong"),
        pytest.param(FakeService(nameless=True), "refuses", "system", "NBD535", id="refuses without row and field"),
        pytest.param(FakeService(key="k"), "answers", "system", "NBD532", id="wants a key"),
    ],
)
def test_a_broken_contract_gets_its_blame(service: FakeService, check: str, fault: str, code: str) -> None:
    found = verified(service)
    assert (str(found.fault), found.diagnostics[0].code) == (fault, code)
    assert {each.check for each in found.findings if each.outcome is Outcome.FAIL} >= {check}
    assert found.diagnostics[0].message.startswith(f"{fault} fault: ")
    assert found.diagnostics[0].fix


def test_other_artifacts_with_equal_answers_are_no_fault() -> None:
    found = verified(FakeService(digest=OTHER_DIGEST))
    assert found.fault is None
    assert "by other fitted objects" in found.findings[2].reason


def test_a_stopped_service_is_a_system_fault() -> None:
    found = verify(f"http://127.0.0.1:{free_port()}")
    assert (found.fault, found.diagnostics[0].code) == (Fault.SYSTEM, "NBD531")
    assert "refused" in found.diagnostics[0].message.lower()


@pytest.mark.slow
def test_a_slow_service_is_a_system_fault_by_its_budget() -> None:
    found = verified(FakeService(contract=changed(budgets={"p99_ms": 5, "rps": 1, "memory_mb": 100}), slow=0.03))
    assert (found.fault, found.diagnostics[0].code) == (Fault.SYSTEM, "NBD536")
    assert "at most 5 was promised" in found.diagnostics[0].message
    assert found.findings[4].figures["p99_ms"] > 30
    assert "memory_mb not measured" in found.findings[4].reason


def test_a_key_is_sent_and_a_path_before_predict_is_kept() -> None:
    service = FakeService(key="k")
    assert verified(service, api_key="k").fault is None
    with service.running() as url, pytest.raises(UsageError, match="NBD539"):
        verify(f"{url}/models")
    assert set(service.heard) == {"/predict"}


def test_a_service_is_held_to_another_contract(tmp_path: Path) -> None:
    file = tmp_path / "contract.json"
    file.write_text(json.dumps(CONTRACT))
    own = changed(version="4", model={"digest": OTHER_DIGEST})
    found = verified(FakeService(contract=own, version="4", digest=OTHER_DIGEST), contract=file)
    assert found.fault is None
    assert "version 4 answers" in found.findings[1].reason
    found = verified(FakeService(contract=own, version="4", digest=OTHER_DIGEST, off=0.1), contract=file)
    assert found.fault is Fault.MODEL


@pytest.mark.parametrize("url", ["ftp://host/x", "http://", "http://host:99999", "https://host?x=1"])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(UsageError, match="NBD539"):
        verify(url)


def test_a_target_that_is_nowhere_is_told() -> None:
    with pytest.raises(UsageError, match=r"NBD603 .*nothing called 'nobody'"):
        verify("nobody")


# the metric, on rows with known outcomes ------------------------------------------------------------------------------------

RECORDED = """
import pandas as pd
ANSWERS = pd.DataFrame({"risk": [0.2, 0.3], "call": ["no", "no"]})
def recorded(name):
    return {"labels": pd.Series([0, 1], name="ill"), "example_output": ANSWERS}[name]
"""
METRIC = """
def metric(ill, answers):
    return float(((answers["risk"] > 0.5) == (ill == 1)).mean())
"""
MEASURED = changed(metric={"name": "accuracy", "value": 0.75, "greater_is_better": True, "file": "tests/metric.py"})


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """What of a package the metric needs, beside its contract."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "recorded.py").write_text(RECORDED)
    (tmp_path / "tests" / "metric.py").write_text(METRIC)
    (tmp_path / "contract.json").write_text(json.dumps(MEASURED))
    return tmp_path


def labels(folder: Path, ages: list[float], outcomes: list[int]) -> Path:
    file = folder / "labels.json"
    file.write_text(json.dumps({"rows": [{"age": age} for age in ages], "labels": outcomes}))
    return file


@pytest.mark.parametrize(
    ("outcomes", "margin", "fault"),
    [([0, 1, 1, 0], 0.0, None), ([0, 1, 0, 0], 0.0, None), ([1, 1, 0, 0], 0.0, "model"), ([1, 1, 0, 0], 0.3, None)],
)
def test_numbers_that_drift_are_a_model_fault(
    package: Path, outcomes: list[int], margin: float, fault: str | None
) -> None:
    file = labels(package, [20.0, 80.0, 60.0, 30.0], outcomes)
    service = FakeService(contract=MEASURED)
    found = verified(service, contract=package / "contract.json", labels=file, margin=margin)
    metric = found.findings[-1]
    right = sum((age > 0.5) == bool(ill) for age, ill in zip([0.2, 0.8, 0.6, 0.3], outcomes, strict=True)) / 4
    assert (metric.check, metric.figures["reached"], metric.figures["rows"]) == ("metric", right, 4)
    assert (found.fault and str(found.fault), outcomes_but_metric(found)) == (fault, {"pass", "skip"})
    if fault:
        assert found.diagnostics[0].code == "NBD538"


def outcomes_but_metric(found: Verification) -> set[str]:
    return {outcome for check, outcome in outcomes(found).items() if check != "metric"}


def test_without_the_packages_code_the_metric_is_not_judged(package: Path) -> None:
    file = labels(package, [20.0], [1])
    found = verified(FakeService(contract=MEASURED), labels=file)
    assert found.fault is None
    assert "that of risk 3 is not here" in found.findings[-1].reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "can't be read as JSON"),
        ('{"rows": [{}]}', "as many `labels`"),
        ('{"rows": [], "labels": []}', "at least one"),
    ],
)
def test_labels_of_another_form_are_told(package: Path, text: str, message: str) -> None:
    (package / "labels.json").write_text(text)
    with pytest.raises(UsageError, match=f"NBD539 .*{message}"):
        verified(FakeService(contract=MEASURED), labels=package / "labels.json")
    with pytest.raises(UsageError, match=r"NBD539 .*has no metric"):
        verified(FakeService(), labels=package / "labels.json")


# the command ------------------------------------------------------------------------------------------------------------


def nbdeploy(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nbdeploy.frontends.cli", "verify", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_tells_people_and_programs_by_text_json_and_exit_status(tmp_path: Path) -> None:
    with FakeService().running() as url:
        kept, quiet = nbdeploy(url), nbdeploy(url, "--quiet")
    assert (kept.returncode, quiet.returncode, quiet.stdout, quiet.stderr) == (0, 0, "", "")
    assert "the contract of risk 3: kept" in kept.stdout
    with FakeService(off=0.1, digest=OTHER_DIGEST).running() as url:
        broken = nbdeploy(url, "--json")
    answer = json.loads(broken.stdout)
    assert (broken.returncode, answer["ok"], answer["fault"]) == (1, False, "model")
    assert [each["name"] for each in answer["checks"]] == ["answers", "form", "equal", "refuses", "budget", "metric"]
    assert answer["diagnostics"][0]["code"] == "NBD537"
    (tmp_path / "contract.json").write_text('{"contract": 7}')
    unknown = nbdeploy("http://127.0.0.1:1", "--contract", str(tmp_path / "contract.json"), "--json")
    assert (unknown.returncode, json.loads(unknown.stdout)["diagnostics"][0]["code"]) == (2, "NBD539")
