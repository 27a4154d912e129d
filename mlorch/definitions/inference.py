"""Which partition mapping an edge has that declares none."""

from __future__ import annotations

from mlorch.definitions.dimensions import MultiToSingleDimensionPartitionMapping
from mlorch.definitions.mappings import (
    AllPartitionMapping,
    IdentityPartitionMapping,
    PartitionMapping,
    TimeWindowPartitionMapping,
)
from mlorch.definitions.multi import MultiPartitionsDefinition
from mlorch.definitions.partitions import PartitionsDefinition
from mlorch.definitions.windows import TimeWindowPartitionsDefinition
from mlorch.errors import InvalidDefinitionError


def default_mapping(
    downstream_def: PartitionsDefinition | None, upstream_def: PartitionsDefinition | None
) -> PartitionMapping:
    """Return the mapping: everything, the matching dimension, windows by time, or equal keys."""
    if downstream_def is None or upstream_def is None:
        return AllPartitionMapping()
    is_multi = isinstance(downstream_def, MultiPartitionsDefinition)
    if is_multi != isinstance(upstream_def, MultiPartitionsDefinition):
        by_dimension = MultiToSingleDimensionPartitionMapping()
        try:
            by_dimension.validate(downstream_def, upstream_def)
        except InvalidDefinitionError:
            return IdentityPartitionMapping()
        return by_dimension
    if isinstance(downstream_def, TimeWindowPartitionsDefinition) and isinstance(
        upstream_def, TimeWindowPartitionsDefinition
    ):
        return TimeWindowPartitionMapping()
    return IdentityPartitionMapping()
