"""SQLite: the one place that knows how this database opens, locks, fails and is copied."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, Insert, Table, create_engine, event, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from mlorch.errors import StorageError

_PATIENCE = 30.0
"""Seconds to wait for others who write."""


def connect(path: Path) -> Engine:
    """Return an engine for the file; it is opened, or made, when it is first used."""
    database, query = str(path), {}
    if path.exists() and not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists():
        # A reader, too, makes files beside a database in WAL mode, unless told that nobody writes.
        database, query = path.absolute().as_uri(), {"immutable": "1", "uri": "true"}
    url = URL.create("sqlite", database=database, query=query)
    engine = create_engine(url, connect_args={"timeout": _PATIENCE})
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begun)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that reads one state of the database, whoever writes meanwhile."""
    with explained(engine), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that no other overlaps; at the end of the block it is kept whole, or not at all."""
    with explained(engine), engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


def insert(table: Table) -> sqlite.Insert:
    """Return an insert that can be told what to do where the row is there already."""
    return sqlite.insert(table)


def text_of(statement: Insert, engine: Engine) -> str:
    """Return the statement for `exec_driver_sql` with rows in the order of the table's columns.

    SQLAlchemy's own way, from dicts, takes as long again as the database.
    """
    return str(statement.compile(dialect=engine.dialect))


LATEST_OF_SLOTS = text(
    """
    SELECT events.*, latest.asset, latest.partition
    FROM json_each(:slots) AS slots CROSS JOIN latest CROSS JOIN events
    WHERE latest.kind = :kind
      AND latest.asset = json_extract(slots.value, '$[0]')
      AND latest.partition = json_extract(slots.value, '$[1]')
      AND events.seq = latest.seq
    """
)
"""The latest facts for `slots`, JSON such as [["asset", "partition"]]. CROSS says in which order to look: by
itself, and for IN with pairs as well, SQLite would go through all slots of the kind."""


@contextmanager
def explained(engine: Engine) -> Iterator[None]:
    """Turn what SQLite complains of into a StorageError, or an OSError where the disk is full or fails."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        code = _code(error.orig if isinstance(error, DBAPIError) else error)
        path = str(engine.url.database).removeprefix("file://")
        if code in _OS_ERRORS:
            number = _OS_ERRORS[code]
            raise OSError(number, os.strerror(number), path) from error
        if code in _REASONS:
            raise StorageError(f"{path} {_REASONS[code]}") from error
        raise


def prepare(path: Path) -> None:
    """Make a file, or take an empty one, in which readers go on while one process writes."""
    with closing(sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)) as connection:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                # For this one SQLite does not wait by itself until another process has done the same.
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return


def copy(path: Path, to: Path) -> None:
    """Write a whole copy of the database to the file `to`, whatever other processes do meanwhile."""
    with closing(sqlite3.connect(path, timeout=_PATIENCE)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


_OS_ERRORS = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_IOERR: errno.EIO}

_DENIED = "can't be opened or written: check the permissions of the file and of its folder"
_REASONS = {
    sqlite3.SQLITE_NOTADB: "is no database and was left as it is: put back a copy, or move it to begin anew",
    sqlite3.SQLITE_CORRUPT: "is damaged and was left as it is: put back a copy, or try sqlite3's `.recover`",
    sqlite3.SQLITE_CANTOPEN: _DENIED,
    sqlite3.SQLITE_PERM: _DENIED,
    sqlite3.SQLITE_READONLY: _DENIED,
    sqlite3.SQLITE_BUSY: f"was locked for {_PATIENCE:.0f} s by another process: try again when it has ended",
}


def _code(error: BaseException | None) -> int:
    # The low byte says what failed, the others say where.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _connected(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # Python's module begins no transaction; `_begun` does.
    # In WAL mode a commit then survives the end of the process, however it ends, and costs no fsync. When the
    # machine loses power the last commits may be lost, each as a whole; the database stays intact.
    connection.execute("PRAGMA synchronous = NORMAL")


def _begun(connection: Connection) -> None:
    # A transaction that read before it writes would fail instead of waiting, and give numbers twice.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
