"""Sensors of runs."""

from __future__ import annotations

import time

import pytest

from mlorch import (
    DagsterRunStatus,
    DailyPartitionsDefinition,
    Definitions,
    Instance,
    RunFailureSensorContext,
    RunRequest,
    RunStatusSensorContext,
    SensorResult,
    SkipReason,
    asset,
    build_run_status_sensor_context,
    build_sensor_context,
    define_asset_job,
    job,
    materialize,
    op,
    run_failure_sensor,
    run_status_sensor,
)
from mlorch.app.backfilling import backfill
from mlorch.app.ticking import evaluate
from mlorch.errors import InvalidDefinitionError, NotFoundError
from mlorch.planning.ticks import TickAsked


@asset
def good():
    return 1


@asset
def bad():
    raise ValueError("no luck")


@asset(partitions_def=DailyPartitionsDefinition("2026-01-01", "2026-01-04"))
def days(context):
    if context.partition_key == "2026-01-02":
        raise ValueError("a bad day")


@op
def fails():
    raise ValueError("no luck")


@job
def failing():
    fails()


GOOD = define_asset_job("good_job", selection=["good"])


def run(instance, *assets, **options):
    return materialize(list(assets), instance=instance, raise_on_error=False, **options)


def asked(one, instance, cursor=None, **told):
    definitions = Definitions([good], jobs=[GOOD], sensors=[one])
    ask = TickAsked(name=f"sensor/{one.name}", number=1, due=time.time(), cursor=cursor, **told)
    return evaluate(definitions, instance, ask)


def listener(status, **options):
    told = []

    @run_status_sensor(run_status=status, **options)
    def listening(context):
        told.append(context)

    return listening, told


def test_each_run_that_comes_to_the_status_is_told_once_in_order():
    instance = Instance.ephemeral()
    listening, told = listener(DagsterRunStatus.SUCCESS)
    cursor = asked(listening, instance).cursor
    runs = [run(instance, good).run_id for _ in range(2)]
    run(instance, bad)
    outcome = asked(listening, instance, cursor)
    assert [one.dagster_run.run_id for one in told] == runs
    assert (outcome.status, outcome.reason) == ("SKIPPED", f"told of {', '.join(runs)}")
    assert [one.dagster_event.event_type_value for one in told] == ["RUN_SUCCESS"] * 2
    assert told[0].sensor_name == "listening"
    again = asked(listening, instance, outcome.cursor)
    assert len(told) == 2
    assert again.reason == "no run has come to SUCCESS since"


@pytest.mark.parametrize(
    ("status", "count"), [("STARTED", 2), ("SUCCESS", 1), ("FAILURE", 1), ("CANCELED", 0), ("QUEUED", 0)]
)
def test_a_status_is_that_alone(status, count):
    instance = Instance.ephemeral()
    listening, told = listener(status)
    cursor = asked(listening, instance).cursor
    run(instance, good)
    run(instance, bad)
    asked(listening, instance, cursor)
    assert len(told) == count


def test_what_was_before_its_start_is_not_told_and_what_came_before_its_first_tick_is():
    instance = Instance.ephemeral()
    run(instance, good)
    listening, told = listener("SUCCESS")
    asked(listening, instance)
    assert told == []
    asked(listening, instance, started_at=time.time() + 1)
    assert told == []
    asked(listening, instance, started_at=time.time() - 60)
    assert len(told) == 1


def test_only_runs_of_monitored_jobs_are_told():
    instance = Instance.ephemeral()
    listening, told = listener("FAILURE", monitored_jobs=[failing, "other"])
    cursor = asked(listening, instance).cursor
    run(instance, bad)
    failing.execute_in_process(instance=instance, raise_on_error=False)
    asked(listening, instance, cursor)
    assert [one.dagster_run.job_name for one in told] == ["failing"]


def test_a_failure_is_told_with_what_failed():
    told = []

    @run_failure_sensor
    def pages(context: RunFailureSensorContext):
        told.append((context.failure_event.message, context.get_step_failure_events()))

    instance = Instance.ephemeral()
    cursor = asked(pages, instance).cursor
    run(instance, bad)
    asked(pages, instance, cursor)
    ((message, (step,)),) = told
    assert message == "step 'bad' failed: ValueError: no luck"
    assert (step.step_key, step.event_specific_data.error.cls_name) == ("bad", "ValueError")
    assert 'raise ValueError("no luck")' in step.step_failure_data.error.to_string()


def test_runs_of_backfills_are_runs():
    listening, told = listener("FAILURE")
    instance = Instance.ephemeral()
    cursor = asked(listening, instance).cursor
    backfill([days], partitions="2026-01-01...2026-01-03", instance=instance, raise_on_error=False)
    asked(listening, instance, cursor)
    assert [one.partition_key for one in told] == ["2026-01-02"]


def test_where_it_raises_the_cursor_stays_before_that_run_and_what_was_asked_for_holds():
    instance = Instance.ephemeral()
    broken = [True]

    @run_status_sensor(run_status="SUCCESS", request_job=GOOD)
    def follow(context):
        yield RunRequest(context.dagster_run.run_id)
        if context.dagster_run.run_id == second.run_id and broken[0]:
            raise RuntimeError("no network")

    cursor = asked(follow, instance).cursor
    first, second, third = (run(instance, good) for _ in range(3))
    outcome = asked(follow, instance, cursor)
    assert (outcome.status, outcome.error["message"]) == ("FAILURE", "no network")
    assert [one.run_key for one in outcome.runs] == [first.run_id]
    stuck = asked(follow, instance, outcome.cursor)
    assert (stuck.runs, stuck.cursor) == ((), outcome.cursor)
    broken[0] = False
    after = asked(follow, instance, stuck.cursor)
    assert [one.run_key for one in after.runs] == [second.run_id, third.run_id]


def test_one_tick_tells_of_no_more_than_it_has_time_for():
    instance = Instance.ephemeral()
    listening, told = listener("SUCCESS")
    cursor = asked(listening, instance).cursor
    runs = [run(instance, good).run_id for _ in range(53)]
    outcome = asked(listening, instance, cursor)
    assert len(told) == 50
    asked(listening, instance, outcome.cursor)
    assert [one.dagster_run.run_id for one in told] == runs


@pytest.mark.parametrize(
    ("answer", "runs"),
    [
        (SkipReason("no"), []),
        (SensorResult([RunRequest("k")]), ["k"]),
        ([RunRequest("k"), RunRequest("l")], ["k", "l"]),
    ],
    ids=["skip", "result", "list"],
)
def test_it_may_ask_for_runs(answer, runs):
    @run_status_sensor("SUCCESS", request_jobs=[GOOD])
    def follow():
        return answer

    instance = Instance.ephemeral()
    cursor = asked(follow, instance).cursor
    run(instance, good)
    assert [one.run_key for one in asked(follow, instance, cursor).runs] == runs


def test_it_may_not_move_its_cursor():
    @run_status_sensor("SUCCESS")
    def meddling():
        return SensorResult(cursor="5")

    instance = Instance.ephemeral()
    cursor = asked(meddling, instance).cursor
    run(instance, good)
    assert "may ask for runs only" in asked(meddling, instance, cursor).error["message"]


def test_what_no_fact_says_can_not_be_monitored():
    with pytest.raises(
        InvalidDefinitionError, match="no fact says that a run is DEAD; one of QUEUED, STARTED"
    ):
        run_status_sensor(DagsterRunStatus.DEAD)(lambda context: None)


def test_a_function_is_called_in_a_test_with_the_run_of_a_result():
    calls = []

    @run_status_sensor(run_status=DagsterRunStatus.SUCCESS, monitor_all_code_locations=True)
    def email(context: RunStatusSensorContext):
        calls.append((context.sensor_name, context.dagster_run.run_id, context.dagster_event.message))

    @run_failure_sensor(name="alarm", monitored_jobs=[failing])
    def pages(context):
        calls.append(context.failure_event.message)

    instance = Instance.ephemeral()
    result = run(instance, good)
    with pytest.raises(NotFoundError, match="did not end as FAILURE"):
        result.get_run_failure_event()
    email(
        build_run_status_sensor_context(
            sensor_name="email",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_job_success_event(),
        )
    )
    failed = failing.execute_in_process(instance=instance, raise_on_error=False)
    assert failed.dagster_run is not None
    told = build_run_status_sensor_context(
        "alarm", failed.get_job_failure_event(), instance, failed.dagster_run
    )
    pages(told.for_run_failure())
    assert calls == [("email", result.run_id, ""), "step 'fails' failed: ValueError: no luck"]


def test_a_cursor_that_is_no_number_is_refused():
    listening, _ = listener("SUCCESS")
    with pytest.raises(Exception, match="'five' is no number"):
        listening.evaluate_tick(build_sensor_context(Instance.ephemeral(), "five"))
