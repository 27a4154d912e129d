"""Fresh, stale or missing, with every cause, exactly (design: versions)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from mlorch.definitions.declaring import Dependency
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


_FRESH = SlotStatus("FRESH")
_MISSING = SlotStatus("MISSING")


class Read(NamedTuple):
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
        self._expected: dict[str, _Expected] = {}
        self._reads: dict[Slot, tuple[Read, ...]] = {}
        self._upstream_stale: dict[Slot, tuple[Slot, ...]] = {}
        self._fresh: dict[Slot, bool] = {}

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
        expected = self._expected.get(slot[0])
        if expected is None:
            expected = self._expected[slot[0]] = self._expect(slot[0])
        if expected.is_external:
            return _FRESH
        made = self.history.made(slot)
        if made is None:
            return _MISSING
        # Most are as they should be, which takes less to find out than what is wrong with one.
        if expected.fits(made) and (
            self._has_same_inputs(slot, made) if expected.upstream else not made.inputs
        ):
            return _FRESH
        causes = tuple(self._causes(self.graph.nodes[slot[0]], slot, made))
        return SlotStatus("STALE", causes) if causes else _FRESH

    def upstream_stale(self, slot: Slot) -> tuple[Slot, ...]:
        """Return the nearest stale or missing slots above one, looking through what is fresh."""
        # A stack of its own: a chain of assets may be longer than Python's.
        stack = [slot]
        while stack:
            top = stack[-1]
            above = [one for read in self.reads(top) for one in read.slots]
            fresh = [one for one in above if self._is_fresh(one)]
            waiting = [one for one in fresh if one not in self._upstream_stale]
            if waiting and top not in self._upstream_stale:
                stack.extend(waiting)
                continue
            stack.pop()
            found: dict[Slot, None] = {}
            for one in above:
                found.update(dict.fromkeys(self._upstream_stale[one] if self._is_fresh(one) else [one]))
            self._upstream_stale[top] = tuple(found)
        return self._upstream_stale[slot]

    def _expect(self, key: str) -> _Expected:
        node = self.graph.nodes[key]
        if node.is_external:
            return _Expected(True, None, None, ())
        declared = self.declared[key]
        return _Expected(False, declared.code_version, declared.default_config_digest, node.upstream)

    def _is_fresh(self, slot: Slot) -> bool:
        if slot not in self._fresh:
            self._fresh[slot] = self.status(slot).status == "FRESH"
        return self._fresh[slot]

    def _read(self, node: AssetNode, dependency: Dependency, partition: str | None) -> Read:
        upstream = self.graph.nodes[dependency.key].spec.partitions_def
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
        if declared.default_config_digest != made.default_config_digest:
            yield Cause("CONFIG", "has a new default config")
        known = tuple(made.definition.get("deps", ()))
        if known != node.upstream:
            for key in node.upstream:
                if key not in known:
                    yield Cause("DEPENDENCIES", f"has a new dependency on {key}", (key, None))
            for key in known:
                if key not in node.upstream:
                    yield Cause("DEPENDENCIES", f"removed dependency on {key}", (key, None))
        if not self._has_same_inputs(slot, made):
            yield from self._data_causes(slot, made, known)

    def _has_same_inputs(self, slot: Slot, made: AssetMaterialized) -> bool:
        """Say at once what is so for most: the same slots are read at the same versions, in order."""
        slots = [one for read in self.reads(slot) for one in read.slots]
        version = self.history.data_version
        return len(slots) == len(made.inputs) and all(
            one[:2] == slot and one.data_version == version(slot)
            for one, slot in zip(made.inputs, slots, strict=True)
        )

    def _data_causes(self, slot: Slot, made: AssetMaterialized, known: tuple[str, ...]) -> Iterator[Cause]:
        recorded = {(one.asset, one.partition): one.data_version for one in made.inputs}
        unread = set(recorded)
        for read in self.reads(slot):
            if read.dependency.key not in known:
                continue
            for one in read.slots:
                unread.discard(one)
                if self.history.data_version(one) != recorded.get(one, INITIAL):
                    what = "data version" if self.history.is_declared(one) else "materialization"
                    yield Cause("DATA", f"has a new dependency {what}", one)
        for gone in sorted(unread, key=slot_name):
            if gone[0] in self.graph.nodes[slot[0]].upstream:
                yield Cause("DEPENDENCIES", f"removed dependency on {slot_name(gone)}", gone)


class _Expected:
    """What a materialization of an asset says where nothing of the asset's own has changed."""

    __slots__ = ("_code_version", "_config_digest", "_known", "is_external", "upstream")

    def __init__(
        self,
        is_external: bool,
        code_version: str | None,
        config_digest: str | None,
        upstream: tuple[str, ...],
    ) -> None:
        self.is_external = is_external
        self.upstream = upstream
        self._code_version = code_version
        self._config_digest = config_digest
        self._known: dict[int, tuple[object, bool]] = {}

    def fits(self, made: AssetMaterialized) -> bool:
        """Tell whether code, default config and dependencies are those of now."""
        if made.default_config_digest != self._config_digest:
            return False
        if self._code_version is not None and made.code_version != self._code_version:
            return False
        # Materializations of one run share their definition. It is kept, so that no other gets its id.
        definition = made.definition
        known = self._known.get(id(definition))
        if known is None:
            fits = tuple(definition.get("deps", ())) == self.upstream
            known = self._known[id(definition)] = definition, fits
        return known[1]


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
    waiting: list[tuple[Slot, int | None]] = []
    for cause in assessment.status(slot).causes:
        if cause.category == "DATA" and cause.upstream is not None:
            waiting.append((cause.upstream, read.get(cause.upstream)))
        else:
            found[RootCause(slot, cause.category, cause.reason)] = None
    seen = set(waiting)
    while waiting:
        one, seq = waiting.pop()
        roots, above = _began(assessment.history, one, fact(seq) if seq is not None else None)
        found.update(dict.fromkeys(roots))
        waiting.extend(new for new in above if new not in seen)
        seen.update(above)
    return tuple(found)


def _began(
    history: History, slot: Slot, before: AssetMaterialized | None
) -> tuple[list[RootCause], list[tuple[Slot, int | None]]]:
    """Compare what was read of a slot with what is there now: the changes that began at the slot itself, and
    the inputs that changed, with the number of the fact that was read of them."""
    now, seen = history.made(slot), history.observed(slot)
    if now is None or (seen is not None and seen.at > now.at):
        reason = "was observed with a new data version"
        return [RootCause(slot, "DATA", reason, seen.at if seen else None)], []
    if before is None:
        return [RootCause(slot, "DATA", "was materialized for the first time", now.at)], []
    roots = []
    if now.is_code_declared and now.code_version != before.code_version:
        roots.append(RootCause(slot, "CODE", "has a new code version", now.at))
    if now.config_digest != before.config_digest:
        roots.append(RootCause(slot, "CONFIG", "was materialized with another config", now.at))
    then = {(one.asset, one.partition): one for one in before.inputs}
    above: list[tuple[Slot, int | None]] = []
    for one in now.inputs:
        old = then.get((one.asset, one.partition))
        if old is None or old.data_version != one.data_version:
            above.append(((one.asset, one.partition), old.seq if old is not None else None))
    if not roots and not above:
        roots.append(RootCause(slot, "DATA", "was materialized again", now.at))
    return roots, above
