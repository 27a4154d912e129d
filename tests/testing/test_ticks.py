"""Contexts to ask schedules and sensors with."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlorch import (
    ConfigurableResource,
    Definitions,
    Instance,
    asset,
    build_multi_asset_sensor_context,
    build_schedule_context,
    build_sensor_context,
)
from mlorch.errors import UserError


class Service(ConfigurableResource):
    name: str = "s"

    def setup_for_execution(self, context):
        EVENTS.append("up")

    def teardown_after_execution(self, context):
        EVENTS.append("down")


EVENTS: list[str] = []


def test_resources_are_set_up_when_they_are_asked_for_and_torn_down_at_the_end():
    EVENTS.clear()
    with build_sensor_context(resources={"service": Service(), "plain": 5}) as context:
        assert (context.resources.plain, EVENTS) == (5, [])
        assert (context.resources.service.name, EVENTS) == ("s", ["up"])
    assert EVENTS == ["up", "down"]


def test_a_resource_that_was_not_given_is_missed():
    with pytest.raises(UserError, match=r"no resource 'servic'; did you mean 'service'"):
        build_schedule_context(resources={"service": 1}).resources.servic  # noqa: B018


def test_a_time_without_a_zone_is_utc():
    due = datetime(2026, 1, 1)  # noqa: DTZ001
    assert build_schedule_context(scheduled_execution_time=due).scheduled_execution_time == datetime(
        2026, 1, 1, tzinfo=UTC
    )
    with pytest.raises(UserError, match="scheduled_execution_time=…"):
        build_schedule_context().scheduled_execution_time  # noqa: B018


def test_the_instance_is_the_one_given_or_one_in_memory():
    instance = Instance.ephemeral()
    assert build_schedule_context(instance).instance is instance
    context = build_sensor_context()
    assert context.instance is context.instance is not instance
    assert list(context.instance.get_runs()) == []


def test_a_sensor_context_has_what_was_given_and_keeps_what_is_said():
    @asset
    def numbers():
        return 1

    definitions = Definitions([numbers])
    context = build_sensor_context(
        cursor="7",
        sensor_name="arrivals",
        definitions=definitions,
        last_sensor_start_time=5.0,
        last_run_key="k",
        last_tick_completion_time=6.0,
    )
    assert (context.cursor, context.sensor_name, context.last_run_key) == ("7", "arrivals", "k")
    assert (context.last_completion_time, context.last_sensor_start_time) == (6.0, 5.0)
    assert not context.is_first_tick_since_sensor_start
    assert context.definitions is definitions
    context.update_cursor("8")
    assert (context.cursor, context.cursor_updated) == ("8", True)


def test_what_is_logged_is_seen(caplog):
    build_sensor_context().log.warning("no files in %s", "in")
    assert caplog.messages == ["no files in in"]


def test_assets_are_asked_for_among_definitions():
    context = build_multi_asset_sensor_context(monitored_assets=["a", "b"])
    assert [str(key) for key in context.asset_keys] == ["a", "b"]
    with pytest.raises(UserError, match="build it with definitions=…"):
        context.all_partitions_materialized("a")
