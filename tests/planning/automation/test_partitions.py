"""Sets of partitions as numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import (
    DailyPartitionsDefinition,
    HourlyPartitionsDefinition,
    MultiPartitionsDefinition,
    StaticPartitionsDefinition,
)
from mlorch.planning.automation.partitions import Partitions, from_ranges, places, ranges

NOW = datetime(2024, 3, 10, 12, tzinfo=UTC)
positions = st.sets(st.integers(0, 300))
keys = st.lists(st.sampled_from("abcdefgh"), unique=True)


def subset_of(several: set[int]) -> int:
    return sum(1 << place for place in several)


@given(positions)
def test_ranges_say_what_is_in_a_set(several: set[int]) -> None:
    subset = subset_of(several)
    found = ranges(subset)
    assert from_ranges(found) == subset
    assert list(places(subset)) == sorted(several)
    assert [place for first, last in found for place in range(first, last + 1)] == sorted(several)
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(found))


@given(keys, keys, st.data())
def test_a_set_is_the_same_among_other_listed_partitions(before: Any, after: Any, data: Any) -> None:
    old = Partitions(StaticPartitionsDefinition(before), NOW)
    new = Partitions(StaticPartitionsDefinition(after), NOW)
    chosen = data.draw(st.sets(st.sampled_from(before))) if before else set()
    moved = new.moved(old.written())
    assert moved is not None
    assert set(new.keys_of(moved(old.subset(chosen)))) == chosen & set(after)
    assert set(new.keys_of(moved.known)) == set(before) & set(after)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 20), st.data())
def test_a_set_is_the_same_among_other_days(start: int, other: int, passed: int, data: Any) -> None:
    def days(back: int, now: datetime) -> Partitions:
        return Partitions(DailyPartitionsDefinition((NOW - timedelta(days=back + 1)).date()), now)

    old, new = days(start, NOW), days(other, NOW + timedelta(days=passed))
    chosen = data.draw(st.sets(st.sampled_from(old.keys))) if old.keys else set()
    moved = new.moved(old.written())
    assert moved is not None
    assert set(new.keys_of(moved(old.subset(chosen)))) == chosen & set(new.keys)
    assert set(new.keys_of(moved.known & new.full)) == set(old.keys) & set(new.keys)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, DailyPartitionsDefinition("2024-03-01")),
        (DailyPartitionsDefinition("2024-03-01"), None),
        (HourlyPartitionsDefinition("2024-03-01-00:00"), DailyPartitionsDefinition("2024-03-01")),
    ],
    ids=["divided", "not divided", "divided otherwise"],
)
def test_sets_of_quite_other_partitions_say_nothing(before: Any, after: Any) -> None:
    assert Partitions(after, NOW).moved(Partitions(before, NOW).written()) is None


def test_what_has_no_partitions_is_whole_or_not() -> None:
    one = Partitions(None, NOW)
    assert (one.full, one.keys_of(one.full), one.subset([None]), one.subset(["a"])) == (1, [None], 1, 0)
    assert one.latest(timedelta(days=1)) == 1


def test_the_latest_window() -> None:
    days = Partitions(DailyPartitionsDefinition("2024-03-01"), NOW)
    assert days.keys_of(days.latest(None)) == ["2024-03-09"]
    assert days.keys_of(days.latest(timedelta(hours=48))) == ["2024-03-08", "2024-03-09"]
    assert days.keys_of(days.latest(timedelta(hours=36))) == ["2024-03-09"]
    assert days.latest(timedelta(days=900)) == days.full
    assert Partitions(DailyPartitionsDefinition("2024-04-01"), NOW).latest(None) == 0
    letters = Partitions(StaticPartitionsDefinition(["a", "b"]), NOW)
    assert letters.latest(None) == letters.full


def test_the_latest_window_of_several_dimensions() -> None:
    both = MultiPartitionsDefinition(
        {"day": DailyPartitionsDefinition("2024-03-01"), "region": StaticPartitionsDefinition(["eu", "us"])}
    )
    one = Partitions(both, NOW)
    assert one.keys_of(one.latest(None)) == ["2024-03-09|eu", "2024-03-09|us"]
    assert len(one.keys_of(one.latest(timedelta(days=2)))) == 4
    assert one.named(one.latest(None)) == ("2024-03-09|eu", "2024-03-09|us")


def test_names_of_partitions_that_lie_together() -> None:
    days = Partitions(DailyPartitionsDefinition("2024-03-01"), NOW)
    chosen = days.subset(["2024-03-01", "2024-03-03", "2024-03-04", "2024-03-05"])
    assert days.named(chosen) == ("2024-03-01", "2024-03-03...2024-03-05")
