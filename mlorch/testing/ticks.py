"""Contexts to ask schedules and sensors with."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from mlorch.app.ticking import around_of
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.entries import RunEvent
from mlorch.definitions.multi_asset_sensors import (
    MonitoredAssets,
    MultiAssetSensorEvaluationContext,
    monitored_keys,
)
from mlorch.definitions.status_sensors import RunStatusSensorContext
from mlorch.definitions.ticks import Around, ScheduleEvaluationContext, SensorEvaluationContext
from mlorch.errors import UserError
from mlorch.instance import Instance
from mlorch.queries.runs import RecordedRun
from mlorch.testing.resources import GivenResources, opened_resources


def build_schedule_context(
    instance: Instance | None = None,
    scheduled_execution_time: datetime | None = None,
    resources: Mapping[str, Any] | None = None,
    *,
    definitions: Definitions | None = None,
    repository_def: Definitions | None = None,
) -> ScheduleEvaluationContext:
    """Return a context to ask schedules with; a time without a time zone is UTC.

    `resources` are set up when they are first asked for, and torn down where the context is used in a `with`.
    `instance` defaults to one in memory, here and below.
    """
    due = scheduled_execution_time
    if due is not None and due.tzinfo is None:
        due = due.replace(tzinfo=UTC)
    around = _around(definitions or repository_def, instance, resources)
    return ScheduleEvaluationContext(replace(around, now=due), "the test", due=due)


def build_sensor_context(
    instance: Instance | None = None,
    cursor: str | None = None,
    *,
    sensor_name: str = "test",
    resources: Mapping[str, Any] | None = None,
    definitions: Definitions | None = None,
    repository_def: Definitions | None = None,
    last_sensor_start_time: float | None = None,
    last_run_key: str | None = None,
    last_tick_completion_time: float | None = None,
) -> SensorEvaluationContext:
    """Return a context to ask sensors with; times are seconds since the epoch, UTC."""
    return SensorEvaluationContext(
        _around(definitions or repository_def, instance, resources),
        f"sensor {sensor_name!r}",
        cursor=cursor,
        last_run_key=last_run_key,
        last_completed_at=last_tick_completion_time,
        started_at=last_sensor_start_time,
    )


def build_multi_asset_sensor_context(
    *,
    monitored_assets: MonitoredAssets,
    instance: Instance | None = None,
    cursor: str | None = None,
    cursor_from_latest_materializations: bool = False,
    resources: Mapping[str, Any] | None = None,
    definitions: Definitions | None = None,
    repository_def: Definitions | None = None,
    last_sensor_start_time: float | None = None,
) -> MultiAssetSensorEvaluationContext:
    """Return a context to ask sensors of several assets with, told of all that was made or, with
    `cursor_from_latest_materializations`, of what is made from now on.

    Raises UserError where a cursor is given as well, or `monitored_assets` is a selection and no definitions
    say what it means.
    """
    around = _around(definitions or repository_def, instance, resources)
    context = MultiAssetSensorEvaluationContext(
        around,
        "sensor 'test'",
        monitored=monitored_keys(around, monitored_assets),
        cursor=cursor,
        started_at=last_sensor_start_time,
    )
    if not cursor_from_latest_materializations:
        return context
    if cursor is not None:
        raise UserError("a cursor is given, and cursor_from_latest_materializations; give one of them")
    context.advance_all_cursors()
    return MultiAssetSensorEvaluationContext(
        around,
        "sensor 'test'",
        monitored=[str(key) for key in context.asset_keys],
        cursor=context.cursor,
        started_at=last_sensor_start_time,
    )


def build_run_status_sensor_context(
    sensor_name: str,
    dagster_event: RunEvent,
    dagster_instance: Instance,
    dagster_run: RecordedRun,
    *,
    resources: Mapping[str, Any] | None = None,
    definitions: Definitions | None = None,
) -> RunStatusSensorContext:
    """Return a context to call run status sensors with; `.for_run_failure()` gives one of a failed run."""
    return RunStatusSensorContext(
        _around(definitions, dagster_instance, resources),
        f"sensor {sensor_name!r}",
        dagster_run=dagster_run,
        dagster_event=dagster_event,
    )


def _around(
    definitions: Definitions | None, instance: Instance | None, resources: Mapping[str, Any] | None
) -> Around:
    held = cache(lambda: instance or Instance.ephemeral())
    cleanups = ExitStack()
    found = cleanups.enter_context(opened_resources(resources, instance))
    around = around_of(definitions, held) if definitions is not None else Around(open_instance=held)
    return replace(around, resources=found, given=GivenResources(found), close=cleanups.close)
