from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nbdeploy.errors import EnvironmentProblem, UsageError
from nbdeploy.home import (
    claim_version,
    data_folder,
    list_deployments,
    load_deployment,
    packages_folder,
    save_deployment,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def publish(name: str) -> str:
    with claim_version(name) as claim:
        (claim.folder / "model.txt").write_text(claim.version)
    return claim.version


def failing_deploy(name: str) -> None:
    with claim_version(name) as claim:
        (claim.folder / "half").write_text("made")
        raise RuntimeError("a gate failed")


def abandoned_claim(name: str) -> None:
    """Claim a version in a process that is killed before it ends."""
    code = f"""
        import os, signal
        from nbdeploy.home import claim_version
        with claim_version({name!r}) as claim:
            (claim.folder / "half").write_text("made")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode != 0


def test_the_folder_is_made_where_the_variable_says(home: Path) -> None:
    assert data_folder() == home
    assert home.is_dir()


def test_without_the_variable_it_is_the_platforms_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NBDEPLOY_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))

    assert data_folder().name == "nbdeploy"
    assert data_folder().is_relative_to(tmp_path)


def test_a_place_that_cannot_be_written_is_told_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path / "file" / "home"))

    with pytest.raises(EnvironmentProblem, match=r"NBD601 .*can't write .*not a directory\n  fix: .*NBDEPLOY_HOME"):
        data_folder()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_called_by_its_name(home: Path) -> None:
    from nbdeploy.home import writing

    with pytest.raises(EnvironmentProblem, match=r"NBD601 .*the disk is full"), writing(home):
        Path("/dev/full").write_text("x")


def test_versions_count_up_and_hold_what_was_put_into_them() -> None:
    assert [publish("titanic") for _ in range(3)] == ["1", "2", "3"]
    assert (packages_folder("titanic") / "2" / "model.txt").read_text() == "2"


def test_a_failed_deploy_leaves_nothing_and_frees_its_number() -> None:
    publish("titanic")

    with pytest.raises(RuntimeError, match="a gate failed"):
        failing_deploy("titanic")

    assert visible("titanic") == ["1"]
    assert publish("titanic") == "2"


def test_deploys_at_the_same_time_get_numbers_of_their_own() -> None:
    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(publish, ["titanic"] * 24))

    assert sorted(versions, key=int) == [str(each) for each in range(1, 25)]


def test_a_number_that_is_taken_elsewhere_is_passed_over() -> None:
    publish("titanic")
    with claim_version(
        "titanic", lambda name, version: (name, version) in {("titanic", "2"), ("titanic", "3")}
    ) as claim:
        assert claim.version == "4"
    assert visible("titanic") == ["1", "4"]


def test_a_claim_of_a_living_deploy_is_left_alone() -> None:
    with claim_version("titanic") as first:
        (first.folder / "mine").write_text("made")
        with claim_version("titanic") as second:
            assert (first.version, second.version) == ("1", "2")
        assert (first.folder / "mine").exists()
    assert visible("titanic") == ["1", "2"]


@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
def test_what_a_killed_deploy_left_is_cleared() -> None:
    publish("titanic")
    abandoned_claim("titanic")
    assert visible("titanic") == ["1", "2.partial"]

    assert publish("titanic") == "2"
    assert [each.name for each in (packages_folder("titanic") / "2").iterdir()] == ["model.txt"]
    assert visible("titanic") == ["1", "2"]


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b", "x" * 200])
def test_a_name_that_is_no_folder_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"NBD602 .*can't be the name"):
        packages_folder(name)


def test_the_newest_deployment_is_loaded_unless_a_version_is_named() -> None:
    for version in ("1", "2", "10"):
        save_deployment("titanic", version, {"name": "titanic", "version": version})

    newest = load_deployment("titanic")
    assert (newest["name"], newest["version"]) == ("titanic", "10")
    assert datetime.now(UTC) - datetime.fromisoformat(newest["deployed"]) < timedelta(hours=1)
    assert load_deployment("titanic", "2")["version"] == "2"


def test_deployments_are_listed_by_name_and_version_without_broken_ones() -> None:
    for name, version in (("zoo", "1"), ("ant", "10"), ("ant", "9")):
        save_deployment(name, version, {"at": f"{name}:{version}"})
    (packages_folder("ant") / "11.json").write_text("{half")

    assert [each["at"] for each in list_deployments()] == ["ant:9", "ant:10", "zoo:1"]


def test_an_unknown_name_is_told_with_the_nearest_one() -> None:
    save_deployment("titanic", "1", {})

    with pytest.raises(UsageError, match=r"NBD603 .*nothing called 'titanik'.*\n.*did you mean 'titanic'"):
        load_deployment("titanik")


def test_an_unknown_version_is_told_with_those_that_exist() -> None:
    for version in ("1", "2"):
        save_deployment("titanic", version, {})

    with pytest.raises(UsageError, match=r"no version 7 of 'titanic': the versions are 1, 2"):
        load_deployment("titanic", "7")


def test_a_record_that_cannot_be_replaced_leaves_no_half_of_it() -> None:
    (packages_folder("titanic") / "1.json").mkdir()

    with pytest.raises(EnvironmentProblem, match="NBD601"):
        save_deployment("titanic", "1", {"state": "new"})

    assert [each.name for each in packages_folder("titanic").iterdir()] == ["1.json"]


def visible(name: str) -> list[str]:
    return sorted(each.name for each in packages_folder(name).iterdir() if not each.name.startswith("."))
