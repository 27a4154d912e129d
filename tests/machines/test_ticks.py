"""Whatever happens to daemons, code and clock: each tick comes to one thing, and each run is asked for once.

One or two daemons work over one log: late, cut off from it, or killed between any two pieces of a turn.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from mlorch.app.instigating import tick_facts
from mlorch.app.ticking import evaluate
from mlorch.daemon.recording import record, unrecorded
from mlorch.errors import StorageError
from mlorch.events import (
    InstigatorStarted,
    InstigatorStopped,
    PartitionsAdded,
    RunQueued,
    TickEvaluated,
)
from mlorch.instance import Instance
from mlorch.iomanagers.memory import MemoryStore
from mlorch.log import EventLog, MemoryLog
from mlorch.planning import once
from mlorch.planning.agenda import Agenda, TickState, ticks_between
from mlorch.planning.ticks import Instigator, RunAsked, TickAsked, TickOutcome
from mlorch.storage.sql import open_log
from tests.machines.ticking import (
    DAYS,
    FIXED,
    HOUR,
    NOON,
    Daemon,
    Line,
    cursor_of,
    name_of,
    promised_of,
    skipped,
)

CHANGING = ["schedule/x", "schedule/y", "sensor/z"]

NAMES = [*(one.name for one in FIXED), *CHANGING]

KEYS = st.lists(st.sampled_from([None, "a", "b", "c"]), max_size=3)


class Ticks(RuleBasedStateMachine):
    def __init__(self, log: EventLog | None = None) -> None:
        super().__init__()
        self.log = log or MemoryLog()
        self.line = Line(self.log)
        self.now = NOON + 7.0
        self.is_steady = True
        self.declared = list(FIXED)
        self.daemons: list[Daemon] = []
        self.offered: set[tuple[str, float]] = set()

    @initialize(number=st.integers(1, 2))
    def daemons_start(self, number: int) -> None:
        for _ in range(number):
            self.daemons.append(self.started())

    # What happens around the daemons

    @rule(seconds=st.sampled_from([0.5, 29.0, 61.0, 601.0, HOUR, 5 * HOUR, 26 * HOUR]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(seconds=st.sampled_from([90.0, 2 * HOUR]))
    def the_clock_is_set_back(self, seconds: float) -> None:
        self.is_steady = False
        self.now -= seconds
        for one in self.daemons:
            one.load(self.declared, self.now)

    @rule(
        name=st.sampled_from(CHANGING),
        crons=st.sampled_from([(), ("0 * * * *",), ("*/20 * * * *", "0 6 * * *")]),
        interval=st.sampled_from([30.0, 60.0]),
        catchup=st.sampled_from(["all", "latest", "none"]),
        is_running=st.booleans(),
    )
    def the_code_changes(
        self, name: str, crons: tuple[str, ...], interval: float, catchup: str, is_running: bool
    ) -> None:
        """No crons take a schedule out of the code."""
        self.declared = [one for one in self.declared if one.name != name]
        if crons or not once.is_schedule(name):
            is_schedule = once.is_schedule(name)
            self.declared.append(
                Instigator(
                    name=name,
                    crons=crons if is_schedule else (),
                    interval=interval,
                    catchup=catchup,
                    is_running=is_running,
                )
            )
        for one in self.daemons:
            with suppress(StorageError):
                one.read()
            one.load(self.declared, self.now)

    @rule(name=st.sampled_from(NAMES), is_on=st.booleans())
    def somebody_turns_one_on_or_off(self, name: str, is_on: bool) -> None:
        kind = InstigatorStarted if is_on else InstigatorStopped
        self.log.append([kind(at=self.now, name=name)])

    @rule(which=st.integers(0, 50))
    def somebody_makes_up_for_a_tick(self, which: int) -> None:
        one = next(one for one in self.declared if one.name == "schedule/all")
        dues = ticks_between(one, self.now - 48 * HOUR, self.now)
        outcome = TickOutcome(
            name=one.name,
            number=0,
            due=dues[which % len(dues)],
            status="SUCCESS",
            runs=(RunAsked(run_key="a"),),
        )
        record(self.log, [outcome], {one.name: TickState()}, self.now, "tried")

    @rule(fault=st.sampled_from(["before", "after"]))
    def the_line_breaks(self, fault: str) -> None:
        self.line.break_once(fault)

    # What daemons do, and what happens to them

    @rule(which=st.integers(0, 1))
    def one_reads(self, which: int) -> None:
        self.tried(lambda: self.daemon(which).read())

    @rule(which=st.integers(0, 1))
    def one_gives_out_what_is_due(self, which: int) -> None:
        self.tried(lambda: self.given(self.daemon(which)))

    @rule(which=st.integers(0, 1), data=st.data())
    def its_evaluators_answer(self, which: int, data: Any) -> None:
        self.daemon(which).answer(lambda asked: self.outcome(asked, data))

    @rule(which=st.integers(0, 1))
    def its_evaluators_die(self, which: int) -> None:
        self.daemon(which).lose_evaluators()

    @rule(which=st.integers(0, 1))
    def one_records(self, which: int) -> None:
        self.tried(lambda: self.daemon(which).record(self.now))

    @rule(which=st.integers(0, 1), data=st.data())
    def one_does_all_of_that(self, which: int, data: Any) -> None:
        self.its_evaluators_answer(which, data)
        self.one_records(which)
        one = self.daemon(which)

        def look() -> None:
            one.read()
            before = set(self.offered)
            asked = self.given(one)
            turned = self.turned()
            for tick in asked:
                if (tick.name, tick.due) not in before and once.is_schedule(tick.name) and self.is_steady:
                    since = turned[tick.name]
                    assert since is not None, f"{tick.name} was turned off"
                    assert tick.due > since, f"{tick.name} was not turned on yet"

        self.tried(look)

    @rule(which=st.integers(0, 1))
    def one_is_killed_and_started_again(self, which: int) -> None:
        self.daemon(which).close()
        self.daemons[which % len(self.daemons)] = self.started()

    # What has to be so

    @invariant()
    def nothing_happens_twice(self) -> None:
        ticks, queued = self.ticks(), self.queued()
        names = Counter(once.tick(one.name, one.number, one.due or 0.0) for one in ticks)
        assert set(names.values()) <= {1}
        asked = [run_id for one in ticks for run_id in one.runs]
        assert sorted(asked) == sorted(one.run_id for one in queued)
        dues = {run_id: one.due or 0.0 for one in ticks for run_id in one.runs}
        keys = Counter(
            once.run_key(name_of(one), dues[one.run_id], str(one.source["run_key"]))
            for one in queued
            if "run_key" in one.source
        )
        assert set(keys.values()) <= {1}

    def teardown(self) -> None:
        try:
            if self.daemons:
                self.settle(self.daemons[0])
                self.check_sensors()
                if self.is_steady:
                    self.check_schedules()
                    self.check_partitions()
                    self.check_that_a_new_agenda_agrees(self.daemons[0].ticking.agenda)
        finally:
            for one in self.daemons:
                one.close()

    def settle(self, one: Daemon) -> None:
        """Let one daemon do all that is due."""
        self.line.mend()
        # Ticks that failed are tried again by then.
        for _ in range(3):
            self.now += 45.0
            rounds = 0
            while one.asked() or one.ticking.agenda.next_at() <= self.now or one.ticking.is_busy:
                rounds += 1
                assert rounds < 3_000, "it never becomes quiet"
                one.answer(skipped)
                one.record(self.now)
                one.read()
                self.given(one)

    def check_sensors(self) -> None:
        """Sensors go on from the cursor of the last tick that did not fail."""
        by_name: dict[str, list[TickEvaluated]] = defaultdict(list)
        for one in self.ticks():
            if not once.is_schedule(one.name):
                by_name[one.name].append(one)
        for name, ticks in by_name.items():
            cursor, failures = None, 0
            for number, one in enumerate(ticks, 1):
                assert one.number == number, name
                failures = failures + 1 if one.status == "FAILURE" else 0
                cursor = cursor if one.status == "FAILURE" else f"{name} {number}"
                assert (one.cursor, one.failures) == (cursor, failures), name
            if self.is_steady:
                pauses = [later.at - one.at for one, later in pairwise(ticks)]
                assert min(pauses, default=30.0) >= 30.0, name

    def check_schedules(self) -> None:
        """Each is asked at the times that it promises, from when it was turned on."""
        for one in FIXED:
            if not once.is_schedule(one.name):
                continue
            done = {tick.due for tick in self.ticks() if tick.name == one.name and not tick.is_belated}
            belated = {tick.due for tick in self.ticks() if tick.name == one.name and tick.is_belated}
            for since, until, is_on in self.spans(one):
                dues = [due for due in ticks_between(one, since, until) if since < due <= until]
                promised = promised_of(one, dues) if is_on else []
                assert set(promised) <= done | belated, f"{one.name} missed one"
                if one.catchup == "all" and not one.max_catchup:
                    there = [due in done | belated for due in dues]
                    assert not is_on or all(there)
                    kept = [due in done for due in dues if due not in belated]
                    assert kept == sorted(kept, reverse=True), f"{one.name} left one out"
            assert done <= set(ticks_between(one, NOON - HOUR, self.now)), f"{one.name} was not due"

    def check_partitions(self) -> None:
        """Each partition is run once."""
        runs = [one.partition for one in self.queued() if one.source.get("schedule") == "days"]
        assert set(Counter(runs).values()) <= {1}
        ticks = [one for one in self.ticks() if one.name == "schedule/days"]
        assert len(runs) == len([one for one in ticks if one.status == "SUCCESS"])

    def check_that_a_new_agenda_agrees(self, old: Agenda) -> None:
        """What a daemon knows by now, the next one finds in the log."""
        new = Agenda(tick_facts(self.log))
        turned = new.declare(self.declared, self.now)
        assert not turned
        for seconds in (0.0, 45.0, HOUR + 1, 26 * HOUR):
            one, other = (self.due_of(deepcopy(agenda), self.now + seconds) for agenda in (old, new))
            assert one == other, f"after {seconds:g} s: {one[0] ^ other[0]}, {one[1]}, {other[1]}"

    # The parts of it

    def started(self) -> Daemon:
        self.line.mend()
        one = Daemon(self.line)
        one.read()
        one.load(self.declared, self.now)
        return one

    def daemon(self, which: int) -> Daemon:
        return self.daemons[which % len(self.daemons)]

    def tried(self, work: Callable[[], Any]) -> None:
        with suppress(StorageError):
            work()

    def given(self, daemon: Daemon) -> list[TickAsked]:
        """Give out what is due; it is as late as the schedule says at most."""
        asked = daemon.give(self.now)
        known = {one.name: one for one in self.declared}
        for tick in asked:
            one = known.get(tick.name)
            if one is None or not one.crons or not self.is_steady:
                continue
            assert tick.due <= self.now
            if one.max_catchup:
                newest = ticks_between(one, self.now - 48 * HOUR, self.now)[-one.max_catchup :]
                is_again = (tick.name, tick.due) in self.offered
                assert is_again or self.line.has_broken or tick.due in newest, (
                    f"{one.name} makes up for more than it should"
                )
        self.offered.update((tick.name, tick.due) for tick in asked)
        return asked

    def outcome(self, asked: TickAsked, data: Any) -> TickOutcome:
        """Return what a tick comes to: some fail, some ask for nothing, and some for the same again."""
        if asked.name == "schedule/days":
            return evaluate(DAYS, Instance(self.log, MemoryStore()), asked)
        status = data.draw(st.sampled_from(["SUCCESS", "SKIPPED", "FAILURE"]), label=asked.name)
        if status != "SUCCESS":
            return skipped(asked)._replace(status=status, cursor=cursor_of(asked, status))
        runs = tuple(RunAsked(run_key=key, job="job") for key in data.draw(KEYS, label="run keys"))
        added = PartitionsAdded(at=self.now, name=asked.name, keys=(f"{asked.number}@{asked.due}",))
        return skipped(asked)._replace(status="SUCCESS", runs=runs, facts=(added,))

    def ticks(self) -> list[TickEvaluated]:
        return [one.event for one in self.log.read(kinds={TickEvaluated.kind})]  # type: ignore[misc]

    def queued(self) -> list[RunQueued]:
        return [one.event for one in self.log.read(kinds={RunQueued.kind})]  # type: ignore[misc]

    def turns(self) -> list[InstigatorStarted | InstigatorStopped]:
        """Return what was turned on and off; by hand goes before what was declared until then."""
        kinds = {InstigatorStarted.kind, InstigatorStopped.kind}
        found: list[InstigatorStarted | InstigatorStopped] = []
        by_hand: dict[str, float] = {}
        for _, fact in self.log.read(kinds=kinds):
            assert isinstance(fact, InstigatorStarted | InstigatorStopped)
            if not fact.is_declared:
                by_hand[fact.name] = fact.at
            if not fact.is_declared or fact.at > by_hand.get(fact.name, 0.0):
                found.append(fact)
        return found

    def turned(self) -> dict[str, float | None]:
        """Return since when each goes, as the log says; None where it is turned off."""
        return {one.name: one.at if isinstance(one, InstigatorStarted) else None for one in self.turns()}

    def spans(self, one: Instigator) -> Iterator[tuple[float, float, bool]]:
        """Yield from when to when it went by one fact, and whether that is so now."""
        mine = [fact for fact in self.turns() if fact.name == one.name]
        starts = [fact for fact in mine if isinstance(fact, InstigatorStarted)]
        for place, fact in enumerate(starts, 1):
            until = starts[place].at if place < len(starts) else self.now
            yield fact.at, until, fact is mine[-1]

    def due_of(self, agenda: Agenda, now: float) -> tuple[set[TickAsked], float]:
        """Return what is due and was not done, and when something is due next."""
        found: set[TickAsked] = set()
        while asked := agenda.due(now):
            found.update(unrecorded(self.log, agenda, asked, now))
        return found, agenda.next_at()


class TicksInSql(Ticks):
    """The same over a log in SQLite."""

    def __init__(self) -> None:
        self.folder = TemporaryDirectory()
        self.sql = open_log(Path(self.folder.name, "log.db"))
        super().__init__(self.sql)

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.sql.close()
            self.folder.cleanup()


Ticks.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestTicks = Ticks.TestCase
TicksInSql.TestCase.settings = settings(max_examples=5, stateful_step_count=15, deadline=None)
TestTicksInSql = TicksInSql.TestCase


@pytest.mark.soak
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(("machine", "examples"), [(Ticks, 4_000), (TicksInSql, 150)], ids=["memory", "sql"])
def test_for_long(machine: type[RuleBasedStateMachine], examples: int):
    profile = settings(max_examples=examples, stateful_step_count=50, deadline=None)
    run_state_machine_as_test(machine, settings=profile)
