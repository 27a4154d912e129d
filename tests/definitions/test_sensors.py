"""Sensors as declarations, and asked in a test."""

from __future__ import annotations

import functools

import pytest

from mlorch import (
    AssetKey,
    ConfigurableResource,
    DynamicPartitionsDefinition,
    RunRequest,
    SensorDefinition,
    SensorResult,
    SkipReason,
    asset,
    build_sensor_context,
    define_asset_job,
    sensor,
)
from mlorch.errors import InvalidDefinitionError, TypeCheckError, UserError
from mlorch.events import InstigatorStopped

JOB = define_asset_job("nightly")
OTHER = define_asset_job("weekly")


class Inbox(ConfigurableResource):
    path: str = "in"


def ask(context):
    return None


def test_a_sensor_asks_every_half_minute_and_waits_to_be_started():
    declared = SensorDefinition(name="arrivals", evaluation_fn=ask)
    assert (declared.minimum_interval_seconds, declared.default_status) == (30, "STOPPED")
    assert (declared.job_name, declared.time_limit) == (None, 60.0)


@pytest.mark.parametrize("job", ["nightly", JOB], ids=["name", "job"])
def test_a_sensor_knows_the_name_of_its_job(job):
    assert SensorDefinition(name="arrivals", evaluation_fn=ask, job=job).job_name == "nightly"


def test_a_sensor_may_run_several_jobs_or_assets():
    @asset
    def numbers():
        return 1

    several = SensorDefinition("arrivals", evaluation_fn=ask, jobs=[JOB, OTHER])
    assert (several.target.names, several.jobs) == (("nightly", "weekly"), (JOB, OTHER))
    chosen = SensorDefinition("arrivals", evaluation_fn=ask, asset_selection=[numbers])
    assert (chosen.asset_selection, chosen.job) == ((numbers,), None)
    assert SensorDefinition("arrivals", evaluation_fn=ask, target=JOB).job is JOB


@pytest.mark.parametrize("seconds", [0, -1])
def test_an_interval_that_is_not_positive_is_refused(seconds):
    with pytest.raises(InvalidDefinitionError, match=f"sensor 'arrivals': .*must be positive, not {seconds}"):
        SensorDefinition(name="arrivals", evaluation_fn=ask, minimum_interval_seconds=seconds)


def test_a_time_limit_that_is_not_positive_is_refused():
    with pytest.raises(InvalidDefinitionError, match="sensor 'arrivals': time_limit"):
        SensorDefinition(name="arrivals", evaluation_fn=ask, time_limit=0)


def test_a_status_that_there_is_not_is_refused():
    with pytest.raises(InvalidDefinitionError, match="sensor 'arrivals': default_status should be RUNNING"):
        SensorDefinition(name="arrivals", evaluation_fn=ask, default_status="ON")  # type: ignore[arg-type]


def test_a_sensor_is_called_like_its_function():
    @sensor(job=JOB)
    def arrivals(context, inbox: Inbox):
        """Arrivals."""
        return RunRequest(f"{inbox.path}/{context.cursor}")

    assert (arrivals.name, arrivals.__doc__) == ("arrivals", "Arrivals.")
    with build_sensor_context(cursor="7", resources={"inbox": Inbox()}) as context:
        assert arrivals(context).run_key == "in/7"
        assert arrivals.evaluate_tick(context).run_requests == [RunRequest("in/7")]
    assert arrivals(build_sensor_context(cursor="8"), inbox=Inbox(path="out")).run_key == "out/8"


def test_the_first_parameter_is_the_context_whatever_it_is_called():
    @sensor(job=JOB, name="other")
    def arrivals(sensor_context, suffix="x"):
        return RunRequest(str(sensor_context.cursor) + suffix)

    assert arrivals.name == "other"
    assert arrivals(build_sensor_context(cursor="7")).run_key == "7x"
    assert arrivals.evaluate_tick(build_sensor_context(cursor="7")).run_requests == [RunRequest("7x")]


def test_wrappers_and_partial_functions_are_functions():
    def wrapper(*args):
        return RunRequest(args[0].cursor)

    context = build_sensor_context(cursor="7")
    wrapped = SensorDefinition("a", evaluation_fn=wrapper, job=JOB)
    assert wrapped(context) == wrapped.evaluate_tick(context).run_requests[0] == RunRequest("7")

    def named(prefix, context):
        return RunRequest(prefix + context.cursor)

    bound = SensorDefinition("b", evaluation_fn=functools.partial(named, "k"), job=JOB)
    assert bound.evaluate_tick(context).run_requests == [RunRequest("k7")]


def test_the_cursor_is_what_the_function_leaves():
    @sensor(job=JOB)
    def arrivals(context):
        context.update_cursor(str(int(context.cursor or 0) + 1))
        yield RunRequest("k")

    first = arrivals.evaluate_tick(build_sensor_context())
    second = arrivals.evaluate_tick(build_sensor_context(cursor=first.cursor))
    assert (first.cursor, second.cursor) == ("1", "2")


def test_the_cursor_is_given_in_one_way():
    @sensor(job=JOB)
    def arrivals(context):
        context.update_cursor("1")
        return SensorResult(cursor="2")

    with pytest.raises(UserError, match="do one of them"):
        arrivals.evaluate_tick(build_sensor_context())


def test_a_cursor_is_text():
    @sensor(job=JOB)
    def arrivals(context):
        context.update_cursor(5)

    with pytest.raises(TypeCheckError, match="a cursor is text, not 5"):
        arrivals.evaluate_tick(build_sensor_context())


def test_a_result_has_everything_at_once():
    change = DynamicPartitionsDefinition("people").build_add_request(["ann"])
    fact = InstigatorStopped(at=1.0, name="sensor/other")
    result = SensorResult([RunRequest("k")], cursor="7", dynamic_partitions_requests=[change], facts=[fact])

    @sensor(job=JOB)
    def arrivals():
        return result

    found = arrivals.evaluate_tick(build_sensor_context())
    assert (found.run_requests, found.cursor, found.skip_message) == ((RunRequest("k"),), "7", None)
    assert (found.dynamic_partitions_requests, found.facts) == ((change,), (fact,))


@pytest.mark.parametrize(
    "given",
    [[SensorResult(), SensorResult()], [RunRequest(), SkipReason()], {"ops": {}}],
    ids=["results", "mixed", "config"],
)
def test_an_answer_that_means_nothing_is_refused(given):
    @sensor(job=JOB)
    def arrivals():
        return given

    with pytest.raises((UserError, TypeCheckError), match="sensor 'arrivals' gave"):
        arrivals.evaluate_tick(build_sensor_context())


def test_a_function_that_asks_for_more_than_there_is_is_refused():
    with pytest.raises(InvalidDefinitionError, match="nothing fills the parameter 'event'"):

        @sensor(job=JOB)
        def arrivals(context, event):
            pass


def test_keys_of_assets_are_a_target():
    declared = SensorDefinition("a", evaluation_fn=ask, asset_selection=[AssetKey("numbers")])
    assert declared.asset_selection == (AssetKey("numbers"),)
