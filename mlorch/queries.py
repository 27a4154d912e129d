"""Questions to the log: which runs there were, what was made and seen, and in which state partitions are.

Each is a function of a log; those that ask for what goes on take the ids of the `living` runs as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from mlorch.definitions.checks import AssetCheckEvaluation, AssetCheckSeverity
from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text
from mlorch.definitions.reports import CODE_VERSION, DATA_VERSION, AssetMaterialization, AssetObservation
from mlorch.errors import UserError
from mlorch.events import (
    BACKFILL_TAG,
    AssetMaterialized,
    AssetObserved,
    BackfillStarted,
    CheckEvaluated,
    RunFinished,
    RunStarted,
    StepFailed,
    StepStarted,
)

if TYPE_CHECKING:
    from mlorch.definitions.partitions import PartitionsDefinition
    from mlorch.events import Json
    from mlorch.log import EventLog, Record, Slot


class RunStatus(StrEnum):
    """How a run ended, or STARTED while it runs, or DEAD where its process is gone."""

    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELED = "CANCELED"
    DEAD = "DEAD"


DagsterRunStatus = RunStatus
"""The name that people know."""


class AssetPartitionStatus(StrEnum):
    """What is known of a partition; one that nothing is known of has none."""

    MATERIALIZED = "MATERIALIZED"
    IN_PROGRESS = "IN_PROGRESS"
    FAILED = "FAILED"


@dataclass(frozen=True)
class RecordedRun:
    """One run, as the log knows it. Times are seconds since the epoch, UTC."""

    started: RunStarted
    finished: RunFinished | None
    is_alive: bool

    @property
    def run_id(self) -> str:
        return self.started.run_id

    @property
    def job_name(self) -> str | None:
        return self.started.job

    @property
    def status(self) -> RunStatus:
        if self.finished is not None:
            return RunStatus(self.finished.status)
        return RunStatus.STARTED if self.is_alive else RunStatus.DEAD

    @property
    def tags(self) -> Mapping[str, str]:
        return self.started.tags

    @property
    def run_config(self) -> Mapping[str, Json]:
        """What the run was given explicitly, secrets masked."""
        return self.started.config

    @property
    def asset_selection(self) -> set[AssetKey]:
        return {AssetKey.from_user_string(key) for key in self.started.selection}

    @property
    def started_at(self) -> float:
        return self.started.at

    @property
    def finished_at(self) -> float | None:
        return self.finished.at if self.finished is not None else None

    @property
    def is_success(self) -> bool:
        return self.status is RunStatus.SUCCESS

    @property
    def is_failure(self) -> bool:
        return self.status is RunStatus.FAILURE

    @property
    def is_finished(self) -> bool:
        return self.status is not RunStatus.STARTED


@dataclass(frozen=True, slots=True)
class RunsFilter:
    """Which runs are meant: those that match all that is given; of a tag, one of several values."""

    run_ids: Collection[str] | None = None
    job_name: str | None = None
    statuses: Collection[str] | None = None
    tags: Mapping[str, str | Sequence[str]] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    def matches(self, run: RecordedRun) -> bool:
        """Say whether a run is meant. Raises UserError for a time without a time zone."""
        return (
            (self.run_ids is None or run.run_id in self.run_ids)
            and (self.job_name is None or run.job_name == self.job_name)
            and (not self.statuses or run.status in self.statuses)
            and all(_has(run.tags, name, value) for name, value in (self.tags or {}).items())
            and (self.created_after is None or run.started_at > _seconds(self.created_after))
            and (self.created_before is None or run.started_at < _seconds(self.created_before))
        )


class EventRecord(NamedTuple):
    """A materialization or observation with its number in the log."""

    storage_id: int
    fact: AssetMaterialized | AssetObserved

    @property
    def asset_key(self) -> AssetKey:
        return AssetKey.from_user_string(self.fact.asset)

    @property
    def partition_key(self) -> str | None:
        return self.fact.partition

    @property
    def timestamp(self) -> float:
        """Seconds since the epoch, UTC."""
        return self.fact.at

    @property
    def run_id(self) -> str:
        """The run, or a name of its own where it was reported outside of one."""
        return self.fact.run_id or ""

    @property
    def data_version(self) -> str:
        return self.fact.data_version

    @property
    def asset_materialization(self) -> AssetMaterialization | None:
        fact = self.fact
        if isinstance(fact, AssetObserved):
            return None
        tags = {CODE_VERSION: fact.code_version, DATA_VERSION: fact.data_version}
        return AssetMaterialization(self.asset_key, None, fact.metadata, fact.partition, tags)

    @property
    def asset_observation(self) -> AssetObservation | None:
        fact = self.fact
        if isinstance(fact, AssetMaterialized):
            return None
        tags = {DATA_VERSION: fact.data_version}
        return AssetObservation(self.asset_key, None, fact.metadata, fact.partition, tags)


class EventRecordsResult(NamedTuple):
    """Some records, the place where the next begin, and whether there are more."""

    records: list[EventRecord]
    cursor: str
    has_more: bool


def find_runs(
    log: EventLog, living: Collection[str], filters: RunsFilter | None = None, limit: int | None = None
) -> list[RecordedRun]:
    """Return the runs that a filter means, newest first."""
    found = []
    for run in _runs(log, living, filters, limit if filters is None else None):
        if filters is None or filters.matches(run):
            found.append(run)
        if len(found) == limit:
            break
    return found


def find_run(log: EventLog, living: Collection[str], run_id: str) -> RecordedRun | None:
    """Return the run of that id, or None."""
    return next(iter(find_runs(log, living, RunsFilter(run_ids=[run_id]), 1)), None)


def latest_event(log: EventLog, kind: str, key: CoercibleToAssetKey) -> EventRecord | None:
    """Return the newest fact of a kind about an asset, of whichever partition."""
    found = log.read(kinds={kind}, asset=key_text(key), newest_first=True, limit=1)
    return _record(found[0]) if found else None


def latest_version(log: EventLog, key: CoercibleToAssetKey, partition: str | None) -> EventRecord | None:
    """Return what gives the data version of an asset partition: its latest materialization or observation.

    Without a partition, that of the whole asset, or the newest of any of its partitions.
    """
    name = key_text(key)
    kinds = (AssetMaterialized.kind, AssetObserved.kind)
    if partition is None:
        newest = log.read(kinds=kinds, asset=name, newest_first=True, limit=1)
    else:
        slot = (name, partition)
        newest = [record for kind in kinds for record in log.latest(kind, slots=[slot]).values()]
    return _record(max(newest, key=lambda record: record.seq)) if newest else None


def fetch_events(
    log: EventLog, kind: str, key: CoercibleToAssetKey, limit: int, *, cursor: str | None = None
) -> EventRecordsResult:
    """Return facts of a kind about an asset, newest first, `limit` at most; a cursor goes on from there.

    Raises UserError for a cursor that no result gave.
    """
    if cursor is not None and not cursor.isdecimal():
        raise UserError(f"{cursor!r} is no cursor; take that of the result before")
    most = limit + 1 if cursor is None else None
    records = log.read(kinds={kind}, asset=key_text(key), newest_first=True, limit=most)
    older = [one for one in records if cursor is None or one.seq < int(cursor)]
    some = [_record(one) for one in older[:limit]]
    return EventRecordsResult(some, str(some[-1].storage_id) if some else cursor or "", len(older) > limit)


def evaluation_of(fact: CheckEvaluated) -> AssetCheckEvaluation:
    """Return what a check came to, as people ask for it."""
    return AssetCheckEvaluation(
        asset_key=AssetKey.from_user_string(fact.asset),
        check_name=fact.check,
        passed=fact.passed,
        metadata=fact.metadata,
        severity=AssetCheckSeverity(fact.severity),
        description=fact.description,
        blocking=fact.is_blocking,
        partition=fact.partition,
        data_version=fact.data_version,
        run_id=fact.run_id,
        timestamp=fact.at,
    )


def latest_evaluations(
    log: EventLog, asset: str, check: str | None = None, partition: str | None = None
) -> dict[tuple[str, str | None], AssetCheckEvaluation]:
    """Return the newest evaluation of each check of an asset, or of one, by its name and partition."""
    found: dict[tuple[str, str | None], AssetCheckEvaluation] = {}
    for record in log.read(kinds={CheckEvaluated.kind}, asset=asset, newest_first=True):
        fact = record.event
        assert isinstance(fact, CheckEvaluated)
        if check in (None, fact.check) and partition in (None, fact.partition):
            found.setdefault((fact.check, fact.partition), evaluation_of(fact))
    return found


NEWEST_CHECKS = 2_000
"""Evaluations that are looked through for checks that fail."""


def failing_checks(log: EventLog) -> dict[str, dict[str, str]]:
    """Return by asset the checks that did not pass last, with their severity; of the newest evaluations."""
    latest: dict[tuple[str, str, str | None], CheckEvaluated] = {}
    for record in log.read(kinds={CheckEvaluated.kind}, newest_first=True, limit=NEWEST_CHECKS):
        fact = record.event
        if isinstance(fact, CheckEvaluated):
            latest.setdefault((fact.asset, fact.check, fact.partition), fact)
    found: dict[str, dict[str, str]] = {}
    for (asset, check, _), fact in latest.items():
        if not fact.passed and found.get(asset, {}).get(check) != "ERROR":
            found.setdefault(asset, {})[check] = fact.severity
    return found


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


def _runs(
    log: EventLog, living: Collection[str], filters: RunsFilter | None, limit: int | None
) -> Iterator[RecordedRun]:
    kinds = {RunStarted.kind, RunFinished.kind}
    if filters is not None and filters.run_ids is not None:
        named = [record for run_id in filters.run_ids for record in log.read(kinds=kinds, run_id=run_id)]
        records = sorted(named, key=lambda record: -record.seq)
    else:
        started = log.read(kinds={RunStarted.kind}, newest_first=True, limit=limit)
        after = started[-1].seq if started else 0
        records = [*log.read(after, kinds={RunFinished.kind}), *started]
    ended = {one.event.run_id: one.event for one in records if isinstance(one.event, RunFinished)}
    for record in records:
        event = record.event
        if isinstance(event, RunStarted):
            is_alive = event.run_id in living or event.tags.get(BACKFILL_TAG, "") in living
            yield RecordedRun(event, ended.get(event.run_id), is_alive)


def _record(record: Record) -> EventRecord:
    assert isinstance(record.event, AssetMaterialized | AssetObserved)
    return EventRecord(record.seq, record.event)


def _has(tags: Mapping[str, str], name: str, value: str | Sequence[str]) -> bool:
    return tags.get(name) in ([value] if isinstance(value, str) else value)


def _seconds(moment: datetime) -> float:
    if moment.tzinfo is None:
        raise UserError(f"the time {moment} has no time zone; write datetime(…, tzinfo=UTC)")
    return moment.timestamp()
