"""What is being made, or waits in the queue to be made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from mlorch.app.choosing import Choice, chosen_slots
from mlorch.app.preparing import slots_of
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.graph import AssetGraph
from mlorch.definitions.jobs import AssetJob
from mlorch.errors import MlorchError
from mlorch.events import (
    BACKFILL_TAG,
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
_DONE = {AssetMaterialized.kind, AssetObserved.kind, StepFailed.kind, StepSkipped.kind}


def unmade_slots(log: EventLog, living: Collection[str]) -> tuple[set[Slot], set[Slot]]:
    """Return what runs that go, and backfills that go, have still to make."""
    runs: set[Slot] = set()
    backfills: set[Slot] = set()
    for run_id in living:
        records = log.read(run_id=run_id, kinds=_BEGUN | _DONE | {RunFinished.kind})
        for record in records:
            if isinstance(record.event, RunStarted):
                runs |= _left(record.event.targets, records)
            elif isinstance(record.event, BackfillStarted):
                done = _of_backfill(log, record)
                backfills |= _left(record.event.targets, done)
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


def _left(targets: Mapping[str, object], records: Iterable[Record]) -> set[Slot]:
    """Return the targets of a run of which it has not said what became of them; none, once it has ended."""
    found = set(slots_of(targets))  # type: ignore[arg-type]
    for record in records:
        event = record.event
        if isinstance(event, RunFinished):
            return set()
        if isinstance(event, StepFailed):
            found.difference_update(event.failed)
        elif isinstance(event, AssetMaterialized | AssetObserved | StepSkipped):
            found.discard((event.asset, event.partition))
    return found


def _of_backfill(log: EventLog, began: Record) -> list[Record]:
    """Return what the runs of a backfill have said of what became of its targets."""
    records = log.read(began.seq, kinds={RunStarted.kind, *_DONE})
    own = {began.event.run_id}
    for record in records:
        if isinstance(record.event, RunStarted) and record.event.tags.get(BACKFILL_TAG) == began.event.run_id:
            own.add(record.event.run_id)
    return [record for record in records if record.event.run_id in own and record.event.kind in _DONE]
