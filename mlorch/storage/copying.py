"""Copying a whole history from one database to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Table, func, select

from mlorch.errors import StorageError
from mlorch.storage.databases import adding, name_of, writing
from mlorch.storage.tables import events, interned, latest, once, pools, positions

HISTORY = (interned, events, latest, once, positions, pools)
"""What is copied. Leases, claims and what runs were asked belong to processes, which stay where they are."""


class Progress(NamedTuple):
    """How far a copy is: rows of all tables."""

    done: int
    total: int


def copy_history(
    source: Engine, target: Engine, *, check: Callable[[], None], tell: Callable[[Progress], None]
) -> dict[str, int]:
    """Copy every row of HISTORY in one transaction of the target; return how many of each table.

    Nobody writes to the source meanwhile. `check` may refuse by raising once that is so. Raises StorageError
    where the target has a history; it then stays as it was.
    """
    with writing(source) as reader, writing(target) as writer:
        check()
        _require_empty(writer)
        counts = {table.name: _count(reader, table) for table in HISTORY}
        done, total = 0, sum(counts.values())
        for table in HISTORY:
            statement = adding(table, target)
            query = select(table).execution_options(yield_per=_BATCH)
            for rows in reader.execute(query).partitions():
                writer.exec_driver_sql(statement, [tuple(row) for row in rows])
                done += len(rows)
                tell(Progress(done, total))
        if (kept := {table.name: _count(writer, table) for table in HISTORY}) != counts:
            raise StorageError(f"{name_of(target.url)} took {kept} of {counts}; nothing of it was kept")
    return counts


_BATCH = 2_000


def _require_empty(connection: Connection) -> None:
    for table in HISTORY:
        if count := _count(connection, table):
            raise StorageError(
                f"{name_of(connection.engine.url)} has a history already: {count:,} rows of {table.name!r}. "
                "Choose an empty database"
            )


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
