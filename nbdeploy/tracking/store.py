"""Where runs are kept, whether that place answers, and what its errors mean."""

from __future__ import annotations

import errno
import os
import re
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nbdeploy.errors import Diagnostic, EnvironmentProblem, NbdeployError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Store", "find_store", "told_as_problem"]

_PLACE_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
ANSWER_SECONDS = 5.0  # mlflow itself goes on trying for minutes


@dataclass(frozen=True, slots=True)
class Store:
    """A tracking store and its model registry.

    `artifacts` is where new experiments keep their files, None where the server decides.
    """

    tracking_uri: str
    registry_uri: str
    artifacts: Path | None

    @property
    def begun(self) -> bool:
        """Whether anything may be in it: a database in a file is made by the first deploy."""
        place = self.registry_uri.removeprefix("sqlite:///")
        return place == self.registry_uri or Path(place).exists()

    def check(self) -> None:
        """Find out within seconds whether the store can be used. Raises EnvironmentProblem (NBD610-NBD614)."""
        for uri in dict.fromkeys((self.tracking_uri, self.registry_uri)):
            scheme = uri.partition(":")[0].lower()
            if scheme in ("http", "https"):
                _check_server(uri)
            elif scheme == "sqlite":
                _check_sqlite(uri)
            elif scheme.partition("+")[0] in ("postgresql", "mysql", "mssql"):
                _check_database(uri)
            elif not scheme.startswith("databricks"):
                raise _problem("NBD611", f"{_shown(uri)} is not a tracking store that runs can be kept in", _FIX_URI)


_FIX_URI = (
    "set MLFLOW_TRACKING_URI to a server (http://host:5000) or a database (sqlite:////path/mlflow.db), "
    "or unset it to keep runs in nbdeploy's data folder; `mlflow migrate-filestore` moves an old mlruns folder"
)


def find_store() -> Store:
    """Give the store that MLFLOW_TRACKING_URI names, or else the one in nbdeploy's data folder."""
    from nbdeploy.home import data_folder

    home = data_folder()
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(home / 'mlflow.db').as_posix()}"
    remote = uri.startswith(("http:", "https:", "databricks"))
    return Store(uri, os.environ.get("MLFLOW_REGISTRY_URI") or uri, None if remote else home / "mlartifacts")


@contextmanager
def told_as_problem(store: Store) -> Iterator[None]:
    """Turn what goes wrong while talking to the store into an EnvironmentProblem that says what to do."""
    try:
        yield
    except NbdeployError:
        raise
    except ImportError as error:
        message = f"mlflow can't be imported: {error}"
        raise _problem("NBD615", message, "pip install --upgrade mlflow (3.10 or newer)") from error
    except Exception as error:
        if not _is_foreseen(error):
            raise
        raise _explained(store.tracking_uri, error) from error


def _is_foreseen(error: Exception) -> bool:
    origins = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    if origins & {"mlflow", "sqlalchemy", "requests", "sqlite3", "alembic"}:
        return True
    return isinstance(error, (ConnectionError, TimeoutError)) or getattr(error, "errno", None) in _PLACE_FAULTS


def _explained(uri: str, error: Exception) -> EnvironmentProblem:
    """Recognise the known faults by their text: mlflow wraps what drivers say into one exception."""
    text, place = _without_secrets(str(error)), _shown(uri)
    if "out-of-date database schema" in text or "Can't locate revision" in text:
        message = f"the tracking database {place} was made by another release of mlflow: {_brief(text)}"
        fix = f"back it up, then run `mlflow db upgrade {place}`, or install the release of mlflow that made it"
        return _problem("NBD613", message, fix)
    if "database is locked" in text:
        return _locked(place)
    if re.search(r"\b(401|403)\b|UNAUTHENTICATED|PERMISSION_DENIED|authentication failed", text):
        message = f"the tracking store {place} refuses this user: {_brief(text)}"
        fix = (
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or ask for the right"
        )
        return _problem("NBD614", message, fix)
    if getattr(error, "errno", None) in _PLACE_FAULTS:
        message = f"the files of the run can't be stored: {_brief(text)}"
        return _problem(
            "NBD616", message, "free the place or make it writable; a server must serve its artifacts itself"
        )
    if re.search(r"[Cc]onnection|Max retries|timed? ?out|API request to", text):
        return _unreachable(place, text)
    message = f"the tracking store {place} did not accept the run: {_brief(text)}"
    return _problem("NBD617", message, "see the log of the tracking server; server and client should be of one release")


def _check_server(uri: str) -> None:
    import requests

    verify = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() not in ("true", "1")
    certificate = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    try:
        requests.get(uri.rstrip("/") + "/health", timeout=ANSWER_SECONDS, verify=certificate or verify)
    except requests.RequestException as error:
        raise _unreachable(_shown(uri), str(error)) from error


def _check_sqlite(uri: str) -> None:
    import sqlite3

    _, _, place = uri.partition("?")[0].partition(":///")
    path = Path(place)
    if not place or path.name == ":memory:":
        raise _problem("NBD611", f"{uri} forgets its runs when the process ends", _FIX_URI)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=ANSWER_SECONDS, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise _locked(uri) from error
        message = f"the tracking database {path} can't be written: {error}"
        raise _problem("NBD612", message, "make the file and its folder writable, or name another store") from error
    except (sqlite3.DatabaseError, OSError) as error:
        raise _problem("NBD611", f"{path} is not a tracking database: {error}", _FIX_URI) from error


def _check_database(uri: str) -> None:
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.pool.NullPool)
        with engine.connect():
            pass
    except ImportError as error:
        fix = "install the driver (psycopg for PostgreSQL), or name the one that you have, as in postgresql+psycopg2://"
        raise _problem("NBD611", f"the driver for {_shown(uri)} is not installed: {error}", fix) from error
    except sqlalchemy.exc.ArgumentError as error:
        raise _problem("NBD611", f"{_shown(uri)} is not the address of a database", _FIX_URI) from error
    except sqlalchemy.exc.SQLAlchemyError as error:
        if "authentication failed" in str(error):
            raise _explained(uri, error) from error
        raise _unreachable(_shown(uri), str(error)) from error


def _unreachable(place: str, said: str) -> EnvironmentProblem:
    message = f"the tracking store {place} can't be reached: {_brief(_without_secrets(said))}"
    fix = "start it, or correct MLFLOW_TRACKING_URI; without that variable runs are kept in nbdeploy's data folder"
    return _problem("NBD610", message, fix)


def _locked(place: str) -> EnvironmentProblem:
    message = f"the tracking database {place} is locked by another program"
    fix = "wait for it or end it (a notebook with an open transaction, a copy in progress), then deploy again"
    return _problem("NBD612", message, fix)


def _problem(code: str, message: str, fix: str) -> EnvironmentProblem:
    return EnvironmentProblem(Diagnostic(code=code, message=message, fix=fix))


def _shown(uri: str) -> str:
    return _without_secrets(uri)


def _without_secrets(text: str) -> str:
    return re.sub(r"(\w+://)[^/@\s]+@", r"\1***@", text)


def _brief(text: str) -> str:
    first = " ".join(text.split())
    return first if len(first) < 400 else first[:400] + "..."
