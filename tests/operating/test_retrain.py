"""Reproducible training: packages written by hand, each with a `train` that is right or wrong in its own way."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbdeploy.errors import GateError, UsageError
from nbdeploy.operating.retrain import check_training
from nbdeploy.operating.spread import apart, flattened
from nbdeploy.proving.verdict import Outcome
from tests.operating.tiny import tiny

if TYPE_CHECKING:
    from pathlib import Path


def test_a_seeded_training_makes_the_deployed_model(tmp_path: Path) -> None:
    found = check_training(tiny(tmp_path / "p", "random.Random(1).choice([2.0])", [2.0, 4.0, 6.0]), tmp_path)
    assert (found.outcome, found.reason) == (
        Outcome.PASS,
        "training anew answers the 3 recorded rows as the notebook did",
    )
    assert (found.figures["runs"], found.figures["mismatches"], found.figures["artifacts"]) == (1, 0, ["factor"])
    assert (found.figures["metric"], found.figures["metric_recorded"]) == ([2.0], 2.0)
    assert found.as_json()["ok"] is True


def test_the_package_itself_is_left_as_it_is(tmp_path: Path) -> None:
    package = tiny(tmp_path / "p", "2.0", [2.0, 4.0, 6.0])
    before = sorted(package.rglob("*"))
    check_training(package, tmp_path)
    assert sorted(package.rglob("*")) == before


def test_an_unseeded_training_may_differ_as_much_as_its_own_runs_do(tmp_path: Path) -> None:
    """Each run takes another factor: what it draws is the number of runs before."""
    (tmp_path / "data").mkdir()
    factor = "[os.mkdir(str(len(os.listdir())))] and [1.2, 1.9, 1.6][len(os.listdir()) - 1]"
    found = check_training(tiny(tmp_path / "p", factor, [1.5, 3.0, 4.5]), tmp_path / "data")
    assert found.outcome is Outcome.PASS
    assert found.reason.startswith(
        "inside the notebook's own spread: 0.216 in numbers (root mean square) from the nearest"
    )
    assert found.figures["runs"] == 3
    assert found.figures["spread"]["numbers_largest"] == pytest.approx(2.1)
    assert found.figures["metric"] == pytest.approx([0.4, 1.8, 1.2])


def test_a_model_outside_the_spread_is_refused_and_the_statement_without_a_seed_is_named(tmp_path: Path) -> None:
    cell = "import numpy as np\nfactor = 2 + np.random.random()"
    package = tiny(tmp_path / "p", "2.0 + random.random()", [9.0, 18.0, 27.0], cell, "unused = np.random.random()")
    found = check_training(package, tmp_path)
    assert found.outcome is Outcome.FAIL
    assert [(each.code, each.cell, each.line) for each in found.diagnostics] == [("NBD590", 0, 2)]
    assert [each.cell for each in found.unseeded] == [0]
    assert "cell 0 line 2: `np.random.random` draws from numpy's global stream" in found.reason
    assert found.as_json()["ok"] is False


def test_a_training_that_repeats_itself_and_makes_another_model_is_told_apart(tmp_path: Path) -> None:
    found = check_training(tiny(tmp_path / "p", "3.0", [2.0, 4.0, 6.0]), tmp_path)
    assert [each.code for each in found.diagnostics] == ["NBD591"]
    assert "training gives the same model 3 times, and it is not the deployed one" in found.reason
    assert "3 of 3 rows differ; row 0: expected 2.0, got 3.0" in found.reason


def test_data_are_read_from_the_folder_that_is_named(tmp_path: Path) -> None:
    package = tiny(tmp_path / "p", "float(open('data/factor.txt').read())", [2.0, 4.0, 6.0])
    with pytest.raises(UsageError, match=r"NBD592 .*data/factor.txt is not there, read from the folder"):
        check_training(package, tmp_path)
    with pytest.raises(
        UsageError, match=r"NBD592 the folder .*nowhere, where the notebook's relative paths hold, is not"
    ):
        check_training(package, tmp_path / "nowhere")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "factor.txt").write_text("2.0")
    assert check_training(package, tmp_path).outcome is Outcome.PASS


def test_a_training_that_fails_is_told_with_its_line(tmp_path: Path) -> None:
    package = tiny(tmp_path / "p", "1 / 0", [2.0, 4.0, 6.0])
    with pytest.raises(
        GateError, match=r"NBD593 training fails: tiny/__init__.py line 14 \(factor = 1 / 0\): ZeroDivision"
    ):
        check_training(package, tmp_path)


def test_only_what_the_lock_names_can_be_imported(tmp_path: Path) -> None:
    package = tiny(tmp_path / "p", "__import__('pandas') and 2.0", [2.0, 4.0, 6.0])
    with pytest.raises(GateError, match=r"NBD593 .*No module named 'pandas' \(not in requirements.lock\)"):
        check_training(package, tmp_path)


def test_other_versions_than_the_locks_are_told(tmp_path: Path) -> None:
    package = tiny(tmp_path / "p", "2.0", [2.0, 4.0, 6.0])
    (package / "requirements.lock").write_text("hypothesis==0.1\n")
    found = check_training(package, tmp_path)
    assert found.figures["other_versions"] == [f"hypothesis {version('hypothesis')}"]
    assert "here: not what the lock names" in found.reason


def test_a_folder_that_is_no_package_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"NBD705 .* is not an exported package"):
        check_training(tmp_path, tmp_path)


answers = st.lists(st.fixed_dictionaries({"p": st.floats(-5, 5), "c": st.sampled_from("ab")}), min_size=3, max_size=3)


@given(answers, answers)
def test_answers_are_as_far_from_one_another_as_the_other_way_round(one: object, other: object) -> None:
    there, back = apart(flattened(one), flattened(other)), apart(flattened(other), flattened(one))
    assert there == back
    assert there.is_nothing == (one == other) or there.numbers < 1e-8
    assert apart(flattened(one), flattened(one)).is_nothing


def test_the_distance_of_classes_and_numbers() -> None:
    found = apart(flattened([["a", 1.0], ["b", 2.0]]), flattened([["a", 1.0], ["c", 2.5]]))
    assert (found.flips, found.largest) == (0.5, 0.5)
    assert str(found) == "50 % of classes and 0.354 in numbers (root mean square)"
    assert not apart(flattened([1.0]), flattened([1.0, 2.0])).within(found)
