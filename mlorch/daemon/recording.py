"""What ticks came to, recorded: each with its cursor and the runs that it asked for, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlorch.app.materializing import new_run_id
from mlorch.errors import AlreadyDoneError
from mlorch.events import Event, RunQueued, TickEvaluated
from mlorch.log import EventLog, Record
from mlorch.planning import once
from mlorch.planning.agenda import GRACE, Agenda, TickState
from mlorch.planning.ticks import RunAsked, TickAsked, TickOutcome


@dataclass(frozen=True, slots=True)
class Recorded:
    """The facts of one tick, and what can't happen again once they are recorded."""

    facts: tuple[Event, ...]
    names: tuple[str, ...]


def record(
    log: EventLog,
    outcomes: Sequence[TickOutcome],
    states: Mapping[str, TickState],
    now: float,
    project: str,
    *,
    learn: Callable[[Sequence[Record]], None] = lambda _: None,
) -> list[TickOutcome]:
    """Record the outcomes in one transaction; return those that another daemon had recorded before.

    `learn` is told what was recorded, under the numbers that the log gave.

    A run whose key had a run before is not asked for again. Raises StorageError where the log can't be
    written; whether the outcomes were recorded, a second call finds out.
    """
    left: dict[str, TickOutcome] = {}
    before: list[TickOutcome] = []
    for one in outcomes:
        tick = _tick(one)
        if tick in left:
            before.append(one)
        else:
            left[tick] = one
    while left:
        keys = [_key(one, run) for one in left.values() for run in one.runs if run.run_key is not None]
        used = log.used(keys) if keys else set()
        found = [
            _recorded(tick, one, states[one.name], used, now=now, project=project)
            for tick, one in left.items()
        ]
        try:
            facts = [fact for one in found for fact in one.facts]
            numbers = log.append(facts, once=[name for one in found for name in one.names])
            learn(list(map(Record, numbers, facts)))
            break
        except AlreadyDoneError as error:
            # Ticks that another daemon was faster with go; of keys that have become used, the runs do.
            before += [left.pop(name) for name in error.names if name in left]
    return before


def unrecorded(log: EventLog, agenda: Agenda, due: list[TickAsked], now: float) -> list[TickAsked]:
    """Return the ticks that were not recorded before the clock was set back, or by hand; pass the others."""
    doubtful = [one for one in due if agenda.has_been(one) or now - one.due > GRACE]
    if not doubtful:
        return due
    used = log.used([_tick(one) for one in doubtful])
    found: list[TickAsked] = []
    for one in due:
        if _tick(one) in used:
            agenda.passed(one)
        else:
            found.append(one)
    return found


def _recorded(
    tick: str, outcome: TickOutcome, state: TickState, used: Iterable[str], *, now: float, project: str
) -> Recorded:
    name, last = outcome.name, state.last
    runs: list[RunQueued] = []
    names = {tick: None}
    repeated: list[str] = []
    for asked in outcome.runs:
        if asked.run_key is not None:
            key = _key(outcome, asked)
            if key in used or key in names:
                repeated.append(asked.run_key)
                continue
            names[key] = None
        runs.append(_queued(outcome, asked, now, project))
    status, reason = outcome.status, outcome.reason
    if outcome.runs and not runs and status == "SUCCESS":
        status, reason = "SKIPPED", f"there was a run for {', '.join(repeated[:5])} before"
    keys = [one.run_key for one in outcome.runs if one.run_key is not None]
    fact = TickEvaluated(
        at=now,
        name=name,
        number=outcome.number,
        status=status,
        due=outcome.due if once.is_schedule(name) else None,
        reason=reason,
        error=outcome.error,
        cursor=outcome.cursor,
        runs=tuple(one.run_id for one in runs),
        run_keys=tuple(dict.fromkeys(repeated)),
        last_run_key=keys[-1] if keys else (last.last_run_key if last is not None else None),
        failures=(last.failures if last is not None else 0) + 1 if status == "FAILURE" else 0,
        seconds=outcome.seconds,
    )
    return Recorded((*outcome.facts, fact, *runs), tuple(names))


def _tick(one: TickAsked | TickOutcome) -> str:
    return once.tick(one.name, one.number, one.due)


def _key(outcome: TickOutcome, asked: RunAsked) -> str:
    return once.run_key(outcome.name, outcome.due, asked.run_key or "")


def _queued(outcome: TickOutcome, asked: RunAsked, now: float, project: str) -> RunQueued:
    kind, _, name = outcome.name.partition("/")
    return RunQueued(
        run_id=new_run_id(),
        at=now,
        job=asked.job,
        selection=asked.selection,
        partition=asked.partition,
        partitions=asked.partitions,
        checks=asked.checks,
        only=asked.only,
        tags=dict(asked.tags),
        config=dict(asked.config),
        is_backfill=asked.is_backfill,
        project=project,
        source={kind: name, "tick": outcome.number, **({"run_key": asked.run_key} if asked.run_key else {})},
    )
