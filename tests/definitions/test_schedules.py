"""Schedules as declarations, and asked in a test."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import MagicMock

import pytest

from mlorch import (
    ConfigurableResource,
    RunConfig,
    RunRequest,
    ScheduleDefinition,
    SensorResult,
    SkipReason,
    asset,
    build_schedule_context,
    define_asset_job,
    graph,
    op,
    schedule,
)
from mlorch.errors import InvalidDefinitionError, TypeCheckError, UserError

JOB = define_asset_job("nightly")
DUE = datetime(2026, 3, 1, 6, tzinfo=UTC)


class Calendar(ConfigurableResource):
    holiday: str = "2026-03-01"


def test_a_schedule_is_named_after_its_job_and_waits_to_be_started():
    declared = ScheduleDefinition(job=JOB, cron_schedule="@daily")
    assert (declared.name, declared.job_name) == ("nightly_schedule", "nightly")
    assert (declared.execution_timezone, declared.default_status) == ("UTC", "STOPPED")
    assert (dict(declared.run_config), dict(declared.tags)) == ({}, {})
    assert (declared.catchup, declared.max_catchup_runs, declared.crons) == ("latest", 0, ("0 0 * * *",))


def test_a_job_may_be_given_by_name():
    declared = ScheduleDefinition(job="nightly", cron_schedule="0 3 * * 1-5", name="weekdays")
    assert (declared.name, declared.job_name) == ("weekdays", "nightly")
    assert ScheduleDefinition(job_name="nightly", cron_schedule="@daily").job == "nightly"


def test_a_target_may_be_a_job_or_assets():
    @asset
    def numbers():
        return 1

    assert ScheduleDefinition(target=JOB, cron_schedule="@daily").name == "nightly_schedule"
    of_assets = ScheduleDefinition("s", target=[numbers], cron_schedule="@daily")
    assert (of_assets.job_name, of_assets.target.selection) == (None, (numbers,))
    by_words = ScheduleDefinition("s", target="group:daily", cron_schedule="@daily")
    assert by_words.target.selection == "group:daily"


def test_a_graph_becomes_a_job():
    @op
    def say():
        return 1

    @graph
    def talk():
        say()

    assert ScheduleDefinition(job=talk, cron_schedule="@daily").name == "talk_schedule"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cron_schedule": "0 3 * *"}, "0 3"),
        ({"cron_schedule": "61 * * * *"}, "61"),
        ({"cron_schedule": "@dayly"}, "@dayly"),
        ({"cron_schedule": ["@daily", "@dayly"]}, "@dayly"),
        ({"cron_schedule": []}, "needs a cron_schedule"),
        ({"cron_schedule": None}, "needs a cron_schedule"),
        ({"cron_schedule": "@daily", "execution_timezone": "Europe/Berln"}, "Europe/Berlin"),
        ({"cron_schedule": "@daily", "catchup": "al"}, '"all", "latest" or "none"'),
        ({"cron_schedule": "@daily", "max_catchup_runs": -1}, "above 0"),
        ({"cron_schedule": "@daily", "run_config": {}, "run_config_fn": dict}, "run_config_fn"),
        ({"cron_schedule": "@daily", "tags": {}, "tags_fn": dict}, "tags_fn"),
        ({"cron_schedule": "@daily", "run_config": {}, "execution_fn": lambda: None}, "leave run_config out"),
    ],
)
def test_what_can_never_come_due_is_refused_when_it_is_declared(options, message):
    with pytest.raises(InvalidDefinitionError, match=r"^schedule 'nightly_schedule'") as raised:
        ScheduleDefinition(job=JOB, **options)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "not told what to run"),
        ({"job": JOB, "target": "*"}, "several ways"),
        ({"target": [JOB, "numbers"]}, "jobs and assets"),
        ({"job": 5}, "5 is no job"),
        ({"target": "*"}, "needs a name"),
    ],
    ids=["nothing", "both", "mixed", "number", "nameless"],
)
def test_what_is_run_is_said_in_one_way(options, message):
    with pytest.raises(InvalidDefinitionError, match=message):
        ScheduleDefinition(cron_schedule="@daily", **options)


def test_a_function_that_asks_for_more_than_there_is_is_refused():
    with pytest.raises(InvalidDefinitionError, match="nothing fills the parameter 'calendar'"):

        @schedule("@daily", job=JOB)
        def mornings(context, calendar):
            pass


def test_a_schedule_is_called_like_its_function():
    @schedule("@daily", job=JOB)
    def mornings(context, calendar: Calendar):
        """Mornings."""
        return RunRequest(str(context.scheduled_execution_time.date()) + calendar.holiday)

    assert (mornings.name, mornings.__doc__) == ("mornings", "Mornings.")
    context = build_schedule_context(scheduled_execution_time=DUE, resources={"calendar": Calendar()})
    assert mornings(context).run_key == "2026-03-012026-03-01"
    assert mornings(context, calendar=Calendar(holiday="x")).run_key == "2026-03-01x"
    with pytest.raises(UserError, match="nothing for its parameter 'calendar'"):
        mornings(build_schedule_context(scheduled_execution_time=DUE))
    with pytest.raises(UserError, match="nothing for its parameter 'context'"):
        mornings()


def test_a_schedule_without_a_function_can_only_be_asked():
    declared = ScheduleDefinition(job=JOB, cron_schedule="@daily")
    with pytest.raises(InvalidDefinitionError, match="evaluate_tick"):
        declared(build_schedule_context())
    assert declared.evaluate_tick(build_schedule_context()).run_requests == [RunRequest()]


@pytest.mark.parametrize(
    ("given", "requests", "message"),
    [
        (RunRequest("k"), [RunRequest("k")], None),
        ([RunRequest("k"), None, RunRequest("l")], [RunRequest("k"), RunRequest("l")], None),
        ({"loggers": {}}, [RunRequest(run_config={"loggers": {}})], None),
        (RunConfig(loggers={"a": {}}), [RunRequest(run_config={"loggers": {"a": {}}})], None),
        (SkipReason("holiday"), [], "holiday"),
        (None, [], "Schedule function returned an empty result"),
    ],
    ids=["request", "list", "dict", "config", "skip", "none"],
)
def test_a_function_may_answer_in_many_forms(given, requests, message):
    @schedule("@daily", job=JOB)
    def mornings():
        return given

    found = mornings.evaluate_tick(build_schedule_context())
    assert (list(found.run_requests), found.skip_message) == (requests, message)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("nightly", TypeCheckError),
        ([RunRequest("k"), SkipReason("no")], UserError),
        ([SkipReason("a"), SkipReason("b")], UserError),
        (SensorResult(), InvalidDefinitionError),
        ([5], TypeCheckError),
    ],
    ids=["text", "mixed", "reasons", "sensor", "number"],
)
def test_an_answer_that_means_nothing_is_refused(given, error):
    @schedule("@daily", job=JOB)
    def mornings():
        return given

    with pytest.raises(error, match="schedule 'mornings'"):
        mornings.evaluate_tick(build_schedule_context())


def test_tags_are_laid_under_those_of_each_request():
    @schedule("@daily", job=JOB, tags={"a": "schedule", "b": "schedule"})
    def mornings():
        yield RunRequest("k", tags={"a": "request"})
        yield RunRequest("l")

    tags = [one.tags for one in mornings.evaluate_tick(build_schedule_context()).run_requests]
    assert tags == [{"a": "request", "b": "schedule"}, {"a": "schedule", "b": "schedule"}]


def test_functions_may_say_the_config_the_tags_and_whether():
    due = build_schedule_context(scheduled_execution_time=DUE)
    declared = ScheduleDefinition(
        job=JOB,
        cron_schedule="@daily",
        run_config_fn=lambda context: {"loggers": {"hour": context.scheduled_execution_time.hour}},
        tags_fn=lambda context: {"hour": str(context.scheduled_execution_time.hour)},
        should_execute=lambda context: context.scheduled_execution_time.hour == 6,
    )
    (request,) = declared.evaluate_tick(due).run_requests
    assert (request.run_config, request.tags) == ({"loggers": {"hour": 6}}, {"hour": "6"})
    later = build_schedule_context(scheduled_execution_time=DUE.replace(hour=7))
    assert "should_execute" in str(declared.evaluate_tick(later).skip_message)


def test_a_function_is_not_called_where_nothing_should_run():
    called = MagicMock(return_value=RunRequest())
    declared = ScheduleDefinition(
        job=JOB, cron_schedule="@daily", execution_fn=called, should_execute=lambda: False
    )
    assert declared.evaluate_tick(build_schedule_context()).run_requests == ()
    called.assert_not_called()
