"""Who holds what, until when: so that one thing is made by one run at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from threading import Lock
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, Engine, bindparam, delete, select, update

from mlorch.storage.databases import Clock, adding, of, reading, replacing, writing
from mlorch.storage.processes import birth_of, is_alive
from mlorch.storage.tables import cancels, claims, holders, leases

IsAlive = Callable[[int, str | None], bool | None]
"""Says whether a process that was born so lives; None where that can't be told."""


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

    A run holds all its names as long as its process lives, and loses all at once to another that asks for one
    of them. Where that can't be told, as of another machine, it holds them until one time. So neither clocks
    that jump nor a laptop that sleeps take anything from anybody on one machine. Each method raises
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

    def cancel(self, run_id: str, reason: str, now: float) -> None:
        """Ask a run to end, whoever holds it; what is asked is forgotten when it releases its names."""

    def canceled(self) -> dict[str, str]:
        """Return the runs that were asked to end, each with the reason that was given first."""


class MemoryLeases:
    """Leases within one process."""

    def __init__(
        self,
        birth_of: Callable[[int], str | None] = birth_of,
        is_alive: IsAlive = is_alive,
    ) -> None:
        self._birth_of = birth_of
        self._is_alive = is_alive
        self._held: dict[str, _Held] = {}
        self._names: dict[str, str] = {}
        self._canceled: dict[str, str] = {}
        self._lock = Lock()

    def acquire(self, names: Sequence[str], holder: Holder, ttl: float, now: float) -> dict[str, Holder]:
        with self._lock:
            others = {name: run_id for name, run_id in self._names.items() if run_id != holder.run_id}
            wanted = {name: others[name] for name in names if name in others}
            lost, conflicts = _judge(wanted, self._held, now, self._is_alive)
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
            self._canceled.pop(holder.run_id, None)

    def runs(self, now: float) -> set[str]:
        with self._lock:
            return _living(self._held, now, self._is_alive)

    def cancel(self, run_id: str, reason: str, now: float) -> None:
        with self._lock:
            self._canceled.setdefault(run_id, reason)

    def canceled(self) -> dict[str, str]:
        with self._lock:
            return dict(self._canceled)

    def _forget(self, run_id: str) -> None:
        self._held.pop(run_id, None)
        self._names = {name: other for name, other in self._names.items() if other != run_id}


class SqlLeases:
    """Leases in a SQL database, between all processes that open it.

    They end by the clock of the database, whatever `now` the callers give, where it is on a server.
    """

    def __init__(
        self,
        engine: Engine,
        birth_of: Callable[[int], str | None] = birth_of,
        is_alive: IsAlive = is_alive,
        clock: Clock | None = None,
    ) -> None:
        self._engine = engine
        self._birth_of = birth_of
        self._is_alive = is_alive
        self._clock = clock or of(engine).clock
        self._take = adding(leases, engine, "ON CONFLICT DO NOTHING")
        self._be_held = adding(holders, engine, replacing(holders))
        self._cancel = adding(cancels, engine, "ON CONFLICT DO NOTHING")

    def acquire(self, names: Sequence[str], holder: Holder, ttl: float, now: float) -> dict[str, Holder]:
        try:
            with writing(self._engine) as connection:
                self._hold(connection, names, holder, self._clock(connection, now) + ttl)
            return {}
        except _TakenError:
            # Seldom so; and nobody who writes is kept waiting while it is read who holds what.
            with reading(self._engine) as connection:
                conflicts = self._judge(connection, names, holder, now)[1]
        if conflicts:
            return conflicts
        with writing(self._engine) as connection:
            lost, conflicts = self._judge(connection, names, holder, now)
            if not conflicts:
                for run_id in lost:
                    _forget(connection, run_id)
                expires = self._clock(connection, now) + ttl
                self._hold(connection, names, holder, expires, some_are_mine=True)
            return conflicts

    def renew(self, holder: Holder, ttl: float, now: float) -> bool:
        with writing(self._engine) as connection:
            until = {"run_id_": holder.run_id, "expires": self._clock(connection, now) + ttl}
            connection.execute(_RENEW_CLAIMS, until)
            return connection.execute(_RENEW, until).rowcount > 0

    def release(self, holder: Holder) -> None:
        with writing(self._engine) as connection:
            _forget(connection, holder.run_id)
            connection.execute(_FORGET_CANCEL, {"run_id_": holder.run_id})

    def runs(self, now: float) -> set[str]:
        with reading(self._engine) as connection:
            return _living(_read_held(connection), self._clock(connection, now), self._is_alive)

    def cancel(self, run_id: str, reason: str, now: float) -> None:
        with writing(self._engine) as connection:
            at = self._clock(connection, now)
            connection.execute(delete(cancels).where(cancels.c.at < at - _REMEMBERED))
            connection.exec_driver_sql(self._cancel, (run_id, reason, at))

    def canceled(self) -> dict[str, str]:
        with reading(self._engine) as connection:
            return {row.run_id: row.reason for row in connection.execute(_CANCELED)}

    def _hold(
        self,
        connection: Connection,
        names: Sequence[str],
        holder: Holder,
        expires: float,
        *,
        some_are_mine: bool = False,
    ) -> None:
        values = (*astuple(holder), self._birth_of(holder.pid), expires)
        connection.exec_driver_sql(self._be_held, values)
        rows = [(name, holder.run_id) for name in dict.fromkeys(names)]
        if rows:
            taken = connection.exec_driver_sql(self._take, rows).rowcount
            if taken < len(rows) and not some_are_mine:
                raise _TakenError

    def _judge(
        self, connection: Connection, names: Sequence[str], holder: Holder, now: float
    ) -> tuple[set[str], dict[str, Holder]]:
        query = select(leases).where(leases.c.run_id != holder.run_id)
        if len(names) <= _FEW:
            query = query.where(leases.c.name.in_(names))
        others = {row.name: row.run_id for row in connection.execute(query)}
        wanted = {name: others[name] for name in names if name in others}
        return _judge(wanted, _read_held(connection), self._clock(connection, now), self._is_alive)


class _TakenError(Exception):
    """Some of the names are taken: by others, or by the run itself."""


class _Held(NamedTuple):
    holder: Holder
    birth: str | None
    expires: float


_FEW = 500
"""Names that are looked for one by one; of more, all that are held are read."""

_REMEMBERED = 7 * 86_400.0
"""Seconds after which it is forgotten that a run was asked to end, if it never heard of it."""

_RENEW = update(holders).where(holders.c.run_id == bindparam("run_id_")).values(expires=bindparam("expires"))
_RENEW_CLAIMS = (
    update(claims).where(claims.c.owner == bindparam("run_id_")).values(expires=bindparam("expires"))
)
_FORGET_LEASES = delete(leases).where(leases.c.run_id == bindparam("run_id_"))
_FORGET_HOLDER = delete(holders).where(holders.c.run_id == bindparam("run_id_"))
_FORGET_CANCEL = delete(cancels).where(cancels.c.run_id == bindparam("run_id_"))
_CANCELED = select(cancels)


def _judge(
    wanted: Mapping[str, str],
    held: Mapping[str, _Held],
    now: float,
    is_alive: IsAlive,
) -> tuple[set[str], dict[str, Holder]]:
    """Return the runs that may be relieved of the wanted names, and the names that may not be taken."""
    lost = set(wanted.values()) - _living({run_id: held[run_id] for run_id in wanted.values()}, now, is_alive)
    return lost, {name: held[run_id].holder for name, run_id in wanted.items() if run_id not in lost}


def _living(held: Mapping[str, _Held], now: float, is_alive: IsAlive) -> set[str]:
    living = {run_id: is_alive(one.holder.pid, one.birth) for run_id, one in held.items()}
    return {
        run_id
        for run_id, one in held.items()
        if living[run_id] or (living[run_id] is None and one.expires > now)
    }


def _read_held(connection: Connection) -> dict[str, _Held]:
    rows = connection.execute(select(holders)).all()
    return {row.run_id: _Held(Holder(*row[:5]), row.birth, row.expires) for row in rows}


def _forget(connection: Connection, run_id: str) -> None:
    connection.execute(_FORGET_LEASES, {"run_id_": run_id})
    connection.execute(_FORGET_HOLDER, {"run_id_": run_id})
