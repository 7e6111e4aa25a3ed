"""The gate `better`: real notebooks, recorded and exported, one as the champion and others as candidates."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nbdeploy.deploying import export
from nbdeploy.errors import UsageError
from nbdeploy.proving.better import Champion, Wish, better
from nbdeploy.proving.held_out import check_segments
from nbdeploy.proving.verdict import Outcome, Verdict
from nbdeploy.request import DeployRequest
from tests.conftest import Recorded, record_and_prove
from tests.e2e.conftest import write_notebook

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

DATA = """
import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error

random = np.random.default_rng(1)
rows = pd.DataFrame({"size": random.random(400), "plan": random.choice(["new", "old"], 400)})
price = 3 * rows["size"] + random.normal(0, 0.1, 400)
shift = %s
"""
PREDICT = ("predict", "answers = 3 * rows['size'] + rows['plan'].map(shift)")
TEST = ("test", "assert mean_absolute_error(price, answers) < 9")

# By plan, how far off the answers are: the champion 0.3 for all, the candidate more on one plan, less on the other.
FAIR, UNFAIR, RIGHT = '{"new": 0.3, "old": 0.3}', '{"new": 0.5, "old": 0.0}', '{"new": 0.0, "old": 0.0}'


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("candidate")
    return record_and_prove(write_notebook(folder / "prices.ipynb", DATA % UNFAIR, PREDICT, TEST), folder)


def package(candidate: Recorded, folder: Path, shift: str) -> Path:
    """Return the package of another version, which differs in its constant alone."""
    made = shutil.copytree(candidate.proven.folder, folder)
    constants = made / "prices" / "constants.py"
    text = constants.read_text()
    assert UNFAIR in text
    constants.write_text(text.replace(UNFAIR, shift))
    return made


@pytest.fixture(scope="module")
def champion(candidate: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(candidate, tmp_path_factory.mktemp("champion") / "package", FAIR)


def compared(candidate: Recorded, package: Path, *segments: str, margin: float = 0.0) -> Verdict:
    champion = Champion("1", "the champion", package)
    return better(candidate.proven.folder, candidate.recording, champion, Wish(segments, margin))


def test_a_candidate_that_is_as_good_over_all_and_worse_in_a_segment_is_named(
    candidate: Recorded, champion: Path
) -> None:
    verdict = compared(candidate, champion, "plan")
    assert verdict.outcome is Outcome.FAIL
    assert [each.code for each in verdict.diagnostics] == ["NBD581"]
    assert verdict.reason.startswith("worse than version 1 (the champion) where plan = new (")
    assert "mean_absolute_error 0.5" in verdict.reason
    assert "(smaller is better), difference +0.2" in verdict.reason
    assert "over all rows: mean_absolute_error 0." in verdict.reason
    figures = verdict.figures["segments"]
    assert figures["plan = new"]["low"] > 0 > figures["plan = old"]["high"]
    assert verdict.figures["high"] < 0.05
    assert verdict.figures["same_held_out_rows"] is True
    json.dumps(dict(verdict.figures), allow_nan=False)

    accepted = compared(candidate, champion, "plan", margin=0.3)
    assert (accepted.outcome, accepted.figures["margin"]) == (Outcome.PASS, 0.3)


def test_a_worse_candidate_fails_with_the_figures_of_both(candidate: Recorded, tmp_path: Path) -> None:
    verdict = compared(candidate, package(candidate, tmp_path / "right", RIGHT))
    assert [each.code for each in verdict.diagnostics] == ["NBD580"]
    assert verdict.reason.startswith("worse than version 1 (the champion) on 400 held-out rows: mean_absolute_error 0.")
    assert verdict.figures["champion"] == pytest.approx(0.08, abs=0.02)
    assert verdict.figures["low"] > 0.1
    assert verdict.figures["halves"] == {"tried": 20, "won": 0, "lost": 20, "unstable": False}


def test_a_version_does_not_differ_from_itself_and_other_held_out_rows_are_told(
    candidate: Recorded, tmp_path: Path
) -> None:
    same = package(candidate, tmp_path / "same", UNFAIR)
    contract = json.loads((same / "contract.json").read_text())
    contract["labels"]["rows_sha256"] = "0" * 64
    (same / "contract.json").write_text(json.dumps(contract))
    verdict = compared(candidate, same, "plan", "size")
    assert verdict.outcome is Outcome.PASS
    assert (verdict.figures["difference"], verdict.figures["low"], verdict.figures["high"]) == (0.0, 0.0, 0.0)
    assert "in none of 6 segments worse" in verdict.reason
    assert verdict.figures["same_held_out_rows"] is False
    assert "the champion names other held-out rows, and may have been trained on some of these" in verdict.reason


def test_what_can_not_be_compared_is_skipped_with_the_reason(candidate: Recorded, tmp_path: Path) -> None:
    assert better(candidate.proven.folder, candidate.recording, None, Wish()).reason == "no version before"

    gone = compared(candidate, tmp_path / "nowhere")
    assert (gone.outcome, gone.reason) == (
        Outcome.SKIP,
        "not compared: the package of version 1 (the champion) is not on this machine",
    )

    other = package(candidate, tmp_path / "other", FAIR)
    (other / "prices" / "predict.py").write_text("def predict(rows):\n    raise ValueError('no such plan')\n")
    assert "it does not answer these rows: ValueError: no such plan" in compared(candidate, other).reason

    contract = json.loads((other / "contract.json").read_text())
    contract["input"]["columns"].append({"name": "rooms", "dtype": "int64", "nullable": False, "required": True})
    (other / "contract.json").write_text(json.dumps(contract))
    lacking = compared(candidate, other)
    assert (lacking.outcome, lacking.reason) == (
        Outcome.SKIP,
        "not compared: version 1 (the champion) needs columns that these rows have not: rooms",
    )

    recording = replace(candidate.recording, measure=None, unmeasured="no metric")
    unmeasured = better(candidate.proven.folder, recording, Champion("1", "the champion", other), Wish())
    assert unmeasured.reason == "not compared with version 1 (the champion): no metric"


def test_the_contract_names_metric_labels_and_segments(candidate: Recorded) -> None:
    contract = json.loads((candidate.proven.folder / "contract.json").read_text())
    assert contract["metric"]["name"] == "mean_absolute_error"
    assert contract["metric"]["greater_is_better"] is False
    assert (contract["labels"]["name"], contract["labels"]["rows"]) == ("price", 400)
    assert contract["segments"] == []
    assert (candidate.proven.folder / contract["labels"]["file"]).is_file()
    assert (candidate.proven.folder / contract["metric"]["file"]).is_file()


def test_a_mistyped_segment_is_wrong_use(candidate: Recorded) -> None:
    check_segments(candidate.recording, ["plan", "size"])
    with pytest.raises(UsageError, match=r"NBD583 .*no column 'plann' \(did you mean 'plan'\?\)"):
        check_segments(candidate.recording, ["plann"])


def test_labels_of_other_rows_are_refused(tmp_path: Path) -> None:
    data = "rows = [1.0, 2.0, 3.0]\nfew = [1.0]"
    notebook = write_notebook(tmp_path / "prices.ipynb", data, ("predict", "answers = [2 * row for row in rows]"))
    with pytest.raises(UsageError, match=r"NBD582 .*'few': is .*; 'answers' has 3 rows, and needs a label for each"):
        export(DeployRequest(notebook=notebook, labels="few"), tmp_path / "out")
    with pytest.raises(
        UsageError, match=r"NBD582 .*'rwos': is not there at the end of the run \(did you mean 'rows'\?\)"
    ):
        export(DeployRequest(notebook=notebook, labels="rwos"), tmp_path / "out")
