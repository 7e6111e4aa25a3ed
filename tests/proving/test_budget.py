"""The gate `budget`: figures of a real server, judged by limits."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.deploying import deploy
from nbdeploy.errors import GateError, UsageError
from nbdeploy.home import load_deployment
from nbdeploy.notebook.settings import LIMITS
from nbdeploy.packaging.bento import BuiltBento, build
from nbdeploy.proving.budget import budget, check_limits, requirements_mb
from nbdeploy.proving.server import ServedBento, running
from nbdeploy.proving.verdict import Outcome
from nbdeploy.request import DeployRequest
from tests.e2e.conftest import write_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

_spec = importlib.util.spec_from_file_location("packages", Path(__file__).parents[1] / "packaging" / "packages.py")
packages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(packages)

SLEEPY = """
import time

def predict(texts):
    if "wrong" in texts:
        raise RuntimeError("broken")
    time.sleep(0.2)
    return texts
"""
BODIES = [json.dumps({"input": [text]}).encode() for text in ("a", "b", "c")]


@pytest.mark.parametrize(("key", "near"), [("p99", "p99_ms"), ("memory", "memory_mb"), ("cold_start", "cold_start_s")])
def test_a_limit_that_is_not_known_is_wrong_use(key: str, near: str) -> None:
    with pytest.raises(UsageError, match=rf"NBD551 '{key}' is not a limit \(did you mean '{near}'\?\)"):
        check_limits({key: 5.0})
    check_limits(dict.fromkeys(LIMITS, 1.0))


@pytest.fixture(scope="module")
def sleepy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServedBento, BuiltBento]]:
    folder = tmp_path_factory.mktemp("sleepy")
    packages.write_package(folder, "sleepy", SLEEPY, packages.TEXTS, packages.TEXTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(tmp_path_factory.mktemp("bentoml")))
        bento = build(folder, "sleepy", "1", {})
    with running(bento) as server:
        yield server, bento


@pytest.mark.slow
def test_without_limits_everything_is_measured(sleepy: tuple[ServedBento, BuiltBento]) -> None:
    verdict = budget(*sleepy, BODIES, {}, seconds=0.5)
    assert verdict.outcome is Outcome.PASS
    assert verdict.reason.startswith("measured, no budget asked: p50 ")
    figures = verdict.figures
    assert figures.keys() >= LIMITS.keys()
    assert 200 <= figures["p50_ms"] <= figures["p99_ms"] < 2_000
    assert 0.5 < figures["rps"] < 100
    assert figures["requests_1"] >= 10
    assert figures["memory_mb"] > 50
    assert 0 <= figures["artifacts_mb"] < figures["size_mb"] < 1
    assert figures["image_mb"] >= figures["size_mb"]


def test_what_the_requirements_take_on_disk_is_part_of_the_image(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("numpy==2.0 \\\n    --hash=sha256:1\n# pandas==3\nnobody-has-this==1\n")
    assert 10 < requirements_mb(lock) < 200
    assert requirements_mb(tmp_path / "none.txt") == 0


@pytest.mark.slow
def test_a_model_a_hundred_times_slower_than_its_budget_fails_and_is_told_by_how_much(
    sleepy: tuple[ServedBento, BuiltBento],
) -> None:
    verdict = budget(*sleepy, BODIES, {"p99_ms": 2.0, "rps": 10_000.0, "memory_mb": 100_000.0}, seconds=0.3)
    assert verdict.outcome is Outcome.FAIL
    assert [each.code for each in verdict.diagnostics] == ["NBD550", "NBD550"]
    slow, few = (each.message for each in verdict.diagnostics)
    ratio = verdict.figures["p99_ms"] / 2
    assert ratio >= 100
    assert slow.startswith("p99_ms (99 of 100 requests")
    assert f"at most 2 was asked: {ratio:.3g} times too much" in slow
    assert few.startswith("rps (")
    assert few.endswith("times too little")


@pytest.mark.slow
def test_a_notebook_with_a_slow_function_is_not_deployed_beyond_its_budget(tmp_path: Path) -> None:
    notebook = write_notebook(
        tmp_path / "slow.ipynb",
        "import time\n\ndef doubled(number):\n    time.sleep(0.2)\n    return number * 2\n\nnumbers = [1.0, 2.0, 3.0]",
        ("predict", "answers = [doubled(number) for number in numbers]"),
    )
    with pytest.raises(GateError, match=r"NBD550 .*p99_ms .* at most 2 was asked: 1\d\d times too much") as raised:
        deploy(DeployRequest(notebook=notebook, name="slow", budget={"p99_ms": 2.0}))
    verdicts = {each["name"]: each["verdict"] for each in raised.value.gates}
    assert (verdicts["served"], verdicts["budget"]) == ("pass", "fail")
    assert verdicts["robust"] == "skip"
    with pytest.raises(UsageError, match="NBD603"):
        load_deployment("slow")


@pytest.mark.slow
def test_kept_limits_and_the_version_before_are_told(sleepy: tuple[ServedBento, BuiltBento]) -> None:
    before: dict[str, Any] = {"p99_ms": 100.0, "rps": 0.0, "requests_1": 5}
    verdict = budget(*sleepy, BODIES, {"p99_ms": 5_000.0}, before, seconds=0.3)
    assert verdict.outcome is Outcome.PASS
    assert verdict.reason.startswith("kept: p99_ms ")
    assert verdict.figures["ratio_to_last"] == {"p99_ms": pytest.approx(verdict.figures["p99_ms"] / 100, abs=1e-3)}


@pytest.mark.slow
def test_a_service_that_fails_under_load_fails_the_gate(sleepy: tuple[ServedBento, BuiltBento]) -> None:
    verdict = budget(*sleepy, [b'{"input": ["wrong"]}'], {}, seconds=0.3)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.diagnostics[0].code == "NBD552"
    assert "status 500" in verdict.reason
    assert "RuntimeError: broken" in verdict.reason
