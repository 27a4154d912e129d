"""Who holds the slots of limits, and who waits for them: between all processes that open the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, tuple_, update

from mlorch.storage.databases import Clock, of, reading, writing
from mlorch.storage.leases import IsAlive
from mlorch.storage.processes import birth_of, is_alive
from mlorch.storage.tables import claims, pools
from mlorch.storage.texts import plain


class Claimant(NamedTuple):
    """Who asks: a run, for one of its steps or for itself; and the process that carries it out."""

    owner: str
    item: str
    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claimant asked of one limit. `slots` is the limit as the claimant sees it."""

    name: str
    owner: str
    item: str
    slots: int
    priority: int
    since: float
    """Seconds since the epoch."""
    is_held: bool
    host: str
    pid: int
    birth: str | None
    expires: float

    @property
    def claimant(self) -> tuple[str, str]:
        return self.owner, self.item


class Claims(Protocol):
    """Slots of limits. A claimant holds a slot of each limit that it asks for, or waits and holds none.

    Of those that wait each is given its slots when there is room for it, those of higher priority first and
    then those that asked first. Claims of processes that died are forgotten, as leases are (`Leases`). Each
    method raises StorageError where the medium fails.
    """

    def ask(
        self, claimant: Claimant, limits: Mapping[str, int], priority: int, ttl: float, now: float
    ) -> bool:
        """Ask, or ask again, for a slot of each limit, and say whether they are held.

        Who asks again keeps its place, and is not forgotten if it does so twice in `ttl` seconds.
        """

    def give_back(self, owner: str, item: str | None, now: float) -> None:
        """Give back what an owner holds or waits for: for one item, or everything."""

    def all(self, now: float) -> list[Claim]:
        """Return the claims of the living in the order in which slots are given."""

    def pools(self) -> dict[str, int]:
        """Return the sizes of the pools that were set."""

    def set_pool(self, name: str, slots: int | None) -> None:
        """Set the size of a pool, or forget it."""


class SqlClaims:
    """Claims in a SQL database, by the clock by which `SqlLeases` end."""

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

    def ask(
        self, claimant: Claimant, limits: Mapping[str, int], priority: int, ttl: float, now: float
    ) -> bool:
        if not limits:
            return True
        # The values of tags stand in the names, and people write those.
        limits = {plain(name): slots for name, slots in limits.items()}
        birth = self._birth_of(claimant.pid)
        with writing(self._engine) as connection:
            now = self._clock(connection, now)
            living = self._bury(connection, now)
            others = [one for one in living if one.claimant != claimant[:2]]
            before = {one.name: one for one in living if one.claimant == claimant[:2]}
            asked = [
                Claim(
                    name=name,
                    owner=claimant.owner,
                    item=claimant.item,
                    slots=slots,
                    priority=priority,
                    since=min((one.since for one in before.values()), default=now),
                    is_held=name in before and before[name].is_held,
                    host=claimant.host,
                    pid=claimant.pid,
                    birth=birth,
                    expires=now + ttl,
                )
                for name, slots in limits.items()
            ]
            given = admit([*others, *asked])
            if claimant[:2] in given:
                asked = [replace(one, is_held=True) for one in asked]
            if not _is_kept(asked, before, ttl):
                if before:
                    connection.execute(_GIVE_BACK, {"owner_": claimant.owner, "item_": claimant.item})
                connection.execute(_CLAIM, [_row(one) for one in asked])
            _hold(connection, given - {claimant[:2]})
            return all(one.is_held for one in asked)

    def give_back(self, owner: str, item: str | None, now: float) -> None:
        with writing(self._engine) as connection:
            if item is None:
                connection.execute(_GIVE_ALL_BACK, {"owner_": owner})
            else:
                connection.execute(_GIVE_BACK, {"owner_": owner, "item_": item})
            _hold(connection, admit(self._bury(connection, self._clock(connection, now))))

    def all(self, now: float) -> list[Claim]:
        with reading(self._engine) as connection:
            now = self._clock(connection, now)
            return sorted((one for one in _read(connection) if self._lives(one, now)), key=_rank)

    def pools(self) -> dict[str, int]:
        with reading(self._engine) as connection:
            return {row.name: row.slots for row in sorted(connection.execute(select(pools)))}

    def set_pool(self, name: str, slots: int | None) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(pools).where(pools.c.name == name))
            if slots is not None:
                connection.execute(insert(pools), {"name": name, "slots": slots})

    def _lives(self, claim: Claim, now: float) -> bool:
        alive = self._is_alive(claim.pid, claim.birth)
        return claim.expires > now if alive is None else alive

    def _bury(self, connection: Connection, now: float) -> list[Claim]:
        """Forget the claims of the dead and return the others."""
        found = _read(connection)
        living = [one for one in found if self._lives(one, now)]
        if len(living) < len(found):
            dead = {one.claimant for one in found}.difference(one.claimant for one in living)
            connection.execute(delete(claims).where(_CLAIMANT.in_(sorted(dead))))
        return living


def admit(living: Iterable[Claim]) -> set[tuple[str, str]]:
    """Return the claimants that wait and for whom there is room, given to in the order of their rank."""
    taken: Counter[str] = Counter()
    waiting: dict[tuple[str, str], list[Claim]] = {}
    for claim in sorted(living, key=_rank):
        if claim.is_held:
            taken[claim.name] += 1
        else:
            waiting.setdefault(claim.claimant, []).append(claim)
    given = set()
    for claimant, wanted in waiting.items():
        if all(taken[one.name] < one.slots for one in wanted):
            taken.update(one.name for one in wanted)
            given.add(claimant)
    return given


_CLAIMANT = tuple_(claims.c.owner, claims.c.item)

_READ = select(claims)
_CLAIM = insert(claims)
_GIVE_ALL_BACK = delete(claims).where(claims.c.owner == bindparam("owner_"))
_GIVE_BACK = _GIVE_ALL_BACK.where(claims.c.item == bindparam("item_"))


def _rank(claim: Claim) -> tuple[int, float, str, str, str]:
    return -claim.priority, claim.since, claim.owner, claim.item, claim.name


def _read(connection: Connection) -> list[Claim]:
    return [Claim(*row) for row in connection.execute(_READ)]


def _row(claim: Claim) -> dict[str, Any]:
    return {column.name: getattr(claim, column.name) for column in claims.c}


def _hold(connection: Connection, given: set[tuple[str, str]]) -> None:
    if given:
        connection.execute(update(claims).where(_CLAIMANT.in_(sorted(given))).values(is_held=True))


def _is_kept(asked: Iterable[Claim], before: Mapping[str, Claim], ttl: float) -> bool:
    """Say whether nothing is new: nothing else is asked than before, and its time is not half over."""
    now = {one.name: replace(one, expires=0.0) for one in asked}
    then = {name: replace(one, expires=0.0) for name, one in before.items()}
    return now == then and all(one.expires - before[one.name].expires < ttl / 2 for one in asked)
