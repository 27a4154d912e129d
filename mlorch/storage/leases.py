"""Who holds what, until when: so that one thing is made by one run at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from threading import Lock
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, Engine, delete, select, update

from mlorch.storage.processes import birth_of, is_dead
from mlorch.storage.sqlite import insert, reading, text_of, writing
from mlorch.storage.tables import holders, leases


@dataclass(frozen=True, slots=True)
class Holder:
    """A run that holds names, and the process that carries it out. `since` is in seconds since the epoch."""

    run_id: str
    host: str
    pid: int
    command: str
    since: float


class Leases(Protocol):
    """Names, each held by at most one run.

    A run holds all its names until one time, and loses all at once: to another that asks for one of them when
    that time has passed, or when the process that holds them has died on this machine. Each method raises
    StorageError where the medium fails.
    """

    def acquire(self, names: Sequence[str], holder: Holder, ttl: float, now: float) -> dict[str, Holder]:
        """Take all names for `ttl` seconds, besides those that the run holds, or take none.

        Returns {} where they were taken, and otherwise those that others hold, with who does.
        """

    def renew(self, holder: Holder, ttl: float, now: float) -> bool:
        """Hold all that the run holds for `ttl` seconds from `now`; False where it was lost or released."""

    def release(self, holder: Holder) -> None:
        """Give back all that the run holds."""

    def runs(self, now: float) -> set[str]:
        """Return the runs that hold what they hold: neither late nor dead."""


class MemoryLeases:
    """Leases within one process."""

    def __init__(
        self,
        birth_of: Callable[[int], str | None] = birth_of,
        is_dead: Callable[[int, str | None], bool] = is_dead,
    ) -> None:
        self._birth_of = birth_of
        self._is_dead = is_dead
        self._held: dict[str, _Held] = {}
        self._names: dict[str, str] = {}
        self._lock = Lock()

    def acquire(self, names: Sequence[str], holder: Holder, ttl: float, now: float) -> dict[str, Holder]:
        with self._lock:
            others = {name: run_id for name, run_id in self._names.items() if run_id != holder.run_id}
            wanted = {name: others[name] for name in names if name in others}
            lost, conflicts = _judge(wanted, self._held, now, self._is_dead)
            if conflicts:
                return conflicts
            for run_id in lost:
                self._forget(run_id)
            self._held[holder.run_id] = _Held(holder, self._birth_of(holder.pid), now + ttl)
            self._names.update(dict.fromkeys(names, holder.run_id))
            return {}

    def renew(self, holder: Holder, ttl: float, now: float) -> bool:
        with self._lock:
            held = self._held.get(holder.run_id)
            if held is not None:
                self._held[holder.run_id] = held._replace(expires=now + ttl)
            return held is not None

    def release(self, holder: Holder) -> None:
        with self._lock:
            self._forget(holder.run_id)

    def runs(self, now: float) -> set[str]:
        with self._lock:
            return _living(self._held, now, self._is_dead)

    def _forget(self, run_id: str) -> None:
        self._held.pop(run_id, None)
        self._names = {name: other for name, other in self._names.items() if other != run_id}


class SqlLeases:
    """Leases in a SQL database, between all processes that open it."""

    def __init__(
        self,
        engine: Engine,
        birth_of: Callable[[int], str | None] = birth_of,
        is_dead: Callable[[int, str | None], bool] = is_dead,
    ) -> None:
        self._engine = engine
        self._birth_of = birth_of
        self._is_dead = is_dead
        self._take = text_of(insert(leases).on_conflict_do_nothing(), engine)

    def acquire(self, names: Sequence[str], holder: Holder, ttl: float, now: float) -> dict[str, Holder]:
        with writing(self._engine) as connection:
            rows = connection.execute(select(leases).where(leases.c.run_id != holder.run_id))
            others = {row.name: row.run_id for row in rows}
            wanted = {name: others[name] for name in names if name in others}
            lost, conflicts = _judge(wanted, _read_held(connection), now, self._is_dead)
            if conflicts:
                return conflicts
            for run_id in lost:
                _forget(connection, run_id)
            values = (*astuple(holder), self._birth_of(holder.pid), now + ttl)
            connection.execute(_HOLD, dict(zip(holders.c.keys(), values, strict=True)))
            if names:
                connection.exec_driver_sql(self._take, [(name, holder.run_id) for name in names])
            return {}

    def renew(self, holder: Holder, ttl: float, now: float) -> bool:
        with writing(self._engine) as connection:
            mine = holders.c.run_id == holder.run_id
            return connection.execute(update(holders).where(mine).values(expires=now + ttl)).rowcount > 0

    def release(self, holder: Holder) -> None:
        with writing(self._engine) as connection:
            _forget(connection, holder.run_id)

    def runs(self, now: float) -> set[str]:
        with reading(self._engine) as connection:
            return _living(_read_held(connection), now, self._is_dead)


class _Held(NamedTuple):
    holder: Holder
    birth: str | None
    expires: float


_INSERT = insert(holders)
_HOLD = _INSERT.on_conflict_do_update(
    index_elements=["run_id"],
    set_={one.name: _INSERT.excluded[one.name] for one in holders.c if not one.primary_key},
)


def _judge(
    wanted: Mapping[str, str],
    held: Mapping[str, _Held],
    now: float,
    is_dead: Callable[[int, str | None], bool],
) -> tuple[set[str], dict[str, Holder]]:
    """Return the runs that may be relieved of the wanted names, and the names that may not be taken."""
    lost = set(wanted.values()) - _living({run_id: held[run_id] for run_id in wanted.values()}, now, is_dead)
    return lost, {name: held[run_id].holder for name, run_id in wanted.items() if run_id not in lost}


def _living(held: Mapping[str, _Held], now: float, is_dead: Callable[[int, str | None], bool]) -> set[str]:
    return {
        run_id for run_id, one in held.items() if one.expires > now and not is_dead(one.holder.pid, one.birth)
    }


def _read_held(connection: Connection) -> dict[str, _Held]:
    rows = connection.execute(select(holders)).all()
    return {row.run_id: _Held(Holder(*row[:5]), row.birth, row.expires) for row in rows}


def _forget(connection: Connection, run_id: str) -> None:
    connection.execute(delete(leases).where(leases.c.run_id == run_id))
    connection.execute(delete(holders).where(holders.c.run_id == run_id))
