from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlorch.definitions.mappings import TimeWindowPartitionMapping
from mlorch.definitions.partitions import PartitionKeyRange
from mlorch.definitions.windows import (
    DailyPartitionsDefinition,
    HourlyPartitionsDefinition,
    TimeWindowPartitionsDefinition,
)
from mlorch.errors import InvalidDefinitionError, UnknownPartitionError

NOW = datetime(2024, 1, 16, 12, tzinfo=UTC)  # a Tuesday
WORKDAYS = DailyPartitionsDefinition("2024-01-06", exclusions=["0 0 * * 0,6"])
LAST = [f"2024-01-{day:02}" for day in (8, 9, 10, 11, 12, 15)]


def test_excluded_windows_are_no_partitions() -> None:
    assert WORKDAYS.get_partition_keys(NOW) == LAST
    assert (WORKDAYS.get_first_partition_key(NOW), WORKDAYS.get_last_partition_key(NOW)) == (
        LAST[0],
        LAST[-1],
    )
    assert not WORKDAYS.may_have_partition_key("2024-01-13")
    with pytest.raises(UnknownPartitionError):
        WORKDAYS.validate_partition_key("2024-01-13", NOW)
    span = PartitionKeyRange("2024-01-11", "2024-01-15")
    assert WORKDAYS.get_partition_keys_in_range(span, NOW) == ["2024-01-11", "2024-01-12", "2024-01-15"]
    assert WORKDAYS.time_window_for_partition_key("2024-01-12").end == datetime(2024, 1, 13, tzinfo=UTC)


def test_moments_and_crons_are_excluded_together() -> None:
    some = DailyPartitionsDefinition(
        "2024-01-06", exclusions=["0 0 * * 0,6", datetime(2024, 1, 9, tzinfo=UTC), date(2024, 1, 11)]
    )
    assert some.get_partition_keys(NOW) == [LAST[0], LAST[2], LAST[4], LAST[5]]


def test_offsets_count_what_is_left() -> None:
    monday = datetime(2024, 1, 15, 12, tzinfo=UTC)
    assert WORKDAYS.get_last_partition_key(monday) == "2024-01-12"
    more = DailyPartitionsDefinition("2024-01-06", exclusions=["0 0 * * 0,6"], end_offset=1)
    assert more.get_last_partition_key(datetime(2024, 1, 13, 12, tzinfo=UTC)) == "2024-01-15"
    fewer = DailyPartitionsDefinition("2024-01-06", exclusions=["0 0 * * 0,6"], end_offset=-1)
    assert fewer.get_last_partition_key(monday) == "2024-01-11"
    before = TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
    assert before.upstream_partitions("2024-01-15", WORKDAYS, WORKDAYS, NOW).keys == ("2024-01-12",)
    assert before.downstream_partitions("2024-01-12", WORKDAYS, WORKDAYS, NOW) == ("2024-01-15",)


def test_excluded_upstream_windows_are_not_missed() -> None:
    days = DailyPartitionsDefinition("2024-01-08")
    found = TimeWindowPartitionMapping().upstream_partitions("2024-01-13", days, WORKDAYS, NOW)
    assert found.keys == found.required_but_nonexistent == ()


crons = st.sampled_from(["0 0 * * 0,6", "0 3 * * *", "0 0-5 */3 * *", "0 0 1 * *", "0 6 8-20 * *"])
offsets = st.sampled_from([(0, 0), (-1, 0), (-1, -1), (-3, 1), (0, 2), (1, 1)])
definitions = st.builds(
    lambda kind, cron: kind("2024-01-03", exclusions=[cron, date(2024, 1, 10)]),
    st.sampled_from([
        DailyPartitionsDefinition,
        HourlyPartitionsDefinition,
        lambda start, exclusions: TimeWindowPartitionsDefinition(
            start, "%Y-%m-%d-%H:%M", cron_schedule="0 */6 * * *", exclusions=exclusions
        ),
    ]),
    crons,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(definitions, definitions, offsets)
def test_both_directions_are_one_relation(
    down: TimeWindowPartitionsDefinition, up: TimeWindowPartitionsDefinition, offset: tuple[int, int]
) -> None:
    mapping = TimeWindowPartitionMapping(*offset)
    downs, ups = down.get_partition_keys(NOW)[:40], up.get_partition_keys(NOW)[:40]
    read = {(one, key) for key in downs for one in mapping.upstream_partitions(key, down, up, NOW).keys}
    readers = {(one, key) for one in ups for key in mapping.downstream_partitions(one, up, down, NOW)}
    assert {pair for pair in read if pair[0] in set(ups)} == {
        pair for pair in readers if pair[1] in set(downs)
    }


@settings(max_examples=25, deadline=None)
@given(definitions, st.integers(1, 5), st.integers(0, 40))
def test_a_shift_forth_and_back_returns(down: TimeWindowPartitionsDefinition, count: int, place: int) -> None:
    keys = down.get_partition_keys(NOW)
    start = down.time_window_for_partition_key(keys[place % len(keys)]).start
    assert down.shift(down.shift(start, count), -count) == start


def test_wrong_exclusions_are_refused() -> None:
    with pytest.raises(InvalidDefinitionError, match="leave out every window"):
        DailyPartitionsDefinition("2024-01-01", exclusions=["@daily"])
    with pytest.raises(InvalidDefinitionError, match="is no cron expression"):
        DailyPartitionsDefinition("2024-01-01", exclusions=["weekends"])
    with pytest.raises(InvalidDefinitionError, match="exclusions are a list"):
        DailyPartitionsDefinition("2024-01-01", exclusions="@weekly")
