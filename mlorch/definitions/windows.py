"""Partitions of time: hours, days, weeks, months, and whatever a cron expression marks off."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from mlorch.definitions.cron import Grid, cron_fields, find_zone, make_grid
from mlorch.definitions.exclusions import Excluded, Exclusions, exclusions_given
from mlorch.definitions.formats import KeyFormat, local, moment_given, parsed
from mlorch.definitions.partitions import (
    PartitionKeyRange,
    PartitionsDefinition,
    check_partition_key,
    moment_of,
    runs_backwards,
)
from mlorch.errors import InvalidDefinitionError, nearest


class TimeWindow(NamedTuple):
    """From `start`, inclusive, to `end`, exclusive, in the time zone of the definition.

    Python subtracts two datetimes of one zone by the clock on the wall: on a day of 23 hours,
    `end.timestamp() - start.timestamp()` is what passes.
    """

    start: datetime
    end: datetime


@dataclass(frozen=True, init=False, repr=False)
class TimeWindowPartitionsDefinition(PartitionsDefinition):
    """Windows between the moments of a cron expression, each with its start, written as `fmt`, for a key.

    The first window is the first that begins at or after `start`. The last is the last that is over, or
    `end_offset` windows after that one; none goes beyond `end`. A `start` or `end` without a time zone is
    in `timezone`; as text it is written as `fmt` or ISO 8601. `exclusions` are the starts of windows that are
    left out, as moments or as cron expressions.

    Raises InvalidDefinitionError for a bad cron expression, time zone, start or end, and for a `fmt` that
    does not tell the windows apart.
    """

    start: datetime
    fmt: str
    end: datetime | None
    timezone: str
    end_offset: int
    cron_schedule: str
    exclusions: tuple[str | datetime, ...]

    def __init__(
        self,
        start: datetime | date | str,
        fmt: str,
        end: datetime | date | str | None = None,
        *,
        timezone: str = "UTC",
        end_offset: int = 0,
        cron_schedule: str,
        exclusions: Sequence[Excluded] = (),
    ) -> None:
        zone = find_zone(timezone)
        vars(self).update(
            start=moment_given("start", start, fmt, zone),
            fmt=fmt,
            end=None if end is None else moment_given("end", end, fmt, zone),
            timezone=timezone,
            end_offset=end_offset,
            cron_schedule=cron_fields(cron_schedule),
            exclusions=exclusions_given(exclusions or (), zone),
        )
        if self.end is not None and self.end.timestamp() <= self.start.timestamp():
            raise InvalidDefinitionError(f"partitions end at {self.end}, before they start at {self.start}")
        self._check_format()

    def get_partition_keys(self, current_time: datetime | None = None) -> list[str]:
        stop = self.stop_at(moment_of(current_time))
        listed_to, keys = self._listed
        if stop.timestamp() < listed_to.timestamp():
            return self.keys_between(self.first, stop)
        if stop.timestamp() > listed_to.timestamp():
            keys = keys + self.keys_between(listed_to, stop)
            vars(self)["_listed"] = stop, keys
        return list(keys)

    def has_partition_key(self, key: str, current_time: datetime | None = None) -> bool:
        start = self._find(key)
        return start is not None and start.timestamp() < self.stop_at(moment_of(current_time)).timestamp()

    def get_first_partition_key(self, current_time: datetime | None = None) -> str | None:
        first = self.format.write(self.first)
        return first if self.has_partition_key(first, current_time) else None

    def get_last_partition_key(self, current_time: datetime | None = None) -> str | None:
        last = self.format.write(self.shift(self.stop_at(moment_of(current_time)), -1))
        return last if self.has_partition_key(last, current_time) else None

    def get_partition_keys_in_range(
        self, partition_key_range: PartitionKeyRange, current_time: datetime | None = None
    ) -> list[str]:
        for key in partition_key_range:
            self.validate_partition_key(key, current_time)
        first, last = map(self.time_window_for_partition_key, partition_key_range)
        if first.start.timestamp() > last.start.timestamp():
            raise runs_backwards(partition_key_range)
        return self.keys_between(first.start, last.end)

    def time_window_for_partition_key(self, partition_key: str) -> TimeWindow:
        """Return the window of a key, over or not.

        Raises UnknownPartitionError for a key that no window has or ever will have.
        """
        start = self._find(partition_key)
        if start is None:
            raise self._unknown(partition_key, None)
        return TimeWindow(start, self.grid.step(start, 1))

    def keys_between(self, start: datetime, end: datetime) -> list[str]:
        """Return the keys of the windows that begin from `start` to before `end`, existing or not."""
        if start.timestamp() >= end.timestamp():
            return []
        starts = self.grid.between(start, end)
        return self.format.write_each(self._excluded.kept(starts) if self.exclusions else starts)

    def get_partition_keys_in_time_window(self, time_window: TimeWindow) -> list[str]:
        """Return the keys of the windows that begin in a window of time, existing or not."""
        start, end = (local(moment, self.zone) for moment in time_window)
        return self.keys_between(start, end)

    def shift(self, moment: datetime, count: int) -> datetime:
        """Return the end of the `count`th window that starts at or after a boundary, or, if negative, the
        start of that which ends at or before it; windows left out do not count."""
        if self.exclusions:
            return self._excluded.shift(self.grid, moment, count)
        return self.grid.step(moment, count) if count else moment

    def ceil(self, moment: datetime) -> datetime:
        """Return the earliest boundary that is not before `moment`."""
        boundary = self.grid.floor(moment)
        return boundary if boundary.timestamp() == moment.timestamp() else self.grid.step(boundary, 1)

    def stop_at(self, moment: datetime) -> datetime:
        """Return where the last partition that exists at `moment` ends; not after `first` if none does."""
        asked, stop = self._stopped
        if asked is not moment:  # not !=, which takes the two hours of an autumn night for one
            stop = self._stop_at(moment)
            vars(self)["_stopped"] = moment, stop
        return stop

    @cached_property
    def first(self) -> datetime:
        """The start of the first window."""
        boundary = self.ceil(self.start)
        return self.shift(self.shift(boundary, 1), -1) if self.exclusions else boundary

    @cached_property
    def grid(self) -> Grid:
        """The boundaries of the windows, before the first and after the last as well."""
        return make_grid(self.cron_schedule, self.zone)

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @cached_property
    def format(self) -> KeyFormat:
        """How keys are written and read."""
        return KeyFormat(self.fmt, self.zone)

    def _stop_at(self, moment: datetime) -> datetime:
        stop = self.grid.floor(local(moment, self.zone))
        if self.end_offset > 0:
            stop = self.shift(stop, self.end_offset)
        if self._limit is not None and self._limit.timestamp() < stop.timestamp():
            stop = self._limit
        return self.shift(stop, self.end_offset) if self.end_offset < 0 else stop

    @cached_property
    def _excluded(self) -> Exclusions:
        return Exclusions(self.exclusions, self.zone)

    @cached_property
    def _limit(self) -> datetime | None:
        return None if self.end is None else self.grid.floor(self.end)

    @cached_property
    def _stopped(self) -> tuple[datetime, datetime]:
        return self.start, self._stop_at(self.start)

    @cached_property
    def _listed(self) -> tuple[datetime, list[str]]:
        return self.first, []

    @cached_property
    def _starts(self) -> dict[str, datetime]:
        return {}

    def _find(self, key: str) -> datetime | None:
        """Return the start of the window of a key, over or not, or None."""
        start = self._starts.get(key)
        if start is None:
            try:
                start = self._read(key)
            except (OverflowError, ValueError):  # the ends of the calendar
                return None
            if start is None or start.timestamp() < self.first.timestamp():
                return None
            if self._limit is not None and start.timestamp() >= self._limit.timestamp():
                return None
            if self.exclusions and self._excluded.exclude(start):
                return None
            self._starts[key] = start
        return start

    def _read(self, key: str) -> datetime | None:
        """Return the boundary of a key, anywhere in time, or None.

        A key may say less than its boundary, as 2024-02 does of 15 February: then it is the next one.
        """
        named = self.format.read(key)
        if named is None:
            return None
        boundary = self.grid.floor(named)
        if self.format.write(boundary) == key:
            return boundary
        boundary = self.grid.step(boundary, 1)
        return boundary if self.format.write(boundary) == key else None

    def _check_format(self) -> None:
        boundary = self.first
        check_partition_key(self.format.write(boundary))
        for _ in range(8):
            key = self.format.write(boundary)
            read = self._read(key)
            if read is None or read.timestamp() != boundary.timestamp():
                raise InvalidDefinitionError(
                    f"fmt {self.fmt!r} is too coarse for windows of {self.cron_schedule!r}, or can't be "
                    f"read back: {key!r}, written for {boundary}, is read as {read}; "
                    "write one such as '%Y-%m-%d-%H:%M'"
                )
            boundary = self.grid.step(boundary, 1)

    def _hint(self, key: str, current_time: datetime | None) -> str:
        start = self._find(key)
        if start is not None:
            return f"; the window of {key!r} ends at {self.grid.step(start, 1)}"
        meant = parsed(key, self.fmt, self.zone)
        if meant is None:
            return nearest(key, self.get_partition_keys(current_time)[-1000:])
        with suppress(OverflowError, ValueError):  # the ends of the calendar
            around = self.format.write(self.grid.floor(meant))
            return nearest(key, [around]) if self.has_partition_key(around, current_time) else ""
        return ""

    def __repr__(self) -> str:
        given = {"start": self.format.write(self.start)}
        if self.end is not None:
            given["end"] = self.format.write(self.end)
        if type(self) is TimeWindowPartitionsDefinition:
            given["cron_schedule"] = self.cron_schedule
        if self.exclusions:
            given["exclusions"] = ", ".join(map(str, self.exclusions))
        words = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"{type(self).__name__}({words}, timezone={self.timezone!r})"


class HourlyPartitionsDefinition(TimeWindowPartitionsDefinition):
    """A partition an hour, from `minute_offset` past it."""

    def __init__(
        self,
        start_date: datetime | date | str,
        end_date: datetime | date | str | None = None,
        *,
        minute_offset: int = 0,
        timezone: str = "UTC",
        fmt: str = "%Y-%m-%d-%H:%M",
        end_offset: int = 0,
        exclusions: Sequence[Excluded] = (),
    ) -> None:
        cron = f"{_within('minute_offset', minute_offset, 0, 59)} * * * *"
        super().__init__(
            start_date,
            fmt,
            end_date,
            timezone=timezone,
            end_offset=end_offset,
            cron_schedule=cron,
            exclusions=exclusions,
        )


class DailyPartitionsDefinition(TimeWindowPartitionsDefinition):
    """A partition a day, from `hour_offset`:`minute_offset`."""

    def __init__(
        self,
        start_date: datetime | date | str,
        end_date: datetime | date | str | None = None,
        *,
        minute_offset: int = 0,
        hour_offset: int = 0,
        timezone: str = "UTC",
        fmt: str = "%Y-%m-%d",
        end_offset: int = 0,
        exclusions: Sequence[Excluded] = (),
    ) -> None:
        cron = f"{_time_of_day(minute_offset, hour_offset)} * * *"
        super().__init__(
            start_date,
            fmt,
            end_date,
            timezone=timezone,
            end_offset=end_offset,
            cron_schedule=cron,
            exclusions=exclusions,
        )


class WeeklyPartitionsDefinition(TimeWindowPartitionsDefinition):
    """A partition a week, from the weekday `day_offset`, 0 for Sunday, at `hour_offset`:`minute_offset`."""

    def __init__(
        self,
        start_date: datetime | date | str,
        end_date: datetime | date | str | None = None,
        *,
        minute_offset: int = 0,
        hour_offset: int = 0,
        day_offset: int = 0,
        timezone: str = "UTC",
        fmt: str = "%Y-%m-%d",
        end_offset: int = 0,
        exclusions: Sequence[Excluded] = (),
    ) -> None:
        weekday = _within("day_offset", day_offset, 0, 6)
        cron = f"{_time_of_day(minute_offset, hour_offset)} * * {weekday}"
        super().__init__(
            start_date,
            fmt,
            end_date,
            timezone=timezone,
            end_offset=end_offset,
            cron_schedule=cron,
            exclusions=exclusions,
        )


class MonthlyPartitionsDefinition(TimeWindowPartitionsDefinition):
    """A partition a month, from the day `day_offset`, 1 to 28, at `hour_offset`:`minute_offset`."""

    def __init__(
        self,
        start_date: datetime | date | str,
        end_date: datetime | date | str | None = None,
        *,
        minute_offset: int = 0,
        hour_offset: int = 0,
        day_offset: int = 1,
        timezone: str = "UTC",
        fmt: str = "%Y-%m-%d",
        end_offset: int = 0,
        exclusions: Sequence[Excluded] = (),
    ) -> None:
        day = _within("day_offset", day_offset, 1, 28)
        cron = f"{_time_of_day(minute_offset, hour_offset)} {day} * *"
        super().__init__(
            start_date,
            fmt,
            end_date,
            timezone=timezone,
            end_offset=end_offset,
            cron_schedule=cron,
            exclusions=exclusions,
        )


def _within(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise InvalidDefinitionError(f"{name} {value} should be from {low} to {high}")
    return value


def _time_of_day(minute_offset: int, hour_offset: int) -> str:
    return f"{_within('minute_offset', minute_offset, 0, 59)} {_within('hour_offset', hour_offset, 0, 23)}"
