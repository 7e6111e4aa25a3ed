"""Jobs from and to real databases: upserted once, whatever is killed and however often it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from nbdeploy import BatchRequest, NbdeployError, batch
from tests.operating.batch.jobs import killed, risk_package
from tests.tracking.test_mlflow import postgresql

PEOPLE = 500


@pytest.fixture(scope="module")
def risk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return risk_package(tmp_path_factory.mktemp("risk") / "risk")


both = pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with people: their keys are neither in order nor without gaps."""
    people = pd.DataFrame(
        {"id": [(7 * n) % 1_009 for n in range(PEOPLE)], "age": [n % 99 * 1.0 for n in range(PEOPLE)]}
    )
    if getattr(request, "param", "sqlite") == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('database')}/people.db"
        people.to_sql("people", create_engine(url, poolclass=NullPool), index=False)
        yield url
        return
    with postgresql() as url:
        people.to_sql("people", create_engine(url, poolclass=NullPool), index=False)
        yield url


def job(risk: Path, database: str, **more: Any) -> dict[str, Any]:
    asked = {"source": database, "query": "people", "out": database, "key": ("id",), "rows": 50}
    return {"target": str(risk), **asked, **more}


def rows(database: str, query: str) -> list[Any]:
    with create_engine(database, poolclass=NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


@both
def test_answers_are_upserted_once_however_often_a_job_is_killed_and_run(risk: Path, database: str) -> None:
    asked = job(risk, database, table="risks")
    killed(5, **asked)
    done = batch(BatchRequest(**asked))
    assert (done.resumed_at, done.rows, done.bad, done.bad_rows) == (200, PEOPLE, 0, None)
    joined = "SELECT p.id, p.age, r.risk, r.call, r.model_version FROM people p JOIN risks r ON r.id = p.id"
    found = rows(database, joined)
    assert len(found) == rows(database, "SELECT count(*) FROM risks")[0][0] == PEOPLE
    assert {(risk, call, version) for _, _, risk, call, version in found} == {
        (age / 100, "yes" if age > 50 else "no", "3") for _, age, *_ in found
    }
    numbers = rows(database, "SELECT request_row FROM risks ORDER BY id")
    assert numbers == [(number,) for number in range(PEOPLE)]
    again = batch(BatchRequest(**asked))
    assert (again.resumed_at, rows(database, joined)) == (0, found)
    assert rows(database, "SELECT * FROM nbdeploy_batches") == []


@both
def test_rows_at_fault_are_in_a_table_beside(risk: Path, database: str) -> None:
    query = "SELECT id, CASE WHEN id < 20 THEN NULL ELSE age END AS age FROM people"
    asked = job(risk, database, query=query, table="some", on_error="skip")
    for _ in range(2):
        done = batch(BatchRequest(**asked))
        faults = rows(database, "SELECT request_row, problems FROM some_bad ORDER BY request_row")
        assert done.bad == len(faults) == rows(database, "SELECT count(*) FROM people WHERE id < 20")[0][0]
        assert faults[0][0] == 0
        assert "never missing in the data" in faults[0][1]
    assert "password" not in str(done.out)


def test_a_query_goes_to_a_file_and_a_file_to_a_table(risk: Path, database: str, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    asked = job(risk, database, query="SELECT id, age, 'x' AS note FROM people WHERE age < 40", out=str(out))
    killed(3, **asked)
    done = batch(BatchRequest(**asked))
    found = pd.read_parquet(out)
    assert done.resumed_at == 100
    assert found["id"].is_monotonic_increasing
    assert len(found) == rows(database, "SELECT count(*) FROM people WHERE age < 40")[0][0]
    given = tmp_path / "given.jsonl"
    given.write_text('{"id": 1, "age": 10}\n{"id": null, "age": 10}\n{"id": 1, "age": 20}\n')
    done = batch(BatchRequest(**job(risk, database, source=str(given), query=None, table="few", on_error="skip")))
    assert rows(database, "SELECT id, risk FROM few") == [(1, 0.2)]
    assert done.bad == 1


def test_a_key_that_does_not_tell_rows_apart_is_refused(risk: Path, database: str, tmp_path: Path) -> None:
    def refused(code: str, match: str, **more: Any) -> None:
        with pytest.raises(NbdeployError, match=match) as caught:
            batch(BatchRequest(**job(risk, database, **{"table": "other", **more})))
        assert caught.value.diagnostics[0].code == code

    refused("NBD651", "no key is named", key=())
    refused("NBD651", "age has 99 different values in 500 rows", key=("age",))
    refused("NBD651", "the query has no column ident", key=("ident",))
    refused("NBD652", "peeple", query="peeple")
    with create_engine(database, poolclass=NullPool).begin() as connection:
        connection.execute(text("CREATE TABLE other (id BIGINT, risk FLOAT)"))
    refused("NBD651", "the table other lacks the columns call, model_version")
    assert rows(database, "SELECT * FROM other") == []
