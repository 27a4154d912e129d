from __future__ import annotations

import pytest

from mlorch.definitions.dimensions import MultiToSingleDimensionPartitionMapping
from mlorch.definitions.dynamic import DynamicPartitionsDefinition
from mlorch.definitions.inference import default_mapping
from mlorch.definitions.mappings import (
    AllPartitionMapping,
    IdentityPartitionMapping,
    PartitionMapping,
    TimeWindowPartitionMapping,
)
from mlorch.definitions.multi import MultiPartitionsDefinition
from mlorch.definitions.partitions import PartitionsDefinition, StaticPartitionsDefinition
from mlorch.definitions.windows import DailyPartitionsDefinition, WeeklyPartitionsDefinition

DAILY = DailyPartitionsDefinition("2024-01-01")
WEEKLY = WeeklyPartitionsDefinition("2024-01-01")
LETTERS = StaticPartitionsDefinition(["a", "b"])
NUMBERS = StaticPartitionsDefinition(["1", "2"])
SHOPS = DynamicPartitionsDefinition("shops")
MULTI = MultiPartitionsDefinition({"date": DAILY, "letter": LETTERS})
TWICE = MultiPartitionsDefinition({"left": LETTERS, "right": LETTERS})


@pytest.mark.parametrize(
    ("down", "up", "mapping"),
    [
        (None, DAILY, AllPartitionMapping()),
        (MULTI, None, AllPartitionMapping()),
        (WEEKLY, DAILY, TimeWindowPartitionMapping()),
        (LETTERS, NUMBERS, IdentityPartitionMapping()),
        (SHOPS, SHOPS, IdentityPartitionMapping()),
        (MULTI, MULTI, IdentityPartitionMapping()),
        (MULTI, DAILY, MultiToSingleDimensionPartitionMapping()),
        (WEEKLY, MULTI, MultiToSingleDimensionPartitionMapping()),
        (LETTERS, MULTI, MultiToSingleDimensionPartitionMapping()),
        (NUMBERS, MULTI, IdentityPartitionMapping()),
        (LETTERS, TWICE, IdentityPartitionMapping()),
    ],
)
def test_the_mapping_is_inferred_from_both_sides(
    down: PartitionsDefinition | None, up: PartitionsDefinition | None, mapping: PartitionMapping
) -> None:
    assert default_mapping(down, up) == mapping
