"""What people are told: which facts are worth a notice, and what it says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from mlorch.events import (
    BACKFILL_TAG,
    BackfillFinished,
    CodeRejected,
    DriftEvaluated,
    FreshnessChanged,
    RunFinished,
    RunStarted,
    StepFailed,
    TickEvaluated,
)
from mlorch.log import EventLog, Record, slot_name

_HEAD = 300
"""Characters of an error that a notice has; the rest is where it says to look."""

_STEPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that people should know."""

    id: str
    """The same whenever the same fact is told, and no other's."""
    kind: str
    """"failure", "drift" or "freshness"; "test" for one sent by hand."""
    at: float
    title: str
    """One line, beginning with the project."""
    text: str
    """For people, with what to type to see more."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """The same for programs."""


class Notifier(Protocol):
    """Brings notices to people, each at least once."""

    name: str
    """What people call it; the log keeps how far it came under this."""

    def send(self, notice: Notice) -> str:
        """Send one; return "" or, for people, what was refused for good.

        Raises ConnectionError where it should be sent again later. No secret is in any message.
        """


def notice_of(record: Record, log: EventLog, project: str) -> Notice | None:
    """Return what to tell of a fact, or None where nobody needs to know."""
    event = record.event
    found = _SAYING[event.kind](event, log) if event.kind in _SAYING else None
    if found is None:
        return None
    # A log may be made anew and count from 1 again; the time tells the old facts from the new ones.
    name = re.sub(r"[^A-Za-z0-9]+", "-", project).strip("-") or "project"
    lines = [line for line in (*found.lines, found.look and f"Look at it: {found.look}") if line]
    when = datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Notice(
        id=f"{name}-{record.seq}-{round(event.at * 1000)}",
        kind=found.kind,
        at=event.at,
        title=f"{project}: {found.title}",
        text="\n".join([*lines, "", f"{project}, {when}"]),
        fields={"project": project, **found.fields},
    )


class _Said(NamedTuple):
    kind: str
    title: str
    lines: tuple[str, ...]
    look: str
    fields: Mapping[str, str]


def _of_run(event: RunFinished, log: EventLog) -> _Said | None:
    """Of a run that failed; those of a backfill are told when it ends."""
    if event.status != "FAILURE":
        return None
    records = log.read(kinds=(RunStarted.kind, StepFailed.kind), run_id=event.run_id)
    started = next((one.event for one in records if isinstance(one.event, RunStarted)), None)
    if started is not None and BACKFILL_TAG in started.tags:
        return None
    job = started.job if started is not None else None
    short = event.run_id[:8]
    what = _several(started.partitions) if started is not None else ""
    name = f"job {job}{what}, run {short}" if job else f"run {short}{what}"
    steps = [one.event for one in records if isinstance(one.event, StepFailed)]
    more = f"and {len(steps) - _STEPS} more" if len(steps) > _STEPS else ""
    lines = (event.reason, _counted(event.counts), *(_of_step(one) for one in steps[:_STEPS]), more)
    fields = {"run_id": event.run_id, "job": job or "", "steps": ", ".join(one.step for one in steps)}
    which = f": {steps[0].step}{f' and {len(steps) - 1} more' if steps[1:] else ''}" if steps else ""
    return _Said("failure", f"{name} failed{which}", lines, f"mlorch runs show {short}", fields)


def _of_backfill(event: BackfillFinished, log: EventLog) -> _Said | None:
    if event.status != "FAILURE":
        return None
    short = event.run_id[:8]
    lines = (event.reason, _counted(event.counts))
    look = f"mlorch backfills show {short}"
    return _Said("failure", f"backfill {short} failed", lines, look, {"backfill": event.run_id})


def _of_tick(event: TickEvaluated, log: EventLog) -> _Said | None:
    """Of the first tick of a series that failed."""
    if event.status != "FAILURE" or event.failures > 1:
        return None
    kind, _, name = event.name.partition("/")
    look = f"mlorch {kind} preview {name}"
    fields = {kind: name, "tick": str(event.number)}
    lines = (
        _error(event.error),
        "It is tried again; the next notice of it follows when it failed anew after a success.",
    )
    return _Said("failure", f"{kind} {name} failed", lines, look, fields)


def _of_code(event: CodeRejected, log: EventLog) -> _Said:
    lines = (_error(event.error), "The daemon goes on with the definitions that it has.")
    return _Said("failure", "the definitions do not load", lines, "mlorch status --daemon", {})


def _of_drift(event: DriftEvaluated, log: EventLog) -> _Said | None:
    if event.verdict != "drift":
        return None
    slot = slot_name((event.asset, event.partition))
    against = _referred(event.reference)
    held = f"No run was asked for: {event.held}" if event.held else ""
    fields = {
        "asset": event.asset,
        "partition": event.partition or "",
        "columns": ", ".join(map(str, event.report.get("drifted") or ())),
        "sensor": event.sensor,
    }
    return _Said(
        "drift", f"{slot} drifted", (event.why, against, held), f"mlorch status {event.asset}", fields
    )


def _referred(reference: Mapping[str, Any]) -> str:
    """Return whose training data it was compared with, as far as the fact says so."""
    asset = reference.get("asset")
    if not asset:
        return ""
    return f"It was compared with what {slot_name((asset, reference.get('partition')))} learned from."


def _of_freshness(event: FreshnessChanged, log: EventLog) -> _Said | None:
    """Of an asset that is late, and of one that was late and is no more."""
    was_late = event.was in _LATE
    if event.state in _LATE:
        title = f"{event.asset} {_LATE[event.state]}"
    elif event.state == "PASS" and was_late:
        title = f"{event.asset} is fresh again"
    else:
        return None
    made = "It was never made."
    if event.made_at is not None:
        moment = datetime.fromtimestamp(event.made_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        made = f"It was last made at {moment}."
    wanted = f"Its policy: {event.policy}." if event.policy else ""
    fields = {"asset": event.asset, "state": event.state, "was": event.was}
    return _Said("freshness", title, (made, wanted), f"mlorch status {event.asset}", fields)


_LATE = {"WARN": "will soon be too old", "FAIL": "is too old"}


def _of_step(event: StepFailed) -> str:
    attempts = f" (attempt {event.attempt})" if event.attempt > 1 else ""
    return f"{event.step}{attempts}: {_error(event.error)}"


def _error(error: Mapping[str, Any]) -> str:
    kind, message = error.get("type") or "", error.get("message") or ""
    return _head(": ".join(str(part) for part in (kind, message) if part))


def _head(text: str) -> str:
    return text if len(text) <= _HEAD else f"{text[:_HEAD].rstrip()} …"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _several(partitions: tuple[str, ...]) -> str:
    """Return " [2013-02]", or how many there are."""
    if not partitions:
        return ""
    return f" [{partitions[0]}]" if len(partitions) == 1 else f" ({len(partitions)} partitions)"


_SAYING: Mapping[str, Callable[[Any, EventLog], _Said | None]] = {
    RunFinished.kind: _of_run,
    BackfillFinished.kind: _of_backfill,
    TickEvaluated.kind: _of_tick,
    CodeRejected.kind: _of_code,
    DriftEvaluated.kind: _of_drift,
    FreshnessChanged.kind: _of_freshness,
}

NOTICED = tuple(_SAYING)
"""The kinds of facts of which a notice may be made."""
