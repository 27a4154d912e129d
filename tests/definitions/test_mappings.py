from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlorch.definitions.inference import default_mapping
from mlorch.definitions.mappings import (
    AllPartitionMapping,
    IdentityPartitionMapping,
    LastPartitionMapping,
    PartitionMapping,
    TimeWindowPartitionMapping,
    UpstreamPartitions,
)
from mlorch.definitions.partitions import PartitionsDefinition, StaticPartitionsDefinition
from mlorch.definitions.windows import (
    DailyPartitionsDefinition,
    HourlyPartitionsDefinition,
    MonthlyPartitionsDefinition,
    TimeWindowPartitionsDefinition,
    WeeklyPartitionsDefinition,
)
from mlorch.errors import InvalidDefinitionError, UnknownPartitionError

NOW = datetime(2024, 3, 15, 12, tzinfo=UTC)
HOURLY = HourlyPartitionsDefinition("2024-01-01")
DAILY = DailyPartitionsDefinition("2024-01-01")
WEEKLY = WeeklyPartitionsDefinition("2024-01-01")
MONTHLY = MonthlyPartitionsDefinition("2024-01-01")
LATE = DailyPartitionsDefinition("2024-01-20")
OCEANS = StaticPartitionsDefinition(["pacific", "atlantic", "indian"])
ARCTIC = StaticPartitionsDefinition(["arctic"])
BY_TIME = TimeWindowPartitionMapping()


def days(first: str, last: str) -> tuple[str, ...]:
    start, end = (datetime.fromisoformat(day) for day in (first, last))
    return tuple(f"{start + timedelta(days=day):%Y-%m-%d}" for day in range((end - start).days + 1))


# What Dagster's people expect


@pytest.mark.parametrize(
    ("downstream", "key", "upstream", "mapping", "keys"),
    [
        (MONTHLY, "2024-02-01", DAILY, BY_TIME, days("2024-02-01", "2024-02-29")),
        (DAILY, "2024-02-10", MONTHLY, BY_TIME, ("2024-02-01",)),
        (WEEKLY, "2024-02-04", DAILY, BY_TIME, days("2024-02-04", "2024-02-10")),
        (DAILY, "2024-02-10", HOURLY, BY_TIME, tuple(f"2024-02-10-{hour:02}:00" for hour in range(24))),
        (DAILY, "2024-02-10", DAILY, BY_TIME, ("2024-02-10",)),
        (DAILY, "2024-02-10", DAILY, TimeWindowPartitionMapping(-1), days("2024-02-09", "2024-02-10")),
        (DAILY, "2024-02-10", DAILY, TimeWindowPartitionMapping(-1, -1), ("2024-02-09",)),
        (DAILY, "2024-01-01", DAILY, TimeWindowPartitionMapping(-1, -1), ()),
        (DAILY, "2024-01-03", DAILY, TimeWindowPartitionMapping(-6), days("2024-01-01", "2024-01-03")),
        (DAILY, "2024-03-14", DAILY, TimeWindowPartitionMapping(0, 2), ("2024-03-14",)),
        (DAILY, "2024-03-14", DAILY, TimeWindowPartitionMapping(1, 1), ()),
        (DAILY, "2024-03-12", DAILY, TimeWindowPartitionMapping(1, 2), days("2024-03-13", "2024-03-14")),
        (MONTHLY, "2024-02-01", DAILY, TimeWindowPartitionMapping(-1), days("2024-01-01", "2024-02-29")),
        (WEEKLY, "2024-01-28", MONTHLY, BY_TIME, ("2024-01-01", "2024-02-01")),
        (MONTHLY, "2024-02-01", LATE, TimeWindowPartitionMapping(-1), days("2024-01-20", "2024-02-29")),
        (OCEANS, "indian", DAILY, LastPartitionMapping(), ("2024-03-14",)),
        (None, None, OCEANS, LastPartitionMapping(), ("indian",)),
        (None, None, OCEANS, AllPartitionMapping(), ("pacific", "atlantic", "indian")),
        (MONTHLY, "2024-01-01", DAILY, AllPartitionMapping(), days("2024-01-01", "2024-03-14")),
        (OCEANS, "atlantic", OCEANS, IdentityPartitionMapping(), ("atlantic",)),
    ],
)
def test_upstream_partitions(
    downstream: PartitionsDefinition | None,
    key: str | None,
    upstream: PartitionsDefinition,
    mapping: PartitionMapping,
    keys: tuple[str, ...],
) -> None:
    assert mapping.upstream_partitions(key, downstream, upstream, NOW) == UpstreamPartitions(keys)


@pytest.mark.parametrize(
    ("downstream", "key", "upstream", "mapping", "keys", "nonexistent"),
    [
        (DAILY, "2024-03-10", MONTHLY, BY_TIME, (), ("2024-03-01",)),
        (DAILY, "2024-01-19", LATE, BY_TIME, (), ("2024-01-19",)),
        (DAILY, "2024-01-19", LATE, TimeWindowPartitionMapping(-3), (), ("2024-01-19",)),
        (
            MONTHLY, "2024-01-01", LATE, BY_TIME,
            days("2024-01-20", "2024-01-31"), days("2024-01-01", "2024-01-19"),
        ),
        (
            MonthlyPartitionsDefinition("2024-01-01", end_offset=1), "2024-03-01", DAILY, BY_TIME,
            days("2024-03-01", "2024-03-14"), days("2024-03-15", "2024-03-31"),
        ),
        (
            MonthlyPartitionsDefinition("2024-01-01", end_offset=1), "2024-03-01",
            DailyPartitionsDefinition("2024-03-20"), BY_TIME, (), days("2024-03-01", "2024-03-31"),
        ),
        (
            DAILY, "2024-01-03", DailyPartitionsDefinition("2024-01-01", "2024-01-03"), BY_TIME,
            (), ("2024-01-03",),
        ),
        (DAILY, "2024-02-10", DailyPartitionsDefinition("2025-01-01"), BY_TIME, (), ("2024-02-10",)),
        (ARCTIC, "arctic", OCEANS, IdentityPartitionMapping(), (), ("arctic",)),
    ],
)  # fmt: skip
def test_upstream_partitions_that_do_not_exist(
    downstream: PartitionsDefinition,
    key: str,
    upstream: PartitionsDefinition,
    mapping: PartitionMapping,
    keys: tuple[str, ...],
    nonexistent: tuple[str, ...],
) -> None:
    found = mapping.upstream_partitions(key, downstream, upstream, NOW)
    assert found == UpstreamPartitions(keys, nonexistent)


def test_upstream_partitions_may_be_allowed_not_to_exist() -> None:
    lenient = TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
    assert lenient.upstream_partitions("2024-01-19", DAILY, LATE, NOW) == UpstreamPartitions()
    partly = lenient.upstream_partitions("2024-01-01", MONTHLY, LATE, NOW)
    assert partly == UpstreamPartitions(days("2024-01-20", "2024-01-31"))


@pytest.mark.parametrize(
    ("upstream", "key", "downstream", "mapping", "keys"),
    [
        (DAILY, "2024-03-10", MONTHLY, BY_TIME, ()),
        (DAILY, "2024-02-10", MONTHLY, BY_TIME, ("2024-02-01",)),
        (MONTHLY, "2024-02-01", DAILY, BY_TIME, days("2024-02-01", "2024-02-29")),
        (DAILY, "2024-02-10", DAILY, TimeWindowPartitionMapping(-2), days("2024-02-10", "2024-02-12")),
        (DAILY, "2024-02-10", DAILY, TimeWindowPartitionMapping(-1, -1), ("2024-02-11",)),
        (DAILY, "2024-03-14", DAILY, TimeWindowPartitionMapping(-1, -1), ()),
        (DAILY, "2024-01-10", LATE, BY_TIME, ()),
        (DAILY, "2024-03-15", DAILY, BY_TIME, ()),
        (DAILY, "2024-03-14", OCEANS, LastPartitionMapping(), ("pacific", "atlantic", "indian")),
        (DAILY, "2024-03-13", OCEANS, LastPartitionMapping(), ()),
        (DAILY, "2024-03-13", OCEANS, AllPartitionMapping(), ("pacific", "atlantic", "indian")),
        (DAILY, "2024-03-15", OCEANS, AllPartitionMapping(), ()),
        (DAILY, "2024-03-13", None, AllPartitionMapping(), ()),
        (OCEANS, "indian", OCEANS, IdentityPartitionMapping(), ("indian",)),
        (OCEANS, "indian", ARCTIC, IdentityPartitionMapping(), ()),
        (OCEANS, "indian", None, IdentityPartitionMapping(), ()),
    ],
)
def test_downstream_partitions(
    upstream: PartitionsDefinition,
    key: str,
    downstream: PartitionsDefinition | None,
    mapping: PartitionMapping,
    keys: tuple[str, ...],
) -> None:
    assert mapping.downstream_partitions(key, upstream, downstream, NOW) == keys


@pytest.mark.parametrize(
    ("downstream", "upstream", "mapping"),
    [
        (DAILY, MONTHLY, TimeWindowPartitionMapping()),
        (DAILY, DAILY, TimeWindowPartitionMapping()),
        (OCEANS, OCEANS, IdentityPartitionMapping()),
        (OCEANS, DAILY, IdentityPartitionMapping()),
        (None, DAILY, AllPartitionMapping()),
        (DAILY, None, AllPartitionMapping()),
        (None, None, AllPartitionMapping()),
    ],
)
def test_the_mapping_that_is_not_declared(
    downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None, mapping: PartitionMapping
) -> None:
    assert default_mapping(downstream, upstream) == mapping


# What is refused


def test_time_windows_of_two_lengths_may_be_joined_by_equal_keys():
    mapping = IdentityPartitionMapping()
    mapping.validate(DAILY, MONTHLY)
    first = MONTHLY.get_first_partition_key(NOW)
    assert first is not None
    assert mapping.upstream_partitions(first, DAILY, MONTHLY, NOW).keys == (first,)
    other = first[:-2] + "02"
    assert mapping.upstream_partitions(other, DAILY, MONTHLY, NOW).required_but_nonexistent == (other,)


@pytest.mark.parametrize(
    ("downstream", "upstream", "mapping", "message"),
    [
        (DAILY, DailyPartitionsDefinition("2024-01-01", timezone="Asia/Tokyo"), BY_TIME, "the same timezone"),
        (DAILY, OCEANS, BY_TIME, "time windows on both sides, not StaticPartitionsDefinition"),
        (None, DAILY, BY_TIME, "time windows on both sides, not no partitions"),
        (DAILY, OCEANS, IdentityPartitionMapping(), "the same kind of partitions"),
        (None, DAILY, IdentityPartitionMapping(), "the same kind of partitions"),
        (None, None, IdentityPartitionMapping(), "the same kind of partitions"),
        (DAILY, None, LastPartitionMapping(), "an upstream asset with partitions"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(
    downstream: PartitionsDefinition | None,
    upstream: PartitionsDefinition | None,
    mapping: PartitionMapping,
    message: str,
) -> None:
    with pytest.raises(InvalidDefinitionError, match=message):
        mapping.validate(downstream, upstream)


@pytest.mark.parametrize(
    ("downstream", "upstream", "mapping"),
    [
        (DAILY, MONTHLY, BY_TIME),
        (OCEANS, ARCTIC, IdentityPartitionMapping()),
        (DAILY, LATE, IdentityPartitionMapping()),
        (None, OCEANS, LastPartitionMapping()),
        (OCEANS, None, AllPartitionMapping()),
    ],
)
def test_a_mapping_that_fits_is_accepted(
    downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None, mapping: PartitionMapping
) -> None:
    mapping.validate(downstream, upstream)


def test_offsets_between_which_nothing_lies_are_refused() -> None:
    with pytest.raises(InvalidDefinitionError, match="start_offset 0 lies after end_offset -1"):
        TimeWindowPartitionMapping(0, -1)


@pytest.mark.parametrize("mapping", [BY_TIME, TimeWindowPartitionMapping(-1), IdentityPartitionMapping()])
def test_a_key_is_needed(mapping: PartitionMapping) -> None:
    with pytest.raises(UnknownPartitionError, match="no partition key was given"):
        mapping.upstream_partitions(None, DAILY, DAILY, NOW)


def test_a_key_that_can_not_be_is_named() -> None:
    with pytest.raises(UnknownPartitionError, match="'2024-02-31'"):
        BY_TIME.upstream_partitions("2024-02-31", DAILY, MONTHLY, NOW)


# Laws


MAKERS: list[Callable[..., TimeWindowPartitionsDefinition]] = [
    HourlyPartitionsDefinition,
    DailyPartitionsDefinition,
    WeeklyPartitionsDefinition,
    MonthlyPartitionsDefinition,
]
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana"]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[TimeWindowPartitionsDefinition, TimeWindowPartitionsDefinition, datetime]:
    """Two definitions in one zone, around a change of clocks, and a moment."""
    zone = draw(st.sampled_from(ZONES))
    change = draw(st.sampled_from([datetime(2024, 3, 1, tzinfo=UTC), datetime(2023, 10, 25, tzinfo=UTC)]))
    made = []
    for _ in range(2):
        start = change + timedelta(days=draw(st.integers(-2, 8)))
        made.append(draw(st.sampled_from(MAKERS))(start, timezone=zone, end_offset=draw(st.integers(-1, 1))))
    return made[0], made[1], change + timedelta(days=draw(st.integers(8, 40)), hours=draw(st.integers(0, 23)))


offsets = st.lists(st.integers(-3, 3), min_size=2, max_size=2).map(sorted)


@settings(deadline=None)
@given(pairs(), offsets, st.booleans())
def test_a_mapping_and_its_inverse_agree(
    pair: tuple[TimeWindowPartitionsDefinition, TimeWindowPartitionsDefinition, datetime],
    offset: list[int],
    lenient: bool,
) -> None:
    downstream, upstream, now = pair
    mapping = TimeWindowPartitionMapping(offset[0], offset[1], lenient)
    below, above = downstream.get_partition_keys(now)[:60], upstream.get_partition_keys(now)
    read = {key: mapping.upstream_partitions(key, downstream, upstream, now) for key in below}
    for key in above[:60]:
        readers = mapping.downstream_partitions(key, upstream, downstream, now)
        assert [one for one in readers if one in read] == [one for one in below if key in read[one].keys]
    for found in read.values():
        assert not set(found.required_but_nonexistent) & set(above)
        assert [key for key in above if key in found.keys] == list(found.keys)


@settings(deadline=None)
@given(pairs())
def test_what_is_read_are_the_windows_that_overlap(
    pair: tuple[TimeWindowPartitionsDefinition, TimeWindowPartitionsDefinition, datetime],
) -> None:
    downstream, upstream, now = pair
    windows = {key: upstream.time_window_for_partition_key(key) for key in upstream.get_partition_keys(now)}
    for key in downstream.get_partition_keys(now)[:20]:
        start, end = (one.timestamp() for one in downstream.time_window_for_partition_key(key))
        overlap = [
            k for k, one in windows.items() if one.start.timestamp() < end and one.end.timestamp() > start
        ]
        assert list(BY_TIME.upstream_partitions(key, downstream, upstream, now).keys) == overlap


keys = st.lists(st.sampled_from("abcdef"), unique=True).map(StaticPartitionsDefinition)


@settings(deadline=None)
@given(keys, keys, st.sampled_from("abcdef"))
def test_equal_keys_are_each_others_inverse(
    downstream: StaticPartitionsDefinition, upstream: StaticPartitionsDefinition, key: str
) -> None:
    same = IdentityPartitionMapping()
    above = same.upstream_partitions(key, downstream, upstream, NOW)
    below = same.downstream_partitions(key, upstream, downstream, NOW)
    assert above.keys + above.required_but_nonexistent == (key,)
    assert bool(above.keys) == upstream.has_partition_key(key)
    assert bool(below) == (upstream.has_partition_key(key) and downstream.has_partition_key(key))
