"""Who evaluates what is due: processes that take it in turn, and are ended where one takes too long."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from mlorch.daemon.code import Child, Code
from mlorch.daemon.orders import Freshness
from mlorch.planning.ticks import TickAsked, TickOutcome

Asked = TickAsked | Freshness

MOST = 4
"""Processes that evaluate at once, at most, for one queue."""

STUCK = 0.5
"""Seconds that one may take before the others go to another process."""

_TOGETHER = 0.25
"""Seconds that what is given out at once may take, by what it took before."""

_UNKNOWN = 0.005
"""Seconds that are expected of what was never evaluated."""


class Lanes:
    """A queue of what is to be evaluated, and the processes that do it, in order."""

    def __init__(self, expected: Callable[[str], float | None], limit: Callable[[str], float]) -> None:
        self._expected = expected
        self._limit = limit
        self._backlog: deque[Asked] = deque()
        self._lanes: list[_Lane] = []

    def add(self, asked: list[Asked]) -> None:
        self._backlog.extend(asked)

    def connections(self) -> list[Connection]:
        return [one.child.connection for one in self._lanes]

    @property
    def is_busy(self) -> bool:
        """Tell whether a process is at something; what only waits is due again another time."""
        return any(one.given for one in self._lanes)

    @property
    def next_limit(self) -> float:
        """The seconds until one has taken too long or stands in the way of others; infinity if none does."""
        now = time.monotonic()
        busy = [one for one in self._lanes if one.given]
        limits = [one.since + self._limit_of(one.given[0]) - now for one in busy]
        if self._backlog and len(self._lanes) < MOST:
            limits += [one.since + STUCK - now for one in busy if one.since + STUCK > now]
        return min(limits, default=float("inf"))

    def give(self, code: Code) -> None:
        """Give out what waits, to processes with this code; those with another end when they are done."""
        for lane in [one for one in self._lanes if not one.given and one.child.code is not code]:
            self._drop(lane)
        while self._backlog:
            free = next((one for one in self._lanes if not one.given), None)
            if free is None and len(self._lanes) < MOST and all(one.is_stuck for one in self._lanes):
                free = _Lane(code.fork())
                self._lanes.append(free)
            if free is None:
                return
            some = list(self._some())
            if not free.give(some):
                self._backlog.extendleft(reversed(some))
                self._drop(free)

    def hear(self) -> Iterator[tuple[Asked, Any]]:
        """Yield what was answered, with what was asked; for one that took too long or died, that."""
        for lane in list(self._lanes):
            yield from lane.answers()
            if lane.given and (error := self._broken(lane)) is not None:
                asked = lane.given.popleft()
                self._backlog.extendleft(reversed(lane.given))
                self._drop(lane)
                yield asked, error
            elif lane.has_ended:
                self._drop(lane)

    def close(self) -> None:
        for lane in list(self._lanes):
            self._drop(lane)

    def _some(self) -> Iterator[Asked]:
        left = _TOGETHER
        while self._backlog and left > 0:
            one = self._backlog.popleft()
            expected = self._expected(one.name) if isinstance(one, TickAsked) else _TOGETHER
            left -= _UNKNOWN if expected is None else expected
            yield one

    def _limit_of(self, asked: Asked) -> float:
        return self._limit(asked.name) if isinstance(asked, TickAsked) else 300.0

    def _broken(self, lane: _Lane) -> TickOutcome | None:
        """Return what is to be said of what a process is at, where it ended or takes too long."""
        asked, seconds = lane.given[0], time.monotonic() - lane.since
        limit = self._limit_of(asked)
        if lane.has_ended:
            message = "the process that evaluated it ended before it was done"
            return _failed(asked, "WorkerError", message, seconds)
        if seconds >= limit:
            message = f"it took longer than its time limit of {limit:g} s and was ended"
            return _failed(asked, "TimeoutError", message, seconds)
        return None

    def _drop(self, lane: _Lane) -> None:
        self._lanes.remove(lane)
        lane.close()


class _Lane:
    """One process and what it was given, of which it is at the first."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.given: deque[Asked] = deque()
        self.since = 0.0
        self.has_ended = False

    @property
    def is_stuck(self) -> bool:
        return bool(self.given) and time.monotonic() - self.since > STUCK

    def give(self, asked: list[Asked]) -> bool:
        """Give it something; False where its process is gone."""
        try:
            self.child.connection.send(asked)
        except OSError:
            self.has_ended = True
            return False
        self.given.extend(asked)
        self.since = time.monotonic()
        return True

    def answers(self) -> Iterator[tuple[Asked, Any]]:
        try:
            while self.child.connection.poll():
                for answer in self.child.connection.recv():
                    self.since = time.monotonic()
                    yield self.given.popleft(), answer
        except (EOFError, OSError):
            self.has_ended = True

    def close(self) -> None:
        if self.given:
            self.child.kill()
        with suppress(OSError):
            self.child.close()


def _failed(asked: Asked, kind: str, message: str, seconds: float) -> TickOutcome:
    tick = asked if isinstance(asked, TickAsked) else TickAsked(name="", number=0, due=asked.now)
    return TickOutcome(
        name=tick.name,
        number=tick.number,
        due=tick.due,
        status="FAILURE",
        cursor=tick.cursor,
        error={"type": kind, "message": message, "traceback": ""},
        seconds=seconds,
    )
