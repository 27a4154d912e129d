"""Sensors: a job and the function that says when it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlorch.definitions.jobs import AssetJob
from mlorch.definitions.schedules import Status
from mlorch.errors import InvalidDefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorDefinition:
    """Ask `evaluation_fn` at least `minimum_interval_seconds` apart whether `job` should run.

    Raises InvalidDefinitionError for an interval that is not positive.
    """

    name: str
    evaluation_fn: Callable[..., Any]
    job: AssetJob | str | None = None
    minimum_interval_seconds: int = 30
    default_status: Status = "STOPPED"
    description: str | None = None

    def __post_init__(self) -> None:
        if self.minimum_interval_seconds <= 0:
            raise InvalidDefinitionError(
                f"sensor {self.name!r}: minimum_interval_seconds must be positive, "
                f"not {self.minimum_interval_seconds}"
            )

    @property
    def job_name(self) -> str | None:
        return self.job.name if isinstance(self.job, AssetJob) else self.job
