"""PostgreSQL: the one place that knows how this server is reached, locks, fails and tells the time."""

from __future__ import annotations

import errno
import os
import weakref
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import URL, Connection, Engine, Executable, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from mlorch.errors import MissingDependencyError, StorageError, UnreachableError
from mlorch.storage.texts import plain

READING: Mapping[str, Any] = {"isolation_level": "REPEATABLE READ"}

# Each statement sees what was kept before it began, so those behind the lock see all that others kept.
WRITING: Mapping[str, Any] = {"isolation_level": "READ COMMITTED", "writes": True}


def connect(url: URL, *, to_write: bool) -> Engine | None:
    """Return an engine for the server. Raises MissingDependencyError without the driver."""
    query = {**_SOCKET, **url.query}
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg", query=query),
            # A server that was away leaves dead connections in the pool: each is tried before it is used.
            pool_pre_ping=True,
            use_native_hstore=False,
            # Values may be secrets, and messages are kept.
            hide_parameters=True,
        )
    except ImportError as error:
        raise MissingDependencyError(
            "a log in PostgreSQL needs psycopg; `pip install 'mlorch[postgres]'` installs it"
        ) from error
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begun)
    return engine


def prepare(engine: Engine) -> None:
    """Do nothing: the database is made by who has the right to."""


def copy(engine: Engine, suffix: str) -> None:
    """Do nothing: here a change of the schema is made whole or not at all."""


def clock(connection: Connection, now: float) -> float:
    """Return the server's time: the clocks of the machines that open the database may differ."""
    found: float = connection.scalar(_NOW)
    return found


def latest_of(slots: Collection[tuple[str, str]]) -> tuple[Executable, dict[str, Any]]:
    return _LATEST_OF_SLOTS, {
        "assets": [asset for asset, _ in slots],
        "partitions": [partition for _, partition in slots],
    }


def explain(name: str, error: Exception) -> Exception | None:
    orig = error.orig if isinstance(error, DBAPIError) else error
    state = str(getattr(orig, "sqlstate", None) or "")
    said = next((line.strip() for line in reversed(str(orig).splitlines()) if line.strip()), "")
    if state == _DISK_FULL:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
    if state in _REASONS:
        return StorageError(f"{name} {_REASONS[state]} ({said})")
    is_new = isinstance(error, DBAPIError) and error.statement is None
    is_lost = not state and isinstance(error, OperationalError | InterfaceError)
    if is_new or is_lost or state.startswith(_AWAY):
        return UnreachableError(
            f"the server of {name} can't be reached: {said or 'it closed the connection'}. "
            "Try again when it answers"
        )
    return None


_LOCK = f"SELECT pg_advisory_xact_lock({0x6D6C6F72}, hashtext(current_schema()))"
"""Takes the lock of the schema's log, to the end of the transaction; the number is "mlor" in ASCII."""

_PATIENCE = 30
"""Seconds to wait for others who write, and for a server that does not answer."""

_SOCKET = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": str(_PATIENCE * 1000),
    "application_name": "mlorch",
}
"""What libpq is told unless the URL does: to find out soon that a server, or the way to it, is gone."""

_SESSION = (
    f"SET lock_timeout = '{_PATIENCE}s'",
    # A machine that vanished amid a transaction would keep the lock for hours.
    f"SET idle_in_transaction_session_timeout = '{2 * _PATIENCE}s'",
)

_NOW = text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)")

_LATEST_OF_SLOTS = text(
    """
    SELECT events.*, latest.asset, latest.partition
    FROM unnest(CAST(:assets AS text[]), CAST(:partitions AS text[])) AS slots (asset, partition)
    JOIN latest ON latest.kind = :kind
      AND latest.asset = slots.asset AND latest.partition = slots.partition
    JOIN events ON events.seq = latest.seq
    """
)

_DISK_FULL = "53100"

_AWAY = ("08", "25P03", "53300", "57P0")
"""Connections that break or stood still for too long; servers that stop, start, or have too many."""

_DENIED = "denies what is asked: GRANT the user the right to, or take another user"
_REASONS = {
    "42501": _DENIED,
    "25006": "can only be read: take the primary server, not a standby",
    "55P03": f"was locked for {_PATIENCE} s by another process: try again when it has ended",
    "3F000": "has no schema to make tables in: CREATE SCHEMA one, or set search_path",
    "XX001": "is damaged: put back a backup",
    "XX002": "has a damaged index: REINDEX DATABASE repairs it",
}


def _connected(connection: Any, record: object) -> None:
    weakref.finalize(record, _close, connection, os.getpid())
    from psycopg.types.string import StrDumper

    class Text(StrDumper):  # type: ignore[misc, unused-ignore]
        """In what people write a NUL is worth no failed run."""

        def dump(self, obj: str) -> Any:
            return super().dump(plain(obj))

    connection.adapters.register_dumper(str, Text)
    for statement in _SESSION:
        connection.execute(statement)
    connection.commit()


def _close(connection: Any, pid: int) -> None:
    # Who lets go of an engine without a word closes its connections too, but not those of a parent process.
    if os.getpid() == pid:
        connection.close()


def _begun(connection: Connection) -> None:
    # Numbers are given before the transaction that takes them is kept. One at a time, they become visible in
    # their order, and who follows steps over none. The lock ends after the transaction is visible.
    if connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql(_LOCK)
