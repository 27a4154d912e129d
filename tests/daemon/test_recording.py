"""What ticks came to is recorded in one transaction, once, whoever else records meanwhile."""

from __future__ import annotations

import pytest

from mlorch.daemon.recording import record
from mlorch.errors import StorageError
from mlorch.events import RunQueued, TickEvaluated
from mlorch.log import MemoryLog
from mlorch.planning.agenda import TickState
from mlorch.planning.ticks import RunAsked, TickOutcome
from tests.machines.ticking import NOON, Line

FILES, NIGHTLY = "sensor/files", "schedule/nightly"
STATES = {FILES: TickState(), NIGHTLY: TickState()}


def outcome(*keys: str | None, name: str = FILES, number: int = 1, due: float = NOON) -> TickOutcome:
    runs = tuple(RunAsked(run_key=key, job="job") for key in keys)
    return TickOutcome(name=name, number=number, due=due, status="SUCCESS", runs=runs)


def recorded(log: MemoryLog | Line, *outcomes: TickOutcome) -> list[TickOutcome]:
    return record(log, outcomes, STATES, NOON, "tried")


def ticks(log: MemoryLog) -> list[TickEvaluated]:
    found = [one.event for one in log.read(kinds={TickEvaluated.kind})]
    return [one for one in found if isinstance(one, TickEvaluated)]


def queued(log: MemoryLog) -> list[str]:
    return [one.event.run_id for one in log.read(kinds={RunQueued.kind}) if isinstance(one.event, RunQueued)]


def test_a_tick_that_another_daemon_recorded_is_left_out_and_the_others_are_not():
    log = MemoryLog()
    recorded(log, outcome("a"))
    late, other = outcome("b"), outcome("a", name=NIGHTLY)
    assert recorded(log, late, other) == [late]
    assert [one.name for one in ticks(log)] == [FILES, NIGHTLY]
    assert [run_id for one in ticks(log) for run_id in one.runs] == queued(log)


def test_a_tick_that_was_evaluated_twice_is_recorded_once():
    log = MemoryLog()
    first, second = outcome("a"), outcome("b")
    assert recorded(log, first, second) == [second]
    assert [one.last_run_key for one in ticks(log)] == ["a"]
    assert len(queued(log)) == 1


def test_a_sensor_asks_for_a_key_once_for_ever_and_a_schedule_once_in_a_tick():
    log = MemoryLog()
    recorded(log, outcome("a", "a", None), outcome("a", "a", name=NIGHTLY))
    assert [len(one.runs) for one in ticks(log)] == [2, 1]
    recorded(log, outcome("a", number=2), outcome("a", name=NIGHTLY, number=2, due=NOON + 60))
    sensor, schedule = ticks(log)[2:]
    assert (sensor.status, sensor.runs, sensor.run_keys) == ("SKIPPED", (), ("a",))
    assert "there was a run for a before" in sensor.reason
    assert len(schedule.runs) == 1


@pytest.mark.parametrize(("fault", "kept"), [("before", 0), ("after", 1)])
def test_what_nobody_heard_of_is_recorded_by_the_next_call_or_was(fault: str, kept: int):
    log = MemoryLog()
    line = Line(log)
    line.break_once("")
    line.break_once(fault)
    with pytest.raises(StorageError):
        recorded(line, outcome("a"))
    assert len(ticks(log)) == kept
    assert len(recorded(line, outcome("a"))) == kept
    assert (len(ticks(log)), len(queued(log))) == (1, 1)
