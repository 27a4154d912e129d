"""What came of a run, as the log says when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from mlorch.events import (
    AssetMaterialized,
    AssetObserved,
    CheckEvaluated,
    Event,
    RunFinished,
    RunStarted,
    StepFailed,
    StepSkipped,
    StepSucceeded,
)
from mlorch.log import EventLog, slot_name

Fact = TypeVar("Fact", bound=Event)

_NAMED = 6

_KINDS = tuple(
    one.kind
    for one in (AssetMaterialized, AssetObserved, CheckEvaluated, StepFailed, StepSkipped, StepSucceeded)
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run made, saw, checked, and what it did not make."""

    run: RunStarted
    end: RunFinished
    made: Sequence[AssetMaterialized] = ()
    observed: Sequence[AssetObserved] = ()
    checks: Sequence[CheckEvaluated] = ()
    failed: Sequence[StepFailed] = ()
    skipped: Sequence[StepSkipped] = ()
    succeeded: Sequence[StepSucceeded] = ()
    urls: Mapping[str, str] = field(default_factory=dict)
    """The page of each materialization by its id."""

    @property
    def failed_checks(self) -> list[CheckEvaluated]:
        return [one for one in self.checks if not one.passed]

    @property
    def ops(self) -> list[StepSucceeded]:
        """The steps that are told by no other fact: they neither observed nor checked anything."""
        told = {one.asset for one in self.observed} | {one.step for one in self.checks}
        return [one for one in self.succeeded if one.step not in told]


def outcome_of(run: RunStarted, end: RunFinished, log: EventLog) -> Outcome:
    """Return what the log says of a run; without the pages of what it made."""
    events = [record.event for record in log.read(kinds=_KINDS, run_id=run.run_id)]
    return Outcome(
        run,
        end,
        _those(AssetMaterialized, events),
        _those(AssetObserved, events),
        _those(CheckEvaluated, events),
        _those(StepFailed, events),
        _those(StepSkipped, events),
        _those(StepSucceeded, events),
    )


def failure_name(one: StepFailed) -> str:
    """Return the step, with what it was to make where its name does not say so."""
    slots = [slot_name(slot) for slot in one.slots]
    if not slots or slots == [one.step]:
        return one.step
    more = f" and {len(slots) - _NAMED:,} more" if len(slots) > _NAMED else ""
    return f"{one.step} ({', '.join(slots[:_NAMED])}{more})"


def _those(kind: type[Fact], events: Sequence[Event]) -> list[Fact]:
    return [one for one in events if isinstance(one, kind)]
