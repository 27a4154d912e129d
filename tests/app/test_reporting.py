"""What was made elsewhere, told to the log."""

from __future__ import annotations

import pytest

from mlorch import AssetSpec, Definitions, Instance, StaticPartitionsDefinition, asset, materialize
from mlorch import report_materialization as report
from mlorch.errors import InvalidDefinitionError, UnknownPartitionError, UserError

FEED = AssetSpec("feed")
PARTS = AssetSpec("parts", partitions_def=StaticPartitionsDefinition(["a", "b"]))


@asset(deps=[FEED], code_version="1")
def below() -> int:
    return 1


DEFS = Definitions([FEED, PARTS, below])


def test_what_is_below_a_reported_asset_is_stale_when_another_version_is_reported():
    instance = Instance.ephemeral()
    report(DEFS, instance, "feed", data_version="1", metadata={"rows": 3})
    materialize([FEED, below], instance=instance)
    report(DEFS, instance, "feed", data_version="1")
    assert not materialize([FEED, below], instance=instance, only_stale=True).plan.slots
    report(DEFS, instance, "feed", data_version="2")
    assert materialize([FEED, below], instance=instance, only_stale=True).plan.slots == (("below", None),)


def test_without_a_data_version_each_report_is_a_new_one():
    instance = Instance.ephemeral()
    for _ in range(2):
        report(DEFS, instance, "parts", partition="a")
    versions = [one.event.data_version for one in instance.log.read(kinds={"asset_materialized"})]
    assert len(set(versions)) == 2


@pytest.mark.parametrize(
    ("name", "partition", "error", "message"),
    [
        ("fed", None, InvalidDefinitionError, "feed"),
        ("feed", "a", UserError, "has no partitions"),
        ("parts", None, UserError, "say which partition"),
        ("parts", "c", UnknownPartitionError, "'c'"),
    ],
)
def test_what_can_not_be_reported_is_named_and_nothing_is_recorded(name, partition, error, message):
    instance = Instance.ephemeral()
    with pytest.raises(error, match=message):
        report(DEFS, instance, name, partition=partition)
    assert not instance.log.read()
