"""A world in which ticks come due: one log, and daemons that may be late, cut off from it, or die anywhere.

What evaluates is played by the test, at the other end of the pipes that evaluators answer through.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import mlorch as ml
from mlorch.app.ticking import instigators
from mlorch.daemon.code import Child, Code
from mlorch.daemon.ticking import Ticking
from mlorch.errors import StorageError
from mlorch.events import Event, RunQueued
from mlorch.log import EventLog, Record, Slot
from mlorch.planning.ticks import Instigator, TickAsked, TickOutcome
from mlorch.settings import Settings

NOON = 1_767_268_800.0
"""2026-01-01 12:00 UTC"""

HOUR = 3600.0


Answer = TypeVar("Answer")

SETTINGS = Settings(project=Path(), name="tried")


class Line:
    """An EventLog behind a line that may break: before what is asked of it is done, or after."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._faults: deque[str] = deque()
        self.has_broken = False

    def break_once(self, fault: str) -> None:
        """Have a call fail soon: "before" it is done, or "after", so that nobody hears of it."""
        self.has_broken = True
        self._faults.append(fault)

    def mend(self) -> None:
        self._faults.clear()

    def append(self, events: Sequence[Event], *, once: Collection[str] = ()) -> list[int]:
        return self._do(lambda: self._log.append(events, once=once))

    def used(self, names: Collection[str]) -> set[str]:
        return self._do(lambda: self._log.used(names))

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
        return self._do(
            lambda: self._log.read(
                after, kinds=kinds, run_id=run_id, asset=asset, limit=limit, newest_first=newest_first
            )
        )

    def latest(
        self, kind: str, assets: Collection[str] | None = None, slots: Collection[Slot] | None = None
    ) -> dict[Slot, Record]:
        return self._do(lambda: self._log.latest(kind, assets, slots))

    def position(self, follower: str) -> int:
        return self._log.position(follower)

    def advance(self, follower: str, seq: int) -> None:
        self._log.advance(follower, seq)

    def _do(self, work: Callable[[], Answer]) -> Answer:
        fault = self._faults.popleft() if self._faults else ""
        if fault == "before":
            raise StorageError("the line broke before it was done")
        done = work()
        if fault:
            raise StorageError("the line broke after it was done")
        return done


class Evaluators(Code):
    """Code whose evaluators answer when the test has them answer."""

    def __init__(self) -> None:
        self._peers: list[_Peer] = []
        self._token = 0

    def fork(self, run: Any = None) -> Child:
        self._token += 1
        ours, theirs = socket.socketpair()
        self._peers.append(_Peer(Connection(theirs.detach())))
        return Child(self._token, Connection(ours.detach()), self, run)

    def asked(self) -> Iterator[TickAsked]:
        """Yield what was given to the evaluators and not answered."""
        for one in self._peers:
            one.receive()
            yield from one.given

    def answer(self, evaluate: Callable[[TickAsked], TickOutcome]) -> None:
        """Have each evaluator answer what it is at."""
        list(self.asked())
        for one in [peer for peer in self._peers if peer.given]:
            one.send([evaluate(one.given.popleft())])

    def close(self) -> None:
        """End the evaluators, whatever they are at."""
        for one in self._peers:
            one.connection.close()
        self._peers.clear()


class _Peer:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.given: deque[TickAsked] = deque()

    def receive(self) -> None:
        try:
            while self.connection.poll():
                self.given.extend(self.connection.recv())
        except (EOFError, OSError):
            self.given.clear()

    def send(self, outcomes: list[TickOutcome]) -> None:
        try:
            self.connection.send(outcomes)
        except OSError:
            self.given.clear()


class Daemon:
    """What a daemon knows and has given out; its turn is in pieces, so that it can die between any two."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._seen = 0
        self.ticking = Ticking(log, SETTINGS)
        self.codes = [Evaluators()]

    def load(self, declared: Sequence[Instigator], now: float) -> None:
        """Use new code; evaluators with the old one answer what they were given."""
        self.codes.append(Evaluators())
        self.ticking.declare(declared, now)

    def read(self) -> None:
        for record in self._log.read(self._seen):
            self.ticking.agenda.learn(record.event)
            self._seen = record.seq

    def give(self, now: float) -> list[TickAsked]:
        """Give out what is due, after what came before is recorded, and return it."""
        if self.ticking.record(now):
            self.read()
        before = self.asked()
        self.ticking.give(self.codes[-1], now)
        return [one for one in self.asked() if one not in before]

    def asked(self) -> list[TickAsked]:
        return [asked for one in self.codes for asked in one.asked()]

    def answer(self, evaluate: Callable[[TickAsked], TickOutcome]) -> None:
        for one in self.codes:
            one.answer(evaluate)

    def record(self, now: float) -> None:
        self.ticking.hear(now)
        if self.ticking.record(now):
            self.read()

    def lose_evaluators(self) -> None:
        for one in self.codes:
            one.close()

    def close(self) -> None:
        self.ticking.close()
        self.lose_evaluators()


@ml.asset(partitions_def=ml.DailyPartitionsDefinition(start_date="2025-12-20"))
def day() -> None: ...


DAYS = ml.Definitions(
    [day],
    schedules=[
        ml.build_schedule_from_partitioned_job(
            ml.define_asset_job("daily", "day"),
            name="days",
            hour_of_day=6,
            default_status=ml.DefaultScheduleStatus.RUNNING,
            catchup="all",
        )
    ],
)

FIXED = [
    *instigators(DAYS),
    Instigator(name="schedule/all", crons=("0 * * * *",), catchup="all", is_running=True),
    Instigator(name="schedule/latest", crons=("*/30 * * * *",), catchup="latest", is_running=True),
    Instigator(name="schedule/none", crons=("0 * * * *",), catchup="none", is_running=True),
    Instigator(
        name="schedule/few",
        crons=("0 6 * * *", "0 */2 * * *"),
        timezone="Europe/Berlin",
        catchup="all",
        max_catchup=3,
        is_running=True,
    ),
    Instigator(name="sensor/files", interval=30.0, is_running=True),
    Instigator(name="sensor/slow", interval=600.0, is_running=True),
]


def name_of(one: RunQueued) -> str:
    return next(f"{kind}/{one.source[kind]}" for kind in ("schedule", "sensor") if kind in one.source)


def cursor_of(asked: TickAsked, status: str) -> str | None:
    return asked.cursor if status == "FAILURE" else f"{asked.name} {asked.number}"


def skipped(asked: TickAsked) -> TickOutcome:
    return TickOutcome(
        name=asked.name,
        number=asked.number,
        due=asked.due,
        status="SKIPPED",
        cursor=cursor_of(asked, "SKIPPED"),
    )


def promised_of(one: Instigator, dues: list[float]) -> list[float]:
    """Return the ticks that are made up for, whenever the daemon comes."""
    if one.catchup == "none":
        return []
    if one.catchup == "latest":
        return dues[-1:]
    return dues[-one.max_catchup :] if one.max_catchup else dues
