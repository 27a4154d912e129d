"""What is being made, or waits in the queue to be made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from mlorch.app.choosing import Choice, chosen_slots
from mlorch.app.materializing import FEW
from mlorch.app.preparing import slots_of
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.graph import AssetGraph
from mlorch.definitions.jobs import AssetJob
from mlorch.errors import MlorchError
from mlorch.events import (
    AssetMaterialized,
    AssetObserved,
    BackfillStarted,
    RunFinished,
    RunQueued,
    RunStarted,
    StepFailed,
    StepSkipped,
)
from mlorch.log import EventLog, Record, Slot
from mlorch.planning.selection import select

_BEGUN = {RunStarted.kind, BackfillStarted.kind}
_DONE = {AssetMaterialized.kind, AssetObserved.kind, StepFailed.kind, StepSkipped.kind, RunFinished.kind}


def unmade_slots(
    log: EventLog, living: Collection[str], assets: Collection[str]
) -> tuple[set[Slot], set[Slot]]:
    """Return what of these assets runs that go, and backfills that go, have still to make."""
    runs: set[Slot] = set()
    backfills: set[Slot] = set()
    for run_id in living:
        for began in log.read(run_id=run_id, kinds=_BEGUN, limit=1):
            event = began.event
            assert isinstance(event, RunStarted | BackfillStarted)
            targets = {slot for slot in slots_of(event.targets) if slot[0] in assets}
            if not targets:
                continue
            if isinstance(event, RunStarted):
                runs |= _left(targets, log.read(began.seq, run_id=run_id, kinds=_DONE))
            else:
                backfills |= _left_of_backfill(targets, log, began)
    return runs, backfills


def queued_slots(
    definitions: Definitions, graph: AssetGraph, queued: Iterable[RunQueued], log: EventLog, now: datetime
) -> tuple[set[Slot], set[Slot]]:
    """Return what runs and backfills that wait in the queue are to make.

    What can't be told of one that names what there is no more is left out: it will fail.
    """
    runs: set[Slot] = set()
    backfills: set[Slot] = set()
    for one in queued:
        try:
            found = list(_asked(definitions, graph, one, log, now))
        except MlorchError:
            continue
        (backfills if one.is_backfill else runs).update(found)
    return runs, backfills


def _asked(
    definitions: Definitions, graph: AssetGraph, one: RunQueued, log: EventLog, now: datetime
) -> Iterator[Slot]:
    if one.retries is not None:
        for record in log.read(run_id=one.retries, kinds=_BEGUN):
            if isinstance(record.event, RunStarted | BackfillStarted):
                yield from slots_of(record.event.targets)
        return
    keys = _keys(definitions, graph, one)
    if one.is_backfill:
        choice = Choice(one.partitions, every=not one.partitions)
        yield from chosen_slots(graph, keys, choice, now)
        return
    for key in keys:
        definition = graph.divided.get(key)
        if definition is None:
            yield key, None
        elif one.partition is not None and definition.has_partition_key(one.partition, now):
            yield key, one.partition


def _keys(definitions: Definitions, graph: AssetGraph, one: RunQueued) -> Sequence[str]:
    if one.selection:
        known = all(key in graph.nodes for key in one.selection)
        return one.selection if known else select(list(one.selection), graph)
    if one.checks:
        return ()
    job = None if one.job is None else definitions.job(one.job)
    if job is not None and not isinstance(job, AssetJob):
        return ()
    return select(None if job is None else job.selection, graph)


def _left(targets: set[Slot], records: Iterable[Record]) -> set[Slot]:
    """Return the targets of a run of which it has not said what became of them; none, once it has ended."""
    for record in records:
        event = record.event
        if isinstance(event, RunFinished):
            return set()
        if isinstance(event, StepFailed):
            targets.difference_update(event.failed)
        elif isinstance(event, AssetMaterialized | AssetObserved | StepSkipped):
            targets.discard((event.asset, event.partition))
    return targets


def _left_of_backfill(targets: set[Slot], log: EventLog, began: Record) -> set[Slot]:
    """Return the targets that were neither made nor failed since; what it leaves out stays until it ends."""
    found = {"slots": targets} if len(targets) <= FEW else {"assets": {asset for asset, _ in targets}}
    for kind in (AssetMaterialized.kind, AssetObserved.kind, StepFailed.kind):
        latest = log.latest(kind, **found)
        targets = {slot for slot in targets if slot not in latest or latest[slot].seq < began.seq}
    return targets
