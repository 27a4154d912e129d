"""The log in a SQL database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, Executable, bindparam, func, select, text

from mlorch.errors import AlreadyDoneError, StorageError
from mlorch.events import AssetMaterialized, AssetObserved, Event, Json
from mlorch.log import LATEST_KINDS, Record, Slot, slots_of
from mlorch.storage import schema, tables
from mlorch.storage.bodies import SOME, Encoder, decode, decode_shared, no_collection
from mlorch.storage.databases import (
    adding,
    connect,
    explained,
    name_of,
    of,
    reading,
    replacing,
    url_of,
    writing,
)
from mlorch.storage.texts import plain


def open_log(where: str | Path) -> SqlLog:
    """Open the log in a database, to append to it.

    `where` is a path, or a URL as `sqlite:///path` or `postgresql+psycopg://user@host/database`. What is
    missing is made; an older schema is upgraded, and a copy of an older file kept beside. Raises StorageError
    where the database can't be reached or written, is damaged, or is of a newer mlorch or another program; it
    then stays as it was.
    """
    engine = connect(url_of(where), to_write=True)
    log = _opened(engine, make=True) if engine is not None else None
    assert log is not None
    return log


def find_log(where: str | Path) -> SqlLog | None:
    """Open the log to read it, without permission to write if need be; None where there is none yet.

    Raises StorageError as `open_log` does.
    """
    engine = connect(url_of(where), to_write=False)
    return _opened(engine, make=False) if engine is not None else None


class SqlLog:
    """An EventLog in a SQL database, shared by threads and processes; several logs may open one database.

    A disk that is full or fails raises OSError, all else that is wrong with the database StorageError.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._appending = Lock()
        self._append = adding(tables.events, engine)
        self._intern = adding(tables.interned, engine, "ON CONFLICT DO NOTHING")
        self._point = adding(tables.latest, engine, replacing(tables.latest))
        self._use = adding(tables.once, engine)
        self._kept: set[str] = set()
        self._shared: dict[str, Json] = {}

    def append(self, events: Sequence[Event], *, once: Collection[str] = ()) -> list[int]:
        if not events and not once:
            return []
        encoder, names = Encoder(), sorted(_plain(once))
        with self._appending:
            with writing(self.engine) as connection:
                if names and (before := _used(connection, once)):
                    raise AlreadyDoneError(before)
                last = connection.scalar(_LAST) or 0
                rows = [encoder.row(seq, event) for seq, event in enumerate(events, last + 1)]
                interned = [item for item in encoder.interned.items() if item[0] not in self._kept]
                newest = {
                    (event.kind, asset, partition or ""): row[0]
                    for row, event in zip(rows, events, strict=True)
                    for asset, partition in slots_of(event)
                }
                for statement, values in (
                    (self._intern, interned),
                    (self._append, rows),
                    (self._point, [(*slot, seq) for slot, seq in newest.items()]),
                    (self._use, [(name, last + len(rows)) for name in names]),
                ):
                    if values:
                        connection.exec_driver_sql(statement, values)
            # Only now is it certain that these are there.
            if len(self._kept) > _REMEMBERED:
                self._kept.clear()
            self._kept.update(encoder.interned)
        return [row[0] for row in rows]

    def used(self, names: Collection[str]) -> set[str]:
        with reading(self.engine) as connection:
            return _used(connection, names)

    def read(
        self,
        after: int = 0,
        *,
        kinds: Collection[str] | None = None,
        run_id: str | None = None,
        asset: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Record]:
        columns = tables.events.c
        query = select(tables.events).where(columns.seq > after)
        if kinds is not None:
            # SQLite would prefer the index on kinds, which helps least, to that on runs or on assets.
            kind = columns.kind if run_id is None and asset is None else columns.kind + ""
            query = query.where(kind.in_(sorted(kinds)))
        if run_id is not None:
            query = query.where(columns.run_id == run_id)
        if asset is not None:
            query = query.where(columns.asset == asset)
        query = query.order_by(columns.seq.desc() if newest_first else columns.seq).limit(limit)
        with no_collection(), reading(self.engine) as connection:
            return [record for _, record in self._records(connection, query)]

    def latest(
        self,
        kind: str,
        assets: Collection[str] | None = None,
        slots: Collection[Slot] | None = None,
    ) -> dict[Slot, Record]:
        if kind not in LATEST_KINDS:
            raise KeyError(kind)
        values: dict[str, Any] = {"kind": kind}
        query = _LATEST if kind in _WITH_COLUMNS else _LATEST_SLOTS
        queries: list[Executable] = [query]
        if slots is not None:
            named = {
                (asset, partition or "") for asset, partition in slots if assets is None or asset in assets
            }
            of_slots, more = of(self.engine).latest_of(sorted(named))
            queries, values = [of_slots], {**values, **more}
        elif assets is not None:
            queries = [query.where(tables.latest.c.asset.in_(some)) for some in _chunks(assets)]
        with no_collection(), reading(self.engine) as connection:
            return {
                (row[-2], row[-1] or None) if len(row) > _COLUMNS else (row[4], row[5]): record
                for query in queries
                for row, record in self._records(connection, query, values)
            }

    def position(self, follower: str) -> int:
        columns = tables.positions.c
        with reading(self.engine) as connection:
            return connection.scalar(select(columns.seq).where(columns.follower == follower)) or 0

    def advance(self, follower: str, seq: int) -> None:
        with writing(self.engine) as connection:
            connection.execute(_ADVANCE, {"follower": follower, "seq": seq})

    def close(self) -> None:
        """Close the connections; using the log again opens new ones."""
        self.engine.dispose()

    def _records(
        self, connection: Connection, query: Executable, values: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[Any, Record]]:
        """Yield the rows of a query with their records; never are all rows in memory at once."""
        try:
            for rows in connection.execute(query, values).partitions(SOME):
                yield from zip(
                    rows,
                    decode(rows, self._shared, lambda digests: self._find(connection, digests)),
                    strict=True,
                )
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(
                f"{name_of(self.engine.url)} has a record that can't be read ({error!r}). If a newer mlorch "
                "wrote it, install that; if somebody changed it, put back a copy of the database"
            ) from error

    def _find(self, connection: Connection, digests: set[str]) -> Mapping[str, Json]:
        found: dict[str, Json] = {}
        for some in _chunks(digests):
            query = select(tables.interned).where(tables.interned.c.digest.in_(some))
            rows = connection.execute(query).all()
            values = decode_shared([row.body for row in rows])
            found.update((row.digest, value) for row, value in zip(rows, values, strict=True))
        if len(self._shared) > _REMEMBERED:
            self._shared = {}
        # Lists of inputs are long, and seldom asked for twice.
        self._shared.update((digest, one) for digest, one in found.items() if isinstance(one, dict))
        return found


_REMEMBERED = 20_000
"""Shared mappings that a log keeps at hand before it begins anew: the definitions of a large project."""

_CHUNK = 500
"""Values in one IN clause, of which databases take only so many."""

_LAST = select(func.max(tables.events.c.seq))

_ADVANCE = text(
    "INSERT INTO positions (follower, seq) VALUES (:follower, :seq) "
    "ON CONFLICT (follower) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > positions.seq"
)

_COLUMNS = len(tables.events.c)

_LATEST = (
    select(tables.events)
    .join(tables.latest, tables.latest.c.seq == tables.events.c.seq)
    .where(tables.latest.c.kind == bindparam("kind"))
)

_LATEST_SLOTS = _LATEST.add_columns(tables.latest.c.asset, tables.latest.c.partition)
"""The same with the slots, for facts that may be the latest of several."""

_WITH_COLUMNS = frozenset((AssetMaterialized.kind, AssetObserved.kind))
"""The kinds whose facts are of one slot, which stands in their columns."""


def _used(connection: Connection, names: Collection[str]) -> set[str]:
    query, kept = select(tables.once.c.name), _plain(names)
    chunks = (connection.scalars(query.where(tables.once.c.name.in_(some))) for some in _chunks(kept))
    return {kept[name] for found in chunks for name in found}


def _plain(names: Collection[str]) -> dict[str, str]:
    """Return names, which may hold what people wrote, by what is kept of them."""
    return {plain(name): name for name in names}


def _chunks(values: Collection[str]) -> list[list[str]]:
    names = sorted(values)
    return [names[at : at + _CHUNK] for at in range(0, len(names), _CHUNK)]


def _opened(engine: Engine, *, make: bool) -> SqlLog | None:
    is_there = False
    try:
        with explained(engine):
            is_there = schema.settle(engine, make=make)
    finally:
        if not is_there:
            engine.dispose()
    return SqlLog(engine) if is_there else None
