"""The ticks of schedules and sensors: given out when they are due, recorded with what they came to."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

from mlorch.app.instigating import tick_facts
from mlorch.app.materializing import new_run_id
from mlorch.daemon.code import Code
from mlorch.daemon.lanes import Asked, Lanes
from mlorch.daemon.orders import Evaluated, Freshness
from mlorch.daemon.recording import record, unrecorded
from mlorch.errors import AlreadyDoneError, StorageError
from mlorch.events import Event
from mlorch.log import EventLog, Record
from mlorch.planning import once
from mlorch.planning.agenda import Agenda
from mlorch.planning.ticks import Instigator, TickAsked, TickOutcome
from mlorch.settings import Settings

logger = logging.getLogger(__name__)

FIRST_RETRY = 5.0
"""Seconds after which a schedule's tick that failed is tried again, and twice as long each time."""

_DEFAULT_LIMIT = 60.0
_FRESHNESS_EVERY = 60.0


class Ticking:
    """Gives out what is due and records what it came to."""

    def __init__(self, log: EventLog, settings: Settings) -> None:
        self._log = log
        self._settings = settings
        self.agenda = Agenda(tick_facts(log))
        self._limits: dict[str, float] = {}
        self._schedules = Lanes(self._expected, self._limit)
        self._sensors = Lanes(self._expected, self._limit)
        self._attempts: Counter[tuple[str, float]] = Counter()
        self._outcomes: list[TickOutcome] = []
        self._facts: deque[tuple[str, Sequence[Event]]] = deque()
        self._has_freshness = False
        self._fresh_at = 0.0

    def declare(self, instigators: Iterable[Instigator], now: float, *, has_freshness: bool = False) -> None:
        """Take what the code declares now, and record which of it that turns on or off."""
        found = list(instigators)
        self._limits = {one.name: one.time_limit for one in found}
        self._has_freshness = has_freshness
        self._note(self.agenda.declare(found, now))

    def give(self, code: Code, now: float) -> None:
        """Give out what is due by now."""
        due = self.agenda.due(now)
        try:
            due = unrecorded(self._log, self.agenda, due, now)
        except (StorageError, OSError):
            for one in due:
                self.agenda.again(one, now)
            raise
        self._schedules.add([one for one in due if once.is_schedule(one.name)])
        sensors: list[Asked] = [one for one in due if not once.is_schedule(one.name)]
        if self._has_freshness and time.monotonic() >= self._fresh_at:
            self._fresh_at = time.monotonic() + _FRESHNESS_EVERY
            sensors.append(Freshness(now))
        self._sensors.add(sensors)
        self._schedules.give(code)
        self._sensors.give(code)

    def hear(self, now: float) -> None:
        """Take in what was evaluated."""
        for lanes in (self._schedules, self._sensors):
            for asked, answer in lanes.hear():
                if isinstance(asked, Freshness):
                    self._take_freshness(answer)
                elif isinstance(answer, TickOutcome):
                    self._take(answer, now)

    def record(self, now: float, learn: Callable[[Sequence[Record]], None] = lambda _: None) -> bool:
        """Record what was taken in, in one transaction; tell whether there was anything.

        `learn` is told what the ticks came to, as the log has it now.

        Raises StorageError where that is not possible; it is then tried again with the next call.
        """
        if not self._outcomes and not self._facts:
            return False
        while self._facts:
            name, facts = self._facts[0]
            with suppress(AlreadyDoneError):
                self._log.append(facts, once=[name])
            self._facts.popleft()
        states = {one.name: self.agenda.state_of(one.name) for one in self._outcomes}
        before = record(self._log, self._outcomes, states, now, self._settings.name, learn=learn)
        for one in before:
            self.agenda.passed(_asked(one))
        self._outcomes = []
        return True

    def connections(self) -> list[Connection]:
        return [*self._schedules.connections(), *self._sensors.connections()]

    @property
    def next_limit(self) -> float:
        """Return the seconds until an evaluation has to be looked after."""
        return min(self._schedules.next_limit, self._sensors.next_limit)

    @property
    def is_busy(self) -> bool:
        return self._schedules.is_busy or self._sensors.is_busy or bool(self._outcomes or self._facts)

    def close(self) -> None:
        self._schedules.close()
        self._sensors.close()

    def _take(self, outcome: TickOutcome, now: float) -> None:
        tick = outcome.name, outcome.due
        if outcome.status == "FAILURE":
            message = f"{outcome.error.get('type')}: {outcome.error.get('message')}"
            self._attempts[tick] += 1
            tries = self._attempts[tick]
            if once.is_schedule(outcome.name) and tries <= self._settings.daemon.max_tick_retries:
                logger.warning("%s failed and is tried again: %s", outcome.name, message)
                self.agenda.again(_asked(outcome), now + FIRST_RETRY * 2 ** (tries - 1))
                return
            logger.error("%s failed: %s", outcome.name, message)
        self._attempts.pop(tick, None)
        if outcome.runs:
            logger.info("%s asks for %d run(s)", outcome.name, len(outcome.runs))
        self._outcomes.append(outcome)

    def _take_freshness(self, answer: object) -> None:
        if isinstance(answer, Evaluated):
            self._note(answer.facts)
            if answer.error:
                logger.error("how fresh the assets are can't be told: %s", answer.error)
        else:
            logger.error("how fresh the assets are could not be told in time")

    def _note(self, facts: Sequence[Event]) -> None:
        """Have facts recorded, once, whatever the log says meanwhile."""
        if facts:
            self._facts.append((once.facts(new_run_id()), facts))

    def _expected(self, name: str) -> float | None:
        last = self.agenda.state_of(name).last
        return last.seconds if last is not None else None

    def _limit(self, name: str) -> float:
        return self._limits.get(name, _DEFAULT_LIMIT)


def _asked(outcome: TickOutcome) -> TickAsked:
    return TickAsked(name=outcome.name, number=outcome.number, due=outcome.due)
