"""Schedules: a job and the times at which it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mlorch.definitions.cron import cron_fields, find_zone
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
        try:
            cron_fields(self.cron_schedule)
            find_zone(self.execution_timezone)
        except InvalidDefinitionError as error:
            raise InvalidDefinitionError(f"schedule {self.name!r}: {error}") from None

    @property
    def job_name(self) -> str:
        return self.job if isinstance(self.job, str) else self.job.name
