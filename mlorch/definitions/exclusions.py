"""Windows of time that are left out of partitions: moments, and all that a cron expression marks off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from mlorch.definitions.cron import Grid, cron_fields, make_grid
from mlorch.definitions.formats import moment_given
from mlorch.errors import InvalidDefinitionError

Excluded = str | datetime | date
"""A cron expression, or the start of one window."""


def exclusions_given(given: Sequence[Excluded], zone: ZoneInfo) -> tuple[str | datetime, ...]:
    """Return what a definition was given, checked. Raises InvalidDefinitionError for a bad one."""
    if isinstance(given, str):
        raise InvalidDefinitionError(f"exclusions are a list; write [{given!r}]")
    return tuple(
        cron_fields(one) if isinstance(one, str) else moment_given("exclusion", one, "", zone)
        for one in given
    )


MOST_EXCLUDED = 20_000
"""Windows in a row; where more are left out, none is taken to follow."""


@dataclass(frozen=True)
class Exclusions:
    """Leaves out the windows that start at one of the moments, or at a moment of one of the crons."""

    given: tuple[str | datetime, ...]
    zone: ZoneInfo
    _known: dict[float, bool] = field(default_factory=dict, compare=False, repr=False)

    def exclude(self, start: datetime) -> bool:
        """Tell whether the window that starts here is left out."""
        stamp = start.timestamp()
        found = self._known.get(stamp)
        if found is None:
            found = stamp in self._moments or any(
                grid.floor(start).timestamp() == stamp for grid in self._grids
            )
            self._known[stamp] = found
        return found

    def kept(self, starts: Sequence[datetime]) -> list[datetime]:
        """Return the starts, in order, of the windows that are not left out."""
        if not starts:
            return []
        end = starts[-1].timestamp()
        gone = set(self._moments)
        for grid in self._grids:
            gone.update(moment.timestamp() for moment in grid.between(starts[0], starts[-1]))
            gone.update([end] if grid.floor(starts[-1]).timestamp() == end else [])
        return [start for start in starts if start.timestamp() not in gone]

    def shift(self, grid: Grid, moment: datetime, count: int) -> datetime:
        """Return the end of the `count`th window kept from a boundary on, or the start of that before it.

        Raises InvalidDefinitionError where none is kept for very long.
        """
        try:
            for _ in range(abs(count)):
                moment = self._next(grid, moment, 1 if count > 0 else -1)
        except (OverflowError, ValueError):  # the ends of the calendar
            raise self._nothing_left() from None
        return moment

    def _next(self, grid: Grid, moment: datetime, one: int) -> datetime:
        for _ in range(MOST_EXCLUDED):
            start, moment = (moment, grid.step(moment, one)) if one > 0 else (grid.step(moment, one),) * 2
            if not self.exclude(start):
                return moment
        raise self._nothing_left()

    def _nothing_left(self) -> InvalidDefinitionError:
        words = ", ".join(map(str, self.given))
        return InvalidDefinitionError(f"the exclusions ({words}) leave out every window; exclude fewer")

    @cached_property
    def _grids(self) -> list[Grid]:
        return [make_grid(one, self.zone) for one in self.given if isinstance(one, str)]

    @cached_property
    def _moments(self) -> frozenset[float]:
        return frozenset(one.timestamp() for one in self.given if isinstance(one, datetime))
