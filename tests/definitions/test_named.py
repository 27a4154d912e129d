from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlorch.definitions.dynamic import DynamicPartitionsDefinition
from mlorch.definitions.mappings import PartitionMapping, UpstreamPartitions
from mlorch.definitions.named import SpecificPartitionsPartitionMapping, StaticPartitionMapping
from mlorch.definitions.partitions import PartitionsDefinition, StaticPartitionsDefinition
from mlorch.definitions.windows import DailyPartitionsDefinition
from mlorch.errors import InvalidDefinitionError

NOW = datetime(2024, 1, 4, 12, tzinfo=UTC)
DAILY = DailyPartitionsDefinition("2024-01-01")
OCEANS = StaticPartitionsDefinition(["pacific", "atlantic", "indian"])
SIDES = StaticPartitionsDefinition(["west", "east"])
PAIRS = StaticPartitionMapping({"indian": "east", "pacific": {"east", "west"}, "atlantic": ["west"]})
SHOPS = DynamicPartitionsDefinition("shops")


def test_a_static_mapping_pairs_keys_in_the_order_of_the_lists() -> None:
    PAIRS.validate(SIDES, OCEANS)
    assert PAIRS.upstream_partitions("east", SIDES, OCEANS, NOW) == UpstreamPartitions(("pacific", "indian"))
    assert PAIRS.downstream_partitions("pacific", OCEANS, SIDES, NOW) == ("west", "east")
    some = StaticPartitionMapping({"indian": "east"})
    assert some.upstream_partitions("west", SIDES, OCEANS, NOW) == UpstreamPartitions()
    assert some.downstream_partitions("pacific", OCEANS, SIDES, NOW) == ()


def test_specific_partitions_are_read_by_all() -> None:
    mapping = SpecificPartitionsPartitionMapping(["indian", "pacific"])
    mapping.validate(SIDES, OCEANS)
    assert mapping.upstream_partitions("east", SIDES, OCEANS, NOW).keys == ("indian", "pacific")
    assert mapping.upstream_partitions(None, None, OCEANS, NOW).keys == ("indian", "pacific")
    assert mapping.downstream_partitions("indian", OCEANS, SIDES, NOW) == ("west", "east")
    assert mapping.downstream_partitions("atlantic", OCEANS, SIDES, NOW) == ()


def test_specific_partitions_that_do_not_exist_yet_are_named() -> None:
    mapping = SpecificPartitionsPartitionMapping(["2024-01-02", "2024-01-09"])
    mapping.validate(SIDES, DAILY)
    found = mapping.upstream_partitions("east", SIDES, DAILY, NOW)
    assert found == UpstreamPartitions(("2024-01-02",), ("2024-01-09",))
    SpecificPartitionsPartitionMapping(["north"]).validate(SIDES, SHOPS)
    gone = SpecificPartitionsPartitionMapping(["north"]).upstream_partitions(
        "east", SIDES, SHOPS.with_keys([]), NOW
    )
    assert gone == UpstreamPartitions((), ("north",))


@pytest.mark.parametrize(
    ("mapping", "down", "up", "said"),
    [
        (StaticPartitionMapping({"pacifc": "east"}), SIDES, OCEANS, "did you mean 'pacific'"),
        (StaticPartitionMapping({"pacific": "eats"}), SIDES, OCEANS, "no downstream partition 'eats'"),
        (PAIRS, SIDES, DAILY, "needs a StaticPartitionsDefinition on both sides"),
        (PAIRS, None, OCEANS, "not no partitions"),
        (SpecificPartitionsPartitionMapping(["baltic"]), SIDES, OCEANS, "has no partition 'baltic'"),
        (SpecificPartitionsPartitionMapping(["2023-12-31"]), SIDES, DAILY, "has no partition '2023-12-31'"),
        (SpecificPartitionsPartitionMapping(["a"]), SIDES, None, "leave the mapping out"),
    ],
)
def test_what_does_not_fit_is_refused(
    mapping: PartitionMapping, down: PartitionsDefinition | None, up: PartitionsDefinition | None, said: str
) -> None:
    with pytest.raises(InvalidDefinitionError) as raised:
        mapping.validate(down, up)
    assert said in str(raised.value)


def test_mappings_are_values() -> None:
    assert hash(StaticPartitionMapping({"a": "b"})) == hash(StaticPartitionMapping({"a": ["b"]}))
    assert SpecificPartitionsPartitionMapping(["a"]) == SpecificPartitionsPartitionMapping(["a", "a"])
