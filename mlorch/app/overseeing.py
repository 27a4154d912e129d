"""What goes by itself, as people look at it: the daemon, its queue, the code, schedules and sensors."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlorch.app.instigating import tick_facts
from mlorch.app.limits import Gate
from mlorch.app.mirroring import Waiting, waiting
from mlorch.events import CodeLoaded, CodeRejected, RunQueued, TickEvaluated
from mlorch.instance import Instance
from mlorch.log import EventLog
from mlorch.planning.agenda import Agenda
from mlorch.planning.once import DAEMON, worker_of
from mlorch.planning.queue import OF_RUNS, RunQueue
from mlorch.queries.runs import RecordedRun, queued_runs
from mlorch.settings import Settings

START = "start one with 'mlorch daemon'"


@dataclass(frozen=True, slots=True)
class AtWork:
    """The daemon that is at work. `since` is in seconds since the epoch."""

    host: str
    pid: int
    since: float


@dataclass(frozen=True, slots=True)
class Oversight:
    """How all that goes by itself stands."""

    daemon: AtWork | None
    waiting: tuple[RunQueued, ...]
    """Oldest first."""
    going: int
    code: CodeLoaded | CodeRejected | None
    """What became of the project's code when the daemon took it in last."""
    running: Mapping[str, int]
    """How many schedules and sensors are turned on."""
    failing: tuple[TickEvaluated, ...]
    """The last ticks of those that are turned on, where they failed."""
    mirrors: Mapping[str, Waiting]

    def as_json(self) -> dict[str, Any]:
        at = self.daemon
        code = self.code
        return {
            "daemon": {"host": at.host, "pid": at.pid, "since": at.since} if at is not None else None,
            "queue": {
                "waiting": len(self.waiting),
                "going": self.going,
                "oldest_wait_seconds": time.time() - self.waiting[0].at if self.waiting else None,
            },
            "code": {
                "status": "loaded" if isinstance(code, CodeLoaded) else "rejected",
                "at": code.at,
                "fingerprint": code.fingerprint,
                "error": dict(code.error) if isinstance(code, CodeRejected) else None,
            }
            if code is not None
            else None,
            "running": dict(self.running),
            "failing": [
                {"name": one.name, "at": one.at, "failures": one.failures, "error": dict(one.error)}
                for one in self.failing
            ],
            "mirrors": {name: one.untold for name, one in self.mirrors.items()},
        }


def daemon_at_work(instance: Instance) -> AtWork | None:
    """Return the daemon that holds the lease; None where nobody does."""
    for name in instance.living():
        kind, *rest = name.split("/")
        if kind == DAEMON and len(rest) == 3:
            return AtWork(rest[0], int(rest[1]), float(rest[2]))
    return None


def oversee(instance: Instance, settings: Settings) -> Oversight:
    """Return how all that goes by itself stands, by what the log says: no code is imported for it."""
    log, queue = instance.log, RunQueue()
    for record in log.read(log.position(DAEMON), kinds=OF_RUNS):
        queue.learn(record)
    agenda = Agenda(tick_facts(log))
    on = agenda.turned_on()
    schedules = sum(name.startswith("schedule/") for name in on)
    return Oversight(
        daemon=daemon_at_work(instance),
        waiting=tuple(queue.waiting.values()),
        going=len(queue.going),
        code=_newest_code(log),
        running={"schedules": schedules, "sensors": len(on) - schedules},
        failing=tuple(_failing(log, on)),
        mirrors=waiting(settings, log),
    )


def warnings(instance: Instance, declared: Collection[str]) -> Iterator[str]:
    """Yield what somebody should see to, each in a line; `declared` are the schedules and sensors."""
    log = instance.log
    queued = queued_runs(log, log.position(DAEMON))
    daemon = daemon_at_work(instance)
    if queued and daemon is None:
        many = f"{len(queued)} runs wait" if len(queued) > 1 else "1 run waits"
        yield f"{many} and no daemon runs: {START}"
    code = _newest_code(log)
    if isinstance(code, CodeRejected) and daemon is not None:
        yield f"the daemon could not load the code as it is now: {error_text(code.error)}"
    if declared:
        on = Agenda(tick_facts(log)).turned_on()
        for tick in _failing(log, on & set(declared)):
            yield failing_text(tick)


def failing_text(tick: TickEvaluated) -> str:
    """Return how a schedule or a sensor fails, and who shows more, in a line."""
    kind, _, name = tick.name.partition("/")
    often = f" {tick.failures} times in a row" if tick.failures > 1 else ""
    return (
        f"{kind} {name} failed{often}: {error_text(tick.error)}; 'mlorch {kind} preview {name}' shows where"
    )


def error_text(error: Mapping[str, Any]) -> str:
    """Return what went wrong as one line."""
    message = str(error.get("message", "")).strip()
    return f"{error.get('type')}: {message.splitlines()[0] if message else ''}"


def why_waiting(instance: Instance, settings: Settings, run: RecordedRun | RunQueued) -> str:
    """Return what a run of the queue waits for, in a line."""
    daemon = daemon_at_work(instance)
    if daemon is None:
        return f"no daemon runs: {START}"
    living = instance.living()
    if any(one.startswith(f"{worker_of(run.run_id)}/") for one in living):
        return "it has a worker, which waits for whoever makes the same, or for slots"
    code = _newest_code(instance.log)
    if isinstance(code, CodeRejected) and not _has_loaded(instance.log, daemon.since):
        return f"the code does not load: {error_text(code.error)}"
    return Gate(instance, settings.limits, run.run_id).why_not(run.tags)


def _newest_code(log: EventLog) -> CodeLoaded | CodeRejected | None:
    found = log.read(kinds={CodeLoaded.kind, CodeRejected.kind}, newest_first=True, limit=1)
    return found[0].event if found else None  # type: ignore[return-value]


def _has_loaded(log: EventLog, since: float) -> bool:
    found = log.read(kinds={CodeLoaded.kind}, newest_first=True, limit=1)
    return bool(found) and found[0].event.at >= since


def _failing(log: EventLog, names: Collection[str]) -> Iterator[TickEvaluated]:
    for record in log.latest(TickEvaluated.kind).values():
        tick = record.event
        if isinstance(tick, TickEvaluated) and tick.status == "FAILURE" and tick.name in names:
            yield tick
