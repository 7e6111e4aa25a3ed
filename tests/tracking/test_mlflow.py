"""Real stores: SQLite in the data folder, and a tracking server over PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nbdeploy.errors import EnvironmentProblem
from nbdeploy.tracking.mlflow import (
    DataIdentity,
    TrackingRecord,
    champion_version,
    preload,
    set_aliases,
    track,
    untrack,
)
from nbdeploy.tracking.store import find_store

pytestmark = pytest.mark.slow

FRAME = pd.DataFrame(
    {
        "tenure": [1, 2, 30],
        "fee": [1.5, 2.0, 7.25],
        "plan": pd.Categorical(["a", "b", "a"], categories=["a", "b", "c"]),
        "gap": [1.0, None, 3.0],
        "since": pd.to_datetime(["2020-01-01", "2021-06-30", "2022-12-31"]),
        "note": ["x", "y", "z"],
    }
)
PREDICT = """
def predict(X):
    assert str(X["plan"].dtype) == "category", X.dtypes
    return (X["tenure"] * FACTOR + X["fee"] + X["plan"].cat.codes + X["since"].dt.year).to_numpy()
"""


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose database is made but empty: making it takes mlflow seconds."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBDEPLOY_HOME", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        preload().join()
    return folder / "mlflow.db"


@pytest.fixture
def new_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def home(new_home: Path, empty_store: Path) -> Path:
    shutil.copy(empty_store, new_home)
    return new_home


def exported(folder: Path, body: str = PREDICT, factor: int = 2) -> Path:
    """Write a small package such as the export makes, which imports itself while it predicts."""
    module = folder / "churn"
    module.mkdir(parents=True)
    (module / "__init__.py").write_text("from .predict import predict\n")
    (module / "constants.py").write_text(f"FACTOR = {factor}\n")
    (module / "predict.py").write_text(body.replace("FACTOR", "__import__('churn.constants').constants.FACTOR"))
    pins = f"pandas=={pd.__version__} \\\n    --hash=sha256:{'0' * 64}\nnumpy=={np.__version__}\n"
    (folder / "requirements.lock").write_text("# a comment\n" + pins)
    return folder


def record_of(package: Path, version: str = "1", example: object = FRAME, output: object = None) -> TrackingRecord:
    return TrackingRecord(
        name="churn",
        version=version,
        package=package,
        module="churn",
        requirements=package / "requirements.lock",
        input_example=example,
        output_example=np.array([1.0, 2.0]) if output is None else output,
        parameters={"C": 0.5, "layers": [3, 4], "odd*key": "v"},
        metrics={"auc": 0.91, "loss": float("nan")},
        tags={"team": "growth"},
        data=[DataIdentity("train.csv", "ab" * 32, 3, 6, "data/train.csv")],
        files={"report": [package / "requirements.lock"]},
        gates=[{"name": "faithful", "verdict": "pass", "reason": "", "figures": {"rows": 3}}],
        bento_tag="churn:1",
        git_commit="c0ffee" * 6 + "c0ff",
    )


def client():
    from mlflow import MlflowClient

    store = find_store()
    return MlflowClient(store.tracking_uri, store.registry_uri)


def answer_in_clean_process(uri: str, model_uri: str, folder: Path, frame: pd.DataFrame) -> list[float]:
    """Load the model where nbdeploy can't be imported, and predict."""
    frame.to_pickle(folder / "rows.pkl")
    code = """
        import json, sys
        sys.modules["nbdeploy"] = None
        import mlflow, pandas
        mlflow.set_tracking_uri(sys.argv[1])
        rows = pandas.read_pickle("rows.pkl")
        answers = mlflow.pyfunc.load_model(sys.argv[2]).predict(rows)
        print("ANSWERS", json.dumps(answers.tolist()))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), uri, model_uri]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "ANSWERS" in done.stdout, done.stderr
    return json.loads(done.stdout.split("ANSWERS")[1])


def expected_of(frame: pd.DataFrame, factor: int = 2) -> list[float]:
    return (frame.tenure * factor + frame.fee + frame.plan.cat.codes + frame.since.dt.year).tolist()


def test_a_run_holds_all_that_was_recorded(new_home: Path, tmp_path: Path) -> None:
    run = track(record_of(exported(tmp_path / "package")))

    known = client().get_run(run.run_id)
    assert known.info.status == "FINISHED"
    assert known.data.params["C"] == "0.5"
    assert known.data.params["odd_key"] == "v"
    assert known.data.params["data.train.csv.sha256"] == "ab" * 32
    assert known.data.metrics["auc"] == 0.91
    assert known.data.tags["gate.faithful"] == "pass"
    assert known.data.tags["mlflow.source.git.commit"] == "c0ffee" * 6 + "c0ff"
    assert [each.dataset.digest for each in known.inputs.dataset_inputs] == [("ab" * 32)[:36]]
    assert {each.path for each in client().list_artifacts(run.run_id)} == {"gates", "report", "requirements"}
    assert client().get_experiment(known.info.experiment_id).name == "churn"


def test_the_registered_version_is_the_candidate(home: Path, tmp_path: Path) -> None:
    run = track(record_of(exported(tmp_path / "package")))

    version = client().get_model_version_by_alias("churn", "candidate")
    assert (str(version.version), version.run_id, version.tags["bento_tag"]) == (
        run.model_version,
        run.run_id,
        "churn:1",
    )
    assert client().get_logged_model(run.model_id).name == "model"
    assert str(client().get_logged_model(run.model_id).status) == "READY"


def test_the_model_answers_without_nbdeploy_as_the_package_does(home: Path, tmp_path: Path) -> None:
    run = track(record_of(exported(tmp_path / "package")))

    answers = answer_in_clean_process(run.tracking_uri, run.model_uri, tmp_path, FRAME)

    assert answers == expected_of(FRAME)


def test_a_column_of_whole_numbers_takes_fractions_and_gaps(home: Path, tmp_path: Path) -> None:
    model = loaded(track(record_of(exported(tmp_path / "package"))))
    rows = FRAME.assign(tenure=[3.5, None, 2], gap=[1, 2, 3])

    np.testing.assert_array_equal(model.predict(rows), expected_of(rows))


def test_a_category_that_the_notebook_never_saw_is_refused(home: Path, tmp_path: Path) -> None:
    model = loaded(track(record_of(exported(tmp_path / "package"))))

    with pytest.raises(ValueError, match=r"column 'plan': \['z'\] is not among its categories"):
        model.predict(FRAME.assign(plan=["a", "z", "b"]))


def test_a_column_that_is_left_out_is_named(home: Path, tmp_path: Path) -> None:
    from mlflow.exceptions import MlflowException

    model = loaded(track(record_of(exported(tmp_path / "package"))))

    with pytest.raises(MlflowException, match=r"missing inputs \['gap'\]"):
        model.predict(FRAME.drop(columns="gap"))


def test_two_versions_in_one_process_stay_apart(home: Path, tmp_path: Path) -> None:
    first = track(record_of(exported(tmp_path / "one", factor=2)))
    second = track(record_of(exported(tmp_path / "two", factor=3), version="2"))

    models = [loaded(first), loaded(second), loaded(first)]

    assert [each.predict(FRAME).tolist() for each in models] == [expected_of(FRAME, n) for n in (2, 3, 2)]
    assert second.previous_candidate == first.model_version


def test_the_champion_is_the_version_that_has_the_alias(home: Path, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    assert champion_version("nobody") is None
    run = track(record_of(exported(tmp_path / "package"), version="7"))
    assert champion_version(run.experiment) is None
    client = MlflowClient(tracking_uri=run.tracking_uri, registry_uri=run.registry_uri)
    client.set_registered_model_alias(run.experiment, "champion", run.model_version)
    assert champion_version(run.experiment) == "7"
    assert set_aliases(run.experiment, {"champion": None, "previous": "7", "challenger": "9"}) == ["9"]
    assert champion_version(run.experiment) is None
    assert str(client.get_registered_model(run.experiment).aliases["previous"]) == run.model_version
    assert set_aliases("nobody", {"champion": "1"}) == ["1"]


@pytest.mark.parametrize(
    ("example", "body"),
    [
        (["a text", "another"], "def predict(X):\n    assert type(X) is list\n    return [len(x) for x in X]\n"),
        ([1.5, 2, 3], "def predict(X):\n    assert type(X) is list\n    return [x * 2 for x in X]\n"),
        (np.arange(6.0).reshape(3, 2), "def predict(X):\n    return X.sum(axis=1)\n"),
        (pd.Series([1, 2, 3], name="n"), "def predict(X):\n    assert X.name == 'n', X\n    return X * 2\n"),
        (pd.Series(["a", "b"]), "def predict(X):\n    return X.str.upper()\n"),
        ({"one": 1}, "def predict(X):\n    return X['one']\n"),
    ],
    ids=["texts", "numbers", "array", "series", "unnamed series", "record"],
)
def test_every_kind_of_input_reaches_the_package_as_it_was(
    home: Path, tmp_path: Path, example: object, body: str
) -> None:
    package = exported(tmp_path / "package", body)
    space: dict[str, object] = {}
    exec(body, space)
    expected = space["predict"](example)  # type: ignore[operator]

    answer = loaded(track(record_of(package, example=example, output=expected))).predict(example)

    assert type(answer) is type(expected)
    np.testing.assert_array_equal(answer, expected)


def test_the_users_own_run_and_addresses_stay_as_they_are(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import mlflow

    monkeypatch.chdir(tmp_path)
    own = f"sqlite:///{tmp_path}/own.db"
    mlflow.set_tracking_uri(own)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")  # which set_tracking_uri wrote
    environment = dict(os.environ)
    try:
        with mlflow.start_run() as active:
            capsys.readouterr()
            run = track(record_of(exported(tmp_path / "package")))
            untrack(run)
            assert capsys.readouterr().out == ""
            assert mlflow.active_run().info.run_id == active.info.run_id
            assert mlflow.get_tracking_uri() == own
            assert dict(os.environ) == environment
            mlflow.log_metric("still", 1)
        assert run.tracking_uri == f"sqlite:///{home}/mlflow.db"
        assert mlflow.get_run(active.info.run_id).data.metrics == {"still": 1}
    finally:
        mlflow.set_tracking_uri(None)


def test_taking_a_run_back_gives_the_alias_to_the_one_before(home: Path, tmp_path: Path) -> None:
    package = exported(tmp_path / "package")
    first = track(record_of(package))
    second = track(record_of(package, version="2"))

    untrack(second)

    assert str(client().get_model_version_by_alias("churn", "candidate").version) == first.model_version
    assert [str(each.version) for each in client().search_model_versions("name = 'churn'")] == [first.model_version]
    assert client().get_run(second.run_id).info.lifecycle_stage == "deleted"
    untrack(second)  # once more is no error
    untrack(first)
    assert client().search_registered_models() == []
    assert list((home / "mlartifacts" / "churn" / "models").iterdir()) == []


def test_a_failure_leaves_nothing_registered(home: Path, tmp_path: Path) -> None:
    (home / "mlartifacts").write_text("a file where the folder should be")

    with pytest.raises(EnvironmentProblem, match=r"NBD616 the files of the run can't be stored"):
        track(record_of(exported(tmp_path / "package")))

    from mlflow.entities import ViewType

    experiment = client().get_experiment_by_name("churn").experiment_id
    runs = client().search_runs([experiment], run_view_type=ViewType.ALL)
    assert [(each.info.status, each.info.lifecycle_stage) for each in runs] == [("FAILED", "deleted")]
    assert client().search_registered_models() == []


def test_a_fault_of_the_program_is_not_blamed_on_the_store(home: Path, tmp_path: Path) -> None:
    record = replace(record_of(exported(tmp_path / "package")), files={"report": [tmp_path / "absent.html"]})

    with pytest.raises(FileNotFoundError, match=r"absent\.html"):
        track(record)

    assert client().search_registered_models() == []


def test_a_server_that_is_down_is_told_within_seconds(
    new_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://someone:secret@127.0.0.1:{free_port()}")
    package, started = exported(tmp_path / "package"), time.monotonic()

    with pytest.raises(EnvironmentProblem, match=r"NBD610 .*can't be reached") as caught:
        track(record_of(package))

    assert time.monotonic() - started < 15
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["mlruns", "file:///somewhere/mlruns", "sqlite://", "postgresql+nosuch://h/db"])
def test_an_address_that_keeps_no_runs_is_refused(
    new_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)

    with pytest.raises(EnvironmentProblem, match="NBD611"):
        track(record_of(exported(tmp_path / "package")))


def test_a_file_that_is_no_database_is_told(new_home: Path, tmp_path: Path) -> None:
    (new_home / "mlflow.db").write_text("not a database at all, but long enough to look like one" * 50)

    with pytest.raises(EnvironmentProblem, match=r"NBD611 .*is not a tracking database"):
        track(record_of(exported(tmp_path / "package")))


def test_a_locked_database_is_told(new_home: Path, tmp_path: Path) -> None:
    other = sqlite3.connect(new_home / "mlflow.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(EnvironmentProblem, match=r"NBD612 .*is locked by another program"):
        track(record_of(exported(tmp_path / "package")))
    other.close()


def test_a_database_of_another_release_is_told(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = exported(tmp_path / "package")
    track(record_of(package))
    moved = tmp_path / "elsewhere"  # mlflow keeps an open store by its address
    shutil.copytree(home, moved)
    with sqlite3.connect(moved / "mlflow.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    connection.close()

    monkeypatch.setenv("NBDEPLOY_HOME", str(moved))

    with pytest.raises(EnvironmentProblem, match=r"NBD613 .*another release"):
        track(record_of(package, version="2"))


def test_it_works_over_a_server_with_postgresql(
    new_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql() as database, tracking_server(database, tmp_path) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        package = exported(tmp_path / "package")

        first, second = (track(record_of(package, version=each)) for each in "12")

        assert answer_in_clean_process(uri, "models:/churn@candidate", tmp_path, FRAME) == expected_of(FRAME)
        assert client().get_run(second.run_id).data.tags["gate.faithful"] == "pass"
        untrack(second)
        assert str(client().get_model_version_by_alias("churn", "candidate").version) == first.model_version
        assert not (new_home / "mlflow.db").exists()


def loaded(run):
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(run.tracking_uri)
    try:
        return mlflow.pyfunc.load_model(run.model_uri)
    finally:
        mlflow.set_tracking_uri(before)
        os.environ.pop("MLFLOW_TRACKING_URI", None)


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


class postgresql:
    """A private PostgreSQL cluster on loopback; as root it runs under another user, since PostgreSQL refuses root."""

    def __enter__(self) -> str:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        binaries = found[-1] if found else Path(shutil.which("initdb") or "/nowhere/initdb").parent
        if not (binaries / "initdb").exists():
            pytest.skip("no PostgreSQL programs (initdb, postgres) on this machine: apt-get install postgresql")
        self.folder = Path(tempfile.mkdtemp(prefix="nbdeploy-pg-"))
        self.user = {"user": "nobody", "group": "nogroup"} if os.getuid() == 0 else {}
        if self.user:
            shutil.chown(self.folder, "nobody", "nogroup")
        data, port = self.folder / "data", free_port()
        self._run([binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"])
        options = ["-p", str(port), "-h", "127.0.0.1", "-k", self.folder, "-c", "fsync=off"]
        self.process = subprocess.Popen(
            [binaries / "postgres", "-D", data, *options], cwd=self.folder, stderr=subprocess.DEVNULL, **self.user
        )
        waited_for(lambda: socket.create_connection(("127.0.0.1", port), 1).close(), 60, self.process)
        self._run([binaries / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "mlflow"])
        return f"postgresql+psycopg2://postgres@127.0.0.1:{port}/mlflow"

    def __exit__(self, *failure: object) -> None:
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command: list[object]) -> None:
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, **self.user)


class tracking_server:
    """`mlflow server` on loopback over the database at `backend`."""

    def __init__(self, backend: str, folder: Path) -> None:
        self.backend, self.folder, self.port = backend, folder, free_port()

    def __enter__(self) -> str:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", self.backend, "--artifacts-destination", str(self.folder / "artifacts")]
        self.log = (self.folder / "server.log").open("w")
        self.process = subprocess.Popen([*command, "--workers", "1"], stdout=self.log, stderr=self.log, cwd=self.folder)
        uri = f"http://127.0.0.1:{self.port}"
        waited_for(lambda: urllib.request.urlopen(uri + "/health", timeout=2).close(), 300, self.process)
        return uri

    def __exit__(self, *failure: object) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def waited_for(ready, seconds: float, process: subprocess.Popen) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, "the process ended while starting"
        try:
            ready()
        except (OSError, urllib.error.URLError):
            time.sleep(0.3)
        else:
            return
    raise AssertionError("it did not start in time")
