"""Which partitions are made together: neighbours, at most so many."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.specs import BackfillPolicy
from mlorch.log import Slot
from mlorch.planning.staleness import Assessment

Positions = Mapping[str, int]
"""The place of each partition key among all there are."""


def chunked(keys: Collection[str], positions: Positions, most: int | None) -> dict[str, int]:
    """Return the number of the chunk of each key: at most `most` neighbours each, in the order of the keys.

    No chunk spans a gap, so that its first and last key say what it has; None means any number.
    """
    found: dict[str, int] = {}
    number, count, before = -1, 0, -2
    for key in sorted(keys, key=positions.__getitem__):
        place = positions[key]
        if place != before + 1 or count == most:
            number, count = number + 1, 0
        found[key] = number
        before, count = place, count + 1
    return found


def own_chunks(assessment: Assessment, targets: Sequence[Slot]) -> dict[Slot, int]:
    """Return the chunks of slots that functions make several of, each as its own policy says."""
    keys: dict[int, set[str]] = {}
    makers: dict[int, AssetsDefinition] = {}
    several = [slot for slot in targets if makes_several(assessment, slot)]
    for slot in several:
        maker = assessment.graph.nodes[slot[0]].definition
        assert maker is not None
        makers[id(maker)] = maker
        keys.setdefault(id(maker), set()).add(slot[1] or "")
    chunks = {
        number: chunked(keys[number], positions_of(assessment, maker), most_of(maker))
        for number, maker in makers.items()
    }
    nodes = assessment.graph.nodes
    return {slot: chunks[id(nodes[slot[0]].definition)][slot[1] or ""] for slot in several}


def makes_several(assessment: Assessment, slot: Slot) -> bool:
    """Tell whether a slot may be made with other partitions; those that wait for each other may not."""
    node = assessment.graph.nodes[slot[0]]
    if slot[1] is None or node.definition is None or most_of(node.definition) == 1:
        return False
    return not any(
        one.name in assessment.graph.nodes[one.name].upstream for one in node.definition.specs.values()
    )


def most_of(maker: AssetsDefinition) -> int | None:
    """Return how many partitions its policy allows at once; None means any number."""
    policy: BackfillPolicy | None = maker.backfill_policy
    return 1 if policy is None else policy.max_partitions_per_run


def positions_of(assessment: Assessment, maker: AssetsDefinition) -> Positions:
    """Return the place of each partition of an asset among all there are now."""
    name = next(iter(maker.specs.values())).name
    definition = assessment.graph.nodes[name].partitions_def
    keys = definition.get_partition_keys(assessment.now) if definition is not None else ()
    return {key: index for index, key in enumerate(keys)}
