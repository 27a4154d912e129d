"""Which asset partitions a backfill means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlorch import DailyPartitionsDefinition, Definitions, StaticPartitionsDefinition, asset
from mlorch.app.choosing import Choice, chosen_slots
from mlorch.errors import UnknownPartitionError, UserError

NOW = datetime(2024, 2, 1, tzinfo=UTC)
DAYS = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-07")
KINDS = StaticPartitionsDefinition(["a,b", "c", "d"])


def made(name, partitions_def=None, *upstream):
    return asset(name=name, partitions_def=partitions_def, deps=upstream)(lambda: None)


def chosen(assets, *words, keys=None, **choice):
    graph = Definitions(assets).graph
    return chosen_slots(graph, list(keys or graph.nodes), Choice(words, **choice), NOW)


def days(slots):
    return [slot[1][-1] for slot in slots]


def test_keys_and_ranges_come_in_order_and_once():
    found = chosen([made("x", DAYS)], "2024-01-05,2024-01-01...2024-01-02", "2024-01-02")
    assert days(found) == ["1", "2", "5"]


def test_a_key_may_have_a_comma():
    assert chosen([made("x", KINDS)], "a,b") == [("x", "a,b")]
    assert chosen([made("x", KINDS)], "c,d") == [("x", "c"), ("x", "d")]


def test_what_is_divided_alike_has_the_same_and_what_is_whole_is_made_once():
    found = chosen([made("x", DAYS), made("y", DAYS, "x"), made("z", None, "y")], "2024-01-03")
    assert found == [("x", "2024-01-03"), ("y", "2024-01-03"), ("z", None)]


def test_each_first_asset_needs_partitions_of_its_own():
    both = [made("x", DAYS), made("k", KINDS)]
    assert chosen(both, "2024-01-03", "c") == [("x", "2024-01-03"), ("k", "c")]
    with pytest.raises(UserError, match="no partition of asset 'k' is named"):
        chosen(both, "2024-01-03")


def test_the_first_of_the_selection_counts_not_of_the_graph():
    assets = [made("x", DAYS), made("y", DAYS, "x")]
    assert chosen(assets, "2024-01-03", keys=["y"]) == [("y", "2024-01-03")]


def test_what_can_not_be_meant_is_refused():
    with pytest.raises(UnknownPartitionError, match="asset 'x': there is no partition '2025-01-01'"):
        chosen([made("x", DAYS)], "2025-01-01")
    with pytest.raises(UserError, match="no selected asset has any"):
        chosen([made("z")], "2024-01-03")
    with pytest.raises(UserError, match="say which partitions"):
        chosen([made("x", DAYS)])


def test_every_partition_and_those_that_are_narrowed_later():
    assert len(chosen([made("x", DAYS)], every=True)) == 6
    assert len(chosen([made("x", DAYS)], only="missing")) == 6
