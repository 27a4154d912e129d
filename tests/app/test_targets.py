"""Targets: from names and partition flags to the asset partitions that are meant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlorch import DailyPartitionsDefinition, Definitions, StaticPartitionsDefinition, asset
from mlorch.app.targets import Partitions, resolve_targets
from mlorch.errors import InvalidSelectionError, UnknownPartitionError, UserError

NOW = datetime(2024, 1, 5, 12, tzinfo=UTC)
DAYS = DailyPartitionsDefinition(start_date="2024-01-01")
LETTERS = StaticPartitionsDefinition(["x", "y", "z"])


def named(name, partitions_def=None):
    return asset(name=name, partitions_def=partitions_def)(lambda: 1)


GRAPH = Definitions(
    [named("plain"), named("daily", DAYS), named("also", DAYS), named("letter", LETTERS)]
).graph


def targets(*keys, every=False, **partitions):
    return resolve_targets(GRAPH, keys, Partitions(**partitions), NOW, every=every)


def test_an_asset_without_partitions_is_one_slot():
    assert targets("plain") == [("plain", None)]


def test_one_partition_is_that_of_every_asset_that_has_some():
    assert targets("plain", "daily", "also", key="2024-01-02") == [
        ("plain", None),
        ("daily", "2024-01-02"),
        ("also", "2024-01-02"),
    ]


def test_a_range_has_both_its_ends():
    assert targets("letter", range=("y", "z")) == [("letter", "y"), ("letter", "z")]
    assert targets("letter", range=("y", "y")) == [("letter", "y")]


@pytest.mark.parametrize("flags", [{"all": True}, {"every": True}], ids=["asked for", "understood"])
def test_all_partitions_are_those_that_are_over_now(flags):
    assert targets("daily", **flags) == [("daily", f"2024-01-0{day}") for day in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    "given",
    [{"key": "x", "range": ("x", "y")}, {"key": "x", "all": True}, {"range": ("x", "y"), "all": True}],
    ids=["key and range", "key and all", "range and all"],
)
def test_partitions_are_named_in_one_way(given):
    with pytest.raises(UserError, match="give one of --partition, --partition-range and --all-partitions"):
        Partitions(**given)


def test_a_partitioned_asset_needs_to_be_told_which():
    with pytest.raises(UserError, match="asset 'daily' is partitioned; say which"):
        targets("plain", "daily")


@pytest.mark.parametrize("given", [{"key": "x"}, {"range": ("x", "y")}], ids=["key", "range"])
def test_partitions_of_assets_that_have_none_are_refused(given):
    with pytest.raises(UserError, match=r"no selected asset is partitioned \(plain\); leave it out"):
        targets("plain", **given)


@pytest.mark.parametrize(
    "given",
    [{"key": "2024-01-05"}, {"range": ("2024-01-01", "2024-01-05")}, {"range": ("y", "2024-01-02")}],
    ids=["not over", "end not over", "unknown start"],
)
def test_a_partition_that_does_not_exist_names_the_asset_and_what_there_is(given):
    with pytest.raises(UnknownPartitionError, match=r"asset 'daily': .*'2024-01-01' to '2024-01-04'"):
        targets("daily", **given)


def test_a_partition_has_to_exist_in_each_selected_asset():
    with pytest.raises(UnknownPartitionError, match="asset 'letter': there is no partition '2024-01-02'"):
        targets("daily", "letter", key="2024-01-02")


def test_a_range_that_runs_backwards_is_refused():
    with pytest.raises(InvalidSelectionError, match="'z' to 'x' runs backwards"):
        targets("letter", range=("z", "x"))
