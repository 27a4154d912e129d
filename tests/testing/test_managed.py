"""Contexts built for IO managers."""

from __future__ import annotations

import pytest

from mlorch import (
    AssetKey,
    IOManager,
    PartitionKeyRange,
    StaticPartitionsDefinition,
    build_input_context,
    build_output_context,
)
from mlorch.errors import UserError

LETTERS = StaticPartitionsDefinition(["a", "b", "c"])


class Shelf(IOManager):
    """Keeps bytes in the store, and says how many."""

    def handle_output(self, context, obj):
        context.add_output_metadata({"bytes": len(obj)})
        return context.store.write(context.path, lambda file: file.write(obj))

    def load_input(self, context):
        return context.store.read(f"memory:{context.path}", None)


def test_what_one_keeps_the_other_reads():
    output = build_output_context(asset_key=["ml", "model"], partition_key="a")
    stored = Shelf().handle_output(output, b"abc")
    assert (stored.size, output.output_metadata) == (3, {"bytes": 3})
    assert Shelf().load_input(build_input_context(upstream_output=output)) == b"abc"


def test_an_output_says_what_it_was_told():
    context = build_output_context(
        name="out",
        definition_metadata={"a": 1},
        run_id="r",
        asset_key="model",
        asset_partitions_def=LETTERS,
        asset_partition_key_range=PartitionKeyRange("a", "b"),
        resources={"size": 3},
    )
    assert (context.name, context.run_id, context.step_key) == ("out", "r", "model")
    assert context.definition_metadata == context.metadata == {"a": 1}
    assert context.asset_partition_keys == ("a", "b")
    assert context.resources.size == 3
    assert context.get_identifier() == ["r", "model", "out"]


def test_an_output_of_an_op_has_no_asset():
    context = build_output_context(step_key="op", mapping_key="x")
    assert not context.has_asset_key
    assert context.get_identifier() == ["EPHEMERAL", "op", "result", "x"]
    with pytest.raises(UserError, match="the output of 'op' has no asset_key"):
        context.asset_key  # noqa: B018


def test_an_input_is_of_what_was_kept_unless_it_says_otherwise():
    output = build_output_context(asset_key="model", partition_key="a", asset_partitions_def=LETTERS)
    context = build_input_context(name="upstream", upstream_output=output, metadata={"z": 1})
    assert (context.asset_key, context.partition_key, context.name) == (AssetKey("model"), "a", "upstream")
    assert (context.asset_partitions_def, context.metadata) == (LETTERS, {"z": 1})
    assert context.upstream_output is output
    other = build_input_context(upstream_output=output, asset_key="other", partition_key="b")
    assert (str(other.asset_key), other.partition_key, other.path) == ("other", "b", "other/b")
    assert not build_input_context().has_asset_key


def test_an_input_without_a_name_says_so():
    with pytest.raises(UserError, match="is read for no argument; ask has_input_name first"):
        build_input_context(asset_key="model").name  # noqa: B018
