"""Assets and ops called with contexts built for it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from unittest.mock import Mock

import pytest

from mlorch import (
    AssetKey,
    AssetMaterialization,
    Config,
    ConfigurableResource,
    DailyPartitionsDefinition,
    Instance,
    PartitionKeyRange,
    StaticPartitionsDefinition,
    asset,
    build_asset_context,
    build_op_context,
    op,
)
from mlorch.errors import InvalidConfigError, UnknownPartitionError, UserError

LETTERS = StaticPartitionsDefinition(["a", "b", "c"])
STEPS: list[str] = []


class Rate(Config):
    rate: int = 2


class Store(ConfigurableResource):
    size: int = 1

    def setup_for_execution(self, context):
        STEPS.append("open")

    def teardown_after_execution(self, context):
        STEPS.append("close")


@asset
def scaled(context, upstream: int, config: Rate, store: Store) -> int:
    return upstream * config.rate * store.size


@asset(partitions_def=LETTERS)
def letters(context):
    return context.partition_keys


@asset
def plain(upstream):
    return upstream + 1


@op(config_schema={"n": int})
def configured(context):
    return context.op_config["n"]


@op(required_resource_keys={"store"})
def requiring(context):
    return context.resources.store


def test_the_context_gives_what_is_left_out():
    context = build_asset_context(resources={"store": Store(size=5)}, asset_config={"rate": 3})
    assert scaled(context, 10) == scaled(context, upstream=10) == scaled(context=context, upstream=10) == 150
    assert scaled(context, 10, Rate(rate=1)) == 50
    assert scaled(build_asset_context(), upstream=10, config=Rate(), store=Store(size=7)) == 140
    assert scaled(build_asset_context(), 10, Rate(), Mock(size=7)) == 140


def test_a_function_without_a_context_may_be_given_one():
    assert plain(1) == plain(build_asset_context(), 1) == plain(build_asset_context(), upstream=1) == 2


def test_resources_are_torn_down_when_the_context_ends():
    STEPS.clear()
    with build_asset_context(resources={"store": Store()}) as context:
        scaled(context, 1)
        scaled(context, 2)
        assert STEPS == ["open"]
    assert STEPS == ["open", "close"]


def test_a_resource_is_given_once():
    context = build_asset_context(resources={"store": Store()})
    with pytest.raises(UserError, match="asset 'scaled' was given the resource 'store' twice"):
        scaled(context, 1, store=Store())


def test_what_is_missing_is_named():
    with pytest.raises(
        UserError, match=r"asset 'scaled' takes a context; give it one first, build_asset_con"
    ):
        scaled(upstream=1)
    with pytest.raises(UserError, match=r"asset 'scaled' takes the resource 'store' \(Store\)"):
        scaled(build_asset_context(), 1)
    with pytest.raises(UserError, match="op 'requiring' requires the resource 'store'; did you mean 'stoer'"):
        requiring(build_op_context(resources={"stoer": 1}))
    with pytest.raises(UserError, match="there is no resource 'store'"):
        build_op_context().resources.store  # noqa: B018


def test_ops_are_configured_and_given_resources():
    assert (
        configured(build_op_context(config={"n": 5})) == configured(build_op_context(op_config={"n": 5})) == 5
    )
    assert requiring(build_op_context(resources={"store": "a store"})) == "a store"
    with pytest.raises(InvalidConfigError, match="'z'"):
        configured(build_op_context(config={"z": 5}))

    @op
    def loose(context):
        return context.op_config

    assert loose(build_op_context(config={"anything": 1})) == {"anything": 1}


def test_partitions_are_checked_against_what_is_called():
    assert letters(build_asset_context(partition_key="b")) == ("b",)
    assert letters(build_asset_context(partition_key_range=PartitionKeyRange("a", "c"))) == ("a", "b", "c")
    with pytest.raises(UnknownPartitionError, match="'z'"):
        letters(build_asset_context(partition_key="z"))
    with pytest.raises(UserError, match="asset 'letters' has no partitions, so no partition_key"):
        letters(build_asset_context())
    assert build_asset_context(partition_key="z").partition_key == "z"


def test_a_day_has_a_window():
    @asset(partitions_def=DailyPartitionsDefinition(start_date="2024-01-01"))
    def days(context):
        return context.partition_time_window

    window = days(build_asset_context(partition_key="2024-01-03"))
    assert (window.start, window.end) == (datetime(2024, 1, 3, tzinfo=UTC), datetime(2024, 1, 4, tzinfo=UTC))


def test_what_the_function_says_can_be_looked_at(caplog):
    @asset(key=["ml", "model"])
    def model(context):
        context.log.info("trained")
        context.add_output_metadata({"rows": 3})
        context.add_output_metadata({"size": 1}, output_name="result")
        context.log_event(AssetMaterialization("elsewhere"))
        return context.asset_key, context.run_id, context.run_tags, context.instance

    context = build_asset_context(run_tags={"a": "b"})
    assert context.get_output_metadata() is None
    with caplog.at_level(logging.INFO, "mlorch"):
        key, run_id, tags, instance = model(context)
    assert (key, run_id, tags) == (AssetKey(["ml", "model"]), "EPHEMERAL", {"a": "b"})
    assert caplog.messages == ["trained"]
    assert context.get_output_metadata("result") == {"rows": 3, "size": 1}
    assert context.get_events() == (AssetMaterialization("elsewhere"),)
    assert instance is context.instance
    assert instance.get_runs() == []


def test_the_instance_is_the_one_that_was_given():
    instance = Instance.ephemeral()
    assert build_op_context(instance=instance).instance is instance
