"""What retention removes, decided by what the log says: old runs, logs, ticks and superseded values.

Times are seconds since the epoch, UTC; periods are seconds, None for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from mlorch.definitions.tags import PARENT, ROOT, tag_of
from mlorch.events import (
    BACKFILL_TAG,
    AssetMaterialized,
    AssetObserved,
    BackfillFinished,
    BackfillStarted,
    CheckEvaluated,
    Event,
    RetentionApplied,
    RunFinished,
    RunQueued,
    RunStarted,
    StepFailed,
    StepSucceeded,
    TickEvaluated,
)
from mlorch.log import Record, Slot
from mlorch.planning.once import is_schedule, tick

NAMES = 30 * 86_400.0
"""Seconds for which the name of a sensor's tick is kept after the next tick, in case that the machine which
evaluates it sleeps: whoever wakes up later may not record it a second time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """How long things are kept."""

    runs: float | None = None
    logs: float | None = None
    ticks: float | None = None
    values: float | None = None

    @property
    def kinds(self) -> set[str]:
        """The kinds of facts that have to be learned to decide."""
        found = {TickEvaluated.kind, RetentionApplied.kind}
        if (self.runs, self.logs, self.values) != (None, None, None):
            found |= {one.kind for one in _OF_RUNS}
        if (self.runs, self.values) != (None, None):
            found |= {one.kind for one in _OF_ASSETS}
        return found


class Told(NamedTuple):
    """How far somebody is who is told what happens, and of which kinds of facts."""

    position: int
    kinds: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What goes."""

    runs: tuple[str, ...] = ()
    """Runs and backfills whose facts go, all of them."""
    logs: tuple[str, ...] = ()
    """Other runs of which goes what their steps wrote."""
    facts: tuple[int, ...] = ()
    """Numbers of facts that go by themselves: ticks, and observations outside of runs."""
    values: frozenset[str] = frozenset()
    """The hashes of the versions whose bytes go."""
    outputs: tuple[str, ...] = ()
    """Runs of which the outputs go that their ops passed on."""
    names_before: int = 0
    """The names of sensors' ticks that were used up to this number go, but for those in `names_kept`."""
    names_kept: frozenset[str] = frozenset()
    runs_before: float | None = None
    values_before: float | None = None


class Retention:
    """Learns the facts of the kinds that its periods need, in their order, and decides what goes.

    `settled` is how far the daemon is done with the queue, `living` are the runs that hold leases.
    """

    def __init__(
        self,
        periods: Periods,
        now: float,
        *,
        told: Iterable[Told] = (),
        settled: int = 0,
        living: Collection[str] = (),
    ) -> None:
        self.seen = 0
        """The number of the last fact that was learned."""
        self._periods = periods
        self._now = now
        self._told = list(told)
        self._settled = settled
        self._living = living
        self._runs: dict[str, _Run] = {}
        self._joined: dict[str, str] = {}
        self._made: dict[int, _Made] = {}
        self._observed: dict[int, _Observed] = {}
        self._latest: dict[tuple[str, Slot], int] = {}
        self._failed: dict[Slot, tuple[int, str]] = {}
        self._checked: dict[tuple[str, str, str | None], str] = {}
        self._ticks: dict[int, _Tick] = {}
        self._last_ticks: dict[str, int] = {}
        self._applied: list[int] = []
        self._old = 0

    def learn(self, record: Record) -> None:
        """Take note of a fact."""
        seq, fact = record
        self.seen = seq
        is_untold = any(seq > one.position and fact.kind in one.kinds for one in self._told)
        if fact.at < self._now - NAMES:
            self._old = seq
        if isinstance(fact, TickEvaluated):
            self._ticks[seq] = _Tick(fact.at, fact.name, fact.number, fact.runs, is_untold)
            if not fact.is_belated:
                self._last_ticks[fact.name] = seq
        elif isinstance(fact, RetentionApplied):
            self._applied.append(seq)
        elif isinstance(fact, AssetObserved) and fact.run_id is None:
            self._learn_asset(seq, fact, is_untold)
        elif fact.run_id is not None:
            self._learn_run(seq, fact, is_untold)
            self._learn_asset(seq, fact, is_untold)

    def decide(
        self, registered: Collection[str] = (), captured: Collection[str] = (), left: Collection[str] = ()
    ) -> Removal:
        """Return what goes.

        `registered` are the ids of materializations that are in a model registry, `captured` the runs of
        which there is what their steps wrote, `left` hashes of bytes that were to go already.
        """
        kept = self._provenance(registered)
        runs_before, values_before = self._before(self._periods.runs), self._before(self._periods.values)
        runs = self._old_runs(kept, runs_before)
        closed = self._closed(self._before(self._periods.logs))
        going, outputs = self._old_values(kept, runs, values_before, left)
        names = (
            tick(self._ticks[seq].name, self._ticks[seq].number, 0.0)
            for name, seq in self._last_ticks.items()
            if not is_schedule(name)
        )
        return Removal(
            runs=tuple(runs),
            logs=tuple(sorted(one for one in captured if one in closed and one not in runs)),
            facts=tuple(sorted(self._alone(kept, runs, runs_before))),
            values=frozenset(going),
            outputs=tuple(outputs),
            names_before=self._old if self._periods.ticks is not None else 0,
            names_kept=frozenset(names),
            runs_before=runs_before,
            values_before=values_before,
        )

    def _learn_run(self, seq: int, fact: Event, is_untold: bool) -> None:
        run_id = fact.run_id or ""
        run = self._runs.setdefault(run_id, _Run(fact.at))
        run.last, run.number = fact.at, seq
        run.is_untold = run.is_untold or is_untold
        if isinstance(fact, RunQueued):
            run.is_open = run.is_queued = True
            self._join(run_id, fact.retries)
        elif isinstance(fact, RunStarted | BackfillStarted):
            run.is_open = True
            for name in (BACKFILL_TAG, ROOT, PARENT):
                self._join(run_id, tag_of(fact.tags, name))
        elif isinstance(fact, RunFinished | BackfillFinished):
            run.is_open = False
        elif isinstance(fact, StepSucceeded):
            run.outputs.extend(one["content_hash"] for one in fact.outputs if one.get("content_hash"))

    def _learn_asset(self, seq: int, fact: Event, is_untold: bool) -> None:
        if isinstance(fact, AssetMaterialized):
            slot = fact.asset, fact.partition
            before = self._latest.get((fact.kind, slot))
            if before is not None:
                self._made[before].superseded = fact.at
            inputs = tuple(one.seq for one in fact.inputs if one.seq is not None)
            self._made[seq] = _Made(
                fact.run_id, fact.materialization_id, fact.content_hash, inputs, is_untold
            )
            self._latest[fact.kind, slot] = seq
        elif isinstance(fact, AssetObserved):
            self._observed[seq] = _Observed(fact.at, fact.run_id, is_untold)
            self._latest[fact.kind, (fact.asset, fact.partition)] = seq
        elif isinstance(fact, StepFailed):
            self._failed.update((slot, (seq, fact.run_id)) for slot in fact.failed)
        elif isinstance(fact, CheckEvaluated):
            self._checked[fact.asset, fact.check, fact.partition] = fact.run_id

    def _join(self, run_id: str, other: str | None) -> None:
        """Note that two runs go together, as a run and its retry do."""
        if other is not None and (one := self._root(run_id)) != (root := self._root(other)):
            self._joined[one] = root

    def _root(self, run_id: str) -> str:
        while (other := self._joined.get(run_id)) is not None:
            # Shortened on the way: every other step is left out the next time.
            if (further := self._joined.get(other)) is not None:
                self._joined[run_id] = further
            run_id = other
        return run_id

    def _before(self, period: float | None) -> float | None:
        """Return the time before which what is old is too old: what a living run may read is never."""
        if period is None:
            return None
        living = (self._runs[one].began for one in self._living if one in self._runs)
        return min([self._now - period, *living])

    def _provenance(self, registered: Collection[str]) -> set[int]:
        """Return the numbers of what stays, and of all that it came from."""
        names = set(registered)
        waiting = [*self._latest.values()]
        waiting += [seq for seq, one in self._made.items() if one.name in names]
        kept: set[int] = set()
        while waiting:
            seq = waiting.pop()
            if seq not in kept:
                kept.add(seq)
                waiting.extend(self._made[seq].inputs if seq in self._made else ())
        return kept

    def _old_runs(self, kept: Collection[int], before: float | None) -> dict[str, None]:
        if before is None:
            return {}
        staying = {one.run_id for seq, one in self._made.items() if seq in kept}
        staying |= {one.run_id or "" for seq, one in self._observed.items() if seq in kept}
        staying |= set(self._checked.values())
        made = AssetMaterialized.kind
        for slot, (seq, run_id) in self._failed.items():
            if self._latest.get((made, slot), 0) < seq:
                staying.add(run_id)
        for run_id, run in self._runs.items():
            is_unsettled = run.is_queued and run.number > self._settled
            if run.is_open or run.is_untold or is_unsettled or run.last >= before:
                staying.add(run_id)
        groups = {self._root(one) for one in (*staying, *self._living)}
        return {one: None for one in self._runs if self._root(one) not in groups}

    def _closed(self, before: float | None) -> set[str]:
        """Return the runs that ended before a time, as did all that go together with them."""
        if before is None:
            return set()
        groups = {
            self._root(run_id) for run_id, run in self._runs.items() if run.is_open or run.last >= before
        }
        groups |= {self._root(one) for one in self._living}
        return {one for one in self._runs if self._root(one) not in groups}

    def _old_values(
        self, kept: Collection[int], runs: Collection[str], before: float | None, left: Collection[str]
    ) -> tuple[set[str], list[str]]:
        """Return the hashes of which no fact is left that needs the bytes, and runs whose outputs go."""
        closed = self._closed(before)
        going = set(left)
        staying: set[str] = set()
        for seq, made in self._made.items():
            is_old = (
                before is not None
                and made.superseded is not None
                and made.superseded < before
                and made.run_id in closed
                and seq not in kept
                and not made.is_untold
            )
            if made.digest is not None:
                (going if is_old or made.run_id in runs else staying).add(made.digest)
        outputs = []
        for run_id, run in self._runs.items():
            if run.outputs and (run_id in runs or run_id in closed):
                outputs.append(run_id)
                going.update(run.outputs)
            else:
                staying.update(run.outputs)
        return going - staying, outputs

    def _alone(self, kept: Collection[int], runs: Collection[str], before: float | None) -> Iterator[int]:
        yield from self._applied[:-1]
        last = set(self._last_ticks.values())
        ticks_before = self._before(self._periods.ticks)
        for seq, one in self._ticks.items():
            is_idle = not one.runs and not is_schedule(one.name)
            is_old = is_idle and ticks_before is not None and one.at < ticks_before
            if before is not None and one.at < before and self._are_gone(one.runs, runs):
                is_old = True
            if is_old and seq not in last and not one.is_untold:
                yield seq
        for seq, seen in self._observed.items() if before is not None else ():
            is_alone = seen.run_id is None and not seen.is_untold
            if is_alone and seen.at < (before or 0.0) and seq not in kept:
                yield seq

    def _are_gone(self, asked: Iterable[str], runs: Collection[str]) -> bool:
        return all(one in runs or one not in self._runs for one in asked)


_OF_RUNS = (RunQueued, RunStarted, RunFinished, BackfillStarted, BackfillFinished)
_OF_ASSETS = (AssetMaterialized, AssetObserved, CheckEvaluated, StepFailed, StepSucceeded)


@dataclass(slots=True)
class _Run:
    """A run or a backfill, or what was reported under an id without one."""

    began: float
    last: float = 0.0
    number: int = 0
    is_open: bool = False
    is_queued: bool = False
    is_untold: bool = False
    outputs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Made:
    run_id: str
    name: str
    digest: str | None
    inputs: tuple[int, ...]
    is_untold: bool
    superseded: float | None = None


class _Observed(NamedTuple):
    at: float
    run_id: str | None
    is_untold: bool


class _Tick(NamedTuple):
    at: float
    name: str
    number: int
    runs: tuple[str, ...]
    is_untold: bool
