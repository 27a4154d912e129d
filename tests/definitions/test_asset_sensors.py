"""Sensors of one asset."""

from __future__ import annotations

import pytest

from mlorch import (
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    AssetSensorDefinition,
    EventLogEntry,
    Instance,
    RunRequest,
    SensorResult,
    SkipReason,
    asset_sensor,
    build_sensor_context,
    define_asset_job,
)
from mlorch.errors import UserError

JOB = define_asset_job("nightly")


@asset_sensor(AssetKey("numbers"), job=JOB)
def arrivals(context, event: EventLogEntry):
    return RunRequest(run_key=context.cursor, tags={"partition": event.dagster_event.partition})


def made(instance, partition=None, **metadata):
    instance.report_runless_asset_event(
        AssetMaterialization("numbers", partition=partition, metadata=metadata)
    )


def test_it_is_told_once_of_the_latest_materialization():
    instance = Instance.ephemeral()
    nothing = arrivals.evaluate_tick(build_sensor_context(instance))
    assert (nothing.run_requests, nothing.cursor) == ((), None)
    assert "'numbers' was not materialized" in str(nothing.skip_message)
    made(instance, "a")
    made(instance, "b")
    first = arrivals.evaluate_tick(build_sensor_context(instance))
    assert [one.tags for one in first.run_requests] == [{"partition": "b"}]
    again = arrivals.evaluate_tick(build_sensor_context(instance, first.cursor))
    assert (again.run_requests, again.cursor) == ((), first.cursor)
    made(instance, "c")
    third = arrivals.evaluate_tick(build_sensor_context(instance, first.cursor))
    assert [one.run_key for one in third.run_requests] == [first.cursor]


def test_what_is_only_observed_is_no_materialization():
    instance = Instance.ephemeral()
    instance.report_runless_asset_event(AssetObservation("numbers"))
    assert arrivals.evaluate_tick(build_sensor_context(instance)).run_requests == ()


def test_the_event_knows_the_materialization():
    told = []

    @asset_sensor(asset_key="numbers", job=JOB)
    def listening(context, event):
        told.append(event)
        return SkipReason("only listening")

    instance = Instance.ephemeral()
    made(instance, "a", rows=5)
    found = listening.evaluate_tick(build_sensor_context(instance))
    assert (found.skip_message, found.cursor) == ("only listening", "1")
    (event,) = told
    assert event.asset_key == AssetKey("numbers")
    assert event.asset_materialization.metadata["rows"].value == 5
    assert event.dagster_event.event_specific_data.materialization.partition == "a"
    assert event.event_log_entry.step_materialization_data.materialization.asset_key == AssetKey("numbers")


def test_a_function_may_leave_the_event_out_and_can_be_called():
    seen = AssetSensorDefinition("s", "numbers", None, lambda context: RunRequest("k"), job=JOB)
    assert (seen.name, seen.asset_key, seen.job_name) == ("s", AssetKey("numbers"), "nightly")
    instance = Instance.ephemeral()
    made(instance)
    assert seen.evaluate_tick(build_sensor_context(instance)).run_requests == [RunRequest("k")]
    event = instance.get_latest_materialization_event("numbers")
    assert arrivals(build_sensor_context(cursor="5"), event).run_key == "5"


@pytest.mark.parametrize("way", ["update", "result"])
def test_its_cursor_is_its_own(way):
    @asset_sensor("numbers", job=JOB)
    def meddling(context):
        if way == "update":
            context.update_cursor("5")
            return None
        return SensorResult(cursor="5")

    instance = Instance.ephemeral()
    made(instance)
    with pytest.raises(UserError, match="sensor 'meddling' keeps its cursor itself"):
        meddling.evaluate_tick(build_sensor_context(instance))


def test_a_cursor_that_is_no_number_is_refused():
    instance = Instance.ephemeral()
    made(instance)
    with pytest.raises(UserError, match="'five' is no number"):
        arrivals.evaluate_tick(build_sensor_context(instance, "five"))
