"""`nbdeploy diff`: what changed between two versions, from what lies on disk and from what both answer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.errors import UsageError
from nbdeploy.operating.diff import diff
from tests.operating.deployed import AGES, deployed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path / "home"))
    deployed("1")


def changed_in(folder: Path, file: str, change: Any) -> None:
    stated = json.loads((folder / file).read_text(encoding="utf-8"))
    change(stated)
    (folder / file).write_text(json.dumps(stated), encoding="utf-8")


def test_a_cell_that_moved_is_no_change() -> None:
    deployed("2", cell=8)
    answer = diff("risk").as_json()
    parts = {part: found for part, found in answer.items() if isinstance(found, list) and part != "answers"}
    assert {part for part, found in parts.items() if found} == set()
    asked = [(each["version"], each["rows_of"], each["rows"], each["differ"]) for each in answer["answers"]]
    assert asked == [("1", "2", len(AGES), 0), ("2", "1", len(AGES), 0)]


def test_code_constants_environment_and_answers_are_told() -> None:
    deployed("2", call_from=0.5, formula='row["age"] / 80', lightgbm="4.7.0")
    found = diff("risk")
    (changed,) = found.code
    assert (changed.path, changed.added, changed.removed) == ("risk/predict.py", 1, 1)
    assert '-    risks = [row["age"] / 100 for row in rows]\n+    risks = [row["age"] / 80' in changed.patch
    assert [each.as_json() for each in found.constants] == [{"name": "CALL_FROM", "before": "0.4", "after": "0.5"}]
    assert [each.as_json() for each in found.environment] == [{"name": "lightgbm", "before": "4.6.0", "after": "4.7.0"}]
    assert (found.artifacts, found.data, found.form, found.metrics, found.figures) == ((), (), (), (), ())
    one, other = found.answers
    assert (one.differ, other.differ) == (4, 4)
    assert other.largest == pytest.approx(61 / 80 - 61 / 100)
    assert other.first.startswith("the first is row 0: expected")
    assert other.distance is not None
    assert other.distance.flips == 0


def test_a_decision_that_flips_is_counted_as_a_class() -> None:
    deployed("2", call_from=0.45)
    flipped = diff("risk").answers[0]
    assert (flipped.differ, flipped.distance) == (0, flipped.distance), "31.5 and 48 stay on their sides"
    deployed("3", call_from=0.3)
    flipped = diff("risk").answers[0]
    assert (flipped.differ, flipped.largest) == (1, 0.0)
    assert flipped.distance is not None
    assert flipped.distance.flips == 1 / 4


def test_a_version_that_refuses_the_others_rows_says_why() -> None:
    folder = deployed("2")
    schema = folder / "risk" / "schema.py"
    schema.write_text(schema.read_text().replace('row["age"]', 'row["ages"]'), encoding="utf-8")
    refused = diff("risk").answers[1]
    assert (refused.rows, refused.refused, refused.why) == (4, 4, "KeyError: 'ages'")


def test_a_package_that_does_not_load_is_told_and_the_rest_compared() -> None:
    folder = deployed("2", call_from=0.5)
    (folder / "risk" / "__init__.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    found = diff("risk")
    assert [each.name for each in found.constants] == ["CALL_FROM"]
    assert "nothing_of_that_name" in found.answers[1].why


def test_artifacts_data_columns_metrics_and_figures_are_told() -> None:
    folder = deployed("2")

    def other(contract: dict[str, Any]) -> None:
        contract["model"]["artifacts"]["model"]["sha256"] = "0" * 64
        contract["input"]["columns"][0]["dtype"] = "int64"
        contract["metric"]["value"] = 0.83
        contract["gates"][1]["figures"]["p99_ms"] = 15.0

    changed_in(folder, "contract.json", other)
    changed_in(folder, "notebook/report.json", lambda report: report["data"][0].update(rows=500))
    found = diff("risk", ask=False)
    told = {
        part: [each.name for each in getattr(found, part)]
        for part in ("artifacts", "form", "data", "metrics", "figures")
    }
    assert told == {
        "artifacts": ["model"],
        "form": ["input.age"],
        "data": ["people rows"],
        "metrics": ["roc_auc_score"],
        "figures": ["p99_ms"],
    }


def test_without_versions_the_newest_is_compared_with_the_one_before() -> None:
    deployed("2")
    deployed("10")
    found = diff("risk", ask=False)
    assert (found.before, found.after, found.answers) == ("2", "10", ())
    assert diff("risk", after="2", ask=False).before == "1"


def test_what_can_not_be_compared_is_refused() -> None:
    with pytest.raises(UsageError, match="NBD751 risk 1 is the first version"):
        diff("risk", ask=False)
    with pytest.raises(UsageError, match="NBD603 there is no version 9"):
        diff("risk", "9", "1", ask=False)
    shutil.rmtree(deployed("2"))
    with pytest.raises(UsageError, match="NBD750 the package of risk 2 is not there any more"):
        diff("risk", "1", "2", ask=False)


def test_the_command_tells_it_in_words() -> None:
    deployed("2", call_from=0.5, formula='row["age"] / 80')
    command = [sys.executable, "-m", "nbdeploy.frontends.cli", "diff", "risk", "1", "2", "--patch"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert "risk: version 1 -> 2" in ran.stdout
    assert "CALL_FROM" in ran.stdout
    assert '+    risks = [row["age"] / 80 for row in rows]' in ran.stdout
    assert "the same: artifacts, environment, form, data, metrics, figures" in ran.stdout
    assert "version 2, asked the 4 rows that version 1 was proven on, answers 4 otherwise" in ran.stdout
