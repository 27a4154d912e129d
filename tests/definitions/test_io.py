"""What IO managers may ask of the value they keep or read."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import Any

import pytest

from mlorch import (
    AssetKey,
    DailyPartitionsDefinition,
    InputContext,
    OutputContext,
    PartitionKeyRange,
    PartitionsDefinition,
    StaticPartitionsDefinition,
)
from mlorch.errors import UserError
from mlorch.iomanagers.memory import MemoryStore

DAYS = DailyPartitionsDefinition("2013-01-01")
KEY = AssetKey(["raw", "flights"])


def output(key: AssetKey | None = KEY, partition: str | None = None, **options: Any) -> OutputContext:
    given = {"run_id": "r", "step_key": "fetch", "annotation": int, "path": "p", "store": MemoryStore()}
    return OutputContext(key, partition, **{**given, **options})


def reading(key: AssetKey | None = KEY, partition: str | None = None, **options: Any) -> InputContext:
    given = {"annotation": inspect.Parameter.empty, "path": "p", "store": MemoryStore()}
    return InputContext(key, partition, **{**given, **options})


def test_an_asset_s_value_knows_its_key_and_partition() -> None:
    context = output(partition="2013-01-01", partitions_def=DAYS)
    assert context.asset_key == KEY
    assert context.partition_key == context.asset_partition_key == "2013-01-01"
    assert list(context.asset_partition_keys) == ["2013-01-01"]
    assert context.asset_partition_key_range == PartitionKeyRange("2013-01-01", "2013-01-01")
    window = context.asset_partitions_time_window
    assert (window.start, window.end) == (datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 2, tzinfo=UTC))
    assert context.asset_partitions_def is DAYS
    assert context.get_asset_identifier() == ["raw", "flights", "2013-01-01"]
    assert (context.has_asset_key, context.has_partition_key, context.has_asset_partitions) == (
        True,
        True,
        True,
    )


def test_several_partitions_have_a_range_and_a_window_and_no_single_key() -> None:
    context = reading(partition_keys=["2013-01-01", "2013-01-02"], partitions_def=DAYS)
    assert context.asset_partition_key_range == PartitionKeyRange("2013-01-01", "2013-01-02")
    assert context.asset_partitions_time_window.end == datetime(2013, 1, 3, tzinfo=UTC)
    assert not context.has_partition_key
    with pytest.raises(UserError, match="has several partitions; ask for asset_partition_keys"):
        _ = context.asset_partition_key


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("partition_key", "asset 'raw/flights' has no partition_key; ask has_partition_key first"),
        ("asset_partition_key", "ask has_partition_key first"),
        ("asset_partition_key_range", "has no partitions, so no range"),
        ("asset_partitions_def", "has no partitions, so no definition"),
        ("asset_partitions_time_window", "has no time partitions"),
    ],
)
def test_what_is_not_there_says_what_to_ask_first(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        getattr(output(), name)
    assert not output().has_asset_partitions


def test_the_output_of_an_op_is_told_by_run_step_and_name() -> None:
    context = output(None, name="rows", mapping_key="a")
    assert not context.has_asset_key
    assert context.get_identifier() == ["r", "fetch", "rows", "a"]
    with pytest.raises(UserError, match="the output of 'fetch' has no asset_key; ask has_asset_key first"):
        _ = context.asset_key
    assert reading(None, upstream_output=context).get_identifier() == ["r", "fetch", "rows", "a"]
    with pytest.raises(UserError, match="nobody knows which step made"):
        reading().get_identifier()


def test_metadata_of_definitions_and_of_what_was_kept_are_apart() -> None:
    context = output(definition_metadata={"schema": "raw"})
    context.add_output_metadata({"rows": 3})
    assert (context.metadata, context.output_metadata) == ({"schema": "raw"}, {"rows": 3})
    asked = reading(metadata={"columns": ["a"]}, recorded_metadata={"rows": 3}, upstream_output=context)
    assert (asked.definition_metadata, asked.recorded_metadata) == ({"columns": ["a"]}, {"rows": 3})
    assert asked.upstream_output is not None
    assert asked.upstream_output.definition_metadata == {"schema": "raw"}


def test_a_type_is_asked_for_as_dagster_s() -> None:
    assert (output().dagster_type.typing_type, output().dagster_type.display_name) == (int, "int")
    assert reading().dagster_type.typing_type is Any


def test_an_input_may_have_a_name() -> None:
    assert reading(name="flights").name == "flights"
    assert not reading().has_input_name
    with pytest.raises(UserError, match="ask has_input_name first"):
        _ = reading().name


def test_partitions_that_are_none_yet_are_partitions() -> None:
    no_parts: PartitionsDefinition = StaticPartitionsDefinition([])
    assert reading(partitions_def=no_parts).has_asset_partitions
    assert list(reading(partitions_def=no_parts).asset_partition_keys) == []
