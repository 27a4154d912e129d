"""In which state partitions are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

from mlorch.definitions.keys import CoercibleToAssetKey, key_text
from mlorch.events import (
    BACKFILL_TAG,
    AssetMaterialized,
    BackfillStarted,
    RunFinished,
    RunStarted,
    StepFailed,
    StepStarted,
)

if TYPE_CHECKING:
    from mlorch.definitions.partitions import PartitionsDefinition
    from mlorch.log import EventLog, Slot


class AssetPartitionStatus(StrEnum):
    """What is known of a partition; one that nothing is known of has none."""

    MATERIALIZED = "MATERIALIZED"
    IN_PROGRESS = "IN_PROGRESS"
    FAILED = "FAILED"


def materialized_partitions(log: EventLog, key: CoercibleToAssetKey) -> set[str]:
    """Return the partitions of an asset that were ever made."""
    latest = log.latest(AssetMaterialized.kind, [key_text(key)])
    return {partition for _, partition in latest if partition is not None}


def partition_statuses(
    log: EventLog,
    living: Collection[str],
    key: CoercibleToAssetKey,
    partitions: Iterable[str] | None = None,
    partitions_def: PartitionsDefinition | None = None,
) -> dict[str, AssetPartitionStatus | None]:
    """Return what is known of partitions, in their order; where none are named, of those with a status.

    Raises UnknownPartitionError for a key that the given definition does not have.
    """
    name = key_text(key)
    if partitions_def is not None:
        partitions = list(partitions or ())
        for one in partitions:
            partitions_def.validate_partition_key(one)
    found: dict[str, AssetPartitionStatus | None] = {}
    for status, slots in (
        (AssetPartitionStatus.MATERIALIZED, log.latest(AssetMaterialized.kind, [name])),
        (AssetPartitionStatus.FAILED, failed_slots(log, [name])),
        (AssetPartitionStatus.IN_PROGRESS, slots_in_progress(log, living)),
    ):
        found.update({part: status for asset, part in slots if asset == name and part is not None})
    return found if partitions is None else {one: found.get(one) for one in partitions}


def failed_slots(log: EventLog, assets: Collection[str] | None = None) -> set[Slot]:
    """Return the slots whose last attempt failed after they were last made."""
    failed = log.latest(StepFailed.kind, assets)
    made = log.latest(AssetMaterialized.kind, slots=failed.keys()) if failed else {}
    return {slot for slot, record in failed.items() if slot not in made or made[slot].seq < record.seq}


def slots_in_progress(log: EventLog, living: Collection[str]) -> set[Slot]:
    """Return the slots that living runs have started and not finished."""
    found: set[Slot] = set()
    for run_id in _with_runs(log, living):
        mine: set[Slot] = set()
        for record in log.read(run_id=run_id):
            event = record.event
            if isinstance(event, StepStarted):
                mine.add((event.asset, event.partition))
            elif isinstance(event, AssetMaterialized):
                mine.discard((event.asset, event.partition))
            elif isinstance(event, StepFailed):
                mine.difference_update(event.failed)
            elif isinstance(event, RunFinished):
                mine.clear()
        found |= mine
    return found


def _with_runs(log: EventLog, living: Collection[str]) -> Iterator[str]:
    """Yield the ids, and of backfills among them the runs that they carry out now."""
    yield from living
    begun = [log.read(kinds={BackfillStarted.kind}, run_id=one) for one in living]
    first = min((records[0].seq for records in begun if records), default=None)
    if first is None:
        return
    ended = {record.event.run_id for record in log.read(first, kinds={RunFinished.kind})}
    for record in log.read(first, kinds={RunStarted.kind}):
        event = record.event
        is_open = event.run_id not in ended
        if is_open and isinstance(event, RunStarted) and event.tags.get(BACKFILL_TAG, "") in living:
            yield event.run_id
