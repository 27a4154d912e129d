"""Which asset partitions a backfill means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mlorch.definitions.graph import AssetGraph
from mlorch.definitions.partitions import PartitionKeyRange, PartitionsDefinition
from mlorch.errors import UnknownPartitionError, UserError
from mlorch.log import Slot

Only = Literal["", "missing", "stale", "failed"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Partitions of the first assets of a selection, which the others follow; or all; or some of either."""

    partitions: tuple[str, ...] = ()
    """Each is a key, "FIRST...LAST" with both ends included, or several of these with commas."""
    only: Only = ""
    every: bool = False

    def __post_init__(self) -> None:
        if self.partitions and self.every:
            raise UserError("give --partitions or --all, not both")


def chosen_slots(graph: AssetGraph, keys: Sequence[str], choice: Choice, now: datetime) -> list[Slot]:
    """Return the slots of the selected assets that are meant, in the order of the graph.

    Named partitions are those of the selected assets with nothing partitioned above them in the selection.
    An asset that is divided in the same way has the same ones, any other those that read them. Raises
    UnknownPartitionError for a key that no such asset has, and UserError where it is not said which.
    """
    nodes = graph.nodes
    partitioned = [key for key in keys if nodes[key].partitions_def is not None]
    if not choice.partitions:
        if partitioned and not (choice.every or choice.only):
            raise UserError(
                f"asset {partitioned[0]!r} is partitioned; say which partitions with --partitions "
                "KEY,KEY or FIRST...LAST, --missing, --stale, --failed or --all"
            )
        everything = {key: _all(nodes[key].partitions_def, now) for key in keys}
        return [(key, one) for key in keys for one in everything[key]]
    if not partitioned:
        raise UserError(f"partitions were given, but no selected asset has any ({', '.join(keys[:5])})")
    named = _named(graph, partitioned, choice.partitions, now)
    found: dict[str, Sequence[str | None]] = {}
    for key in keys:
        definition = nodes[key].partitions_def
        if definition is None:
            found[key] = (None,)
        elif definition in named:
            found[key] = named[definition]
        else:
            found[key] = _below(graph, key, definition, found, now)
    return [(key, one) for key in keys for one in found[key]]


def _named(
    graph: AssetGraph, partitioned: Sequence[str], words: Sequence[str], now: datetime
) -> dict[PartitionsDefinition, list[str]]:
    """Return the keys that the words name, by the partitions of the first assets."""
    chosen = set(partitioned)
    roots: dict[PartitionsDefinition, str] = {}
    for key in partitioned:
        node = graph.nodes[key]
        if node.partitions_def is not None and not chosen.intersection(node.upstream) - {key}:
            roots.setdefault(node.partitions_def, key)
    found: dict[PartitionsDefinition, set[str]] = {definition: set() for definition in roots}
    for word in words:
        errors = []
        for definition, key in roots.items():
            try:
                found[definition].update(_keys(definition, word, now))
            except UnknownPartitionError as error:
                errors.append(UnknownPartitionError(f"asset {key!r}: {error}"))
        if len(errors) == len(roots):
            raise errors[0]
    for definition, key in roots.items():
        if not found[definition]:
            raise UserError(
                f"no partition of asset {key!r} is named, which has its own; name some, or leave it out"
            )
    return {
        definition: [one for one in definition.get_partition_keys(now) if one in some]
        for definition, some in found.items()
    }


def _keys(definition: PartitionsDefinition, word: str, now: datetime) -> Sequence[str]:
    if definition.has_partition_key(word, now):
        return [word]
    if "," in word:
        return [key for part in word.split(",") if part for key in _keys(definition, part.strip(), now)]
    first, dots, last = word.partition("...")
    if dots and first and last:
        return definition.get_partition_keys_in_range(PartitionKeyRange(first, last), now)
    definition.validate_partition_key(word, now)
    return [word]


def _below(
    graph: AssetGraph,
    key: str,
    definition: PartitionsDefinition,
    found: Mapping[str, Sequence[str | None]],
    now: datetime,
) -> list[str]:
    """Return the partitions that read one that is chosen."""
    node = graph.nodes[key]
    reading: set[str] = set()
    for dependency in node.dependencies:
        upstream = graph.nodes[dependency.key].partitions_def
        if dependency.key == key or upstream is None:
            continue
        mapping = graph.mapping(key, dependency)
        for one in found.get(dependency.key, ()):
            reading.update(mapping.downstream_partitions(one or "", upstream, definition, now))
    return [one for one in definition.get_partition_keys(now) if one in reading]


def _all(definition: PartitionsDefinition | None, now: datetime) -> Sequence[str | None]:
    return (None,) if definition is None else definition.get_partition_keys(now)
