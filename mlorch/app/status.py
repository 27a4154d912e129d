"""The verb status: what is fresh, stale or missing, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from mlorch.app.freshness import freshness_of
from mlorch.app.partitions import resolved
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.multi import SEPARATOR, MultiPartitionsDefinition
from mlorch.definitions.partitions import PartitionsDefinition
from mlorch.errors import InvalidSelectionError, nearest
from mlorch.events import AssetMaterialized, AssetObserved
from mlorch.instance import Instance
from mlorch.log import History, Slot
from mlorch.planning.freshness import FreshnessState
from mlorch.planning.selection import select
from mlorch.planning.staleness import Assessment, Cause, RootCause, root_causes
from mlorch.planning.versions import Declarations
from mlorch.queries.checks import failing_checks
from mlorch.queries.partitions import failed_slots, slots_in_progress
from mlorch.storage.bodies import no_collection


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
    by_dimension: dict[str, dict[str, int]] = field(default_factory=dict)
    """The counts of the partitions with each key of the dimension that was asked for."""
    freshness: FreshnessState = FreshnessState.NOT_APPLICABLE
    failing_checks: dict[str, str] = field(default_factory=dict)
    """Those that did not pass last, with their severity."""

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


def assess(
    definitions: Definitions, instance: Instance, *, auto: bool, above: Collection[str] | None = None
) -> Assessment:
    """Return the assessment of everything that is declared, or of these assets and all above, as of now."""
    assets = _with_upstream(definitions, above)
    made = instance.log.latest(AssetMaterialized.kind, assets)
    observed = instance.log.latest(AssetObserved.kind, assets)
    graph = resolved(definitions.graph, instance.log)
    return Assessment(graph, History(made, observed), Declarations(graph, auto=auto), datetime.now(UTC))


def asset_statuses(
    definitions: Definitions,
    instance: Instance,
    selection: str | Sequence[str] | None,
    *,
    auto: bool,
    dimension: str | None = None,
) -> list[AssetStatus]:
    """Return the status of each selected asset, in the order of the graph; None means external ones too.

    With `dimension`, assets that have it are counted by its keys as well. Raises InvalidSelectionError
    where none has it.
    """
    nodes = definitions.graph.nodes
    chosen = None if selection is None else set(select(selection, definitions.graph))
    keys = [key for key in nodes if chosen is None or key in chosen]
    _require_dimension(definitions, keys, dimension)
    running = slots_in_progress(instance.log, instance.living())
    attempts = _Attempts(failed_slots(instance.log, chosen), running)
    failing = failing_checks(instance.log)
    with no_collection():
        assessment = assess(definitions, instance, auto=auto, above=chosen)
        fresh = freshness_of(assessment.graph, instance.log, keys, assessment.now)
        return [
            replace(
                _asset_status(assessment, key, attempts, dimension),
                freshness=fresh[key].state if key in fresh else FreshnessState.NOT_APPLICABLE,
                failing_checks=failing.get(key, {}),
            )
            for key in keys
        ]


def explain(
    definitions: Definitions, instance: Instance, key: str, partition: str | None, *, auto: bool
) -> list[SlotExplanation]:
    """Return why each partition of an asset, or the one given, is fresh, stale or missing.

    Raises InvalidSelectionError and UnknownPartitionError for names that are not there.
    """
    (name,) = select([f"key:{key}"], definitions.graph)
    assessment = assess(definitions, instance, auto=auto, above=[name])
    node = assessment.graph.nodes[name]
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


class _Attempts(NamedTuple):
    """Slots whose last attempt failed, and those that are being made."""

    failed: Collection[Slot]
    running: Collection[Slot]

    def counts(self, slots: Sequence[Slot], statuses: Iterable[str]) -> dict[str, int]:
        found = Counter(statuses)
        found["FAILED"] = sum(slot in self.failed for slot in slots) if self.failed else 0
        found["IN_PROGRESS"] = sum(slot in self.running for slot in slots) if self.running else 0
        return {name: found[name] for name in ("FRESH", "STALE", "MISSING", "FAILED", "IN_PROGRESS")}


def _with_upstream(definitions: Definitions, assets: Collection[str] | None) -> set[str] | None:
    """Return the assets and everything above them; None stands for all."""
    if assets is None:
        return None
    found: set[str] = set()
    waiting = list(assets)
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting.extend(definitions.graph.nodes[key].upstream)
    return found


def _require_dimension(definitions: Definitions, keys: Iterable[str], dimension: str | None) -> None:
    if dimension is None:
        return
    known = {name for key in keys for name in _dimensions(definitions.graph.nodes[key].partitions_def)}
    if dimension not in known:
        there = f"; they have {', '.join(sorted(known))}" if known else ""
        raise InvalidSelectionError(
            f"no selected asset has partitions with a dimension {dimension!r}"
            f"{nearest(dimension, known) or there}"
        )


def _dimensions(definition: PartitionsDefinition | None) -> tuple[str, ...]:
    return definition.partition_dimension_names if isinstance(definition, MultiPartitionsDefinition) else ()


def _asset_status(
    assessment: Assessment, key: str, attempts: _Attempts, dimension: str | None
) -> AssetStatus:
    node = assessment.graph.nodes[key]
    causes: list[tuple[Slot, Cause]] = []
    above: dict[Slot, None] = {}
    statuses: list[str] = []
    slots = [(key, None)] if node.is_external else assessment.slots(key)
    may_be_stale_above = bool(node.upstream) and not node.is_external
    for slot in slots:
        status = assessment.status(slot)
        statuses.append(status.status)
        if status.causes:
            causes.extend((slot, cause) for cause in status.causes)
        elif may_be_stale_above and status.status == "FRESH":
            above.update(dict.fromkeys(assessment.upstream_stale(slot)))
    return AssetStatus(
        key,
        node.is_external,
        node.partitions_def is not None,
        attempts.counts(slots, statuses),
        tuple(causes),
        tuple(above),
        _by_dimension(node.partitions_def, slots, statuses, attempts, dimension),
    )


def _by_dimension(
    definition: PartitionsDefinition | None,
    slots: Sequence[Slot],
    statuses: Sequence[str],
    attempts: _Attempts,
    dimension: str | None,
) -> dict[str, dict[str, int]]:
    if dimension is None or dimension not in _dimensions(definition):
        return {}
    place = _dimensions(definition).index(dimension)
    found: dict[str, list[tuple[Slot, str]]] = {}
    for slot, status in zip(slots, statuses, strict=True):
        found.setdefault((slot[1] or "").split(SEPARATOR)[place], []).append((slot, status))
    return {
        part: attempts.counts([slot for slot, _ in some], (status for _, status in some))
        for part, some in found.items()
    }
