"""Which ticks are due, and when the next one will be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlorch.events import InstigatorStarted, InstigatorStopped, TickEvaluated
from mlorch.planning.agenda import Agenda, TickState, next_tick, ticks_between
from mlorch.planning.ticks import Instigator

NIGHTLY = Instigator(name="schedule/nightly", crons=("0 6 * * *",), timezone="Europe/Berlin", catchup="all")
FILES = Instigator(name="sensor/files", interval=30.0, is_running=True)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOON = at("2026-03-01T12:00")


def started(name: str, when: float = NOON) -> InstigatorStarted:
    return InstigatorStarted(at=when, name=name)


def ticked(one: Instigator, when: float, number: int = 1, *, due: float | None = None, failures: int = 0):
    return TickEvaluated(at=when, name=one.name, number=number, status="SKIPPED", due=due, failures=failures)


def test_the_next_tick_of_a_schedule_is_in_its_zone_and_that_of_a_stopped_one_is_none():
    assert next_tick(NIGHTLY, TickState(), NOON) is None
    assert next_tick(NIGHTLY, TickState(started("schedule/nightly")), NOON) == at("2026-03-02T05:00")
    stopped = InstigatorStopped(at=NOON, name="sensor/files")
    assert next_tick(FILES, TickState(stopped), NOON) is None


@pytest.mark.parametrize(("failures", "pause"), [(0, 30), (1, 60), (3, 240), (20, 600)])
def test_a_sensor_is_asked_again_after_its_interval_and_later_the_more_it_fails(failures, pause):
    state = TickState(last=ticked(FILES, NOON, failures=failures))
    assert next_tick(FILES, state, NOON + 1) == NOON + pause
    assert next_tick(FILES, state, NOON + 5000) == NOON + 5000


def test_the_ticks_of_a_window_have_both_ends_and_are_each_there_once():
    one = Instigator(name="schedule/x", crons=("0 6 * * *", "0 */6 * * *"))
    found = ticks_between(one, at("2026-03-01T00:00"), at("2026-03-01T12:00"))
    assert found == [at(f"2026-03-01T{hour:02}:00") for hour in (0, 6, 12)]


def test_a_tick_that_was_made_up_for_does_not_take_a_schedule_back():
    morning = at("2026-03-01T05:00")
    facts = [
        started(NIGHTLY.name, at("2026-02-01T00:00")),
        ticked(NIGHTLY, NOON, due=morning),
        ticked(NIGHTLY, NOON, 0, due=at("2026-02-10T05:00")),
    ]
    agenda = Agenda(facts)
    agenda.declare([NIGHTLY], NOON)
    assert agenda.due(NOON) == []
    assert agenda.next_at() == at("2026-03-02T05:00")
