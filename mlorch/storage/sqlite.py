"""SQLite: the one place that knows how this database opens, locks, fails and is copied."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import time
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Executable, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from mlorch.errors import StorageError

READING: Mapping[str, Any] = {}
WRITING: Mapping[str, Any] = {"writes": True}


def connect(url: URL, *, to_write: bool) -> Engine | None:
    """Return an engine for the file; it is opened, or made, when it is first used."""
    path = Path(url.database or "")
    if to_write:
        _require_writable(path)
    elif not _size(path):
        return None
    database, query = str(path), {}
    if path.exists() and not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists():
        # A reader, too, makes files beside a database in WAL mode, unless told that nobody writes.
        database, query = path.absolute().as_uri(), {"immutable": "1", "uri": "true"}
    url = URL.create("sqlite", database=database, query=query)
    engine = create_engine(url, connect_args={"timeout": _PATIENCE})
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begun)
    return engine


def prepare(engine: Engine) -> None:
    """Make a file, or take an empty one, in which readers go on while one process writes."""
    with closing(sqlite3.connect(_file(engine), timeout=_PATIENCE, isolation_level=None)) as connection:
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


def copy(engine: Engine, suffix: str) -> None:
    """Write a whole copy of the file beside it, whatever other processes do meanwhile."""
    path = _file(engine)
    to = path.with_name(path.name + suffix)
    with closing(sqlite3.connect(path, timeout=_PATIENCE)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def clock(connection: Connection, now: float) -> float:
    """Return the caller's own time: all who open the file are on one machine."""
    return now


def latest_of(slots: Collection[tuple[str, str]]) -> tuple[Executable, dict[str, Any]]:
    return _LATEST_OF_SLOTS, {"slots": json.dumps(list(slots))}


def explain(name: str, error: Exception) -> Exception | None:
    code = _code(error.orig if isinstance(error, DBAPIError) else error)
    if code in _OS_ERRORS:
        number = _OS_ERRORS[code]
        return OSError(number, os.strerror(number), name)
    return StorageError(f"{name} {_REASONS[code]}") if code in _REASONS else None


_PATIENCE = 30.0
"""Seconds to wait for others who write."""

_LATEST_OF_SLOTS = text(
    """
    SELECT events.*, latest.asset, latest.partition
    FROM json_each(:slots) AS slots CROSS JOIN latest CROSS JOIN events
    WHERE latest.kind = :kind
      AND latest.asset = json_extract(slots.value, '$[0]')
      AND latest.partition = json_extract(slots.value, '$[1]')
      AND events.seq = latest.seq
    """
)
"""`slots` is JSON such as [["asset", "partition"]]. CROSS says in which order to look: by itself, and for IN
with pairs as well, SQLite would go through all slots of the kind."""

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


def _file(engine: Engine) -> Path:
    return Path(engine.url.database or "")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StorageError(f"{path} can't be read: {error.strerror}") from error


def _require_writable(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise StorageError(f"the folder {path.parent} can't be made: {error.strerror}") from error
    for place in (path.parent, path):
        if place.exists() and not os.access(place, os.W_OK):
            raise StorageError(f"{place} can't be written: get the permission to, or choose another place")
