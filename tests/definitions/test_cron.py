from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo, available_timezones

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from mlorch.definitions.cron import cron_fields, find_zone, make_grid
from mlorch.errors import InvalidDefinitionError

EXPRESSIONS = [
    "0 * * * *", "45 * * * *", "*/15 * * * *", "0 */6 * * *", "*/20 2 * * *", "0 0 * * *", "30 0 * * *",
    "30 2 * * *", "30 23 * * *", "0 0 * * 0", "0 2 * * 5", "15 1 * * 7", "0 0 1 * *", "30 2 15 * *",
    "0 9-17 * * 1-5", "30 1,2,3 * * *", "0 0 L * *", "0 1 * * MON#2", "0 0 13 * 5", "5 4 31 * *",
]  # fmt: skip

unhurried = settings(deadline=None)
moments = st.integers(1 * 365 * 86400, 67 * 365 * 86400).map(lambda stamp: datetime.fromtimestamp(stamp, UTC))
expressions = st.sampled_from(EXPRESSIONS)
zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
CHANGES = [
    ("America/New_York", "2024-03-10"), ("America/New_York", "2023-11-05"),
    ("Europe/Berlin", "2024-03-31"), ("Europe/Berlin", "2024-10-27"),
    ("America/Havana", "2024-03-10"), ("America/Havana", "2023-11-05"),  # at midnight
    ("America/Santiago", "2024-09-08"), ("America/Santiago", "2024-04-07"),  # at midnight, to the day before
    ("Africa/Casablanca", "2024-03-10"), ("Africa/Casablanca", "2024-04-14"),  # for Ramadan
]  # fmt: skip


@unhurried
@given(expressions, zones, moments, st.integers(1, 30))
def test_boundaries_tile_the_timeline_in_every_zone(
    expression: str, zone: ZoneInfo, start: datetime, days: int
) -> None:
    grid = make_grid(expression, zone)
    end = start + timedelta(days=days)
    before = grid.floor(start)
    walked = [before]
    while walked[-1].timestamp() < end.timestamp():
        walked.append(grid.step(walked[-1], 1))
    assert all(one.timestamp() < other.timestamp() for one, other in pairwise(walked))
    assert before.timestamp() <= start.timestamp() < walked[1].timestamp()
    inside = [one.timestamp() for one in walked if start.timestamp() <= one.timestamp() < end.timestamp()]
    assert [one.timestamp() for one in grid.between(start, end)] == inside


@unhurried
@given(expressions, zones, moments, st.integers(0, 60))
def test_steps_lead_there_and_back(expression: str, zone: ZoneInfo, start: datetime, count: int) -> None:
    grid = make_grid(expression, zone)
    boundary = grid.floor(start)
    there = grid.step(boundary, count)
    assert len(grid.between(boundary, there)) == count
    assert grid.step(there, -count).timestamp() == boundary.timestamp()
    assert grid.floor(there).timestamp() == there.timestamp()


@pytest.mark.parametrize(("name", "day"), CHANGES)
def test_where_clocks_change_the_grid_is_what_cron_does(name: str, day: str) -> None:
    zone = ZoneInfo(name)
    start = datetime.fromisoformat(day).replace(tzinfo=zone) - timedelta(days=1, hours=5)
    end = start + timedelta(days=3)
    for expression in EXPRESSIONS:
        ticks = takewhile(lambda tick: tick.timestamp() < end.timestamp(), CronSim(expression, start))
        between = make_grid(expression, zone).between(start + timedelta(minutes=1), end)
        assert list(map(datetime.isoformat, between)) == list(map(datetime.isoformat, ticks)), expression


@pytest.mark.parametrize(
    ("expression", "start", "times"),
    [
        ("0 * * * *", "2018-03-31T14:00Z", ["01:00+1100", "02:00+1030", "03:00+1030"]),
        ("30 * * * *", "2018-03-31T14:00Z", ["01:30+1100", "01:30+1030", "02:30+1030", "03:30+1030"]),
        ("0 * * * *", "2018-10-06T14:00Z", ["01:00+1030", "03:00+1100", "04:00+1100"]),
        ("45 * * * *", "2018-10-06T14:00Z", ["00:45+1030", "01:45+1030", "02:45+1100", "03:45+1100"]),
    ],
)
def test_a_change_of_clocks_by_half_an_hour_keeps_to_the_wall(
    expression: str, start: str, times: list[str]
) -> None:
    # Back from 2:00 to 1:30 on 1 April, on from 2:00 to 2:30 on 7 October. cronsim leaves out hours here.
    begin = datetime.fromisoformat(start)
    grid = make_grid(expression, ZoneInfo("Australia/Lord_Howe"))
    hours = grid.between(begin, begin + timedelta(hours=3, minutes=30))
    assert [f"{one:%H:%M%z}" for one in hours] == times


def test_clocks_may_go_back_to_the_day_before() -> None:
    # On 7 November 2010, a minute after midnight. cronsim stays there for ever.
    zone = ZoneInfo("America/St_Johns")
    before, again, after = (datetime(2010, 11, 7, *time, tzinfo=UTC) for time in ((2, 0), (3, 10), (4, 30)))
    halves = make_grid("*/30 * * * *", zone)
    assert [f"{one:%d %H:%M%z}" for one in halves.between(before, after)] == [
        "06 23:30-0230", "07 00:00-0230", "06 23:30-0330", "07 00:00-0330", "07 00:30-0330",
    ]  # fmt: skip
    assert f"{halves.floor(again):%d %H:%M%z}" == "06 23:30-0330"
    midnights = make_grid("@daily", zone)
    assert [f"{one:%d %H:%M%z}" for one in midnights.between(before, again)] == ["07 00:00-0230"]
    assert midnights.floor(again) == midnights.between(before, again)[0]


def test_a_zone_that_skipped_a_date_has_no_boundary_there() -> None:
    grid = make_grid("@daily", ZoneInfo("Pacific/Apia"))
    days = grid.between(datetime(2011, 12, 29, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC))
    assert [one.day for one in days] == [29, 31, 1]


@pytest.mark.parametrize(
    ("alias", "fields"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        (" 0  6 * *  mon ", "0 6 * * MON"),
    ],
)
def test_an_alias_stands_for_five_fields(alias: str, fields: str) -> None:
    assert cron_fields(alias) == fields


@pytest.mark.parametrize(
    "expression",
    ["", "daily", "@fortnightly", "0 0 * *", "0 0 0 * * *", "61 * * * *", "0 0 30 2 *", "0 0 */29 2 MON#5"],
)
def test_a_bad_expression_is_refused_with_a_good_one(expression: str) -> None:
    with pytest.raises(InvalidDefinitionError, match=r"write five fields such as '0 6 \* \* 1'"):
        cron_fields(expression)


@pytest.mark.parametrize("name", ["", "Mars", "America", "../UTC", "/etc/localtime", "a\0b"])
def test_a_bad_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidDefinitionError, match="is no time zone"):
        find_zone(name)


def test_a_zone_nearly_right_is_suggested() -> None:
    with pytest.raises(InvalidDefinitionError, match="did you mean 'Europe/Berlin'"):
        find_zone("Europe/Berln")
