"""The verb cancel: ask runs to end, wherever they go."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mlorch.app.ending import end
from mlorch.app.limits import claims_of
from mlorch.app.running import RunView, newest_runs
from mlorch.errors import AlreadyDoneError, NotFoundError, UserError
from mlorch.events import RunFinished, RunQueued
from mlorch.instance import Instance
from mlorch.planning.once import run_ended, worker_of
from mlorch.queries.runs import RunStatus

Outcome = Literal["CANCELED", "WAITING", "ENDING", "DEAD"]
"""It ended; it had not begun and will not; it still ends; its process had died, which the log now says."""

_ALL = 100_000


@dataclass(frozen=True, slots=True)
class Canceled:
    """What became of a run that was asked to end. `status` is that of its end where it was faster."""

    run_id: str
    status: Outcome | str

    @property
    def text(self) -> str:
        said = {
            "CANCELED": "ended; what it had made is kept",
            "WAITING": "will not begin",
            "ENDING": "was asked to end, and still does what can't be broken off",
            "DEAD": "had died; it is marked as canceled",
        }
        return said.get(self.status, f"ended by itself: {self.status}")


def cancel_runs(
    instance: Instance, names: Sequence[str], *, every: bool = False, patience: float = 10.0
) -> list[Canceled]:
    """Ask runs to end, by the beginnings of their ids, or all that go or wait; see for a while if they do.

    Raises, before anything is asked: NotFoundError where there is no such run, and UserError where it has
    ended, where several begin so, and where no other process can see the instance.
    """
    if instance.leases is None:
        raise UserError("no other process sees an instance in memory: there is nothing to cancel")
    runs = {one.run_id: one for one in newest_runs(instance, _ALL)}
    waiting = _waiting(instance) - runs.keys()
    if every:
        chosen = [*(run_id for run_id, run in runs.items() if run.finished is None), *sorted(waiting)]
    else:
        chosen = list(dict.fromkeys(_named(name, runs, waiting) for name in names))
    reason = canceled_by()
    done = {run_id: _mark(instance, runs[run_id], reason) for run_id in chosen if _is_dead(runs.get(run_id))}
    queued = [runs[run_id].queued for run_id in chosen if run_id in runs and not runs[run_id].has_begun]
    done |= {
        one.run_id: Canceled(one.run_id, "WAITING")
        for one in queued
        if one is not None and withdraw(instance, one, reason)
    }
    asked = [run_id for run_id in chosen if run_id not in done]
    for run_id in asked:
        instance.leases.cancel(run_id, reason, time.time())
    done |= {
        run_id: Canceled(run_id, status) for run_id, status in _watch(instance, asked, waiting, patience)
    }
    return [done[run_id] for run_id in chosen]


def withdraw(instance: Instance, queued: RunQueued, reason: str) -> bool:
    """Take a run or a backfill out of the queue; False where it has begun."""
    if not end(instance, queued, "CANCELED", reason):
        return False
    worker = f"{worker_of(queued.run_id)}/"
    if instance.leases is not None and any(one.startswith(worker) for one in instance.living()):
        # It has a worker, which waits for something.
        instance.leases.cancel(queued.run_id, reason, time.time())
    return True


def canceled_by() -> str:
    """Return the reason of a run that this process asks to end."""
    return f"canceled by {whoever()}"


def whoever() -> str:
    """Return who runs this process, and where."""
    return f"{_user()} on {socket.gethostname()}"


def _named(name: str, runs: dict[str, RunView], waiting: set[str]) -> str:
    newest = next(iter(runs), None)
    known = [*runs, *waiting]
    found = [newest] if name == "last" and newest else [one for one in known if one.startswith(name)]
    if not found:
        raise NotFoundError(f"there is no run {name!r}; 'mlorch runs list' lists them")
    if len(found) > 1:
        raise UserError(f"{len(found)} runs begin with {name!r}; give more of the id")
    run = runs.get(found[0])
    if run is not None and run.finished is not None:
        raise UserError(f"run {run.run_id} has ended already: {run.status}")
    return found[0]


def _waiting(instance: Instance) -> set[str]:
    """Return the runs that wait for a limit, or have only just been let in."""
    claims = claims_of(instance)
    found = claims.all(time.time()) if claims is not None else []
    return {one.item or one.owner for one in found if not one.name.startswith("pool ")}


def _is_dead(run: RunView | None) -> bool:
    return run is not None and run.status is RunStatus.DEAD


def _mark(instance: Instance, run: RunView, reason: str) -> Canceled:
    reason = f"its process had died; {reason}"
    fact = RunFinished(run_id=run.run_id, at=time.time(), status="CANCELED", reason=reason)
    try:
        instance.log.append([fact], once=[run_ended(run.run_id)])
    except AlreadyDoneError:
        # The daemon found that out as well.
        return Canceled(run.run_id, "FAILURE")
    return Canceled(run.run_id, "DEAD")


def _watch(
    instance: Instance, asked: Sequence[str], waiting: set[str], patience: float
) -> Iterator[tuple[str, str]]:
    """Yield what became of each run, at the latest after `patience` seconds."""
    deadline = time.monotonic() + patience
    going = set(asked)
    while going:
        ended = {one.event.run_id: one.event for one in instance.log.read(kinds={RunFinished.kind})}
        for run_id in sorted(going):
            event = ended.get(run_id)
            if isinstance(event, RunFinished):
                yield run_id, event.status
            elif run_id in waiting and run_id not in _waiting(instance):
                yield run_id, "WAITING"
            elif time.monotonic() >= deadline:
                yield run_id, "ENDING"
            else:
                continue
            going.discard(run_id)
        if going:
            time.sleep(0.1)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
