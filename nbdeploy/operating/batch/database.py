"""Rows from and answers to a database: the only file of a batch job that knows SQLAlchemy.

Answers are upserted by key, and where the job stands is kept in the same database (`nbdeploy_batches`): a part and the place
behind it are one transaction, so a kill neither loses nor doubles a row. Rows at fault go to `TABLE_bad`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, EnvironmentProblem, UsageError
from nbdeploy.operating.batch.columns import as_column, field_for
from nbdeploy.operating.batch.values import Chunk, Mark

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TableSource", "TableTarget", "table_source", "table_target"]

LOOK_AHEAD = 1_000  # rows that tell the types of the columns
UPSERTS = ("postgresql", "sqlite")


@dataclass(slots=True)
class TableSource:
    """The rows of a table or a SELECT, in the order of the key."""

    engine: Any
    query: str
    key: tuple[str, ...]
    _schema: Any = None
    _total: int | None = None

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"database": shown(self.engine), "query": self.query, "key": list(self.key)}

    @property
    def total(self) -> int | None:
        return self._total

    def schema(self) -> pa.Schema:
        import pyarrow as pa
        from sqlalchemy import text

        if self._schema is None:
            with connected(self.engine) as connection:
                found = connection.execute(text(f"SELECT * FROM {self._rows} LIMIT {LOOK_AHEAD}"))
                names, rows = list(found.keys()), found.fetchall()
            columns = zip(*rows, strict=True) if rows else ((),) * len(names)
            self._schema = pa.schema([field_for(name, list(each)) for name, each in zip(names, columns, strict=True)])
            self._check_key(names)
        return self._schema

    def chunks(self, start: Mark, rows: int) -> Iterator[Chunk]:
        import numpy as np
        import pyarrow as pa

        schema, first = self.schema(), start.rows
        for page in self._pages(start.after, rows):
            columns = [as_column(list(each), one) for each, one in zip(zip(*page, strict=True), schema, strict=True)]
            fields = pa.schema([one for _, one in columns])
            batch = pa.record_batch([array for array, _ in columns], schema=fields)
            last = tuple(_plain(page[-1]._mapping[name]) for name in self.key)
            end = Mark(first + len(page), last)
            yield Chunk(batch, np.arange(first, end.rows), end)
            first = end.rows

    def _pages(self, after: tuple[Any, ...], rows: int) -> Iterator[Any]:
        """Stream by a cursor of the server; from SQLite, whose readers would lock out the target, a page at a time."""
        if self.engine.dialect.name != "sqlite":
            with connected(self.engine) as connection:
                found = connection.execution_options(yield_per=rows).execute(*self._after(after))
                yield from found.partitions(rows)
            return
        while True:
            with connected(self.engine) as connection:
                statement, values = self._after(after, f" LIMIT {rows}")
                page = connection.execute(statement, values).fetchall()
            if not page:
                return
            yield page
            after = tuple(page[-1]._mapping[name] for name in self.key)

    def _after(self, after: tuple[Any, ...], limit: str = "") -> tuple[Any, dict[str, Any]]:
        from sqlalchemy import text

        key = ", ".join(self._quoted(name) for name in self.key)
        values = {f"after_{at}": value for at, value in enumerate(after)}
        where = f" WHERE ({key}) > ({', '.join(f':{name}' for name in values)})" if values else ""
        return text(f"SELECT * FROM {self._rows}{where} ORDER BY {key}{limit}"), values

    def _check_key(self, names: list[str]) -> None:
        """See that the key tells the rows apart: a job that goes on does so behind the last one."""
        from sqlalchemy import text

        if lost := [name for name in self.key if name not in names]:
            raise UsageError(_bad_key(f"the query has no column {', '.join(lost)}", f"it has {', '.join(names)}"))
        key = ", ".join(self._quoted(name) for name in self.key)
        known = " AND ".join(f"{self._quoted(name)} IS NOT NULL" for name in self.key)
        with connected(self.engine) as connection:
            self._total = int(connection.execute(text(f"SELECT count(*) FROM {self._rows}")).scalar_one())
            different = f"(SELECT DISTINCT {key} FROM {self._rows} WHERE {known}) AS nbdeploy_keys"
            kinds = int(connection.execute(text(f"SELECT count(*) FROM {different}")).scalar_one())
        if kinds != self._total:
            why = f"{', '.join(self.key)} has {kinds} different values in {self._total} rows (a missing one is none)"
            raise UsageError(_bad_key(why, "name the columns that tell the rows apart: --key COLUMN,..."))

    @property
    def _rows(self) -> str:
        if re.fullmatch(r"[\w$]+(\.[\w$]+)*", self.query):
            return ".".join(self._quoted(part) for part in self.query.split("."))
        return f"({self.query.rstrip().rstrip(';')}) AS nbdeploy_rows"

    def _quoted(self, name: str) -> str:
        return str(self.engine.dialect.identifier_preparer.quote(name))


@dataclass(slots=True)
class TableTarget:
    """A table that is upserted by key."""

    engine: Any
    table: Any
    bad: Any
    jobs: Any
    key: tuple[str, ...]
    request_id: str
    overwrite: bool
    _answers: list[Any] = field(default_factory=list)
    _bad: list[dict[str, Any]] = field(default_factory=list)
    _had_bad: bool = False

    def resume(self) -> tuple[Mark, Mapping[str, int]]:
        from sqlalchemy import delete, select

        with connected(self.engine) as connection, connection.begin():
            if self.overwrite:
                connection.execute(delete(self.jobs).where(self.jobs.c.request_id == self.request_id))
            found = connection.execute(select(self.jobs).where(self.jobs.c.request_id == self.request_id)).first()
            if found is None:  # a job from its beginning: what an earlier one could not read may be well by now
                connection.execute(delete(self.bad).where(self.bad.c.request_id == self.request_id))
                return Mark(), {"rows": 0, "bad": 0}
        mark, counts = json.loads(found.mark), json.loads(found.counts)
        self._had_bad = counts["bad"] > 0
        return Mark(mark["rows"], tuple(mark["after"])), counts

    def write(self, answers: pa.RecordBatch, bad: list[dict[str, Any]]) -> None:
        self._answers.append(answers)
        self._bad += bad

    def commit(self, mark: Mark, counts: Mapping[str, int]) -> None:
        rows = {tuple(row[name] for name in self.key): row for each in self._answers for row in _rows_of(each)}
        place = json.dumps({"rows": mark.rows, "after": list(mark.after)})
        job = {"request_id": self.request_id, "mark": place, "counts": json.dumps(dict(counts))}
        bad = [
            {
                "request_id": self.request_id,
                "request_row": each["row"],
                "problems": json.dumps(each["problems"], ensure_ascii=False),
                "input": json.dumps(each.get("input", each.get("text")), ensure_ascii=False),
            }
            for each in self._bad
        ]
        with connected(self.engine) as connection, connection.begin():
            self._upsert(connection, self.table, list(rows.values()))
            self._upsert(connection, self.bad, bad)
            self._upsert(connection, self.jobs, [job])
        self._had_bad = self._had_bad or bool(bad)
        self._answers, self._bad = [], []

    def finish(self) -> Mapping[str, Any]:
        from sqlalchemy import delete

        with connected(self.engine) as connection, connection.begin():
            connection.execute(delete(self.jobs).where(self.jobs.c.request_id == self.request_id))
        out = f"{shown(self.engine)} {self.table.name}"
        return {"out": out, "bad_rows": f"{shown(self.engine)} {self.bad.name}" if self._had_bad else None}

    def _upsert(self, connection: Any, table: Any, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        if self.engine.dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import insert
        else:
            from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
        statement = insert(table)
        key = self.key if table is self.table else tuple(column.name for column in table.primary_key)
        changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
        connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changed), rows)


def table_source(url: str, query: str, key: tuple[str, ...]) -> TableSource:
    """Return the rows of a SELECT, or of a table by its name.

    Raises UsageError (NBD651: no key is named) and EnvironmentProblem (NBD652: there is no driver).
    """
    if not key:
        raise UsageError(_bad_key("no key is named", "name the columns that tell the rows apart: --key COLUMN,..."))
    return TableSource(engine_of(url), query, key)


def table_target(
    url: str, name: str, key: tuple[str, ...], identity: Mapping[str, Any], schema: pa.Schema, *, overwrite: bool
) -> TableTarget:
    """Return the table that answers go to, made where it is not there.

    Raises UsageError (NBD651: no key, or the table that is there lacks columns or a unique key) and EnvironmentProblem NBD652.
    """
    from sqlalchemy import BigInteger, Column, MetaData, Table, Text, inspect

    if not key:
        raise UsageError(_bad_key("no key is named", "name the columns that tell the rows apart: --key COLUMN,..."))
    engine = engine_of(url)
    if engine.dialect.name not in UPSERTS:
        why = f"rows can't be upserted into {engine.dialect.name}"
        raise UsageError(_bad_key(why, f"give a database that is one of {', '.join(UPSERTS)}, or write files"))
    about = MetaData()
    columns = [Column(each.name, _sql_type(each.type), primary_key=each.name in key) for each in schema]
    table = Table(name, about, *columns)
    bad = Table(
        f"{name}_bad",
        about,
        Column("request_id", Text, primary_key=True),
        Column("request_row", BigInteger, primary_key=True, autoincrement=False),
        Column("problems", Text),
        Column("input", Text),
    )
    jobs = Table(
        "nbdeploy_batches",
        about,
        Column("request_id", Text, primary_key=True),
        Column("mark", Text),
        Column("counts", Text),
    )
    with connected(engine) as connection, connection.begin():
        known = inspect(connection)
        if known.has_table(name):
            _check_table(known, name, key, schema.names)
        about.create_all(connection)
    return TableTarget(engine, table, bad, jobs, key, str(identity["request_id"]), overwrite)


def _check_table(known: Any, name: str, key: tuple[str, ...], wanted: list[str]) -> None:
    there = {each["name"] for each in known.get_columns(name)}
    if lost := [each for each in wanted if each not in there]:
        raise UsageError(
            _bad_key(f"the table {name} lacks the columns {', '.join(lost)}", "add them, or name another table")
        )
    unique = [known.get_pk_constraint(name)["constrained_columns"]]
    unique += [each["column_names"] for each in known.get_unique_constraints(name)]
    unique += [each["column_names"] for each in known.get_indexes(name) if each["unique"]]
    if not any(set(each) == set(key) for each in unique):
        fix = f"make one: ALTER TABLE {name} ADD UNIQUE ({', '.join(key)})"
        raise UsageError(_bad_key(f"the table {name} has no primary or unique key of {', '.join(key)}", fix))


def _sql_type(kind: pa.DataType) -> Any:
    import pyarrow as pa
    from sqlalchemy import BigInteger, Boolean, DateTime, Double, Numeric, Text

    if pa.types.is_uint64(kind):
        return Numeric(20, 0)
    if pa.types.is_integer(kind):
        return BigInteger().with_variant(_sqlite_integer(), "sqlite")
    if pa.types.is_floating(kind):
        return Double()
    if pa.types.is_boolean(kind):
        return Boolean()
    if pa.types.is_timestamp(kind):
        return DateTime(timezone=kind.tz is not None)
    return Text()


def _sqlite_integer() -> Any:
    from sqlalchemy import Integer

    return Integer()


def _rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Give the rows as a database takes them: lists as JSON, no fractions of a microsecond."""
    import pyarrow as pa

    columns = []
    for column in batch.columns:
        values = column.to_pylist()
        if pa.types.is_nested(column.type):
            values = [None if each is None else json.dumps(each) for each in values]
        elif pa.types.is_duration(column.type):
            values = [None if each is None else str(each) for each in values]
        elif pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            values = [None if each is None else each.to_pydatetime(warn=False) for each in values]
        columns.append(values)
    names = batch.schema.names
    return (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))


def engine_of(url: str) -> Any:
    """Return the engine of a database's address. Raises EnvironmentProblem NBD652: its driver is not there."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    try:
        return create_engine(url, poolclass=NullPool)
    except ImportError as problem:
        message = f"the driver of {url.partition('://')[0]} is not installed: {problem}"
        fix = f"pip install {problem.name or 'it'}" if problem.name != "psycopg2" else "pip install psycopg2-binary"
        raise EnvironmentProblem(Diagnostic(code="NBD652", message=message, fix=fix)) from None
    except (ArgumentError, NoSuchModuleError):
        fix = "give one as postgresql://user@host/database or sqlite:///file.db"
        message = f"{url.partition('@')[2] or url} is no address of a database"
        raise EnvironmentProblem(Diagnostic(code="NBD652", message=message, fix=fix)) from None


@contextmanager
def connected(engine: Any) -> Iterator[Any]:
    """Connect. Raises EnvironmentProblem NBD652 with what the database says, without a password."""
    from sqlalchemy.exc import DBAPIError

    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as problem:
        why = " ".join(str(problem.orig).split())[:400]
        fix = "see that the database runs, the address and the query are right, and its user may do this"
        raise EnvironmentProblem(Diagnostic(code="NBD652", message=f"{shown(engine)} says: {why}", fix=fix)) from None


def shown(engine: Any) -> str:
    return str(engine.url.render_as_string(hide_password=True))


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else str(value)


def _bad_key(why: str, fix: str) -> Diagnostic:
    return Diagnostic(code="NBD651", message=why, fix=fix)
