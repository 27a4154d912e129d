"""Limits over all processes: runs at once, runs by tag, and pools of steps."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlorch.app.holding import TTL, wait
from mlorch.definitions.limits import Limits, priority_of
from mlorch.execution.patience import patiently
from mlorch.execution.pools import POLL, NoPools
from mlorch.instance import Instance

if TYPE_CHECKING:
    from mlorch.storage.claims import Claim, Claimant, Claims

_RUN = ""
"""What a run claims slots for where it claims them for itself; otherwise it is the name of a step."""


class Gate:
    """Lets runs begin as the limits allow; for those that one process carries out under the lease `owner`."""

    def __init__(self, instance: Instance, limits: Limits, owner: str) -> None:
        self._claims = claims_of(instance)
        self._limits = limits
        self._owner = owner

    def try_admit(self, run_id: str, tags: Mapping[str, str]) -> bool:
        """Let a run begin, or note that it waits and return False: ask again, every POLL seconds or so.

        Raises UserError where the tag of the priority is no number.
        """
        priority, limits = priority_of(tags), self._limits.of_run(tags)
        if not limits or self._claims is None:
            return True
        who = _claimant(self._owner, self._item(run_id))
        return self._claims.ask(who, limits, priority, TTL, time.time())

    def leave(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Say that a run has ended, or waits no longer."""
        if self._claims is not None and self._limits.of_run(tags):
            self._claims.give_back(self._owner, self._item(run_id), time.time())

    def why_not(self, tags: Mapping[str, str]) -> str:
        """Return what a run with these tags waits for, in one line."""
        found = self._claims.all(time.time()) if self._claims is not None else []
        parts = []
        for name, slots in self._limits.of_run(tags).items():
            holders = [one.item or one.owner for one in found if one.name == name and one.is_held]
            if len(holders) >= slots:
                who = (
                    f", held by {', '.join(holders[:3])}{', …' if len(holders) > 3 else ''}"
                    if holders
                    else ""
                )
                parts.append(f"{name} ({slots} at once{who})")
        return f"the limit of {' and of '.join(parts)} is reached" if parts else "more urgent runs go first"

    def _item(self, run_id: str) -> str:
        return _RUN if run_id == self._owner else run_id


@contextmanager
def admitted(
    instance: Instance,
    limits: Limits,
    run_id: str,
    tags: Mapping[str, str],
    *,
    patience: float | None = None,
    waiting: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Let the block run as the limits allow; around `holding`, as who waits must hold nothing.

    `waiting` is told once what it waits for. Raises BusyError, saying so, after `patience` seconds, and
    RunCanceledError where the run is asked to end meanwhile.
    """
    gate = Gate(instance, limits, run_id)
    try:
        wait(
            lambda: None if gate.try_admit(run_id, tags) else gate.why_not(tags),
            instance.leases,
            run_id,
            patience,
            waiting,
        )
        yield
    finally:
        gate.leave(run_id, tags)


class SharedPools:
    """The pools of a run (`execution.pools.Pools`): their slots are those of all runs of the instance."""

    def __init__(self, claims: Claims, limits: Limits, owner: str, priority: int = 0) -> None:
        self._claims = claims
        self._limits = limits
        self._owner = owner
        self._priority = priority
        self._asked: set[tuple[str, str]] = set()
        self._full_until: dict[str, float] = {}
        self._sizes: Mapping[str, int] = {}
        self._sizes_until = 0.0

    def acquire(self, pool: str, step: str) -> bool:
        now = time.monotonic()
        if now < self._full_until.get(pool, 0.0):
            return False
        slots = self._slots(pool, now)
        if slots is None:
            return True
        self._asked.add((pool, step))
        who = _claimant(self._owner, step)
        asked = {_pool(pool): slots}
        is_held = patiently(lambda: self._claims.ask(who, asked, self._priority, TTL, time.time()))
        if not is_held:
            self._full_until[pool] = now + POLL
        return is_held

    def release(self, pool: str, step: str) -> None:
        self._full_until.pop(pool, None)
        if (pool, step) in self._asked:
            self._asked.discard((pool, step))
            patiently(lambda: self._claims.give_back(self._owner, step, time.time()))

    def close(self) -> None:
        """Give back what is held or waited for."""
        for pool, step in sorted(self._asked):
            self.release(pool, step)

    def _slots(self, pool: str, now: float) -> int | None:
        if now >= self._sizes_until:
            self._sizes = {**self._limits.pools, **self._claims.pools()}
            self._sizes_until = now + POLL
        return self._sizes.get(pool)


@contextmanager
def pools_of(
    instance: Instance, limits: Limits, owner: str, tags: Mapping[str, str]
) -> Iterator[SharedPools | NoPools]:
    """Give the pools for the steps of a run, or of the runs of a backfill, which `owner` holds."""
    claims = claims_of(instance)
    if claims is None:
        yield NoPools()
        return
    pools = SharedPools(claims, limits, owner, priority_of(tags))
    try:
        yield pools
    finally:
        pools.close()


@dataclass(frozen=True, slots=True)
class LimitView:
    """One limit as people look at it, who holds its slots and who waits for one, the next first."""

    name: str
    slots: int
    held: tuple[Claim, ...]
    waiting: tuple[Claim, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "slots": self.slots,
            "held": [_as_json(one) for one in self.held],
            "waiting": [_as_json(one) for one in self.waiting],
        }


def limits_in_use(instance: Instance, limits: Limits) -> list[LimitView]:
    """Return every pool that has slots, and every limit that somebody holds or waits for."""
    claims = claims_of(instance)
    found = claims.all(time.time()) if claims is not None else []
    slots = {one.name: one.slots for one in found}
    slots |= {_pool(name): size for name, size in pool_sizes(instance, limits).items()}
    if limits.runs >= 0:
        slots["runs"] = limits.runs
    return [
        LimitView(
            name,
            size,
            tuple(one for one in found if one.name == name and one.is_held),
            tuple(one for one in found if one.name == name and not one.is_held),
        )
        for name, size in sorted(slots.items())
    ]


def pool_sizes(instance: Instance, limits: Limits) -> dict[str, int]:
    """Return the slots of each pool: those that were set by command go before those of the settings."""
    claims = claims_of(instance)
    return {**limits.pools, **(claims.pools() if claims is not None else {})}


def set_pool(instance: Instance, name: str, slots: int | None) -> None:
    """Set the slots of a pool for all runs of the instance; None leaves it to the settings."""
    claims = claims_of(instance)
    if claims is not None:
        claims.set_pool(name, slots)


def claims_of(instance: Instance) -> Claims | None:
    """Return the claims in the instance's database; None where no other process can see it."""
    engine = getattr(instance.log, "engine", None)
    if engine is None:
        return None
    from mlorch.storage.claims import SqlClaims

    return SqlClaims(engine)


def _pool(name: str) -> str:
    return f"pool {name}"


def _claimant(owner: str, item: str) -> Claimant:
    from mlorch.storage.claims import Claimant

    return Claimant(owner, item, socket.gethostname(), os.getpid())


def _as_json(claim: Claim) -> dict[str, Any]:
    return {
        "run_id": claim.owner,
        "item": claim.item or None,
        "priority": claim.priority,
        "since": claim.since,
        "host": claim.host,
        "pid": claim.pid,
    }
