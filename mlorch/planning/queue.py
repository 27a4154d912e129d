"""The queue of runs: which wait, which go, and which may begin next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from mlorch.definitions.limits import Limits, priority_of
from mlorch.errors import UserError
from mlorch.events import (
    BACKFILL_TAG,
    BackfillFinished,
    BackfillStarted,
    RunFinished,
    RunQueued,
    RunStarted,
)
from mlorch.log import Record

OF_RUNS = frozenset(
    one.kind for one in (RunQueued, RunStarted, RunFinished, BackfillStarted, BackfillFinished)
)
"""The kinds of facts that the queue is made of."""


class RunQueue:
    """The runs that wait or go, by what the log says of them."""

    def __init__(self) -> None:
        self.waiting: dict[str, RunQueued] = {}
        """Runs and backfills that were asked for and have not begun, oldest first."""
        self.going: dict[str, RunStarted | BackfillStarted] = {}
        """Runs and backfills that have begun and not ended, oldest first."""
        self.asked: set[str] = set()
        """Those of them that were in the queue."""
        self._numbers: dict[str, int] = {}

    def learn(self, record: Record) -> None:
        """Take note of a fact; others than those of OF_RUNS say nothing."""
        fact = record.event
        if isinstance(fact, RunQueued):
            self.waiting[fact.run_id] = fact
            self.asked.add(fact.run_id)
            self._numbers.setdefault(fact.run_id, record.seq)
        elif isinstance(fact, RunStarted | BackfillStarted):
            self.waiting.pop(fact.run_id, None)
            self.going[fact.run_id] = fact
            self._numbers.setdefault(fact.run_id, record.seq)
        elif isinstance(fact, RunFinished | BackfillFinished):
            self.waiting.pop(fact.run_id, None)
            self.going.pop(fact.run_id, None)
            self.asked.discard(fact.run_id)
            self._numbers.pop(fact.run_id, None)

    def settled(self, seq: int) -> int:
        """Return the number up to which no fact says anything of a run that waits or goes; at most `seq`."""
        return min([seq, *(number - 1 for number in self._numbers.values())])

    def next_runs(
        self, limits: Limits, held: Mapping[str, int], room: int, beginning: Collection[str] = ()
    ) -> Iterator[RunQueued]:
        """Yield the runs that may begin, the urgent ones first, then those that wait longest.

        `held` counts by limit the slots that are taken, `room` is how many runs may begin at all; those that
        are `beginning` have a worker already.
        """
        taken = Counter(held)
        for run in sorted(self.waiting.values(), key=lambda one: -_priority(one)):
            slots = limits.of_run(run.tags) if not run.is_backfill else {}
            if run.run_id in beginning:
                taken.update(slots.keys())
            elif room > 0 and all(taken[name] < size for name, size in slots.items()):
                taken.update(slots.keys())
                room -= 1
                yield run


def is_alive(run: RunStarted | BackfillStarted, living: Collection[str]) -> bool:
    """Tell whether the process of a run lives; a run of a backfill is carried out by that of the backfill."""
    return run.run_id in living or run.tags.get(BACKFILL_TAG) in living


def _priority(run: RunQueued) -> int:
    try:
        return priority_of(run.tags)
    except UserError:
        # It fails as it begins, and says so.
        return 0
