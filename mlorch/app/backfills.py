"""The verbs about backfills: list them, find one, end it, go on with it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from mlorch.app.backfilling import Backfill, BackfillResult, carry_out_backfill
from mlorch.app.canceling import Canceled, canceled_by, withdraw
from mlorch.app.materializing import Listener, Request
from mlorch.definitions.definitions import Definitions
from mlorch.errors import NotFoundError, UserError
from mlorch.events import (
    BACKFILL_TAG,
    AssetMaterialized,
    BackfillFinished,
    BackfillStarted,
    Event,
    RunFinished,
    RunQueued,
    RunStarted,
    StepFailed,
)
from mlorch.instance import Instance
from mlorch.log import Record, Slot
from mlorch.planning.once import DAEMON
from mlorch.queries.runs import RunStatus, queued_runs

_KINDS = (BackfillStarted.kind, BackfillFinished.kind)
_LOOK = 0.1
_OF_RUNS = (RunStarted.kind, AssetMaterialized.kind, StepFailed.kind, RunFinished.kind)


@dataclass(frozen=True)
class BackfillView:
    """One backfill as people look at it; `started` is its first beginning, resumed or not."""

    seq: int
    started: BackfillStarted
    finished: BackfillFinished | None
    is_alive: bool
    instance: Instance
    queued: RunQueued | None = None
    """What was asked for, as long as it waits in the queue; `started` says the same then."""
    has_begun: bool = True

    @property
    def backfill_id(self) -> str:
        return self.started.run_id

    @property
    def status(self) -> str:
        """QUEUED, STARTED, DEAD, or how it ended."""
        if self.finished is not None:
            return self.finished.status
        if self.queued is not None:
            return str(RunStatus.QUEUED)
        return str(RunStatus.STARTED if self.is_alive else RunStatus.DEAD)

    @property
    def slots(self) -> list[Slot]:
        """What it is to make, in the order of the graph."""
        return [
            (asset, partition)
            for asset, partitions in self.started.targets.items()
            for partition in (partitions if partitions is not None else [None])
        ]

    @property
    def seconds(self) -> float:
        end = self.finished.at if self.finished is not None else time.time()
        return end - self.started.at

    @cached_property
    def events(self) -> list[Event]:
        """What its runs began, made, failed to make and ended, in order."""
        runs: set[str] = set()
        found: list[Event] = []
        for record in self.instance.log.read(self.seq, kinds=_OF_RUNS):
            event = record.event
            if isinstance(event, RunStarted) and event.tags.get(BACKFILL_TAG) == self.backfill_id:
                runs.add(event.run_id)
            if event.run_id in runs:
                found.append(event)
        return found

    @property
    def made(self) -> set[Slot]:
        """The slots that its runs have made."""
        return {(one.asset, one.partition) for one in self.events if isinstance(one, AssetMaterialized)}

    @property
    def failures(self) -> list[StepFailed]:
        """The steps that failed; those whose slots were made later are left out."""
        made = self.made
        failed = [one for one in self.events if isinstance(one, StepFailed)]
        return [one for one in failed if not set(one.failed) <= made]

    @property
    def open_runs(self) -> list[str]:
        """The runs that began and did not end."""
        ended = {one.run_id for one in self.events if isinstance(one, RunFinished)}
        begun = [one.run_id for one in self.events if isinstance(one, RunStarted)]
        return [run_id for run_id in begun if run_id not in ended]

    @property
    def counts(self) -> dict[str, int]:
        """How many runs it had, and how many slots are planned, made and failed; counted from its runs."""
        failed = {slot for one in self.failures for slot in one.failed}
        runs = Counter(isinstance(one, RunStarted) for one in self.events)[True]
        return {"runs": runs, "planned": len(self.slots), "made": len(self.made), "failed": len(failed)}

    def as_json(self) -> dict[str, Any]:
        return {
            "backfill_id": self.backfill_id,
            "status": self.status,
            "started_at": self.started.at,
            "finished_at": self.finished.at if self.finished is not None else None,
            "selection": list(self.started.selection),
            "only": self.started.only or None,
            "counts": self.counts,
            "tags": dict(self.started.tags),
        }


def newest_backfills(instance: Instance, limit: int | None = None) -> list[BackfillView]:
    """Return the backfills, those begun last first; of one that did not begin, when it was asked for."""
    first: dict[str, Record] = {}
    ended: dict[str, BackfillFinished | None] = {}
    for record in instance.log.read(kinds=_KINDS):
        event = record.event
        if isinstance(event, BackfillStarted):
            first.setdefault(event.run_id, record)
            ended[event.run_id] = None  # resumed, it is on its way again
        elif isinstance(event, BackfillFinished):
            ended[event.run_id] = event
    living = instance.living()
    found = [
        BackfillView(record.seq, record.event, ended[name], name in living, instance)
        for name, record in first.items()
        if isinstance(record.event, BackfillStarted)
    ]
    waiting = queued_runs(instance.log, instance.log.position(DAEMON))
    for name in {**waiting, **ended}.keys() - first.keys():
        found.extend(_unbegun(instance, name, ended.get(name)))
    return sorted(found, key=lambda one: -one.seq)[:limit]


def find_backfill(instance: Instance, name: str) -> BackfillView:
    """Return the backfill whose id begins with `name`; "last" is the newest.

    Raises NotFoundError where there is none, UserError where there are several.
    """
    known = newest_backfills(instance)
    found = known[:1] if name == "last" else [one for one in known if one.backfill_id.startswith(name)]
    if not found:
        raise NotFoundError(f"there is no backfill {name!r}; 'mlorch backfills list' lists them")
    if len(found) > 1:
        raise UserError(f"{len(found)} backfills begin with {name!r}; give more of the id")
    return found[0]


def unfinished(instance: Instance, slots: Sequence[Slot]) -> Iterator[BackfillView]:
    """Yield the backfills that were to make some of the slots and whose process died."""
    wanted = set(slots)
    for one in newest_backfills(instance):
        if one.status == RunStatus.DEAD and not wanted.isdisjoint(one.slots):
            yield one


def cancel_backfill(instance: Instance, name: str, *, patience: float = 10.0) -> Canceled:
    """Ask a backfill to end, and see for a while if it does; what its runs have made is kept.

    Raises UserError where it has ended already, and as `find_backfill`.
    """
    found = find_backfill(instance, name)
    if found.finished is not None or instance.leases is None:
        raise UserError(f"backfill {found.backfill_id} has ended already: {found.status}")
    reason = canceled_by()
    if found.queued is not None and withdraw(instance, found.queued, reason):
        return Canceled(found.backfill_id, "WAITING")
    if not found.is_alive and found.queued is None:
        close_backfill(found, "CANCELED", f"its process had died; {reason}")
        return Canceled(found.backfill_id, "DEAD")
    instance.leases.cancel(found.backfill_id, reason, time.time())
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        ended = find_backfill(instance, found.backfill_id).finished
        if ended is not None:
            return Canceled(found.backfill_id, ended.status)
        time.sleep(_LOOK)
    return Canceled(found.backfill_id, "ENDING")


def resume_backfill(
    definitions: Definitions,
    instance: Instance,
    name: str,
    request: Request,
    listener: Listener | None = None,
) -> BackfillResult:
    """Go on with a backfill that was broken off, canceled or failed: make what its runs have not made.

    The request says how; its run config, tags and selection are those of the backfill, unless it has some.
    Raises UserError where the backfill goes on, or has made everything, and where a secret of its run config
    would have to be given again; and as `run_backfill`.
    """
    found = find_backfill(instance, name)
    if found.is_alive or found.queued is not None:
        verb = "goes on" if found.is_alive else "waits in the queue"
        raise UserError(f"backfill {found.backfill_id} {verb}; it can't be resumed")
    if found.status == RunStatus.SUCCESS:
        raise UserError(f"backfill {found.backfill_id} has made everything; there is nothing to resume")
    started = found.started
    if request.run_config is None and started.config:
        if "***" in repr(started.config):
            raise UserError(
                f"the run config of backfill {found.backfill_id} has secrets, which are not kept; "
                "give it again with --config"
            )
        request = replace(request, run_config=started.config)
    found.instance.log.append(_ends(found, "CANCELED", "its process died; the backfill was resumed"))
    made = found.made
    rest = Backfill(
        found.backfill_id,
        started.selection,
        [slot for slot in found.slots if slot not in made],
        "stale" if started.only == "stale" else "",
    )
    request = replace(request, tags={**started.tags, **request.tags})
    return carry_out_backfill(definitions, instance, request, rest, listener)


def _unbegun(instance: Instance, name: str, finished: BackfillFinished | None) -> Iterator[BackfillView]:
    """Yield the backfill that waits in the queue or ended there; not what goes on with another."""
    for seq, one in instance.log.read(run_id=name, kinds={RunQueued.kind}, limit=1):
        if isinstance(one, RunQueued) and one.is_backfill and one.retries is None:
            started = BackfillStarted(
                run_id=one.run_id,
                at=one.at,
                selection=one.selection,
                only=one.only,
                tags=one.tags,
                config=one.config,
                project=one.project,
                source=one.source,
            )
            yield BackfillView(
                seq, started, finished, False, instance, one if finished is None else None, False
            )


def close_backfill(found: BackfillView, status: str, reason: str) -> None:
    """Say of a backfill whose process died, and of the runs that it left open, that they are over."""
    end = BackfillFinished(
        run_id=found.backfill_id, at=time.time(), status=status, counts=found.counts, reason=reason
    )
    found.instance.log.append([*_ends(found, status, reason), end])


def _ends(found: BackfillView, status: str, reason: str) -> list[Event]:
    return [
        RunFinished(run_id=run_id, at=time.time(), status=status, reason=reason) for run_id in found.open_runs
    ]
