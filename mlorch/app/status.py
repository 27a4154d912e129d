"""The verb status: what is fresh, stale or missing, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mlorch.definitions.definitions import Definitions
from mlorch.events import AssetMaterialized, AssetObserved
from mlorch.instance import Instance
from mlorch.log import History, Slot
from mlorch.planning.selection import select
from mlorch.planning.staleness import Assessment, Cause, RootCause, root_causes
from mlorch.planning.versions import Declarations
from mlorch.queries import failed_slots, slots_in_progress


@dataclass(frozen=True, slots=True)
class AssetStatus:
    """One asset: how many of its partitions are in which state; an asset without partitions counts as one.

    `failed` and `in_progress` overlap the other three: a stale partition may be in progress.
    """

    key: str
    is_external: bool
    is_partitioned: bool
    counts: dict[str, int] = field(default_factory=dict)
    """By "FRESH", "STALE", "MISSING", "FAILED", "IN_PROGRESS"."""
    causes: tuple[tuple[Slot, Cause], ...] = ()
    upstream_stale: tuple[Slot, ...] = ()
    """The nearest stale or missing slots upstream of the partitions that are fresh."""

    @property
    def status(self) -> str:
        """FRESH only where every partition is; MISSING where every one is; STALE otherwise."""
        total = self.counts["FRESH"] + self.counts["STALE"] + self.counts["MISSING"]
        if self.counts["FRESH"] == total:
            return "FRESH"
        return "MISSING" if self.counts["MISSING"] == total else "STALE"


@dataclass(frozen=True, slots=True)
class SlotExplanation:
    """Why one asset partition is what it is."""

    slot: Slot
    status: str
    causes: tuple[Cause, ...]
    root_causes: tuple[RootCause, ...]
    upstream_stale: tuple[Slot, ...]


def assess(definitions: Definitions, instance: Instance, *, auto: bool) -> Assessment:
    """Return the assessment of everything that is declared, as of now."""
    history = History(instance.log.latest(AssetMaterialized.kind), instance.log.latest(AssetObserved.kind))
    declared = Declarations(definitions.graph, auto=auto)
    return Assessment(definitions.graph, history, declared, datetime.now(UTC))


def asset_statuses(
    definitions: Definitions, instance: Instance, selection: str | Sequence[str] | None, *, auto: bool
) -> list[AssetStatus]:
    """Return the status of each selected asset, in the order of the graph; None means external ones too."""
    assessment = assess(definitions, instance, auto=auto)
    failed = failed_slots(instance.log)
    running = slots_in_progress(instance.log, instance.living())
    nodes = definitions.graph.nodes
    chosen = set(nodes) if selection is None else set(select(selection, definitions.graph))
    return [_asset_status(assessment, key, failed, running) for key in nodes if key in chosen]


def explain(
    definitions: Definitions, instance: Instance, key: str, partition: str | None, *, auto: bool
) -> list[SlotExplanation]:
    """Return why each partition of an asset, or the one given, is fresh, stale or missing.

    Raises InvalidSelectionError and UnknownPartitionError for names that are not there.
    """
    assessment = assess(definitions, instance, auto=auto)
    (name,) = select([f"key:{key}"], definitions.graph)
    node = definitions.graph.nodes[name]
    if partition is not None and node.partitions_def is not None:
        node.partitions_def.validate_partition_key(partition, assessment.now)
        slots: list[Slot] = [(name, partition)]
    else:
        slots = assessment.slots(name)
    known: dict[int, AssetMaterialized | None] = {}

    def fact(seq: int) -> AssetMaterialized | None:
        if seq not in known:
            found = instance.log.read(seq - 1, limit=1)
            event = found[0].event if found and found[0].seq == seq else None
            known[seq] = event if isinstance(event, AssetMaterialized) else None
        return known[seq]

    return [
        SlotExplanation(
            slot,
            (status := assessment.status(slot)).status,
            status.causes,
            root_causes(assessment, slot, fact),
            assessment.upstream_stale(slot),
        )
        for slot in slots
    ]


def _asset_status(assessment: Assessment, key: str, failed: set[Slot], running: set[Slot]) -> AssetStatus:
    node = assessment.graph.nodes[key]
    counts: Counter[str] = Counter()
    causes: list[tuple[Slot, Cause]] = []
    above: dict[Slot, None] = {}
    for slot in [(key, None)] if node.is_external else assessment.slots(key):
        status = assessment.status(slot)
        counts[status.status] += 1
        counts["FAILED"] += slot in failed
        counts["IN_PROGRESS"] += slot in running
        causes.extend((slot, cause) for cause in status.causes)
        if status.status == "FRESH" and not node.is_external:
            above.update(dict.fromkeys(assessment.upstream_stale(slot)))
    names = ("FRESH", "STALE", "MISSING", "FAILED", "IN_PROGRESS")
    return AssetStatus(
        key,
        node.is_external,
        node.partitions_def is not None,
        {name: counts[name] for name in names},
        tuple(causes),
        tuple(above),
    )
