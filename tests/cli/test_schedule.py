"""mlorch schedule: list, start, stop, reset, preview, backfill-missed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from mlorch import DailyPartitionsDefinition
from mlorch.cli.completion import schedule_names
from mlorch.events import InstigatorStarted, InstigatorStopped, RunQueued, TickEvaluated
from mlorch.instance import Instance

SCHEDULES = """\
from mlorch import (
    DailyPartitionsDefinition, Definitions, RunRequest, ScheduleDefinition, SkipReason, asset,
    build_schedule_from_partitioned_job, define_asset_job, schedule,
)

days = DailyPartitionsDefinition(start_date="2024-01-01")


@asset
def numbers() -> list[int]:
    return [1, 2, 3]


@asset(partitions_def=days)
def daily(context) -> str:
    return context.partition_key


adding = define_asset_job("adding", selection=["numbers"])
by_day = define_asset_job("by_day", selection=["daily"], partitions_def=days)


@schedule(cron_schedule="0 6 * * *", job=adding, execution_timezone="Europe/Berlin")
def mornings(context):
    print("asked")
    if context.scheduled_execution_time.weekday() == 6:
        return SkipReason("it is Sunday")
    return RunRequest(run_key="k", tags={"team": "data"})


@schedule(cron_schedule="@daily", job=adding)
def broken(context):
    raise ValueError("no such table")


defs = Definitions(
    [numbers, daily],
    jobs=[adding, by_day],
    schedules=[
        ScheduleDefinition(name="nightly", job=adding, cron_schedule="@daily", default_status="RUNNING"),
        build_schedule_from_partitioned_job(by_day, name="days"),
        mornings,
        broken,
    ],
)
"""


@pytest.fixture
def planned(project):
    project.write("shop.py", SCHEDULES)
    return project


def facts(project, *kinds):
    with Instance.local(project.folder) as instance:
        return [one.event for one in instance.log.read(kinds=kinds)]


def listed(project):
    return {one["name"]: one for one in json.loads(project("schedule", "list", "--json").out)}


def test_the_list_tells_what_is_declared_and_when_the_next_tick_is(planned):
    lines = {line.split()[0]: line for line in planned("schedule", "list").out.splitlines()}
    assert "RUNNING" in lines["nightly"]
    assert "STOPPED" in lines["mornings"]
    assert "Europe/Berlin" in lines["mornings"]
    found = listed(planned)
    tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    assert found["nightly"]["next_tick"] == tomorrow.timestamp()
    assert found["nightly"]["as_declared"]
    assert found["mornings"]["next_tick"] is None
    assert found["days"]["jobs"] == ["by_day"]


def test_starting_and_stopping_goes_before_the_declaration_until_it_is_reset(planned):
    started = planned("schedule", "start", "mornings")
    assert started.code == 0
    assert "schedule mornings is running; next tick: " in started.out
    assert "no daemon runs" in started.err
    planned("schedule", "stop", "nightly")
    found = listed(planned)
    assert (found["mornings"]["status"], found["mornings"]["as_declared"]) == ("RUNNING", False)
    assert (found["nightly"]["status"], found["nightly"]["as_declared"]) == ("STOPPED", False)
    planned("schedule", "reset", "--all")
    found = listed(planned)
    assert {name for name, one in found.items() if one["status"] == "RUNNING"} == {"nightly"}
    assert all(one["as_declared"] for one in found.values())


def test_what_runs_already_keeps_the_ticks_that_it_missed(planned):
    planned("schedule", "start", "mornings")
    again = planned("schedule", "start", "mornings", "nightly")
    assert again.out.count("is running already") == 2
    assert len(facts(planned, InstigatorStarted.kind, InstigatorStopped.kind)) == 1


@pytest.mark.parametrize("words", [("start", "nightl"), ("preview", "nightl"), ("backfill-missed", "nightl")])
def test_an_unknown_name_is_answered_with_the_nearest(planned, words):
    answer = planned("schedule", *words)
    assert answer.code == 2
    assert "did you mean 'nightly'?" in answer.err


def test_names_or_all_are_needed_and_not_both(planned):
    assert planned("schedule", "start").code == 2
    assert planned("schedule", "start", "nightly", "--all").code == 2


def test_names_are_completed(planned, monkeypatch):
    planned("schedule", "list")
    monkeypatch.chdir(planned.folder)
    assert schedule_names("n") == ["nightly"]


def test_a_preview_tells_what_would_run_and_records_nothing(planned):
    monday = planned("schedule", "preview", "mornings", "--at", "2024-01-01T06:00")
    assert monday.code == 0
    assert "tick of 2024-01-01 05:00:00 UTC: SUCCESS, 1 run" in monday.out
    assert "job adding, run key k, team=data" in monday.out
    sunday = planned("schedule", "preview", "mornings", "--at", "2024-01-07T06:00+01:00")
    assert "SKIPPED: it is Sunday" in sunday.out
    assert facts(planned, TickEvaluated.kind, RunQueued.kind) == []


def test_a_preview_as_json_is_not_disturbed_by_what_the_function_prints(planned):
    answer = planned("schedule", "preview", "mornings", "--at", "2024-01-01T06:00", "--json")
    found = json.loads(answer.out)
    assert "asked" in answer.err
    assert (found["status"], found["runs"][0]["run_key"]) == ("SUCCESS", "k")
    assert not found["runs"][0]["is_repeated"]


def test_a_preview_of_a_stopped_schedule_is_of_its_next_tick(planned):
    found = json.loads(planned("schedule", "preview", "days", "--json").out)
    tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    assert found["due"] == tomorrow.timestamp()
    assert found["runs"][0]["partition"] == (tomorrow - timedelta(days=1)).date().isoformat()


def test_a_preview_that_fails_shows_where_and_ends_with_one(planned):
    answer = planned("schedule", "preview", "broken")
    assert answer.code == 1
    assert "FAILURE: ValueError: no such table" in answer.out
    assert 'raise ValueError("no such table")' in answer.err
    wrong = planned("schedule", "preview", "mornings", "--at", "soon")
    assert wrong.code == 2


def test_missed_ticks_are_made_up_for_once_each(planned):
    window = ("--since", "2024-01-02", "--until", "2024-01-04T12:00")
    dry = planned("schedule", "backfill-missed", "days", *window, "--dry-run")
    assert "3 ticks missed; nothing was changed" in dry.out
    assert facts(planned, RunQueued.kind) == []
    done = planned("schedule", "backfill-missed", "days", *window)
    assert "3 ticks, 3 runs queued" in done.out
    again = planned("schedule", "backfill-missed", "days", "--since", "2024-01-02", "--until", "2024-01-05")
    assert "1 tick, 1 run queued" in again.out
    asked = [one.partition for one in facts(planned, RunQueued.kind)]
    keys = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-05").get_partition_keys()
    assert asked == keys
    assert listed(planned)["days"]["last_tick"] is None


def test_a_missed_tick_that_fails_stays_missed(planned):
    window = ("--since", "2024-01-02", "--until", "2024-01-02", "--json")
    answer = planned("schedule", "backfill-missed", "broken", *window)
    assert answer.code == 1
    assert json.loads(answer.out)[0]["outcome"] == "FAILURE: ValueError: no such table"
    assert planned("schedule", "backfill-missed", "broken", *window).code == 1
    assert facts(planned, TickEvaluated.kind) == []


def test_missed_ticks_need_a_beginning_an_end_in_the_past_and_are_not_too_many(planned):
    unknown = planned("schedule", "backfill-missed", "days")
    assert unknown.code == 2
    assert "--since" in unknown.err
    future = planned("schedule", "backfill-missed", "days", "--since", "2024-01-01", "--until", "2999-01-01")
    assert future.code == 2
    many = planned("schedule", "backfill-missed", "days", "--since", "1990-01-01")
    assert many.code == 2
    assert "at most 10,000" in many.err
    planned("schedule", "start", "days")
    assert "0 ticks" in planned("schedule", "backfill-missed", "days").out
