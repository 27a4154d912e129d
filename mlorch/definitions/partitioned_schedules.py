"""Schedules of partitioned jobs: each tick runs what has become complete since the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mlorch.definitions.cron import find_zone, make_grid
from mlorch.definitions.jobs import AssetJob, JobDefinition
from mlorch.definitions.multi import MultiPartitionKey, MultiPartitionsDefinition
from mlorch.definitions.partitions import (
    PartitionKeyRange,
    PartitionsDefinition,
    StaticPartitionsDefinition,
)
from mlorch.definitions.requests import RunRequest, SkipReason
from mlorch.definitions.schedules import Catchup, ScheduleDefinition, Status
from mlorch.definitions.ticks import DefaultScheduleStatus, Evaluation, ScheduleEvaluationContext
from mlorch.definitions.windows import (
    DailyPartitionsDefinition,
    HourlyPartitionsDefinition,
    MonthlyPartitionsDefinition,
    TimeWindowPartitionsDefinition,
    WeeklyPartitionsDefinition,
)
from mlorch.errors import InvalidDefinitionError

_PLACES = ("minute_of_hour", "hour_of_day", "day_of_month", "month", "day_of_week")
_MAY_SET = {
    HourlyPartitionsDefinition: {"minute_of_hour"},
    DailyPartitionsDefinition: {"minute_of_hour", "hour_of_day"},
    WeeklyPartitionsDefinition: {"minute_of_hour", "hour_of_day", "day_of_week"},
    MonthlyPartitionsDefinition: {"minute_of_hour", "hour_of_day", "day_of_month"},
}


class PartitionedSchedule(ScheduleDefinition):
    """A schedule whose ticks run the last partitions that are complete, each under its key as run key.

    A partition that the tick before ran already, as at the end of all partitions, is not run again.
    """

    def __init__(self, *, offsets: Mapping[str, int], partitions_def: Any = None, **options: Any) -> None:
        self.partitions_def: PartitionsDefinition | None = partitions_def
        self._offsets = offsets
        self._options = options
        super().__init__(**options)
        time = self._time
        if time is not None:
            self.execution_timezone = time.timezone

    def with_partitions(self, partitions_def: PartitionsDefinition) -> PartitionedSchedule:
        """Return the schedule of a job whose assets have these partitions.

        Raises InvalidDefinitionError for partitions that are not complete at any time.
        """
        return PartitionedSchedule(offsets=self._offsets, partitions_def=partitions_def, **self._options)

    def evaluate_tick(self, context: ScheduleEvaluationContext) -> Evaluation:
        if self.partitions_def is None:
            raise InvalidDefinitionError(
                f"{self}: only definitions know the partitions of its assets; "
                f"ask defs.resolve_schedule_def({self.name!r})"
            )
        keys = self._keys(context)
        if not keys:
            return Evaluation((), "no partition has become complete since the tick before")
        return Evaluation(
            [RunRequest(run_key=key, partition_key=key, tags=self.tags or None) for key in keys]
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Ask for what a tick runs, as in a test."""
        found = self.evaluate_tick(*args, **kwargs)
        if found.skip_message is not None:
            return SkipReason(found.skip_message)
        return found.run_requests if len(found.run_requests) > 1 else found.run_requests[0]

    def _keys(self, context: ScheduleEvaluationContext) -> Sequence[str]:
        definition = self.partitions_def
        assert definition is not None
        if isinstance(definition, StaticPartitionsDefinition):
            return definition.partition_keys
        due, time = context.scheduled_execution_time, self._time
        assert time is not None
        last = time.get_last_partition_key(due)
        if last is None or last == time.get_last_partition_key(self._tick_before(due)):
            return ()
        if not isinstance(definition, MultiPartitionsDefinition):
            return (last,)
        names = definition.dynamic_names
        if names:
            known = {name: context.instance.get_dynamic_partitions(name) for name in names}
            definition = definition.with_dynamic_keys(known)
        return _with_part(definition, definition.time_window_dimension.name, last, due)

    def _tick_before(self, due: datetime) -> datetime:
        grid = make_grid(self.crons[0], find_zone(self.execution_timezone))
        return grid.step(grid.floor(due), -1)

    @property
    def _time(self) -> TimeWindowPartitionsDefinition | None:
        definition = self.partitions_def
        if isinstance(definition, TimeWindowPartitionsDefinition):
            return definition
        if not isinstance(definition, MultiPartitionsDefinition):
            return None
        found = definition.time_window_dimension.partitions_def
        assert isinstance(found, TimeWindowPartitionsDefinition)
        return found

    def _find_crons(self, given: str | Sequence[str] | None) -> str | Sequence[str]:
        definition = self.partitions_def
        if definition is None:
            return super()._find_crons(given) if given else ()
        if isinstance(definition, StaticPartitionsDefinition):
            if self._offsets:
                raise InvalidDefinitionError(
                    f"{self}: its partitions are a list, not of time; leave {min(self._offsets)} out"
                )
            return super()._find_crons(given)
        try:
            time = self._time
        except InvalidDefinitionError as error:
            raise InvalidDefinitionError(f"{self}: {error}") from None
        if time is None:
            raise InvalidDefinitionError(
                f"{self}: {definition!r} is never complete; partitions of time or a list of them may have a "
                "schedule, others a sensor"
            )
        if given or self._options.get("execution_timezone"):
            raise InvalidDefinitionError(
                f"{self}: its partitions say when they are complete; leave cron_schedule and "
                "execution_timezone out, or give minute_of_hour, hour_of_day, day_of_week or day_of_month"
            )
        return super()._find_crons(_cron(str(self), time, self._offsets))


def build_schedule_from_partitioned_job(
    job: AssetJob | JobDefinition,
    description: str | None = None,
    name: str | None = None,
    *,
    minute_of_hour: int | None = None,
    hour_of_day: int | None = None,
    day_of_week: int | None = None,
    day_of_month: int | None = None,
    default_status: Status = DefaultScheduleStatus.STOPPED,
    tags: Mapping[str, Any] | None = None,
    cron_schedule: str | Sequence[str] | None = None,
    execution_timezone: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    owners: Sequence[str] | None = None,
    catchup: Catchup = "latest",
    max_catchup_runs: int | None = None,
) -> ScheduleDefinition:
    """Return a schedule that runs a job for each partition when it is complete.

    The tick comes when a window of time ends, or at the minute, hour and day given after that. Listed
    partitions need a `cron_schedule` and are all run; of several dimensions all keys of the last window of
    time are. With `catchup="all"` each window that ended while nothing ran is made up for. Raises
    InvalidDefinitionError where the partitions allow none of it.
    """
    given = {
        "minute_of_hour": minute_of_hour,
        "hour_of_day": hour_of_day,
        "day_of_week": day_of_week,
        "day_of_month": day_of_month,
    }
    if isinstance(job, JobDefinition) and job.partitions_def is None:
        raise InvalidDefinitionError(f"job {job.name!r} has no partitions; give it a partitions_def")
    return PartitionedSchedule(
        offsets={place: one for place, one in given.items() if one is not None},
        partitions_def=job.partitions_def,
        name=name,
        job=job,
        cron_schedule=cron_schedule,
        execution_timezone=execution_timezone,
        default_status=default_status,
        description=description,
        tags=tags,
        metadata=metadata,
        owners=owners,
        catchup=catchup,
        max_catchup_runs=max_catchup_runs,
    )


def _cron(owner: str, time: TimeWindowPartitionsDefinition, offsets: Mapping[str, int]) -> str:
    """Return the cron expression of the windows, moved by the offsets."""
    allowed = _MAY_SET.get(type(time), set())
    wrong = sorted(offsets.keys() - allowed)
    if wrong:
        may = f"may have {', '.join(sorted(allowed))}" if allowed else "take the times of their own cron"
        raise InvalidDefinitionError(
            f"{owner} can't have {wrong[0]}: schedules of {type(time).__name__} {may}"
        )
    fields = time.cron_schedule.split()
    return " ".join(str(offsets.get(place, field)) for place, field in zip(_PLACES, fields, strict=True))


def _with_part(
    definition: MultiPartitionsDefinition, dimension: str, key: str, now: datetime
) -> Sequence[str]:
    """Return the keys of one key in one dimension."""
    ends: list[dict[str, str]] = [{}, {}]
    for name, one in definition.partitions_defs:
        first, last = one.get_first_partition_key(now), one.get_last_partition_key(now)
        if first is None or last is None:
            return ()
        ends[0][name], ends[1][name] = (key, key) if name == dimension else (first, last)
    return definition.get_partition_keys_in_range(
        PartitionKeyRange(*(MultiPartitionKey(end) for end in ends)), now
    )
