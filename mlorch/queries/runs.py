"""Which runs there were, and which there are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from mlorch.definitions.keys import AssetKey
from mlorch.errors import UserError
from mlorch.events import BACKFILL_TAG, BackfillFinished, BackfillStarted, RunFinished, RunQueued, RunStarted

if TYPE_CHECKING:
    from mlorch.events import Json
    from mlorch.log import EventLog


class RunStatus(StrEnum):
    """How a run ended; QUEUED before it begins, STARTED while it goes, or DEAD where its process is gone."""

    QUEUED = "QUEUED"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELED = "CANCELED"
    DEAD = "DEAD"


DagsterRunStatus = RunStatus
"""The name that people know."""


@dataclass(frozen=True)
class RecordedRun:
    """One run, as the log knows it. Times are seconds since the epoch, UTC."""

    started: RunStarted
    """How it began; of a run that has not begun, how it was asked for."""
    finished: RunFinished | None
    is_alive: bool
    queued: RunQueued | None = field(default=None, kw_only=True)
    """What was asked for, where it waits or waited in the queue."""
    has_begun: bool = field(default=True, kw_only=True)

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
        if not self.has_begun:
            return RunStatus.QUEUED
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
        return self.status not in (RunStatus.STARTED, RunStatus.QUEUED)


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


def queued_runs(log: EventLog, after: int = 0) -> dict[str, RunQueued]:
    """Return by id the runs that were asked for and have neither begun nor ended, oldest first.

    `after` is the number of a fact before which none is left.
    """
    found: dict[str, RunQueued] = {}
    asked = log.read(after, kinds={RunQueued.kind})
    for record in asked:
        assert isinstance(record.event, RunQueued)
        found[record.event.run_id] = record.event
    if found:
        for record in log.read(asked[0].seq, kinds=_BEGUN_OR_ENDED):
            found.pop(record.event.run_id or "", None)
    return found


_BEGUN_OR_ENDED = {RunStarted.kind, BackfillStarted.kind, RunFinished.kind, BackfillFinished.kind}


def _runs(
    log: EventLog, living: Collection[str], filters: RunsFilter | None, limit: int | None
) -> Iterator[RecordedRun]:
    begun = {RunQueued.kind, RunStarted.kind}
    if filters is not None and filters.run_ids is not None:
        kinds = {*begun, RunFinished.kind}
        named = [record for run_id in filters.run_ids for record in log.read(kinds=kinds, run_id=run_id)]
        records = sorted(named, key=lambda record: -record.seq)
    else:
        # A run may have two of these facts.
        some = log.read(kinds=begun, newest_first=True, limit=None if limit is None else 2 * limit)
        records = [*log.read(some[-1].seq if some else 0, kinds={RunFinished.kind}), *some]
    ended = {one.event.run_id: one.event for one in records if isinstance(one.event, RunFinished)}
    queued = {one.event.run_id: one.event for one in records if isinstance(one.event, RunQueued)}
    started = {one.event.run_id: one.event for one in records if isinstance(one.event, RunStarted)}
    for record in records:
        event = record.event
        if isinstance(event, RunStarted):
            is_alive = event.run_id in living or event.tags.get(BACKFILL_TAG, "") in living
            yield RecordedRun(event, ended.get(event.run_id), is_alive, queued=queued.get(event.run_id))
        elif isinstance(event, RunQueued) and not event.is_backfill and event.run_id not in started:
            yield RecordedRun(_to_start(event), ended.get(event.run_id), False, queued=event, has_begun=False)


def _to_start(queued: RunQueued) -> RunStarted:
    return RunStarted(
        run_id=queued.run_id,
        at=queued.at,
        job=queued.job,
        partitions=queued.partitions or ((queued.partition,) if queued.partition else ()),
        selection=queued.selection,
        tags=queued.tags,
        config=queued.config,
        project=queued.project,
        source=queued.source,
    )


def _has(tags: Mapping[str, str], name: str, value: str | Sequence[str]) -> bool:
    return tags.get(name) in ([value] if isinstance(value, str) else value)


def _seconds(moment: datetime) -> float:
    if moment.tzinfo is None:
        raise UserError(f"the time {moment} has no time zone; write datetime(…, tzinfo=UTC)")
    return moment.timestamp()
