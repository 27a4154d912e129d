"""How old an asset may get: a declaration, `freshness_policy=`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from mlorch.definitions.cron import Grid, find_zone, make_grid
from mlorch.errors import InvalidDefinitionError

_SHORTEST = timedelta(minutes=1)


class FreshnessPolicy:
    """When an asset has to be made again. Made by `time_window` or `cron`."""

    __slots__ = ()

    @staticmethod
    def time_window(
        fail_window: timedelta, warn_window: timedelta | None = None
    ) -> TimeWindowFreshnessPolicy:
        """Fail where the asset was not made for that long; warn before. Raises InvalidDefinitionError."""
        return TimeWindowFreshnessPolicy(fail_window, warn_window)

    @staticmethod
    def cron(deadline_cron: str, lower_bound_delta: timedelta, timezone: str = "UTC") -> CronFreshnessPolicy:
        """Fail where the asset was not made by a deadline, nor within the time before it.

        Raises InvalidDefinitionError for a bad cron expression or time zone.
        """
        return CronFreshnessPolicy(deadline_cron, lower_bound_delta, timezone)


@dataclass(frozen=True, slots=True)
class TimeWindowFreshnessPolicy(FreshnessPolicy):
    """Made by `FreshnessPolicy.time_window`."""

    fail_window: timedelta
    warn_window: timedelta | None = None

    def __post_init__(self) -> None:
        for name, window in (("fail_window", self.fail_window), ("warn_window", self.warn_window)):
            if window is not None and window < _SHORTEST:
                raise InvalidDefinitionError(f"FreshnessPolicy.time_window: {name} is at least one minute")
        if self.warn_window is not None and self.warn_window >= self.fail_window:
            raise InvalidDefinitionError(
                "FreshnessPolicy.time_window: warn_window has to be shorter than fail_window"
            )

    def __str__(self) -> str:
        return f"at most {self.fail_window} old"


@dataclass(frozen=True, slots=True)
class CronFreshnessPolicy(FreshnessPolicy):
    """Made by `FreshnessPolicy.cron`."""

    deadline_cron: str
    lower_bound_delta: timedelta
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        if self.lower_bound_delta < _SHORTEST:
            raise InvalidDefinitionError("FreshnessPolicy.cron: lower_bound_delta is at least one minute")
        shortest = _shortest(self.grid)
        if self.lower_bound_delta > shortest:
            raise InvalidDefinitionError(
                f"FreshnessPolicy.cron: lower_bound_delta is {self.lower_bound_delta}, longer than the "
                f"{shortest} between two deadlines of {self.deadline_cron!r}"
            )

    @property
    def grid(self) -> Grid:
        """The deadlines."""
        return make_grid(self.deadline_cron, find_zone(self.timezone))

    def __str__(self) -> str:
        return f"made by {self.deadline_cron!r} {self.timezone}"


def _shortest(grid: Grid) -> timedelta:
    """Return the shortest time between two of the first deadlines of a year."""
    first = grid.floor(datetime(2023, 1, 1, tzinfo=UTC))
    ticks = [grid.step(first, count) for count in range(60)]
    return timedelta(seconds=min(b.timestamp() - a.timestamp() for a, b in pairwise(ticks)))
