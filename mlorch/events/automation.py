"""What happens by itself: ticks of schedules and sensors, and the code that they are declared in.

The name of a schedule is "schedule/nightly" here, that of a sensor "sensor/arrivals".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from mlorch.events.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class InstigatorStarted:
    """A schedule or a sensor was turned on; ticks before this moment are not its."""

    at: float
    name: str
    is_declared: bool = False
    """True where its declaration does so, and nobody said otherwise."""
    timetable: tuple[str, ...] = ()
    """A schedule's cron expressions and time zone; where they change, the new ones count from then on."""
    run_id: str | None = None
    kind: ClassVar[str] = "instigator_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstigatorStopped:
    """A schedule or a sensor was turned off."""

    at: float
    name: str
    is_declared: bool = False
    run_id: str | None = None
    kind: ClassVar[str] = "instigator_stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class TickEvaluated:
    """A schedule or a sensor was asked what to run; what it asked for stands in the same transaction.

    `status` is SUCCESS where runs were asked for, SKIPPED where none was needed, FAILURE where it raised.
    """

    at: float
    name: str
    number: int
    """Counts the ticks of one name from 1; 0 of one that was missed and is made up for later."""
    status: str
    due: float | None = None
    """When a schedule's tick was due; None for a sensor's."""
    reason: str = ""
    error: Mapping[str, Json] = field(default_factory=dict)
    """{"type", "message", "traceback"} of what it raised."""
    cursor: str | None = None
    runs: tuple[str, ...] = ()
    """The ids of the runs that it asked for."""
    run_keys: tuple[str, ...] = ()
    """Run keys for which there had been a run before, and is no other."""
    last_run_key: str | None = None
    failures: int = 0
    """Ticks that failed in a row up to this one."""
    seconds: float = 0.0
    """What the evaluation took."""
    run_id: str | None = None
    kind: ClassVar[str] = "tick_evaluated"

    @property
    def is_belated(self) -> bool:
        """Tell whether it was made up for later, and says nothing of how far its schedule is."""
        return self.number == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLoaded:
    """The daemon took the project's definitions in; the runs that follow are carried out with these."""

    at: float
    fingerprint: str
    run_id: str | None = None
    kind: ClassVar[str] = "code_loaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRejected:
    """The project's definitions do not load; the daemon goes on with the last that did."""

    at: float
    fingerprint: str
    error: Mapping[str, Json]
    """{"type", "message"}"""
    run_id: str | None = None
    kind: ClassVar[str] = "code_rejected"
