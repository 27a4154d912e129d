"""Schedules of partitioned jobs: which partitions a tick runs."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import (
    DailyPartitionsDefinition,
    Definitions,
    DynamicPartitionsDefinition,
    HourlyPartitionsDefinition,
    Instance,
    MonthlyPartitionsDefinition,
    MultiPartitionsDefinition,
    StaticPartitionsDefinition,
    TimeWindowPartitionsDefinition,
    WeeklyPartitionsDefinition,
    asset,
    build_schedule_context,
    build_schedule_from_partitioned_job,
    define_asset_job,
    job,
    op,
)
from mlorch.definitions.cron import make_grid
from mlorch.errors import InvalidDefinitionError

BERLIN = ZoneInfo("Europe/Berlin")
REGIONS = StaticPartitionsDefinition(["eu", "us"])


def made(partitions_def, **options):
    return build_schedule_from_partitioned_job(
        define_asset_job("nightly", partitions_def=partitions_def), **options
    )


def keys(declared, due, instance=None):
    context = build_schedule_context(instance, datetime.fromisoformat(due))
    return [one.partition_key for one in declared.evaluate_tick(context).run_requests]


@pytest.mark.parametrize(
    ("definition", "options", "cron"),
    [
        (DailyPartitionsDefinition("2026-01-01"), {}, "0 0 * * *"),
        (DailyPartitionsDefinition("2026-01-01", hour_offset=2), {"minute_of_hour": 30}, "30 2 * * *"),
        (DailyPartitionsDefinition("2026-01-01"), {"hour_of_day": 0, "minute_of_hour": 5}, "5 0 * * *"),
        (HourlyPartitionsDefinition("2026-01-01-00:00"), {"minute_of_hour": 20}, "20 * * * *"),
        (
            WeeklyPartitionsDefinition("2026-01-01"),
            {"day_of_week": 0, "hour_of_day": 4},
            "0 4 * * 0",
        ),
        (MonthlyPartitionsDefinition("2026-01-01", day_offset=3), {"hour_of_day": 4}, "0 4 3 * *"),
        (MonthlyPartitionsDefinition("2026-01-01"), {"day_of_month": 2}, "0 0 2 * *"),
        (
            TimeWindowPartitionsDefinition("2026-01-01-00:00", "%Y-%m-%d-%H:%M", cron_schedule="0 */6 * * *"),
            {},
            "0 */6 * * *",
        ),
        (REGIONS, {"cron_schedule": "@daily"}, "0 0 * * *"),
    ],
)
def test_the_ticks_come_when_windows_are_over_or_later_by_offsets(definition, options, cron):
    assert made(definition, **options).crons == (cron,)


def test_a_tick_runs_the_last_window_that_is_over_in_the_zone_of_the_partitions():
    declared = made(DailyPartitionsDefinition("2026-01-01", timezone="Europe/Berlin"), hour_of_day=1)
    assert (declared.name, declared.execution_timezone) == ("nightly_schedule", "Europe/Berlin")
    (request,) = declared.evaluate_tick(
        build_schedule_context(scheduled_execution_time=datetime(2026, 2, 2, 1, tzinfo=BERLIN))
    ).run_requests
    assert (request.run_key, request.partition_key) == ("2026-02-01", "2026-02-01")


def test_a_test_may_ask_at_any_time():
    assert keys(made(DailyPartitionsDefinition("2026-01-01")), "2026-02-02T17:05Z") == ["2026-02-01"]


def test_before_the_first_window_and_after_the_last_there_is_nothing_to_run():
    declared = made(DailyPartitionsDefinition("2026-01-01", "2026-01-03"))
    days = ["2026-01-01T00:00Z", "2026-01-02T00:00Z", "2026-01-03T00:00Z", "2026-01-04T00:00Z"]
    assert [keys(declared, day) for day in days] == [[], ["2026-01-01"], ["2026-01-02"], []]
    context = build_schedule_context(scheduled_execution_time=datetime(2026, 1, 5, tzinfo=BERLIN))
    assert "no partition has become complete" in declared.evaluate_tick(context).skip_message


def test_windows_that_are_left_out_are_no_reason_to_run_the_one_before_again():
    declared = made(DailyPartitionsDefinition("2026-01-05", exclusions=["0 0 * * 6", "0 0 * * 0"]))
    week = [keys(declared, f"2026-01-{day:02}T00:00Z") for day in range(6, 14)]
    assert [one for some in week for one in some] == [
        "2026-01-05",
        "2026-01-06",
        "2026-01-07",
        "2026-01-08",
        "2026-01-09",
        "2026-01-12",
    ]
    assert week[5:7] == [[], []]


def test_listed_partitions_are_all_run():
    assert keys(made(REGIONS, cron_schedule="@daily"), "2026-01-05T00:00Z") == ["eu", "us"]


def test_of_several_dimensions_all_keys_of_the_last_window_are_run():
    definition = MultiPartitionsDefinition(
        {"date": DailyPartitionsDefinition("2026-01-01"), "region": REGIONS}
    )
    declared = made(definition, hour_of_day=2)
    assert declared.crons == ("0 2 * * *",)
    assert keys(declared, "2026-01-03T02:00Z") == ["2026-01-02|eu", "2026-01-02|us"]


def test_keys_known_at_run_time_are_asked_for_at_the_tick():
    definition = MultiPartitionsDefinition(
        {"date": DailyPartitionsDefinition("2026-01-01"), "who": DynamicPartitionsDefinition("people")}
    )
    instance = Instance.ephemeral()
    assert keys(made(definition), "2026-01-03T00:00Z", instance) == []
    instance.add_dynamic_partitions("people", ["ann", "bob"])
    assert keys(made(definition), "2026-01-03T00:00Z", instance) == ["2026-01-02|ann", "2026-01-02|bob"]


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe"]),
    st.integers(0, 23),
    st.integers(0, 59),
    st.dates(date(2015, 1, 2), date(2027, 1, 1)),
)
def test_every_window_is_run_once_whatever_clocks_do(zone, hour, minute, day):
    definition = DailyPartitionsDefinition("2015-01-01", timezone=zone)
    declared = made(definition, hour_of_day=hour, minute_of_hour=minute)
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    grid = make_grid(declared.crons[0], ZoneInfo(zone))
    ticks = grid.between(start, start + timedelta(days=9))
    asked = [
        one.partition_key
        for tick in ticks
        for one in declared.evaluate_tick(build_schedule_context(scheduled_execution_time=tick)).run_requests
    ]
    days = [date.fromisoformat(one) for one in asked]
    assert days == [days[0] + timedelta(number) for number in range(len(ticks))]


def test_a_job_of_ops_has_partitions_of_its_own():
    @op
    def say():
        return 1

    @job(partitions_def=DailyPartitionsDefinition("2026-01-01"))
    def saying():
        say()

    @job
    def plain():
        say()

    declared = build_schedule_from_partitioned_job(saying, name="talk", tags={"a": 1}, description="d")
    assert (declared.name, declared.job, declared.description) == ("talk", saying, "d")
    (request,) = declared.evaluate_tick(
        build_schedule_context(scheduled_execution_time=datetime.fromisoformat("2026-01-02T00:00Z"))
    ).run_requests
    assert request.tags == {"a": "1"}
    with pytest.raises(InvalidDefinitionError, match="job 'plain' has no partitions"):
        build_schedule_from_partitioned_job(plain)


def test_the_partitions_of_assets_are_known_among_definitions():
    @asset(partitions_def=DailyPartitionsDefinition("2026-01-01"))
    def days():
        return 1

    declared = build_schedule_from_partitioned_job(define_asset_job("nightly", [days]), catchup="all")
    with pytest.raises(InvalidDefinitionError, match=r"resolve_schedule_def\('nightly_schedule'\)"):
        keys(declared, "2026-01-03T00:00Z")
    known = Definitions([days], schedules=[declared]).resolve_schedule_def("nightly_schedule")
    assert keys(known, "2026-01-03T00:00Z") == ["2026-01-02"]
    assert (known.catchup, known.crons) == ("all", ("0 0 * * *",))


@pytest.mark.parametrize(
    ("definition", "options", "message"),
    [
        (DailyPartitionsDefinition("2026-01-01"), {"day_of_week": 1}, "can't have day_of_week"),
        (HourlyPartitionsDefinition("2026-01-01-00:00"), {"hour_of_day": 1}, "may have minute_of_hour"),
        (DailyPartitionsDefinition("2026-01-01"), {"cron_schedule": "@daily"}, "leave cron_schedule"),
        (DailyPartitionsDefinition("2026-01-01"), {"execution_timezone": "UTC"}, "execution_timezone"),
        (DailyPartitionsDefinition("2026-01-01"), {"hour_of_day": 24}, "24"),
        (REGIONS, {}, "needs a cron_schedule"),
        (REGIONS, {"cron_schedule": "@daily", "hour_of_day": 1}, "leave hour_of_day out"),
        (DynamicPartitionsDefinition("people"), {}, "never complete"),
        (MultiPartitionsDefinition({"a": REGIONS, "b": REGIONS}), {}, "exactly one dimension of time"),
    ],
)
def test_partitions_that_do_not_fit_are_refused_when_the_schedule_is_declared(definition, options, message):
    with pytest.raises(InvalidDefinitionError, match=message) as raised:
        made(definition, **options)
    assert "schedule 'nightly_schedule'" in str(raised.value)
