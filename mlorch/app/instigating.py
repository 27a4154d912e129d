"""The verbs about schedules and sensors: list them, turn them on and off, ask one, set a cursor."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlorch.app.canceling import whoever
from mlorch.app.ticking import evaluate, instigators
from mlorch.definitions.definitions import Definitions
from mlorch.errors import AlreadyDoneError, InvalidSelectionError, UserError, nearest
from mlorch.events import Event, InstigatorStarted, InstigatorStopped, TickEvaluated, to_fields
from mlorch.instance import Instance
from mlorch.log import EventLog
from mlorch.planning import once
from mlorch.planning.agenda import Agenda, TickState, next_tick, ticks_between
from mlorch.planning.ticks import Instigator, TickAsked, TickOutcome

Kind = Literal["schedule", "sensor"]

MOST = 10_000
"""Ticks that are made up for at once, at most."""


@dataclass(frozen=True, slots=True)
class InstigatorView:
    """One schedule or sensor as people look at it; `now` is in seconds since the epoch."""

    declared: Instigator
    state: TickState
    now: float

    @property
    def name(self) -> str:
        return self.declared.name.partition("/")[2]

    @property
    def is_on(self) -> bool:
        return self.state.is_on(self.declared)

    @property
    def is_as_declared(self) -> bool:
        """Tell whether its declaration turned it on or off, and not somebody by hand."""
        return self.state.turned is None or self.state.turned.is_declared

    @property
    def next_at(self) -> float | None:
        return next_tick(self.declared, self.state, self.now)

    def as_json(self) -> dict[str, Any]:
        one, last = self.declared, self.state.last
        timing: dict[str, Any] = {"interval_seconds": one.interval}
        if one.crons:
            timing = {"cron": list(one.crons), "timezone": one.timezone, "catchup": one.catchup}
        return {
            "name": self.name,
            "status": "RUNNING" if self.is_on else "STOPPED",
            "as_declared": self.is_as_declared,
            **timing,
            "jobs": list(one.jobs),
            "description": one.description,
            "last_tick": to_fields(last) if last is not None else None,
            "next_tick": self.next_at,
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """What a tick would come to; nothing of it was recorded."""

    outcome: TickOutcome
    repeated: frozenset[str]
    """The run keys for which there was a run before, so that there would be no other."""


def tick_facts(log: EventLog) -> Iterator[Event]:
    """Yield what the log says of schedules and sensors: who turned them on or off, and their last ticks."""
    for turned in log.read(kinds={InstigatorStarted.kind, InstigatorStopped.kind}):
        yield turned.event
    for last in log.latest(TickEvaluated.kind).values():
        yield last.event


def instigator_views(definitions: Definitions, log: EventLog, kind: Kind) -> list[InstigatorView]:
    """Return the schedules, or the sensors, in the order in which they are declared."""
    agenda, now = Agenda(tick_facts(log)), time.time()
    found = [one for one in instigators(definitions) if once.is_schedule(one.name) == (kind == "schedule")]
    return [InstigatorView(one, agenda.state_of(one.name), now) for one in found]


def find_instigators(
    definitions: Definitions, log: EventLog, kind: Kind, names: Sequence[str], *, every: bool = False
) -> list[InstigatorView]:
    """Return those of these names, or all. Raises InvalidSelectionError for a name that is not declared."""
    if bool(names) == every:
        raise UserError(f"name the {kind}s, or give --all")
    known = {one.name: one for one in instigator_views(definitions, log, kind)}
    for name in names:
        if name not in known:
            raise InvalidSelectionError(f"there is no {kind} {name!r}{nearest(name, known)}")
    return [known[name] for name in dict.fromkeys(names)] if names else list(known.values())


def turn(log: EventLog, found: Iterable[InstigatorView], wanted: bool | None) -> list[InstigatorView]:
    """Turn schedules or sensors on or off, or by None as they are declared; return how they are then.

    Those that are so already stay as they are: a schedule that goes keeps the ticks that it missed.
    """
    facts: list[Event] = []
    after: list[InstigatorView] = []
    for one in found:
        fact = _turned(one, wanted)
        state = one.state
        if fact is not None:
            facts.append(fact)
            state = TickState(fact, one.state.last)
        after.append(InstigatorView(one.declared, state, one.now))
    if facts:
        log.append(facts)
    return after


def preview(
    definitions: Definitions,
    instance: Instance,
    found: InstigatorView,
    *,
    due: float | None = None,
    cursor: str | None = None,
) -> Preview:
    """Ask a schedule or sensor what it would run, and record nothing.

    A schedule is asked for the tick at `due`, by default its next; a sensor for now, with `cursor` or else
    its own.
    """
    one, last = found.declared, found.state.last
    if due is None:
        on = TickState(InstigatorStarted(at=found.now, name=one.name))
        due = (next_tick(one, on, found.now) if one.crons else None) or found.now
    asked = TickAsked(
        name=one.name,
        number=found.state.number + 1,
        due=due,
        cursor=cursor if cursor is not None or last is None else last.cursor,
        last_run_key=last.last_run_key if last is not None else None,
        last_completed_at=last.at if last is not None else None,
        started_at=found.state.since,
    )
    outcome = evaluate(definitions, instance, asked)
    keys = {once.run_key(one.name, due, run.run_key): run.run_key for run in outcome.runs if run.run_key}
    used = instance.log.used(keys) if keys else ()
    return Preview(outcome, frozenset(keys[name] for name in used))


def missed_ticks(
    log: EventLog, found: InstigatorView, since: float | None, until: float | None
) -> list[float]:
    """Return when a schedule was due from `since` to `until` and was not asked, oldest first.

    By default that is since it was turned on, and until now. Raises UserError where that is not known, for
    a time to come, and for more than MOST ticks.
    """
    one = found.declared
    since = found.state.since if since is None else since
    if since is None:
        raise UserError(f"{one.name} was not turned on yet; say from when on its ticks are missed: --since")
    if until is not None and until > found.now:
        raise UserError("--until is a time to come; what is due then is not missed yet")
    ticks = ticks_between(one, since, found.now if until is None else until)
    if len(ticks) > MOST:
        raise UserError(
            f"{one.name} was due {len(ticks):,} times since then; make up for at most {MOST:,} at once, "
            "with --since and --until"
        )
    names = {once.tick(one.name, 0, due): due for due in ticks}
    used = log.used(names) if names else set()
    return [due for name, due in names.items() if name not in used]


def set_cursor(log: EventLog, found: InstigatorView, cursor: str | None) -> None:
    """Have a sensor go on from a cursor. It counts as a tick: one that is evaluated meanwhile is dropped."""
    state = found.state
    while True:
        last = state.last
        fact = TickEvaluated(
            at=time.time(),
            name=found.declared.name,
            number=state.number + 1,
            status="SKIPPED",
            reason=f"the cursor was set by {whoever()}",
            cursor=cursor,
            last_run_key=last.last_run_key if last is not None else None,
        )
        try:
            log.append([fact], once=[once.tick(fact.name, fact.number, fact.at)])
            return
        except AlreadyDoneError:
            newest = log.latest(TickEvaluated.kind, slots=[(fact.name, None)])
            state = TickState(state.turned, next(iter(newest.values())).event)  # type: ignore[arg-type]


def _turned(one: InstigatorView, wanted: bool | None) -> InstigatorStarted | InstigatorStopped | None:
    """Return the fact that turns one on or off; None where it is so already."""
    is_on = one.declared.is_running if wanted is None else wanted
    if one.is_as_declared if wanted is None else one.is_on == wanted:
        return None
    name, is_declared = one.declared.name, wanted is None
    if not is_on:
        return InstigatorStopped(at=one.now, name=name, is_declared=is_declared)
    timetable = one.declared.timetable
    return InstigatorStarted(at=one.now, name=name, is_declared=is_declared, timetable=timetable)
