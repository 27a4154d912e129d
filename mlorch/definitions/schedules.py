"""Schedules: a job and the times at which it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mlorch.definitions.jobs import AssetJob
from mlorch.errors import InvalidDefinitionError

Status = Literal["RUNNING", "STOPPED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDefinition:
    """Run `job` by a cron expression (5 fields or @daily …) in a time zone.

    The name defaults to "<job>_schedule". Raises InvalidDefinitionError for a bad cron expression or zone.
    """

    job: AssetJob | str
    cron_schedule: str
    name: str = ""
    execution_timezone: str = "UTC"
    default_status: Status = "STOPPED"
    description: str | None = None
    run_config: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", f"{self.job_name}_schedule")
        _check_cron(self.cron_schedule, f"schedule {self.name!r}")
        _check_zone(self.execution_timezone, f"schedule {self.name!r}")

    @property
    def job_name(self) -> str:
        return self.job if isinstance(self.job, str) else self.job.name


_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def cron_fields(expression: str) -> str:
    """Return the five fields that a cron expression or an alias such as @daily stands for."""
    return _ALIASES.get(expression, expression)


def _check_cron(expression: str, where: str) -> None:
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError

    try:
        CronSim(cron_fields(expression), datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise InvalidDefinitionError(
            f"{where}: {expression!r} is no cron expression ({error}); "
            "write five fields such as '0 6 * * 1' or an alias such as '@daily'"
        ) from None


def _check_zone(name: str, where: str) -> None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InvalidDefinitionError(
            f"{where}: {name!r} is no time zone; write one such as 'Europe/Berlin' or 'UTC'"
        ) from None
