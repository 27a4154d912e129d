from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlorch.definitions.partitions import PartitionKeyRange
from mlorch.definitions.windows import (
    DailyPartitionsDefinition,
    HourlyPartitionsDefinition,
    MonthlyPartitionsDefinition,
    TimeWindow,
    TimeWindowPartitionsDefinition,
    WeeklyPartitionsDefinition,
)
from mlorch.errors import InvalidDefinitionError, UnknownPartitionError, UserError

NOW = datetime(2024, 3, 15, 12, tzinfo=UTC)
DAILY = DailyPartitionsDefinition("2024-01-01")
NEW_YORK = "America/New_York"


def hours(window: TimeWindow) -> float:
    return (window.end.timestamp() - window.start.timestamp()) / 3600


# Which partitions there are


@pytest.mark.parametrize(
    ("definition", "first", "last"),
    [
        (DAILY, "2024-01-01", "2024-03-14"),
        (DailyPartitionsDefinition("2024-01-01", hour_offset=7), "2024-01-01", "2024-03-14"),
        (DailyPartitionsDefinition("2024-01-01", hour_offset=12), "2024-01-01", "2024-03-14"),
        (
            DailyPartitionsDefinition("2024-01-01", hour_offset=12, minute_offset=1),
            "2024-01-01",
            "2024-03-13",
        ),
        (DailyPartitionsDefinition("2024-01-01", fmt="%d.%m.%Y"), "01.01.2024", "14.03.2024"),
        (HourlyPartitionsDefinition("2024-01-01-00:00"), "2024-01-01-00:00", "2024-03-15-11:00"),
        (HourlyPartitionsDefinition("2024-01-01", minute_offset=15), "2024-01-01-00:15", "2024-03-15-10:15"),
        (WeeklyPartitionsDefinition("2024-01-01"), "2024-01-07", "2024-03-03"),
        (WeeklyPartitionsDefinition("2024-01-01", day_offset=1), "2024-01-01", "2024-03-04"),
        (MonthlyPartitionsDefinition("2024-01-01"), "2024-01-01", "2024-02-01"),
        (MonthlyPartitionsDefinition("2024-01-02"), "2024-02-01", "2024-02-01"),
        (MonthlyPartitionsDefinition("2024-01-20", day_offset=15), "2024-02-15", "2024-02-15"),
        (MonthlyPartitionsDefinition("2024-01", fmt="%Y-%m", day_offset=5), "2024-01", "2024-02"),
    ],
)
def test_partitions_begin_at_the_start_and_end_with_the_last_window_that_is_over(
    definition: TimeWindowPartitionsDefinition, first: str, last: str
) -> None:
    keys = definition.get_partition_keys(NOW)
    assert (keys[0], keys[-1]) == (first, last)
    assert definition.get_first_partition_key(NOW) == first
    assert definition.get_last_partition_key(NOW) == last
    assert definition.get_num_partitions(NOW) == len(keys)
    assert all(definition.has_partition_key(key, NOW) for key in keys)


def test_a_cron_expression_marks_off_windows() -> None:
    workdays = TimeWindowPartitionsDefinition("2024-03-06", "%Y-%m-%d", cron_schedule="0 18 * * 1-5")
    assert workdays.get_partition_keys(NOW) == [
        "2024-03-06", "2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12", "2024-03-13",
    ]  # fmt: skip
    friday = workdays.time_window_for_partition_key("2024-03-08")
    assert friday == (datetime(2024, 3, 8, 18, tzinfo=UTC), datetime(2024, 3, 11, 18, tzinfo=UTC))


def test_an_alias_is_the_same_definition_as_its_five_fields() -> None:
    alias, fields = (
        TimeWindowPartitionsDefinition("2024-01-01", "%Y-%m-%d", cron_schedule=cron)
        for cron in ("@daily", "0 0 * * *")
    )
    assert alias == fields
    assert alias.get_partition_keys(NOW) == DAILY.get_partition_keys(NOW)


@pytest.mark.parametrize(
    ("end_offset", "last"), [(0, "2024-03-14"), (1, "2024-03-15"), (2, "2024-03-16"), (-1, "2024-03-13")]
)
def test_end_offset_moves_the_last_partition(end_offset: int, last: str) -> None:
    definition = DailyPartitionsDefinition("2024-01-01", end_offset=end_offset)
    assert definition.get_last_partition_key(NOW) == last
    assert definition.get_partition_keys(NOW)[-1] == last
    assert definition.has_partition_key(last, NOW)


def test_the_end_is_exclusive() -> None:
    ended = DailyPartitionsDefinition("2024-01-01", "2024-01-04")
    assert ended.get_partition_keys(NOW) == ["2024-01-01", "2024-01-02", "2024-01-03"]
    with pytest.raises(UnknownPartitionError):
        ended.time_window_for_partition_key("2024-01-04")
    assert ended.get_last_partition_key(datetime(2024, 1, 3, tzinfo=UTC)) == "2024-01-02"
    assert MonthlyPartitionsDefinition("2024-01-01", "2024-02-20").get_partition_keys(NOW) == ["2024-01-01"]


def test_end_offset_counts_from_the_end() -> None:
    later, earlier = (DailyPartitionsDefinition("2024-01-01", "2024-01-04", end_offset=n) for n in (5, -1))
    assert later.get_last_partition_key(NOW) == "2024-01-03"
    assert earlier.get_last_partition_key(NOW) == "2024-01-02"


def test_before_the_first_window_is_over_there_is_nothing() -> None:
    moment = datetime(2024, 1, 1, 23, 59, tzinfo=UTC)
    assert DAILY.get_partition_keys(moment) == []
    assert DAILY.get_first_partition_key(moment) is None
    assert DAILY.get_last_partition_key(moment) is None
    assert DAILY.get_num_partitions(moment) == 0
    assert DAILY.get_partition_keys(moment + timedelta(minutes=1)) == ["2024-01-01"]


def test_the_past_and_the_future_can_be_asked_in_any_order() -> None:
    definition = DailyPartitionsDefinition("2024-01-01")
    for days in (10, 3, 20, 0, 15):
        keys = definition.get_partition_keys(datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=days))
        assert keys == [f"2024-01-{day:02}" for day in range(1, days + 1)]
        keys.clear()


def test_without_a_moment_it_is_now() -> None:
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    last = DAILY.get_last_partition_key()
    assert last is not None
    assert last >= yesterday
    assert DAILY.has_partition_key(yesterday)
    assert DAILY.get_partition_keys()[-1] >= yesterday


def test_a_moment_without_zone_is_in_that_of_the_definition() -> None:
    definition = DailyPartitionsDefinition("2024-01-01", timezone="Asia/Tokyo")
    assert definition.get_last_partition_key(datetime(2024, 1, 3)) == "2024-01-02"  # noqa: DTZ001
    assert definition.get_last_partition_key(datetime(2024, 1, 2, 15, tzinfo=UTC)) == "2024-01-02"


@pytest.mark.parametrize(
    "start",
    [
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01T05:00:00+00:00",
        date(2024, 1, 1),
        datetime(2024, 1, 1),  # noqa: DTZ001
        datetime(2024, 1, 1, 5, tzinfo=UTC),
    ],
)
def test_a_start_may_be_written_in_many_ways(start: Any) -> None:
    assert DailyPartitionsDefinition(start, timezone=NEW_YORK).start == datetime(
        2024, 1, 1, tzinfo=ZoneInfo(NEW_YORK)
    )


# Where clocks change


def test_an_hour_that_comes_twice_gets_its_offset() -> None:
    definition = HourlyPartitionsDefinition("2023-11-05-00:00", "2023-11-05-03:00", timezone=NEW_YORK)
    keys = ["2023-11-05-00:00", "2023-11-05-01:00", "2023-11-05-01:00-0500", "2023-11-05-02:00"]
    assert definition.get_partition_keys(NOW) == keys
    windows = [definition.time_window_for_partition_key(key) for key in keys]
    assert [hours(window) for window in windows] == [1, 1, 1, 1]
    assert [window.start.astimezone(UTC).hour for window in windows] == [4, 5, 6, 7]
    assert not definition.has_partition_key("2023-11-05-02:00-0500", NOW)
    assert not definition.has_partition_key("2023-11-05-01:00-0400", NOW)


def test_now_may_be_in_either_of_two_equal_hours() -> None:
    definition = HourlyPartitionsDefinition("2023-11-05-00:00", timezone=NEW_YORK)
    first, second = (datetime(2023, 11, 5, 1, 30, tzinfo=ZoneInfo(NEW_YORK), fold=fold) for fold in (0, 1))
    assert definition.get_last_partition_key(first) == "2023-11-05-00:00"
    assert definition.get_last_partition_key(second) == "2023-11-05-01:00"


def test_an_hour_that_is_skipped_has_no_partition() -> None:
    definition = HourlyPartitionsDefinition("2024-03-10-01:00", "2024-03-10-04:00", timezone=NEW_YORK)
    assert definition.get_partition_keys(NOW) == ["2024-03-10-01:00", "2024-03-10-03:00"]
    assert not definition.has_partition_key("2024-03-10-02:00", NOW)


def test_an_hour_may_be_shorter_or_longer_by_half() -> None:
    definition = HourlyPartitionsDefinition("2018-01-01", timezone="Australia/Lord_Howe", minute_offset=30)
    for key, length in (("2018-04-01-01:30", 0.5), ("2018-04-01-01:30+1030", 1), ("2018-10-07-01:30", 0.5)):
        assert definition.has_partition_key(key, NOW)
        assert hours(definition.time_window_for_partition_key(key)) == length
    on_the_hour = HourlyPartitionsDefinition("2018-01-01", timezone="Australia/Lord_Howe")
    assert hours(on_the_hour.time_window_for_partition_key("2018-04-01-01:00")) == 1.5


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        (NEW_YORK, "2024-03-10", 23),
        (NEW_YORK, "2023-11-05", 25),
        ("Europe/Berlin", "2023-03-26", 23),
        ("Europe/Berlin", "2023-10-29", 25),
        ("Australia/Lord_Howe", "2023-10-01", 23.5),
        ("Australia/Lord_Howe", "2023-04-02", 24.5),
        ("Africa/Cairo", "2023-04-28", 23),  # begins at 01:00
        ("UTC", "2024-03-10", 24),
    ],
)
def test_a_day_may_have_other_than_24_hours(zone: str, day: str, length: float) -> None:
    definition = DailyPartitionsDefinition("2023-01-01", timezone=zone)
    assert definition.has_partition_key(day, NOW)
    window = definition.time_window_for_partition_key(day)
    assert hours(window) == length
    assert window.start.tzinfo == ZoneInfo(zone)
    assert f"{window.start:%Y-%m-%d}" == day


def test_a_boundary_that_is_skipped_moves_on_and_keeps_its_key() -> None:
    definition = DailyPartitionsDefinition("2024-03-09", hour_offset=2, minute_offset=30, timezone=NEW_YORK)
    window = definition.time_window_for_partition_key("2024-03-10")
    assert f"{window.start:%H:%M%z}" == "03:00-0400"
    assert definition.get_partition_keys(datetime(2024, 3, 12, tzinfo=UTC)) == ["2024-03-09", "2024-03-10"]


# Keys and windows are one to one


ANY_ZONE = st.sampled_from(sorted(available_timezones()))
STAMPS = st.integers(365 * 86400, 65 * 365 * 86400)
MAKERS: list[tuple[Callable[..., TimeWindowPartitionsDefinition], int]] = [
    (HourlyPartitionsDefinition, 4),
    (DailyPartitionsDefinition, 40),
    (WeeklyPartitionsDefinition, 100),
    (MonthlyPartitionsDefinition, 200),
]
"""Each with the days to look at."""


@settings(deadline=None)
@given(st.sampled_from(MAKERS), ANY_ZONE, STAMPS, st.integers(0, 59))
def test_windows_tile_and_keys_round_trip_in_every_zone(
    made: tuple[Callable[..., TimeWindowPartitionsDefinition], int], zone: str, stamp: int, minute: int
) -> None:
    make, days = made
    start = datetime.fromtimestamp(stamp, UTC)
    now = start + timedelta(days=days)
    definition = make(start, timezone=zone, minute_offset=minute)
    keys = definition.get_partition_keys(now)
    windows = [definition.time_window_for_partition_key(key) for key in keys]
    assert len(set(keys)) == len(keys) > 1
    assert all(one.end.timestamp() == other.start.timestamp() for one, other in pairwise(windows))
    assert all(hours(window) > 0 for window in windows)
    assert all(definition.has_partition_key(key, now) for key in keys)
    assert windows[0].start.timestamp() >= start.timestamp()
    assert windows[-1].end.timestamp() <= now.timestamp()
    assert definition.get_partition_keys(now + timedelta(days=3))[: len(keys)] == keys


@pytest.mark.parametrize(
    "key",
    ["", "x", "2024-1-5", "2024-13-01", "2024-02-30", "2023-12-31", "2024-01-01-00:00", "2024-01-01\n",
     "../2024-01-01", "9999-12-31", "0001-01-01", "2024-01-01+0000", "٢٠٢٤-01-01"],
)  # fmt: skip
def test_what_is_no_key_is_no_partition(key: str) -> None:
    assert not DAILY.has_partition_key(key, NOW)
    with pytest.raises(UnknownPartitionError):
        DAILY.validate_partition_key(key, NOW)
    if key != "9999-12-31":
        with pytest.raises(UnknownPartitionError):
            DAILY.time_window_for_partition_key(key)


def test_a_day_between_two_mondays_is_no_week() -> None:
    weekly = WeeklyPartitionsDefinition("2024-01-01", day_offset=1)
    assert weekly.has_partition_key("2024-01-08", NOW)
    assert not weekly.has_partition_key("2024-01-09", NOW)


# Ranges and unknown keys


def test_a_range_includes_both_ends() -> None:
    days = DAILY.get_partition_keys_in_range(PartitionKeyRange("2024-02-28", "2024-03-01"), NOW)
    assert days == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert DAILY.get_partition_keys_in_range(PartitionKeyRange("2024-02-28", "2024-02-28"), NOW) == days[:1]


def test_a_range_that_runs_backwards_or_beyond_is_refused() -> None:
    with pytest.raises(UserError, match="from '2024-03-01' to '2024-02-28' runs backwards"):
        DAILY.get_partition_keys_in_range(PartitionKeyRange("2024-03-01", "2024-02-28"), NOW)
    with pytest.raises(UnknownPartitionError, match="'2024-03-15'"):
        DAILY.get_partition_keys_in_range(PartitionKeyRange("2024-03-01", "2024-03-15"), NOW)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("2024-2-3", "; did you mean '2024-02-03'?"),
        ("2024-02-09-00:00", "; did you mean '2024-02-09'?"),
        ("2024-03-15", "; the window of '2024-03-15' ends at 2024-03-16 00:00:00+00:00"),
        ("2023-12-31", ""),
        ("flights", ""),
    ],
)
def test_an_unknown_key_names_what_there_is(key: str, hint: str) -> None:
    with pytest.raises(UnknownPartitionError) as caught:
        DAILY.validate_partition_key(key, NOW)
    assert str(caught.value) == (
        f"there is no partition {key!r} in DailyPartitionsDefinition(start='2024-01-01', timezone='UTC'); "
        f"it has '2024-01-01' to '2024-03-14'{hint}"
    )


# Definitions


@pytest.mark.parametrize(
    "definition",
    [
        DAILY,
        HourlyPartitionsDefinition("2024-01-01", "2024-02-01", timezone=NEW_YORK, minute_offset=5),
        WeeklyPartitionsDefinition("2024-01-01", end_offset=1),
        TimeWindowPartitionsDefinition("2024-01-01", "%Y-%m-%d", cron_schedule="0 9 * * 1-5"),
    ],
)
def test_a_definition_is_a_value(definition: TimeWindowPartitionsDefinition) -> None:
    definition.get_partition_keys(NOW)
    copy = pickle.loads(pickle.dumps(definition))
    assert copy == definition
    assert len({copy, definition}) == 1
    assert copy.get_partition_keys(NOW) == definition.get_partition_keys(NOW)
    with pytest.raises(AttributeError):
        definition.fmt = "%Y"  # type: ignore[misc]


def test_definitions_that_differ_are_not_equal() -> None:
    others = [
        DailyPartitionsDefinition("2024-01-02"),
        DailyPartitionsDefinition("2024-01-01", "2024-02-01"),
        DailyPartitionsDefinition("2024-01-01", timezone=NEW_YORK),
        DailyPartitionsDefinition("2024-01-01", end_offset=1),
        DailyPartitionsDefinition("2024-01-01", hour_offset=1),
        DailyPartitionsDefinition("2024-01-01", fmt="%Y%m%d"),
        WeeklyPartitionsDefinition("2024-01-01"),
    ]
    assert len({DAILY, *others}) == 8


def test_what_is_remembered_does_not_travel() -> None:
    definition = DailyPartitionsDefinition("1800-01-01")
    before = len(pickle.dumps(definition))
    assert definition.get_num_partitions(NOW) > 80_000
    assert len(pickle.dumps(definition)) == before < 500


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cron_schedule": "61 * * * *"}, "no cron expression"),
        ({"timezone": "Europe/Berln"}, "did you mean 'Europe/Berlin'"),
        ({"start": "tomorrow"}, "start 'tomorrow' should be written as '%Y-%m-%d'"),
        ({"end": "2023-01-01"}, "before they start"),
        ({"end": "2024-01-01"}, "before they start"),
        ({"end": "9999-12-31"}, "leave out an end that never comes"),
        ({"fmt": "%Y-%m"}, "too coarse"),
        ({"fmt": "%m-%d"}, "can't be read back"),
        ({"fmt": "day"}, "too coarse"),
        ({"fmt": "%Y-%m-%d", "cron_schedule": "@hourly"}, "too coarse"),
        ({"fmt": "%Y-%m-%d-%H", "cron_schedule": "0,30 * * * *"}, "too coarse"),
        ({"fmt": "../%Y-%m-%d"}, "partition key"),
        ({"fmt": "/%Y/%m/%d"}, "partition key"),
        ({"fmt": "%Y-%m-%d\n"}, "partition key"),
    ],
)
def test_definitions_that_can_not_work_are_refused(options: dict[str, Any], message: str) -> None:
    given = {"start": "2024-01-01", "fmt": "%Y-%m-%d", "cron_schedule": "@daily"}
    with pytest.raises(InvalidDefinitionError, match=message):
        TimeWindowPartitionsDefinition(**{**given, **options})


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (HourlyPartitionsDefinition, {"minute_offset": 60}),
        (DailyPartitionsDefinition, {"hour_offset": 24}),
        (DailyPartitionsDefinition, {"minute_offset": -1}),
        (WeeklyPartitionsDefinition, {"day_offset": 7}),
        (MonthlyPartitionsDefinition, {"day_offset": 0}),
        (MonthlyPartitionsDefinition, {"day_offset": 31}),
    ],
)
def test_an_offset_out_of_range_is_refused(make: Callable[..., Any], options: dict[str, int]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(InvalidDefinitionError, match=f"{name} {value} should be from"):
        make("2024-01-01", **options)
