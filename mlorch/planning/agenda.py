"""Which ticks of schedules and sensors are due, and when the next one will be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from heapq import heapify, heappop, heappush

from mlorch.definitions.cron import Grid, find_zone, make_grid
from mlorch.events import Event, InstigatorStarted, InstigatorStopped, TickEvaluated
from mlorch.planning.ticks import Instigator, TickAsked

GRACE = 60.0
"""Seconds for which a tick that is late counts as one that was not missed."""

LONGEST_PAUSE = 600.0
"""Seconds after which at the latest a sensor that fails is asked again."""

Turned = InstigatorStarted | InstigatorStopped


@dataclass(slots=True)
class TickState:
    """What the log says of one schedule or sensor."""

    turned: Turned | None = None
    last: TickEvaluated | None = None

    def is_on(self, declared: Instigator) -> bool:
        """Tell whether it goes: as somebody said last, and otherwise as it is declared."""
        if self.turned is None or self.turned.is_declared:
            return declared.is_running
        return isinstance(self.turned, InstigatorStarted)

    @property
    def since(self) -> float | None:
        """When it was turned on."""
        return self.turned.at if isinstance(self.turned, InstigatorStarted) else None

    @property
    def number(self) -> int:
        return self.last.number if self.last is not None else 0


class Agenda:
    """The ticks that are to come: of what the code declares, by what the log says of it.

    A tick that was given out is not given again until the log says what it came to, or `again` is called.
    """

    def __init__(self, facts: Iterable[Event] = ()) -> None:
        self._states: dict[str, TickState] = {}
        self._declared: dict[str, Instigator] = {}
        self._entries: dict[str, _Entry] = {}
        self._heap: list[tuple[float, str]] = []
        for fact in facts:
            self.learn(fact)

    def declare(self, instigators: Iterable[Instigator], now: float) -> list[Turned]:
        """Take what the code declares now; return which of them it turns on or off, to be recorded."""
        self._declared = {one.name: one for one in instigators}
        turned: list[Turned] = []
        for name, one in self._declared.items():
            state = self._states.setdefault(name, TickState())
            turned += _turned(one, state.turned, now)
        self._entries = {name: self._entries.get(name, _Entry()).kept() for name in self._declared}
        for change in turned:
            self.learn(change)
        self._heap = []
        for name in self._declared:
            self._plan(name, now)
        heapify(self._heap)
        return turned

    def learn(self, fact: Event) -> None:
        """Take note of a tick that came to something, or of one that was turned on or off."""
        if not isinstance(fact, TickEvaluated | InstigatorStarted | InstigatorStopped):
            return
        state = self._states.setdefault(fact.name, TickState())
        if isinstance(fact, TickEvaluated):
            if fact.is_belated:
                return
            state.last = fact
        elif state.turned is not None and _is_outdated(fact, state.turned):
            return
        else:
            state.turned = fact
        entry = self._entries.get(fact.name)
        if entry is not None and (isinstance(fact, TickEvaluated) or not entry.is_given):
            self._entries[fact.name] = _Entry()
            self._plan(fact.name, fact.at)

    def due(self, now: float) -> list[TickAsked]:
        """Return the ticks that are due and were not given out yet, one of each schedule or sensor."""
        found = []
        for name in self._ripe(now):
            asked = self._ask(name, now)
            if asked is not None:
                found.append(asked)
        return found

    def again(self, asked: TickAsked, at: float) -> None:
        """Give a tick out again at a time, as nothing came of it; not where it was turned off since."""
        entry = self._entries.get(asked.name)
        if entry is not None:
            entry.is_given = False
            entry.retried = asked.due if self._declared[asked.name].crons else None
            self._plan(asked.name, at)

    def passed(self, asked: TickAsked) -> None:
        """Leave a tick behind: another daemon evaluated it, or this one did before the clock was set back."""
        entry = self._entries.get(asked.name)
        if entry is not None:
            self._entries[asked.name] = _Entry(walked=asked.due)
            self._plan(asked.name, asked.due)

    def next_at(self) -> float:
        """Return when the next tick is due; infinity where none will be."""
        while self._heap:
            at, name = self._heap[0]
            if name in self._entries and self._entries[name].at == at:
                return at
            heappop(self._heap)
        return float("inf")

    def state_of(self, name: str) -> TickState:
        return self._states.get(name, TickState())

    def turned_on(self) -> set[str]:
        """Return the names of those that the log says are turned on, declared or not."""
        return {name for name, one in self._states.items() if isinstance(one.turned, InstigatorStarted)}

    def declared(self) -> Iterator[tuple[Instigator, TickState]]:
        """Yield what the code declares, each with what the log says of it."""
        for name, one in self._declared.items():
            yield one, self._states[name]

    def has_been(self, asked: TickAsked) -> bool:
        """Tell whether the tick may have been evaluated before: the clock was set back since."""
        last = self.state_of(asked.name).last
        return last is not None and last.due is not None and asked.due <= last.due

    def _ripe(self, now: float) -> Iterator[str]:
        while self.next_at() <= now:
            _, name = heappop(self._heap)
            yield name

    def _ask(self, name: str, now: float) -> TickAsked | None:
        one, state, entry = self._declared[name], self._states[name], self._entries[name]
        due: float | None = now
        if one.crons:
            due = entry.retried or _tick(one, entry.walked, now)
        if due is None:
            entry.walked = now
            self._plan(name, now)
            return None
        entry.at, entry.is_given = float("inf"), True
        last = state.last
        return TickAsked(
            name=name,
            number=state.number + 1,
            due=due,
            cursor=last.cursor if last is not None else None,
            last_run_key=last.last_run_key if last is not None else None,
            last_completed_at=last.at if last is not None else None,
            started_at=state.since,
        )

    def _plan(self, name: str, now: float) -> None:
        """Note when the next tick of one is due."""
        one, state, entry = self._declared[name], self._states[name], self._entries[name]
        if entry.is_given or not state.is_on(one):
            entry.at = float("inf")
        elif entry.retried is not None:
            self._set(name, now)
        elif one.crons:
            entry.walked = entry.walked_from(state, now)
            self._set(name, _first_of(one.crons, one.timezone, entry.walked))
        else:
            self._set(name, _pause(one, state, now))

    def _set(self, name: str, at: float) -> None:
        self._entries[name].at = at
        heappush(self._heap, (at, name))


@dataclass(slots=True)
class _Entry:
    """Where one stands: when it is due next, and up to when its ticks were looked at."""

    at: float = float("inf")
    walked: float = 0.0
    is_given: bool = False
    """Whether it is being evaluated: until that comes to something, nothing else of it is due."""
    retried: float | None = None
    """When the tick was due that is to be tried again."""

    def kept(self) -> _Entry:
        """Return what of it still holds when the code or the clock is another."""
        return _Entry(is_given=self.is_given, retried=self.retried)

    def walked_from(self, state: TickState, now: float) -> float:
        """Return the time after which ticks are due. A clock that was set back is followed."""
        last = state.last.due if state.last is not None and state.last.due is not None else 0.0
        return min(max(self.walked, last, state.since or 0.0), now)


def _turned(one: Instigator, known: Turned | None, now: float) -> Iterator[Turned]:
    """Yield what a declaration says anew: that it goes, that it does not, or at other times than before."""
    goes = isinstance(known, InstigatorStarted)
    is_declared = known is None or known.is_declared
    if is_declared and goes and not one.is_running:
        yield InstigatorStopped(at=now, name=one.name, is_declared=True)
    elif (is_declared and not goes and one.is_running) or (
        isinstance(known, InstigatorStarted) and known.timetable not in ((), one.timetable)
    ):
        yield InstigatorStarted(at=now, name=one.name, is_declared=is_declared, timetable=one.timetable)


def _is_outdated(fact: Turned, known: Turned) -> bool:
    """Tell whether a fact says nothing new: somebody turned it by hand before the daemon could record it."""
    return fact == known or (fact.is_declared and not known.is_declared and fact.at <= known.at)


def next_tick(one: Instigator, state: TickState, now: float) -> float | None:
    """Return the first time from now on at which one is due; None where it is turned off."""
    if not state.is_on(one):
        return None
    return _first_of(one.crons, one.timezone, now) if one.crons else max(_pause(one, state, now), now)


def ticks_between(one: Instigator, since: float, until: float) -> list[float]:
    """Return when a schedule is due, both ends included, whether it is turned on or not."""
    moments = (
        datetime.fromtimestamp(since, UTC),
        datetime.fromtimestamp(until, UTC) + timedelta(microseconds=1),
    )
    found = {tick.timestamp() for grid in _grids(one.crons, one.timezone) for tick in grid.between(*moments)}
    return sorted(found)


def _pause(one: Instigator, state: TickState, now: float) -> float:
    """Return when a sensor is asked next: after its interval, ever later where it fails."""
    last = state.last
    if last is None:
        return now
    pause = one.interval
    if last.failures:
        pause = min(one.interval * 2.0 ** min(last.failures, 30), max(LONGEST_PAUSE, one.interval))
    # A clock that was set back must not silence it.
    return min(last.at, now) + pause


def _tick(one: Instigator, after: float, now: float) -> float | None:
    """Return the tick after `after` that is due by `now` and is not left out; None where there is none."""
    grids = _grids(one.crons, one.timezone)
    newest = _newest_of(one.crons, one.timezone, now)
    if newest <= after or (one.catchup == "none" and now - newest > GRACE):
        return None
    if one.catchup != "all":
        return newest
    found = min(_first_after(grid, after) for grid in grids)
    if one.max_catchup:
        found = max(found, _oldest(grids, now, one.max_catchup))
    return found if found <= now else None


def _oldest(grids: Iterable[Grid], now: float, count: int) -> float:
    """Return the first of the newest `count` ticks."""
    newest = {_back(grid, now, number) for grid in grids for number in range(count)}
    return sorted(newest)[-count]


@lru_cache(maxsize=20_000)
def _first_of(crons: tuple[str, ...], timezone: str, after: float) -> float:
    """Return the first time after `after` at which a schedule is due; many schedules have the same times."""
    return min(_first_after(grid, after) for grid in _grids(crons, timezone))


@lru_cache(maxsize=20_000)
def _newest_of(crons: tuple[str, ...], timezone: str, now: float) -> float:
    return max(_floor(grid, now) for grid in _grids(crons, timezone))


def _floor(grid: Grid, stamp: float) -> float:
    return grid.floor(datetime.fromtimestamp(stamp, UTC)).timestamp()


def _first_after(grid: Grid, stamp: float) -> float:
    return grid.step(grid.floor(datetime.fromtimestamp(stamp, UTC)), 1).timestamp()


def _back(grid: Grid, stamp: float, count: int) -> float:
    return grid.step(grid.floor(datetime.fromtimestamp(stamp, UTC)), -count).timestamp()


@lru_cache(maxsize=20_000)
def _grids(crons: tuple[str, ...], timezone: str) -> tuple[Grid, ...]:
    return tuple(_grid(cron, timezone) for cron in crons)


@lru_cache(maxsize=20_000)
def _grid(cron: str, timezone: str) -> Grid:
    return make_grid(cron, find_zone(timezone))
