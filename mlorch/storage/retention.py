"""Removing facts from a log: beside the protocol, in small transactions, so that nobody waits long."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select

from mlorch.events import OutputCaptured, RunQueued, RunStarted, StepFailed
from mlorch.storage.databases import reading, writing
from mlorch.storage.sql import SqlLog
from mlorch.storage.tables import events, latest, once

Item = TypeVar("Item")

TICKS = "tick:sensor/"
"""What the names of sensors' ticks begin with."""


class Size(NamedTuple):
    """Rows, and the bytes of their bodies."""

    rows: int = 0
    bytes: int = 0

    def __add__(self, other: object) -> Size:
        assert isinstance(other, Size)
        return Size(self.rows + other.rows, self.bytes + other.bytes)


def captured_runs(log: SqlLog, before: float) -> set[str]:
    """Return the runs of which there is what their steps wrote before a time."""
    columns = events.c
    query = select(columns.run_id).where(columns.kind == OutputCaptured.kind, columns.at < before).distinct()
    with reading(log.engine) as connection:
        return {one for one in connection.scalars(query) if one is not None}


def size_of_runs(log: SqlLog, runs: Collection[str]) -> Size:
    """Return how much the facts of runs are."""
    return _size(log, [events.c.run_id.in_(some) for some in _chunks(sorted(runs))])


def size_of_logs(log: SqlLog, runs: Collection[str]) -> Size:
    """Return how much is kept of what the steps of runs wrote."""
    return _size(log, [_logs_of(some) for some in _chunks(sorted(runs))])


def size_of_facts(log: SqlLog, numbers: Collection[int]) -> Size:
    """Return how much the facts with these numbers are."""
    return _size(log, [events.c.seq.in_(some) for some in _chunks(sorted(numbers))])


def remove_runs(log: SqlLog, runs: Sequence[str], seen: int) -> int:
    """Remove the facts of runs, each run whole; return how many of the runs are gone.

    Stops where a run was asked for, or began, after the fact numbered `seen`: it may go on with one of them.
    """
    gone = 0
    for some in _chunks(runs, _RUNS):
        with _paused(), writing(log.engine) as connection:
            if _has_news(connection, seen):
                return gone
            mine = and_(events.c.run_id.in_(some), events.c.seq < _NEWEST)
            failed = select(events.c.seq).where(mine, events.c.kind == StepFailed.kind)
            connection.execute(
                delete(latest).where(latest.c.kind == StepFailed.kind, latest.c.seq.in_(failed))
            )
            connection.execute(delete(events).where(mine))
        gone += len(some)
    return gone


def remove_logs(log: SqlLog, runs: Sequence[str]) -> None:
    """Remove what the steps of runs wrote."""
    for some in _chunks(runs, _RUNS):
        _remove(log, _logs_of(some))


def remove_facts(log: SqlLog, numbers: Sequence[int]) -> None:
    """Remove the facts with these numbers."""
    for some in _chunks(numbers):
        _remove(log, events.c.seq.in_(some))


def remove_tick_names(log: SqlLog, before: int, kept: Collection[str]) -> int:
    """Forget the names of sensors' ticks used up to a number of the log, but for some; return how many."""
    columns, total = once.c, 0
    query = select(columns.name).where(columns.name.startswith(TICKS, autoescape=True), columns.seq <= before)
    while True:
        with _paused(), writing(log.engine) as connection:
            found = [one for one in connection.scalars(query.limit(_CHUNK + len(kept))) if one not in kept]
            if not found:
                return total
            connection.execute(delete(once).where(columns.name.in_(found)))
        total += len(found)


_CHUNK = 500
_RUNS = 20
"""Runs whose facts go in one transaction: some thousand rows."""

_PAUSE = 0.01
"""Seconds between two transactions, at least; as long as the one before took, so that others get in."""

_NEWEST = select(func.max(events.c.seq)).scalar_subquery()
"""The newest fact stays, whatever it is: the next one is numbered after it."""


def _logs_of(runs: Sequence[str]) -> ColumnElement[bool]:
    # The index on runs finds them; that on kinds would go through all that was ever written.
    return and_(events.c.run_id.in_(runs), events.c.kind + "" == OutputCaptured.kind)


def _size(log: SqlLog, conditions: Sequence[ColumnElement[bool]]) -> Size:
    total = Size()
    with reading(log.engine) as connection:
        for one in conditions:
            query = select(func.count(), func.sum(func.length(events.c.body))).where(one)
            rows, length = connection.execute(query).one()
            total += Size(rows, int(length or 0))
    return total


def _remove(log: SqlLog, which: ColumnElement[bool]) -> None:
    with _paused(), writing(log.engine) as connection:
        connection.execute(delete(events).where(which, events.c.seq < _NEWEST))


def _has_news(connection: Connection, seen: int) -> bool:
    asked = (RunQueued.kind, RunStarted.kind)
    query = select(events.c.seq).where(events.c.seq > seen, (events.c.kind + "").in_(asked)).limit(1)
    return connection.scalar(query) is not None


class _paused:
    """Gives others the time to write that the block took."""

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        time.sleep(max(_PAUSE, time.monotonic() - self._began))


def _chunks(values: Sequence[Item], size: int = _CHUNK) -> Iterator[Sequence[Item]]:
    for at in range(0, len(values), size):
        yield values[at : at + size]
