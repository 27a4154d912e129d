"""The daemon: reads what happened, gives out what is due, begins and reaps runs, for ever."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import wait

from mlorch.daemon.health import Health
from mlorch.daemon.leading import TTL, Leading
from mlorch.daemon.loading import Loading
from mlorch.daemon.mirrors import Mirrors
from mlorch.daemon.pruning import Pruning
from mlorch.daemon.runs import Runs
from mlorch.daemon.ticking import Ticking
from mlorch.errors import StorageError, UserError
from mlorch.events import (
    CodeRejected,
    DriftEvaluated,
    Event,
    FreshnessChanged,
    InstigatorStarted,
    InstigatorStopped,
    RunFinished,
    TickEvaluated,
)
from mlorch.instance import Instance
from mlorch.log import Record
from mlorch.planning.once import DAEMON
from mlorch.planning.queue import OF_RUNS
from mlorch.settings import Settings

logger = logging.getLogger(__name__)

_KINDS = OF_RUNS | {
    one.kind
    for one in (
        CodeRejected,
        DriftEvaluated,
        FreshnessChanged,
        InstigatorStarted,
        InstigatorStopped,
        TickEvaluated,
    )
}
"""What a daemon has to know."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
"""Seconds after which a database that can't be reached is tried again, and at most."""

_ADVANCE = 10.0
"""Seconds between two notes of how far all is settled."""


class Daemon:
    """Everything that goes by itself for one project. `now` gives the time in seconds since the epoch, UTC.

    `pace` is how many of these seconds pass in a real one. Whatever is interrupted, at whatever point, the
    next daemon goes on from what the log says.
    """

    def __init__(
        self,
        settings: Settings,
        instance: Instance,
        now: Callable[[], float] = time.time,
        pace: float = 1.0,
        *,
        health: Health | None = None,
    ) -> None:
        if instance.leases is None:
            raise UserError("a daemon needs an instance that other processes see, such as a project's")
        self._settings = settings
        self._instance = instance
        self._now = now
        self._pace = pace
        self._leading = Leading(instance.leases)
        self._at_work: _Work | None = None
        self._stopping: float | None = None
        self._pause = _FIRST_PAUSE
        self._health = health or Health()

    def run(self) -> None:
        """Work until `stop` is called; a database that goes away is waited for."""
        try:
            while not self._is_done():
                try:
                    self._turn()
                    self._pause = _FIRST_PAUSE
                except (StorageError, OSError) as error:
                    logger.error("the database: %s; trying again in %g s", error, self._pause)
                    self._health.cannot_reach_database()
                    if self._at_work is not None:
                        self._at_work.was_away()
                    time.sleep(self._pause)
                    self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        finally:
            self._leave()

    def stop(self) -> None:
        """Begin nothing more, let what goes end for a while, hand over the rest; a second call hurries."""
        hurry = self._stopping is not None
        left = 0.0 if hurry else self._settings.daemon.stop_timeout_seconds
        self._stopping = time.monotonic() + left

    def _turn(self) -> None:
        if not self._leading.hold():
            self._lose()
            self._health.beat(role="standby", code="not loaded")
            self._wait_for_other()
            return
        if self._at_work is None:
            logger.info("at work")
            self._at_work = _Work(self._settings, self._instance, self._now())
        self._at_work.turn(self._now, self._pace, self._health, is_stopping=self._stopping is not None)

    def _wait_for_other(self) -> None:
        other = self._leading.other
        if other is not None:
            logger.debug("process %d on %s is at work; this one waits", other.pid, other.host)
        time.sleep(min(self._settings.daemon.poll_seconds, TTL / 10))

    def _lose(self) -> None:
        """Leave the work to the daemon that has the lease; runs go on, and it watches over them."""
        if self._at_work is not None:
            logger.warning("another daemon took over")
            self._at_work.close()
            self._at_work = None

    def _is_done(self) -> bool:
        if self._stopping is None:
            return False
        if self._at_work is None:
            return True
        return self._at_work.is_over(is_late=time.monotonic() >= self._stopping)

    def _leave(self) -> None:
        if self._at_work is not None:
            self._at_work.close()
            self._at_work = None
            logger.info("stopped")
        try:
            self._leading.leave()
        except (StorageError, OSError) as error:
            logger.error("the lease was not given back: %s", error)


class _Work:
    """What the daemon at work does, turn by turn."""

    def __init__(self, settings: Settings, instance: Instance, now: float) -> None:
        self._settings = settings
        self._log = instance.log
        self._loading = Loading(instance.log, settings)
        self._ticking = Ticking(instance.log, settings)
        self._runs = Runs(instance, settings)
        self._mirrors = Mirrors(settings)
        self._pruning = Pruning(settings)
        self._ticks: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._seen = instance.log.position(DAEMON)
        self._read_at = 0.0
        self._advanced_at = time.monotonic()
        self._settled = self._seen
        self._handed_over: float | None = None
        self._moment = now
        self._declared: object = None
        self._read()

    def turn(self, clock: Callable[[], float], pace: float, health: Health, *, is_stopping: bool) -> None:
        """Do what is to be done now, then wait until something happens or is due."""
        now = self._checked(clock())
        self._loading.look()
        for child in self._loading.hear(now):
            self._runs.ended(child)
        self._declare(now)
        self._runs.hear()
        self._ticking.hear(now)
        news = self._ticking.record(now, self._follow)
        if news or time.monotonic() - self._read_at >= self._settings.daemon.poll_seconds:
            self._read()
        if self._runs.is_to_look:
            self._read()
            self._runs.look()
        self._runs.retry()
        code = self._loading.code
        if code is not None and not is_stopping:
            self._ticking.give(code, clock())
            if self._runs.queue.waiting:
                self._loading.look(now=True)
                if not self._loading.is_changing:
                    self._runs.begin(code)
        self._mirrors.look(has_runs=bool(self._runs.queue.going))
        if not is_stopping:
            self._pruning.look()
        self._advance()
        self._beat(health, clock() - self._ticking.agenda.next_at())
        self._wait(clock, pace, is_stopping=is_stopping)

    def is_over(self, *, is_late: bool) -> bool:
        """Tell whether nothing goes any more; what still goes when it is late is handed over first."""
        if not self._runs.workers and not self._ticking.is_busy:
            return True
        if is_late:
            self._handed_over = self._handed_over or time.monotonic()
            # Where the database is away, the turns say so, and the daemon ends nevertheless.
            with suppress(StorageError, OSError):
                self._runs.hand_over()
        return self._handed_over is not None and time.monotonic() - self._handed_over > _HANDING_OVER

    def was_away(self) -> None:
        """Take note that the database could not be reached."""
        self._runs.was_away()

    def close(self) -> None:
        self._ticking.close()
        self._loading.close()
        self._mirrors.close()
        self._pruning.close()

    def _beat(self, health: Health, lag: float) -> None:
        """Say that the loop goes, and how things are."""
        code = "ok" if self._loading.code is not None else "loading"
        health.beat(
            role="at work",
            code="error" if self._loading.is_refused else code,
            waiting=len(self._runs.queue.waiting),
            going=len(self._runs.queue.going),
            lag=max(lag, 0.0),
            ticks=dict(self._ticks),
            ended=dict(self._ended),
        )

    def _declare(self, now: float) -> None:
        """Go by what the code declares, where it is new; as long as some is loaded, by the last that did."""
        code = self._loading.code
        if code is not None and code.loaded is not None and code.loaded is not self._declared:
            self._declared = code.loaded
            fresh = code.loaded.has_freshness
            self._ticking.declare(code.loaded.instigators, now, has_freshness=fresh)

    def _checked(self, now: float) -> float:
        """Return the time; where the clock was set back, what is due is worked out anew."""
        if now < self._moment - 1.0:
            logger.warning("the clock was set back by %.0f s", self._moment - now)
            self._declared = None
        self._moment = now
        return now

    def _read(self) -> None:
        """Take note of what happened."""
        self._read_at = time.monotonic()
        while records := self._log.read(self._seen, kinds=_KINDS, limit=_BATCH):
            self._learn(records)

    def _follow(self, records: Sequence[Record]) -> None:
        """Take note of what was just recorded, where nobody recorded anything between; else it is read."""
        if records and records[0].seq == self._seen + 1:
            self._learn([one for one in records if one.event.kind in _KINDS])

    def _learn(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.event.kind in OF_RUNS:
                self._runs.learn(record)
            else:
                self._ticking.agenda.learn(record.event)
            self._mirrors.learn(record.event)
            self._count(record.event)
            self._seen = record.seq

    def _count(self, fact: Event) -> None:
        if isinstance(fact, TickEvaluated):
            self._ticks[fact.status] += 1
        elif isinstance(fact, RunFinished):
            self._ended[fact.status] += 1

    def _advance(self) -> None:
        """Note how far all is settled, so that the next daemon need not read it."""
        if time.monotonic() - self._advanced_at < _ADVANCE:
            return
        self._advanced_at = time.monotonic()
        settled = self._runs.settled(self._seen)
        if settled > self._settled:
            self._log.advance(DAEMON, settled)
            self._settled = settled

    def _wait(self, clock: Callable[[], float], pace: float, *, is_stopping: bool) -> None:
        """Wait until a process says something, a tick is due, or it is time to look at the log again."""
        seconds = self._settings.daemon.poll_seconds - (time.monotonic() - self._read_at)
        if not is_stopping and self._loading.code is not None:
            seconds = min(seconds, (self._ticking.agenda.next_at() - clock()) / pace)
        seconds = min(seconds, self._ticking.next_limit)
        sources = [
            *self._loading.connections(),
            *self._ticking.connections(),
            *self._runs.connections(),
        ]
        if sources:
            wait(sources, timeout=max(seconds, 0.0))
        else:
            time.sleep(max(seconds, 0.0))


_BATCH = 2_000

_HANDING_OVER = 15.0
"""Seconds in which runs that are handed over may end."""
