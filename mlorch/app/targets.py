"""From names and partition flags to the asset partitions that are meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from mlorch.definitions.graph import AssetGraph
from mlorch.definitions.multi import MultiPartitionsDefinition
from mlorch.definitions.partitions import PartitionKeyRange, PartitionsDefinition
from mlorch.errors import UnknownPartitionError, UserError
from mlorch.log import Slot


@dataclass(frozen=True, slots=True)
class Partitions:
    """Which partitions are meant: one key, a range with both ends included, or all; at most one of them."""

    key: str | None = None
    range: tuple[str, str] | None = None
    all: bool = False

    def __post_init__(self) -> None:
        if sum((self.key is not None, self.range is not None, self.all)) > 1:
            raise UserError("give one of --partition, --partition-range and --all-partitions, not several")

    @property
    def is_given(self) -> bool:
        return self.key is not None or self.range is not None


def resolve_targets(
    graph: AssetGraph, keys: Sequence[str], partitions: Partitions, now: datetime, *, every: bool
) -> list[Slot]:
    """Return the slots of the selected assets, in the order of the graph.

    `every` stands for all partitions where none are named. Raises UnknownPartitionError for a key that an
    asset does not have, and UserError where partitions are named and no selected asset has any, or the
    other way round.
    """
    partitioned = [key for key in keys if key in graph.divided]
    if partitions.is_given and not partitioned:
        raise UserError(
            f"a partition was given, but no selected asset is partitioned ({_some(keys)}); leave it out"
        )
    if partitioned and not (partitions.is_given or partitions.all or every):
        raise UserError(
            f"asset {partitioned[0]!r} is partitioned; say which partitions with --partition KEY, "
            "--partition-range FIRST...LAST or --all-partitions (in Python: partition_key=…)"
        )
    slots: list[Slot] = []
    for key in keys:
        definition = graph.divided.get(key)
        if definition is None:
            slots.append((key, None))
        else:
            chosen = _chosen(key, definition, partitions, now)
            if key in graph.nodes[key].upstream and isinstance(definition, MultiPartitionsDefinition):
                # It reads earlier windows of itself, whatever comes first in its keys.
                chosen = sorted(chosen, key=partial(_start, definition))
            slots.extend((key, one) for one in chosen)
    return slots


def _chosen(
    key: str, definition: PartitionsDefinition, partitions: Partitions, now: datetime
) -> Sequence[str]:
    try:
        if partitions.key is not None:
            definition.validate_partition_key(partitions.key, now)
            return [partitions.key]
        if partitions.range is not None:
            return definition.get_partition_keys_in_range(PartitionKeyRange(*partitions.range), now)
    except UnknownPartitionError as error:
        raise UnknownPartitionError(f"asset {key!r}: {error}") from None
    return definition.get_partition_keys(now)


def _start(definition: MultiPartitionsDefinition, key: str) -> float:
    return definition.time_window_for_partition_key(key).start.timestamp()


def _some(keys: Sequence[str]) -> str:
    return ", ".join(keys[:5]) + (" …" if len(keys) > 5 else "")
