"""Cron expressions as grids of boundaries in a time zone.

Where clocks change they do what Debian's cron does: a time that is skipped moves to the first instant after
it; of a time that occurs twice the first counts. Expressions whose minute or hour starts with `*` follow the
clock on the wall instead: a time that is skipped is left out, one that occurs twice counts twice.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import product, repeat
from typing import Protocol
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from mlorch.errors import InvalidDefinitionError, nearest


class Grid(Protocol):
    """Boundaries for ever in both directions: datetimes in one zone, each later than the one before.

    Compare them by `timestamp()`: Python compares two datetimes of one zone by the clock on the wall.
    """

    def floor(self, moment: datetime) -> datetime:
        """Return the latest boundary that is not after `moment`."""
        ...

    def step(self, boundary: datetime, count: int) -> datetime:
        """Return the boundary `count` after (before, if negative) the given one."""
        ...

    def between(self, start: datetime, end: datetime) -> list[datetime]:
        """Return the boundaries from `start`, inclusive, to `end`, exclusive."""
        ...


def make_grid(expression: str, zone: ZoneInfo) -> Grid:
    """Return the grid of a cron expression: by arithmetic for days, weeks and months, else day by day.

    Raises InvalidDefinitionError for a bad expression, or one that never comes true.
    """
    fields = cron_fields(expression)
    minute, hour, day, month, weekday = fields.split()
    if not (minute.isdigit() and hour.isdigit() and month == "*"):
        return _Ticks(fields, zone)
    clock = _Clock.at(int(hour), int(minute), zone)
    if day == "*" and weekday == "*" and not _skips_dates(zone):
        return _Dates(_Days(1, 0), clock)
    if day == "*" and weekday.isdigit():
        return _Dates(_Days(7, int(weekday)), clock)
    if day.isdigit() and int(day) <= 28 and weekday == "*":
        return _Dates(_Months(int(day)), clock)
    return _Ticks(fields, zone)


def cron_fields(expression: str) -> str:
    """Return the five fields of a cron expression or of an alias such as @daily.

    Raises InvalidDefinitionError for a bad expression, or one that never comes true.
    """
    fields = " ".join(_ALIASES.get(expression.strip().lower(), expression).upper().split())
    example = "write five fields such as '0 6 * * 1', or an alias such as '@daily'"
    if fields.count(" ") != 4:
        raise InvalidDefinitionError(f"{expression!r} is no cron expression; {example}")
    try:
        comes_true = next(CronSim(fields, datetime(2000, 1, 1, tzinfo=UTC)), None)
    except CronSimError as error:
        raise InvalidDefinitionError(f"{expression!r} is no cron expression ({error}); {example}") from None
    if comes_true is None:
        raise InvalidDefinitionError(f"the cron expression {expression!r} never comes true; {example}")
    return fields


def find_zone(name: str) -> ZoneInfo:
    """Return the time zone. Raises InvalidDefinitionError for a name that the zone database does not have."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        hint = nearest(name, available_timezones()) or "; write one such as 'Europe/Berlin' or 'UTC'"
        raise InvalidDefinitionError(f"{name!r} is no time zone{hint}") from None


_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_MIDNIGHT = time()


@dataclass(frozen=True)
class _Clock:
    """A time of day in a zone, as it is read first and, where clocks are set back over it, again."""

    early: time
    late: time
    zone: ZoneInfo

    @staticmethod
    def at(hour: int, minute: int, zone: ZoneInfo) -> _Clock:
        return _Clock(time(hour, minute, tzinfo=zone), time(hour, minute, tzinfo=zone, fold=1), zone)

    def on(self, day: date) -> datetime:
        """Return the first instant of the day at which the wall shows this time, or has just skipped it."""
        moment = datetime.combine(day, self.early)
        again = datetime.combine(day, self.late)
        if moment.utcoffset() != again.utcoffset():
            while _is_skipped(moment, again):
                moment += _MINUTE
                again = moment.replace(fold=1)
        return moment

    def on_each(self, days: list[date]) -> list[datetime]:
        """Return `on` of each day: quickly, unless on one of them clocks change at this time."""
        moments = list(map(datetime.combine, days, repeat(self.early)))
        again = map(datetime.combine, days, repeat(self.late))
        if list(map(datetime.utcoffset, moments)) == list(map(datetime.utcoffset, again)):
            return moments
        return list(map(self.on, days))

    def every(self, day: date) -> list[datetime]:
        """Return every instant of the day at which the wall shows this time: none, one or two."""
        moment = datetime.combine(day, self.early)
        again = datetime.combine(day, self.late)
        if moment.utcoffset() == again.utcoffset():
            return [moment]
        return [] if _is_skipped(moment, again) else [moment, again]


def _is_skipped(moment: datetime, again: datetime) -> bool:
    # PEP 495: where the wall clock skips a time, and only there, its second reading lies east of the first.
    early, late = moment.utcoffset(), again.utcoffset()
    return early != late and early is not None and late is not None and early < late


@dataclass(frozen=True)
class _Days:
    """Dates every `length` days, numbered; `phase` 0 falls on Sundays."""

    length: int
    phase: int

    def number_of(self, day: date) -> int:
        return (day.toordinal() - self.phase) // self.length

    def date_of(self, number: int) -> date:
        return date.fromordinal(number * self.length + self.phase)

    def dates(self, first: int, last: int) -> list[date]:
        ordinals = range(first * self.length + self.phase, last * self.length + self.phase + 1, self.length)
        return list(map(date.fromordinal, ordinals))


@dataclass(frozen=True)
class _Months:
    """One date a month, numbered."""

    day: int

    def number_of(self, day: date) -> int:
        return day.year * 12 + day.month - 1

    def date_of(self, number: int) -> date:
        return date(number // 12, number % 12 + 1, self.day)

    def dates(self, first: int, last: int) -> list[date]:
        return list(map(self.date_of, range(first, last + 1)))


@dataclass(frozen=True)
class _Dates:
    """One boundary on each numbered date, at one time of day."""

    dates: _Days | _Months
    clock: _Clock

    def floor(self, moment: datetime) -> datetime:
        stamp = moment.timestamp()
        number = self.dates.number_of(moment.astimezone(self.clock.zone).date()) + 1
        while (boundary := self._at(number)).timestamp() > stamp:
            number -= 1
        return boundary

    def step(self, boundary: datetime, count: int) -> datetime:
        return self._at(self.dates.number_of(boundary.date()) + count)

    def between(self, start: datetime, end: datetime) -> list[datetime]:
        zone = self.clock.zone
        first, last = (self.dates.number_of(moment.astimezone(zone).date()) for moment in (start, end))
        return _trimmed(self.clock.on_each(self.dates.dates(first, last + 1)), start, end)

    def _at(self, number: int) -> datetime:
        return self.clock.on(self.dates.date_of(number))


@dataclass(frozen=True)
class _Ticks:
    """Any cron expression, day by day; a day lasts from its first instant to that of the next."""

    fields: str
    zone: ZoneInfo
    _days: dict[date, list[datetime]] = field(default_factory=dict, compare=False, repr=False)
    _dawns: dict[date, float] = field(default_factory=dict, compare=False, repr=False)

    def floor(self, moment: datetime) -> datetime:
        stamp = moment.timestamp()
        day = self._day(moment)
        while not (ticks := self._on(day)) or ticks[0].timestamp() > stamp:
            day -= _DAY
        return ticks[bisect_right(ticks, stamp, key=datetime.timestamp) - 1]

    def step(self, boundary: datetime, count: int) -> datetime:
        day = self._day(boundary)
        ticks = self._on(day)
        index = bisect_left(ticks, boundary.timestamp(), key=datetime.timestamp) + count
        while index < 0:
            day -= _DAY
            ticks = self._on(day)
            index += len(ticks)
        while index >= len(ticks):
            index -= len(ticks)
            day += _DAY
            ticks = self._on(day)
        return ticks[index]

    def between(self, start: datetime, end: datetime) -> list[datetime]:
        day, last = self._day(start), self._day(end)
        found: list[datetime] = []
        while day <= last:
            found += self._on(day)
            day += _DAY
        return _trimmed(found, start, end)

    @cached_property
    def _cron(self) -> CronSim:
        return CronSim(self.fields, datetime(2000, 1, 1, tzinfo=UTC))

    @cached_property
    def _clocks(self) -> list[_Clock]:
        times = product(sorted(self._cron.hours), sorted(self._cron.minutes))
        return [_Clock.at(hour, minute, self.zone) for hour, minute in times]

    @cached_property
    def _midnight(self) -> _Clock:
        return _Clock.at(0, 0, self.zone)

    @cached_property
    def _follows_wall(self) -> bool:
        return any(field.startswith("*") for field in self.fields.split()[:2])

    def _matches(self, day: date) -> bool:
        return day.month in self._cron.months and self._cron.match_day(day)

    def _day(self, moment: datetime) -> date:
        stamp = moment.timestamp()
        day = moment.astimezone(self.zone).date() + _DAY
        while self._dawn(day) > stamp:
            day -= _DAY
        return day

    def _dawn(self, day: date) -> float:
        found = self._dawns.get(day)
        if found is None:
            found = self._dawns[day] = self._midnight.on(day).timestamp()
        return found

    def _on(self, day: date) -> list[datetime]:
        found = self._days.get(day)
        if found is None:
            found = self._days[day] = self._made(day)
        return found

    def _made(self, day: date) -> list[datetime]:
        matches = self._matches(day)
        if not matches and not self._follows_wall:
            return []
        dawn, end = self._midnight.on(day), self._midnight.on(day + _DAY)
        if dawn.utcoffset() == end.utcoffset() and (dawn.date(), dawn.time()) == (day, _MIDNIGHT):
            return [datetime.combine(day, clock.early) for clock in self._clocks] if matches else []
        if not self._follows_wall:
            instants = [clock.on(day) for clock in self._clocks]
        else:  # clocks set back over midnight show times of the day before
            days = [one for one in (day - _DAY, day) if self._matches(one)]
            instants = [instant for one in days for clock in self._clocks for instant in clock.every(one)]
        # By instant: two datetimes of one wall time are equal to Python.
        found = {instant.timestamp(): instant for instant in instants}
        return _trimmed([found[stamp] for stamp in sorted(found)], dawn, end)


def _trimmed(boundaries: list[datetime], start: datetime, end: datetime) -> list[datetime]:
    low = bisect_left(boundaries, start.timestamp(), key=datetime.timestamp)
    return boundaries[low : bisect_left(boundaries, end.timestamp(), key=datetime.timestamp)]


def _skips_dates(zone: ZoneInfo) -> bool:
    """Tell whether the zone ever moved over the date line, so that a whole date is missing there."""
    moments = (datetime(year, 1, 1, tzinfo=zone) for year in range(1970, 2040, 5))
    offsets = {moment.utcoffset() or timedelta() for moment in moments}
    return max(offsets) - min(offsets) > timedelta(hours=20)
