"""The databases that can keep the log: what is alike in them. What differs stands in a module of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Connection, Engine, Executable, Table, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from mlorch.errors import StorageError
from mlorch.storage import postgresql, sqlite
from mlorch.storage.interrupts import undisturbed

Clock = Callable[[Connection, float], float]
"""Gives the time by which leases end, in seconds since the epoch, given the caller's own."""


class Database(Protocol):
    """One kind of database."""

    @property
    def READING(self) -> Mapping[str, Any]:
        """Execution options of a transaction that reads one state."""

    @property
    def WRITING(self) -> Mapping[str, Any]:
        """Execution options of a transaction that no other overlaps."""

    def connect(self, url: URL, *, to_write: bool) -> Engine | None:
        """Return an engine; None where there is nothing to be read yet, without making anything."""

    def prepare(self, engine: Engine) -> None:
        """Do what must be done before the tables are made."""

    def copy(self, engine: Engine, suffix: str) -> None:
        """Keep a copy beside the database before its schema is changed, where a change can't be undone."""

    def clock(self, connection: Connection, now: float) -> float:
        """Return the time by which leases end: a clock that all who open the database share."""

    def latest_of(self, slots: Collection[tuple[str, str]]) -> tuple[Executable, dict[str, Any]]:
        """Return a query for the latest facts of a `kind` for slots, with the slots behind; its values."""

    def explain(self, name: str, error: Exception) -> Exception | None:
        """Return the StorageError or OSError that says what is wrong with the database, if that is known."""


_DATABASES: Mapping[str, Database] = {"sqlite": sqlite, "postgresql": postgresql}


def url_of(where: str | Path) -> URL:
    """Return the URL of a database that is given as a URL or as the path of a file of SQLite."""
    if isinstance(where, Path) or "://" not in where:
        return URL.create("sqlite", database=str(where))
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        # Without the error: it may show a password.
        raise StorageError(f"the storage is no URL of a database; {_FORMS}") from None
    backend = url.get_backend_name()
    if backend not in _DATABASES or (backend == "sqlite" and not url.database):
        raise StorageError(f"{name_of(url)} is no database in which the log can be kept; {_FORMS}")
    return url


def connect(url: URL, *, to_write: bool) -> Engine | None:
    """Return an engine, which connects when it is used; None where there is nothing to read."""
    return _DATABASES[url.get_backend_name()].connect(url, to_write=to_write)


def of(engine: Engine) -> Database:
    return _DATABASES[engine.dialect.name]


def name_of(url: URL) -> str:
    """Return what messages call the database: the path of its file, or its URL without a password."""
    if url.get_backend_name() == "sqlite" and url.database:
        return url.database.removeprefix("file://")
    return url.set(query={}).render_as_string(hide_password=True)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that reads one state of the database, whoever writes meanwhile."""
    with explained(engine), _transaction(engine, of(engine).READING) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that no other overlaps; at the end of the block it is kept whole, or not at all.

    Where StorageError is raised at the end, because a server went away, it is one of the two.
    """
    with explained(engine), _transaction(engine, of(engine).WRITING) as connection:
        yield connection


@contextmanager
def explained(engine: Engine) -> Iterator[None]:
    """Turn what the database complains of into a StorageError, an OSError where its disk is full or fails."""
    try:
        yield
    except (DBAPIError, _raw_errors(engine)) as error:
        explanation = of(engine).explain(name_of(engine.url), error)
        if explanation is not None:
            raise explanation from error
        raise


def adding(table: Table, engine: Engine, on_conflict: str = "") -> str:
    """Return an INSERT for `exec_driver_sql` with rows in the order of the table's columns.

    SQLAlchemy's own way, from dicts, takes as long again as the database. Both databases know ON CONFLICT.
    """
    names = ", ".join(f'"{column.name}"' for column in table.c)
    mark = "?" if engine.dialect.paramstyle == "qmark" else "%s"
    marks = ", ".join([mark] * len(table.c))
    return f"INSERT INTO {table.name} ({names}) VALUES ({marks}) {on_conflict}"


def replacing(table: Table) -> str:
    """Return the ON CONFLICT by which a row takes the place of that with the same primary key."""
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
    others = (column.name for column in table.c if not column.primary_key)
    return f"ON CONFLICT ({keys}) DO UPDATE SET " + ", ".join(f'"{one}" = excluded."{one}"' for one in others)


_FORMS = "write sqlite:///path/of/file.db or postgresql+psycopg://user@host/database"


@contextmanager
def _transaction(engine: Engine, options: Mapping[str, Any]) -> Iterator[Connection]:
    with (
        undisturbed(),
        engine.connect().execution_options(**options) as connection,
        connection.begin(),
    ):
        yield connection


def _raw_errors(engine: Engine) -> type[Exception]:
    # Those that SQLAlchemy did not see, as from what is done with a new connection.
    dbapi: Any = engine.dialect.dbapi
    error: type[Exception] = dbapi.Error
    return error
