"""Fresh, stale or missing, with every cause, exactly (design: versions)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mlorch.definitions.assets import Dependency
from mlorch.definitions.graph import AssetGraph, AssetNode
from mlorch.definitions.mappings import UpstreamPartitions
from mlorch.events import AssetMaterialized
from mlorch.log import INITIAL, History, Slot, slot_name
from mlorch.planning.versions import Declarations

Status = Literal["MISSING", "STALE", "FRESH"]
Category = Literal["CODE", "CONFIG", "DEPENDENCIES", "DATA"]


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason for staleness; `upstream` is the slot it comes from, None for the asset itself."""

    category: Category
    reason: str
    upstream: Slot | None = None


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """The status of one asset partition; STALE has at least one cause."""

    status: Status
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """What one dependency reads for one partition: upstream slots in key order."""

    dependency: Dependency
    slots: tuple[Slot, ...]
    nonexistent: tuple[str, ...] = ()
    """Upstream partitions that the mapping asks for and that do not exist."""


class Assessment:
    """Answers for every slot, from definitions and history at the moment `now`."""

    def __init__(self, graph: AssetGraph, history: History, declared: Declarations, now: datetime) -> None:
        self.graph = graph
        self.history = history
        self.declared = declared
        self.now = now
        self._reads: dict[Slot, tuple[Read, ...]] = {}
        self._upstream_stale: dict[Slot, tuple[Slot, ...]] = {}

    def reads(self, slot: Slot) -> tuple[Read, ...]:
        """Return what each dependency of the slot reads, in the order of declaration."""
        found = self._reads.get(slot)
        if found is None:
            node = self.graph.nodes[slot[0]]
            found = tuple(self._read(node, one, slot[1]) for one in node.dependencies)
            self._reads[slot] = found
        return found

    def slots(self, key: str) -> list[Slot]:
        """Return every slot of an asset: one a partition, or one with None."""
        partitions = self.graph.nodes[key].partitions_def
        if partitions is None:
            return [(key, None)]
        return [(key, partition) for partition in partitions.get_partition_keys(self.now)]

    def status(self, slot: Slot) -> SlotStatus:
        """Return the status of a slot from the history as it is now."""
        node = self.graph.nodes[slot[0]]
        if node.is_external:
            return SlotStatus("FRESH")
        made = self.history.made(slot)
        if made is None:
            return SlotStatus("MISSING")
        causes = tuple(self._causes(node, slot, made))
        return SlotStatus("STALE", causes) if causes else SlotStatus("FRESH")

    def upstream_stale(self, slot: Slot) -> tuple[Slot, ...]:
        """Return the nearest stale or missing slots above one that is not itself stale through them."""
        found = self._upstream_stale.get(slot)
        if found is None:
            above: dict[Slot, None] = {}
            for read in self.reads(slot):
                for one in read.slots:
                    if self.status(one).status == "FRESH":
                        above.update(dict.fromkeys(self.upstream_stale(one)))
                    else:
                        above[one] = None
            found = self._upstream_stale[slot] = tuple(above)
        return found

    def _read(self, node: AssetNode, dependency: Dependency, partition: str | None) -> Read:
        upstream = self.graph.nodes[dependency.key].partitions_def
        if upstream is None:
            return Read(dependency, ((dependency.key, None),))
        mapping = self.graph.mapping(node.key, dependency)
        found: UpstreamPartitions = mapping.upstream_partitions(
            partition, node.partitions_def, upstream, self.now
        )
        slots = tuple((dependency.key, key) for key in found.keys)
        return Read(dependency, slots, found.required_but_nonexistent)

    def _causes(self, node: AssetNode, slot: Slot, made: AssetMaterialized) -> Iterator[Cause]:
        declared = self.declared[node.key]
        if declared.code_version is not None and declared.code_version != made.code_version:
            yield Cause("CODE", "has a new code version")
        if declared.default_config_digest not in (None, made.default_config_digest):
            yield Cause("CONFIG", "has a new default config")
        known = made.definition.get("deps", ())
        for key in node.upstream:
            if key not in known:
                yield Cause("DEPENDENCIES", f"has a new dependency on {key}", (key, None))
        for key in known:
            if key not in node.upstream:
                yield Cause("DEPENDENCIES", f"removed dependency on {key}", (key, None))
        yield from self._data_causes(slot, made, known)

    def _data_causes(self, slot: Slot, made: AssetMaterialized, known: list[str]) -> Iterator[Cause]:
        recorded = {(one.asset, one.partition): one.data_version for one in made.inputs}
        needed: set[Slot] = set()
        for read in self.reads(slot):
            if read.dependency.key not in known:
                continue
            for one in read.slots:
                needed.add(one)
                if self.history.current(one).data_version != recorded.get(one, INITIAL):
                    what = "data version" if self.history.is_declared(one) else "materialization"
                    yield Cause("DATA", f"has a new dependency {what}", one)
        for gone in recorded.keys() - needed:
            if gone[0] in self.graph.nodes[slot[0]].upstream:
                yield Cause("DEPENDENCIES", f"removed dependency on {slot_name(gone)}", gone)


@dataclass(frozen=True, slots=True)
class RootCause:
    """Where staleness began: this asset partition, what changed, and when (seconds since the epoch, UTC)."""

    slot: Slot
    category: Category
    reason: str
    at: float | None = None


def root_causes(
    assessment: Assessment, slot: Slot, fact: Callable[[int], AssetMaterialized | None]
) -> tuple[RootCause, ...]:
    """Follow the DATA causes of a slot upstream to the changes that began them.

    `fact` returns the materialization with a number, to compare what was read with what is there now.
    """
    found: dict[RootCause, None] = {}
    made = assessment.history.made(slot)
    read = {(one.asset, one.partition): one.seq for one in made.inputs} if made else {}
    for cause in assessment.status(slot).causes:
        if cause.category != "DATA" or cause.upstream is None:
            found[RootCause(slot, cause.category, cause.reason)] = None
            continue
        seq = read.get(cause.upstream)
        before = fact(seq) if seq is not None else None
        found.update(dict.fromkeys(_began(assessment, cause.upstream, before, fact)))
    return tuple(found)


def _began(
    assessment: Assessment,
    slot: Slot,
    before: AssetMaterialized | None,
    fact: Callable[[int], AssetMaterialized | None],
) -> Iterator[RootCause]:
    now = assessment.history.made(slot)
    seen = assessment.history.observed(slot)
    if now is None or (seen is not None and seen.at > now.at):
        yield RootCause(slot, "DATA", "was observed with a new data version", seen.at if seen else None)
        return
    if before is None:
        yield RootCause(slot, "DATA", "was materialized for the first time", now.at)
        return
    changed = False
    if now.is_code_declared and now.code_version != before.code_version:
        changed = True
        yield RootCause(slot, "CODE", "has a new code version", now.at)
    if now.config_digest != before.config_digest:
        changed = True
        yield RootCause(slot, "CONFIG", "was materialized with another config", now.at)
    then = {(one.asset, one.partition): one for one in before.inputs}
    for one in now.inputs:
        old = then.get((one.asset, one.partition))
        if old is None or old.data_version != one.data_version:
            changed = True
            earlier = fact(old.seq) if old is not None and old.seq is not None else None
            yield from _began(assessment, (one.asset, one.partition), earlier, fact)
    if not changed:
        yield RootCause(slot, "DATA", "was materialized again", now.at)
