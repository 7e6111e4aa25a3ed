"""Runs and model versions in MLflow. The only file that imports mlflow.

Everything goes through a client of its own: the tracking address, the experiment and the run that are active in the
user's kernel stay as they are. mlflow takes seconds to import; `preload` does that beside other work.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import shutil
import threading
import time
import warnings
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from nbdeploy.tracking.facts import batches, key_of, pins, run_parameters, run_tags, staged_files, user_name
from nbdeploy.tracking.form import as_plain, form_of, sample
from nbdeploy.tracking.record import DataIdentity, Run, TrackingRecord
from nbdeploy.tracking.store import Store, find_store, told_as_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "CANDIDATE",
    "CHAMPION",
    "DataIdentity",
    "Run",
    "TrackingRecord",
    "aliases",
    "champion_version",
    "preload",
    "set_aliases",
    "track",
    "untrack",
]

CANDIDATE = "candidate"
"""The alias of the newest registered version, before anybody promotes it."""

CHAMPION = "champion"
"""The alias of the version that somebody promoted: the one to beat."""

EXAMPLE_ROWS = 5
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",  # or a uv.lock in the user's folder would be copied into the model
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "GIT_PYTHON_REFRESH": "quiet",
}


def track(record: TrackingRecord) -> Run:
    """Keep one deploy as a run with its model, register the model under the record's name and alias it `candidate`.

    Whatever fails on the way, nothing stays registered and the run is marked as failed and deleted. Raises
    EnvironmentProblem (NBD610-NBD617) where the store can't be used.
    """
    store = find_store()
    with _quiet(), told_as_problem(store):
        store.check()
        client = _client(store)
        with ExitStack() as undo:
            run = _tracked(client, store, record, undo)
            undo.pop_all()
    return run


def untrack(run: Run) -> None:
    """Take a run back: its model version, its alias, its model and itself. What is gone already is no error."""
    store = Store(run.tracking_uri, run.registry_uri, None)
    with _quiet(), told_as_problem(store):
        store.check()
        client = _client(store)
        with _gone_is_fine():
            client.delete_model_version(run.experiment, run.model_version)
        with _gone_is_fine():
            _give_back(client, run.experiment, run.previous_candidate)
        _drop_empty(client, run.experiment)
        with _gone_is_fine():
            _drop_model(client, run.model_id)
        with _gone_is_fine():
            _drop_run(client, run.run_id, "KILLED")


def champion_version(name: str) -> str | None:
    """Return the deployed version whose registered model has the alias `champion`, None where none has it.

    Raises EnvironmentProblem (NBD610-NBD617) where the store can't be used.
    """
    store = find_store()
    with _quiet(), told_as_problem(store):
        from mlflow.exceptions import MlflowException

        store.check()
        client = _client(store)
        try:
            held = client.get_model_version_by_alias(name, CHAMPION)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            return None
    return str(held.tags.get("nbdeploy.version") or held.version)


def aliases(name: str) -> dict[str, list[str]]:
    """Return the aliases of each deployed version of `name` that has any.

    Raises EnvironmentProblem (NBD610-NBD617) where the store can't be used.
    """
    store = find_store()
    found: dict[str, list[str]] = {}
    with _quiet(), told_as_problem(store), _gone_is_fine():
        store.check()
        client = _client(store)
        for alias, number in sorted(client.get_registered_model(name).aliases.items()):
            held = client.get_model_version(name, number)
            found.setdefault(str(held.tags.get("nbdeploy.version") or held.version), []).append(alias)
    return found


def set_aliases(name: str, aliases: Mapping[str, str | None]) -> list[str]:
    """Let each alias name the model of a deployed version, None: no model; return the versions that have none registered.

    Raises EnvironmentProblem (NBD610-NBD617) where the store can't be used.
    """
    store = find_store()
    if not store.begun:
        return sorted({each for each in aliases.values() if each is not None})
    unknown = []
    with _quiet(), told_as_problem(store):
        store.check()
        client = _client(store)
        models = {
            str(each.tags.get("nbdeploy.version") or each.version): str(each.version)
            for each in reversed(client.search_model_versions(f"name = '{name}'", max_results=10_000))
        }
        for alias, version in aliases.items():
            if version is not None and version in models:
                client.set_registered_model_alias(name, alias, models[version])
                continue
            if models:
                with _gone_is_fine():
                    client.delete_registered_model_alias(name, alias)
            unknown += [version] if version is not None else []
    return sorted(set(unknown))


def preload() -> threading.Thread:
    """Import mlflow and open the default store in a thread, so that `track` finds them ready. Never raises."""

    def load() -> None:
        with suppress(Exception), _quiet():
            store = find_store()
            store.check()
            import mlflow.models
            import mlflow.pyfunc  # noqa: F401

            _client(store).search_experiments(max_results=1)

    thread = threading.Thread(target=load, name="nbdeploy-preload-mlflow", daemon=True)
    thread.start()
    return thread


def _client(store: Store) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=store.tracking_uri, registry_uri=store.registry_uri)


def _tracked(client: Any, store: Store, record: TrackingRecord, undo: ExitStack) -> Run:
    experiment_id = _experiment(client, store, record.name)
    run_id = client.create_run(experiment_id, run_name=f"{record.name} {record.version}").info.run_id
    undo.push(lambda *failure: _quietly(_drop_run, client, run_id, "FAILED"))
    parameters = run_parameters(record)
    model = client.create_logged_model(experiment_id, name="model", source_run_id=run_id, params=parameters)
    undo.push(lambda *failure: _quietly(_drop_model, client, model.model_id))
    _log_facts(client, run_id, model.model_id, record, parameters)
    with TemporaryDirectory(prefix="nbdeploy-") as scratch:
        client.log_artifacts(run_id, str(staged_files(record, Path(scratch))))
        client.log_model_artifacts(model.model_id, str(_saved_model(model, run_id, record, Path(scratch))))
    client.finalize_logged_model(model.model_id, "READY")
    version, previous = _registered(client, store, record, model, undo)
    client.set_terminated(run_id, "FINISHED")
    uri = f"models:/{record.name}/{version}"
    return Run(run_id, record.name, version, uri, store.tracking_uri, store.registry_uri, model.model_id, previous)


def _experiment(client: Any, store: Store, name: str) -> str:
    """Find the experiment of that name, bring it back from the bin, or make it."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        place = (store.artifacts / name).as_uri() if store.artifacts else None
        try:
            return str(client.create_experiment(name, artifact_location=place))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)  # another deploy was faster
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _log_facts(client: Any, run_id: str, model_id: str, record: TrackingRecord, parameters: Mapping[str, str]) -> None:
    from mlflow.entities import LoggedModelOutput, Metric, Param, RunTag

    now = int(time.time() * 1000)
    metrics = [Metric(key_of(name), float(value), now, 0, model_id=model_id) for name, value in record.metrics.items()]
    tags = {"mlflow.source.type": "NOTEBOOK", "mlflow.user": user_name(), **run_tags(record)}
    for some in batches([Param(key, value) for key, value in parameters.items()]):
        client.log_batch(run_id, params=some, synchronous=True)
    for some in batches([RunTag(key, value) for key, value in tags.items()]):
        client.log_batch(run_id, tags=some, synchronous=True)
    for some in batches(metrics):
        client.log_batch(run_id, metrics=some, synchronous=True)
    if record.data:
        client.log_inputs(run_id, datasets=[_dataset(each) for each in record.data])
    client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])


def _dataset(each: DataIdentity) -> Any:
    """A label for MLflow's pages. Its own digest is none of the content; here it is the start of our sha256."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    profile = {
        key: value for key, value in (("num_rows", each.rows), ("num_columns", each.columns)) if value is not None
    }
    source = json.dumps({"uri": each.source or str(each.frame_file or each.name)})
    dataset = Dataset(each.name, each.sha256[:36], "local", source, profile=json.dumps(profile))
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training"), InputTag("sha256", each.sha256)])


def _saved_model(model: Any, run_id: str, record: TrackingRecord, scratch: Path) -> Path:
    """Write the model's folder, with its example where MLflow can store it."""
    from mlflow.exceptions import MlflowException

    example = sample(record.input_example, EXAMPLE_ROWS)
    try:
        return _saved_with(example, model, run_id, record, scratch / "with-example")
    except (MlflowException, TypeError, ValueError):  # the example has no JSON; the model does not need it
        if example is None:
            raise
        return _saved_with(None, model, run_id, record, scratch / "without-example")


def _saved_with(example: Any, model: Any, run_id: str, record: TrackingRecord, folder: Path) -> Path:
    """Save a model that runs the package as it is: nothing is pickled, and nothing is run while saving."""
    import mlflow.models
    import mlflow.pyfunc

    form = form_of(record.input_example)
    loader, package = _loader(folder), folder / "package"
    shutil.copytree(record.package, package, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    described = mlflow.models.Model(
        artifact_path=model.artifact_location,
        model_uuid=model.model_id,
        model_id=model.model_id,
        run_id=run_id,
        metadata={"nbdeploy": {"name": record.name, "version": record.version}},
    )
    mlflow.pyfunc.save_model(
        path=str(folder / "model"),
        loader_module=loader.stem,
        data_path=str(package),
        code_paths=[str(loader)],
        mlflow_model=described,
        model_config={"module": record.module, "input": form},
        signature=_signature(record, form),
        input_example=example,
        pip_requirements=pins(record.requirements),
    )
    return folder / "model"


def _loader(folder: Path) -> Path:
    """Copy the loader under a name of its content, so that models of several releases fit into one process."""
    source = Path(__file__).with_name("notebook_model.py").read_bytes()
    target = folder / f"notebook_model_{hashlib.sha256(source).hexdigest()[:8]}.py"
    folder.mkdir(parents=True)
    target.write_bytes(source)
    return target


def _signature(record: TrackingRecord, form: Mapping[str, Any]) -> Any:
    """Infer the signature from all the recorded rows, None where MLflow has no words for the input nor the output."""
    from mlflow.models import ModelSignature

    inputs = _input_schema(record.input_example, form)
    outputs = _inferred(as_plain(record.output_example))
    return ModelSignature(inputs, outputs) if inputs or outputs else None


def _input_schema(value: Any, form: Mapping[str, Any]) -> Any:
    from mlflow.types.schema import ColSpec, DataType, Schema

    kind, value = form["kind"], as_plain(value)
    if kind == "table":
        return Schema([ColSpec(_column_type(value[each["name"]]), name=each["name"]) for each in form["columns"]])
    if kind == "series":
        return Schema([ColSpec(_column_type(value.iloc[:, 0]), name=form["name"])])
    if kind == "list":
        return Schema([ColSpec(DataType.string if all(isinstance(each, str) for each in value) else _any_type())])
    return None if kind == "other" else _inferred(value)


def _column_type(series: Any) -> Any:
    """The type that MLflow enforces on a column.

    MLflow takes no whole numbers for `double` and no fractions or gaps for `long`, and has no categories or zones.
    Such a column is `Any` to MLflow; the model brings it to the recorded type or refuses it (notebook_model.py).
    """
    dtype = str(series.dtype)
    if dtype == "float64" and not _is_whole(series):
        return _inferred(series.to_frame()).inputs[0].type
    inferred = (
        _inferred(series.to_frame()) if dtype in ("bool", "object", "str") or dtype.startswith("datetime64") else None
    )
    return inferred.inputs[0].type if inferred is not None else _any_type()


def _any_type() -> Any:
    from mlflow.types.schema import AnyType

    return AnyType()


def _is_whole(series: Any) -> bool:
    return bool((series.dropna() % 1 == 0).all())


def _inferred(value: Any) -> Any:
    from mlflow.models import infer_signature

    try:
        return infer_signature(value).inputs
    except Exception:  # mlflow raises what it likes for a type that it has no words for
        return None


def _registered(
    client: Any, store: Store, record: TrackingRecord, model: Any, undo: ExitStack
) -> tuple[str, str | None]:
    """Register the model and alias it; give its version, and the version that held the alias before."""
    from mlflow.exceptions import MlflowException

    name, run_id = record.name, model.source_run_id
    try:
        client.create_registered_model(name)
        undo.push(lambda *failure: _quietly(_drop_empty, client, name))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    previous = _candidate(client, name)
    # Without a server, mlflow would look `models:/<id>` up at the address that is active in the user's kernel.
    source = model.artifact_location if store.artifacts else f"models:/{model.model_id}"
    made = client.create_model_version(name, source, run_id, tags=run_tags(record), model_id=model.model_id)
    version = str(made.version)
    undo.push(lambda *failure: _quietly(_give_back, client, name, previous))
    undo.push(lambda *failure: _quietly(client.delete_model_version, name, version))
    client.set_registered_model_alias(name, CANDIDATE, version)
    return version, previous


def _candidate(client: Any, name: str) -> str | None:
    version = client.get_registered_model(name).aliases.get(CANDIDATE)
    return str(version) if version else None


def _give_back(client: Any, name: str, previous: str | None) -> None:
    """Give the alias to the version that had it before, unless a newer deploy has taken it since."""
    if previous and _candidate(client, name) is None:
        client.set_registered_model_alias(name, CANDIDATE, previous)


def _drop_empty(client: Any, name: str) -> None:
    """Take the registered model away if it has no version left."""
    with _gone_is_fine():
        if not client.search_model_versions(f"name = '{name}'", max_results=1):
            client.delete_registered_model(name)


def _drop_model(client: Any, model_id: str) -> None:
    place = client.get_logged_model(model_id).artifact_location
    client.delete_logged_model(model_id)
    _remove_local(place)


def _drop_run(client: Any, run_id: str, status: str) -> None:
    known = client.get_run(run_id).info
    if known.lifecycle_stage == "active":
        client.set_terminated(run_id, status)
        client.delete_run(run_id)
    _remove_local(known.artifact_uri)


def _remove_local(place: str) -> None:
    """Remove the files of a run or model from nbdeploy's own artifact folder; MLflow leaves them until `mlflow gc`."""
    from urllib.parse import unquote, urlsplit
    from urllib.request import url2pathname

    from nbdeploy.home import data_folder

    folder = Path(url2pathname(unquote(urlsplit(place).path)))
    if place.startswith("file:") and folder.is_relative_to(data_folder() / "mlartifacts"):
        shutil.rmtree(folder.parent, ignore_errors=True)


def _quietly(action: Callable[..., None], *arguments: Any) -> bool:
    """Undo one thing; another failure must not hide the first one. Gives False: the failure goes on its way."""
    with suppress(Exception):
        action(*arguments)
    return False


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "INVALID_STATE"):
            raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep mlflow's messages off stdout and out of the user's logs, and put every setting back."""
    settings = {key: value for key, value in QUIET.items() if key not in os.environ}
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic", "sqlalchemy")]
    os.environ.update(settings)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with suppress(ImportError):  # told by whoever needs it
                import mlflow  # noqa: F401 - it sets its loggers up, which must come first
            from_before = [logger.level for logger in loggers]
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            try:
                yield
            finally:
                for logger, level in zip(loggers, from_before, strict=True):
                    logger.setLevel(level)
    finally:
        for key in settings:
            os.environ.pop(key, None)
