"""The packages of the example notebooks, file by file: a reader can open them, and a change of one is seen in review.

pytest tests/golden --regenerate-golden      rewrites them
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.proving.answers import same
from nbdeploy.proving.clean_process import recorded_requests
from nbdeploy.proving.contract_file import model_digest, read_contract

if TYPE_CHECKING:
    from tests.conftest import Recorded

HERE = Path(__file__).resolve().parent
EXAMPLES = ("churn", "house_prices", "reviews")
NOTEBOOKS = HERE.parents[1] / "example_notebooks"
MINUTE = 60.0

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=EXAMPLES)
def example(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def package(example: str, recordings: Callable[[str], Recorded]) -> Path:
    return recordings(example).proven.folder


@pytest.fixture(scope="module")
def module(example: str, recordings: Callable[[str], Recorded]) -> str:
    return recordings(example).proven.package.module


def test_the_package_is_the_one_that_was_reviewed(example: str, package: Path, pytestconfig: pytest.Config) -> None:
    expected = HERE / example / "expected"
    found = tree(package)
    if pytestconfig.getoption("--regenerate-golden"):
        rewrite(expected, found)
    kept = {str(each.relative_to(expected)): each.read_text() for each in expected.rglob("*") if each.is_file()}
    assert sorted(found) == sorted(kept)
    for name, text in found.items():
        assert text == kept[name], name


def test_the_contract_is_of_the_published_form(
    package: Path, recordings: Callable[[str], Recorded], example: str
) -> None:
    text = (package / "contract.json").read_text(encoding="utf-8")
    contract = read_contract(text, "contract.json")
    assert contract.by_row
    assert len(contract.examples) == 10
    assert contract.refusals
    manifest = json.loads((package / "artifacts" / "manifest.json").read_text(encoding="utf-8"))
    assert contract.digest == model_digest(manifest["artifacts"])
    found = recorded_requests(package, contract.module)
    assert found["predictions"] == recordings(example).proven.requests["predictions"]


def tree(package: Path) -> dict[str, str]:
    """Return the texts of a package, without what depends on this machine or on the day."""
    names = ["README.md", "bentofile.yaml", "contract.json", "pyproject.toml", "service.py"]
    paths = [*(package / name for name in names), *package.glob("*/*.py")]
    return {str(path.relative_to(package)): settled(path) for path in paths}


def settled(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.name == "contract.json":
        return contract(json.loads(text))
    if path.name == "README.md":
        text = re.sub(r"\d+ exact versions, with.*?\|", "N exact versions |", text)
        return re.sub(r"[\d,]+ \|$", "N |", text, flags=re.MULTILINE)
    if path.suffix in {".toml", ".yaml"}:
        # 0 is a version too, so that tools can still read the file.
        return re.sub(r"(?<===)[\w.*+]+|(?<=version: \")[\d.]+", "0", text)
    return text


def contract(value: dict[str, Any]) -> str:
    """Keep of examples and refusals the first request, of the gates the verdicts, of the artifacts what they are."""
    value["model"]["digest"] = "0" * 64
    for artifact in value["model"]["artifacts"].values():
        artifact |= {"sha256": "0" * 64, "size": 0}
    value["refusals"] = [value["refusals"][0], f"... {len(value['refusals'])} in all"]
    value["examples"] = [{"request": value["examples"][0]["request"]}, f"... {len(value['examples'])} in all"]
    value["gates"] = {gate["name"]: gate["verdict"] for gate in value["gates"]}
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def rewrite(folder: Path, texts: dict[str, str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def test_the_bill_of_materials_is_valid_and_names_all_of_the_lock_and_the_artifacts(package: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (package / "sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    components = json.loads(text)["components"]
    pins = re.findall(r"^([\w.-]+)==", (package / "requirements.lock").read_text(), re.MULTILINE)
    assert [each["name"] for each in components if each["type"] == "library"] == pins
    recorded = json.loads((package / "artifacts" / "manifest.json").read_text())["artifacts"]
    digests = {each["name"]: each["hashes"][0]["content"] for each in components if each["type"] != "library"}
    assert {name: digests[name] for name in recorded} == {name: each["sha256"] for name, each in recorded.items()}
    assert ("edge/predict.onnx" in digests) == (package / "edge" / "predict.onnx").is_file()


@pytest.mark.parametrize(
    "tool",
    [
        pytest.param(("ruff", "check", "--extend-select=I"), id="ruff check"),
        pytest.param(("ruff", "format", "--diff"), id="ruff format"),
        pytest.param(("mypy",), id="mypy"),
    ],
)
def test_an_engineers_tools_find_nothing(
    tool: tuple[str, ...], package: Path, pytestconfig: pytest.Config
) -> None:
    caches = {"MYPY_CACHE_DIR": str(pytestconfig.rootpath / ".mypy_cache" / "packages"), "RUFF_NO_CACHE": "true"}
    checked = run(["-m", *tool], package, **caches)
    assert checked.returncode == 0, checked.stdout


def test_the_commands_of_the_readme_work(package: Path, module: str) -> None:
    """`pip install` and `bentoml serve` are tried in the end-to-end tests."""
    lines = [line.strip() for line in (package / "README.md").read_text().splitlines() if line.startswith("    ")]
    commands = [line.split("#")[0].split() for line in lines]
    assert [each[1:3] for each in commands[1:]] == [
        ["-m", "pytest"],
        ["-m", f"{module}.pipeline"],
        ["serve", "service:Service"],
    ]
    for command in commands[1:3]:
        ran = run(command[1:], package)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_command_line_predicts_from_a_file(
    example: str, package: Path, module: str, recordings: Callable[[str], Recorded], tmp_path: Path
) -> None:
    import pandas as pd

    requests = recordings(example).proven.requests
    table = isinstance(requests["rows"][0], dict)
    source, target = tmp_path / ("rows.csv" if table else "in.json"), tmp_path / ("out.csv" if table else "out.json")
    if table:
        pd.DataFrame(requests["rows"]).to_csv(source, index=False)
    else:
        source.write_text(json.dumps(requests["rows"]))
    ran = run(["-m", f"{module}.pipeline", "predict", "--in", str(source), "--out", str(target)], package)
    assert ran.returncode == 0, ran.stderr
    answers = pd.read_csv(target).to_dict("records") if table else json.loads(target.read_text())
    wanted = requests["predictions"]
    if table:
        pd.testing.assert_frame_equal(pd.DataFrame(answers), pd.DataFrame(wanted), rtol=1e-9)
    else:
        assert same(answers, wanted)


def test_training_again_makes_artifacts_that_pass_the_packages_own_tests(
    package: Path, module: str, tmp_path: Path
) -> None:
    trained = run(
        ["-m", f"{module}.pipeline", "train", "--out", str(tmp_path / "new")], NOTEBOOKS, PYTHONPATH=str(package)
    )
    assert trained.returncode == 0, trained.stderr
    assert (tmp_path / "new" / "manifest.json").is_file()
    variable = {f"{module.upper()}_ARTIFACTS": str(tmp_path / "new")}
    tested = run(["-m", "pytest", "-q"], package, **variable)
    assert tested.returncode == 0, tested.stdout


def run(words: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, without writing bytecode into it."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    for name in ("PYTEST_CURRENT_TEST", "PYTEST_ADDOPTS"):
        environment.pop(name, None)
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=5 * MINUTE,
        check=False,
    )


def test_training_anew_makes_the_deployed_model(recordings: Callable[[str], Recorded]) -> None:
    from nbdeploy.operating.retrain import check_training
    from nbdeploy.proving.verdict import Outcome

    found = check_training(recordings("churn").proven.folder, NOTEBOOKS)
    assert (found.outcome, found.unseeded) == (Outcome.PASS, ())
    assert found.figures["mismatches"] == 0
    assert found.figures["metric"] == [found.figures["metric_recorded"]]
