"""Which ticks are due, and when the next one will be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from time import process_time

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


def walked(one: Instigator, since: str, until: str) -> list[str]:
    """Return when a schedule is asked, by an agenda that was last looked at long ago."""
    agenda = Agenda([started(one.name, at(since))])
    agenda.declare([one], at(since))
    found, now = [], at(until)
    while asked := agenda.due(now):
        found.append(asked[0].due)
        agenda.learn(ticked(one, now, asked[0].number, due=asked[0].due))
    return [datetime.fromtimestamp(due, UTC).strftime("%dT%H:%M") for due in found]


@pytest.mark.parametrize(
    ("zone", "since", "until", "dues"),
    [
        ("Europe/Berlin", "2026-03-27T12:00", "2026-03-30T12:00", ["28T05:00", "29T04:00", "30T04:00"]),
        ("Europe/Berlin", "2026-10-24T00:00", "2026-10-26T12:00", ["24T04:00", "25T05:00", "26T05:00"]),
        ("America/New_York", "2026-03-07T00:00", "2026-03-09T00:00", ["07T11:00", "08T10:00"]),
    ],
)
def test_a_nightly_schedule_keeps_its_hour_where_clocks_change(zone, since, until, dues):
    one = Instigator(name="schedule/x", crons=("0 6 * * *",), timezone=zone, catchup="all")
    assert walked(one, since, until) == dues


def test_of_ticks_that_were_missed_all_the_newest_some_or_none_are_made_up_for():
    def one(catchup: str, most: int = 0) -> Instigator:
        crons = ("0 6 * * *", "0 */6 * * *")
        return Instigator(name="schedule/x", crons=crons, catchup=catchup, max_catchup=most)

    times = ("2026-03-01T01:00", "2026-03-02T01:00")
    assert walked(one("all"), *times) == ["01T06:00", "01T12:00", "01T18:00", "02T00:00"]
    assert walked(one("all", 2), *times) == ["01T18:00", "02T00:00"]
    assert walked(one("latest"), *times) == ["02T00:00"]
    assert walked(one("none"), *times) == []
    assert walked(one("none"), times[0], "2026-03-02T00:00:30") == ["02T00:00"]


def test_a_tick_is_given_out_once_until_it_comes_to_something():
    agenda = Agenda([started(NIGHTLY.name)])
    agenda.declare([NIGHTLY, FILES], NOON)
    later = at("2026-03-03T12:00")
    asked = {one.name: one for one in agenda.due(later)}
    assert asked.keys() == {NIGHTLY.name, FILES.name}
    # Neither what it knew already nor new code gives them out once more.
    agenda.learn(started(NIGHTLY.name))
    agenda.declare([NIGHTLY, FILES], later)
    assert agenda.due(later) == []
    agenda.again(asked[NIGHTLY.name], later + 5)
    assert agenda.due(later + 4) == []
    assert agenda.due(later + 5) == [asked[NIGHTLY.name]], "the same tick is tried again"


def test_a_tick_that_failed_is_not_tried_again_once_its_schedule_is_turned_off():
    agenda = Agenda([started(NIGHTLY.name)])
    agenda.declare([NIGHTLY], NOON)
    (asked,) = agenda.due(at("2026-03-02T12:00"))
    agenda.learn(InstigatorStopped(at=at("2026-03-02T12:00"), name=NIGHTLY.name))
    agenda.again(asked, at("2026-03-02T12:00"))
    assert agenda.due(at("2026-03-04T12:00")) == []


def test_what_somebody_turned_off_stays_off_though_a_declaration_is_recorded_later():
    declared = InstigatorStarted(at=NOON, name=FILES.name, is_declared=True)
    agenda = Agenda([InstigatorStopped(at=NOON + 1, name=FILES.name), declared])
    assert agenda.declare([FILES], NOON + 2) == []
    assert agenda.due(NOON + 100) == []


def test_a_clock_that_was_set_back_is_followed():
    one = Instigator(name="schedule/x", crons=("0 * * * *",), catchup="all")
    agenda = Agenda([started(one.name), ticked(one, NOON, due=at("2027-01-01T00:00"))])
    agenda.declare([one, FILES], NOON)
    agenda.learn(ticked(FILES, at("2027-01-01T00:00")))
    agenda.declare([one, FILES], NOON)
    assert agenda.next_at() == NOON + 30
    (asked,) = [tick for tick in agenda.due(NOON + 3600) if tick.name == one.name]
    assert asked.due == NOON + 3600
    assert agenda.has_been(asked), "the log says whether it was evaluated"


def test_ten_thousand_are_planned_and_given_out_in_little_time():
    some = [
        Instigator(name=f"schedule/{n}", crons=(f"{n % 60} * * * *",), is_running=True) for n in range(10_000)
    ]
    began = process_time()
    agenda = Agenda()
    agenda.declare(some, NOON)
    assert len(agenda.due(NOON + 3600)) == 10_000
    assert process_time() - began < 2.0


@pytest.mark.parametrize("is_declared", [True, False])
def test_a_changed_timetable_counts_from_then_on(is_declared: bool):
    begun = InstigatorStarted(
        at=at("2026-02-01T00:00"), name=NIGHTLY.name, is_declared=is_declared, timetable=NIGHTLY.timetable
    )
    morning = at("2026-03-01T05:00")
    agenda = Agenda([begun, ticked(NIGHTLY, morning, due=morning)])
    minutely = replace(NIGHTLY, crons=("* * * * *",), is_running=is_declared)
    (changed,) = agenda.declare([minutely], NOON + 10)
    assert isinstance(changed, InstigatorStarted)
    assert (changed.is_declared, changed.timetable) == (is_declared, minutely.timetable)
    assert agenda.due(NOON + 50) == []
    assert [one.due for one in agenda.due(NOON + 60)] == [NOON + 60]
    assert agenda.declare([minutely], NOON + 70) == []
