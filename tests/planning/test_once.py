"""The names of what may happen a single time."""

from __future__ import annotations

from mlorch.events import Event, RunFinished, RunStarted
from mlorch.planning import once

DUE = 1_767_268_800.0


def test_the_tick_of_a_schedule_is_named_by_its_time_and_that_of_a_sensor_by_its_number():
    assert once.tick("schedule/x", 1, DUE) == once.tick("schedule/x", 2, DUE)
    assert once.tick("schedule/x", 1, DUE) != once.tick("schedule/x", 1, DUE + 60)
    assert once.tick("sensor/x", 1, DUE) == once.tick("sensor/x", 1, DUE + 60)
    assert once.tick("sensor/x", 1, DUE) != once.tick("sensor/x", 2, DUE)


def test_a_run_key_counts_within_one_tick_of_a_schedule_and_for_ever_of_a_sensor():
    assert once.run_key("schedule/x", DUE, "a") != once.run_key("schedule/x", DUE + 60, "a")
    assert once.run_key("sensor/x", DUE, "a") == once.run_key("sensor/x", DUE + 60, "a")
    assert once.run_key("sensor/x", DUE, "a") != once.run_key("sensor/y", DUE, "a")


def test_a_run_begins_once_and_ends_once():
    facts: list[Event] = [
        RunStarted(run_id="r", at=DUE, selection=()),
        RunFinished(run_id="r", at=DUE, status="SUCCESS"),
    ]
    assert list(once.of_runs(facts)) == [once.run_began("r"), once.run_ended("r")]
