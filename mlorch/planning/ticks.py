"""What is due: the ticks of schedules and sensors, as values.

A schedule or sensor is called "schedule/nightly" or "sensor/arrivals" here. Times are seconds since the
epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlorch.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Instigator:
    """What is known of a schedule or a sensor without the code that it is declared in."""

    name: str
    crons: tuple[str, ...] = ()
    """Empty for a sensor."""
    timezone: str = "UTC"
    interval: float = 30.0
    """Seconds between two ticks of a sensor, at least."""
    is_running: bool = False
    """Whether it goes where nobody said so or otherwise."""
    catchup: str = "latest"
    """Which of the ticks that were missed are made up for: "all", "latest" or "none"."""
    max_catchup: int = 0
    """How many of them at most, the newest; 0 means any number."""
    time_limit: float = 60.0
    """Seconds that one evaluation may take."""
    jobs: tuple[str, ...] = ()
    description: str = ""

    @property
    def timetable(self) -> tuple[str, ...]:
        """When a schedule is due: its cron expressions and time zone; () for a sensor."""
        return (*self.crons, self.timezone) if self.crons else ()


class TickAsked(NamedTuple):
    """One tick that is to be evaluated, with what is known of those before."""

    name: str
    number: int
    due: float
    """When a schedule's tick was due; of a sensor's, now."""
    cursor: str | None = None
    last_run_key: str | None = None
    last_completed_at: float | None = None
    """When the tick before ended; None for the first."""
    started_at: float | None = None
    """When it was turned on; None where it always was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAsked:
    """A run that a tick asks for. The fields are those of RunQueued."""

    run_key: str | None = None
    job: str | None = None
    selection: tuple[str, ...] = ()
    partition: str | None = None
    partitions: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    only: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    is_backfill: bool = False


class TickOutcome(NamedTuple):
    """What a tick came to. `facts` are recorded in one transaction with it."""

    name: str
    number: int
    due: float
    status: str
    """SUCCESS, SKIPPED or FAILURE, as of TickEvaluated."""
    reason: str = ""
    cursor: str | None = None
    runs: tuple[RunAsked, ...] = ()
    facts: tuple[Event, ...] = ()
    error: Mapping[str, Any] = {}
    """{"type", "message", "traceback"}"""
    seconds: float = 0.0
