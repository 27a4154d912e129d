from __future__ import annotations

from mlorch.events import AssetObserved, Event, Input
from mlorch.log import MemoryLog, Slot, number, number_inputs, slot_name
from tests.facts import made, run_started, started


def test_slots_have_names() -> None:
    assert slot_name(("features/flights", None)) == "features/flights"
    assert slot_name(("features/flights", "2013-01")) == "features/flights[2013-01]"


def test_numbering_begins_where_told_and_keeps_the_events() -> None:
    events = [run_started(), started(), made(inputs=(Input("up", None, "v", 3),))]
    records = number(events, 7)
    assert [record.seq for record in records] == [7, 8, 9]
    assert all(record.event is event for record, event in zip(records, events, strict=True))


def test_an_input_gets_the_number_of_the_newest_fact_before_it() -> None:
    waiting = (Input("up", None, "v", None),)
    events: list[Event] = [
        made("down", inputs=waiting),
        made("up"),
        made("down", inputs=waiting),
        AssetObserved(at=1.0, asset="up", data_version="v"),
        made("down", inputs=waiting),
        made("up", "p"),
        made("down", inputs=waiting),
    ]
    found = [made_of(record.event) for record in number(events, 10)[::2]]
    assert found == [None, 11, 13, 13]


def test_a_fact_that_reads_its_own_slot_reads_the_one_before() -> None:
    itself = (Input("a", None, "v", None),)
    first, second = number([made("a"), made("a", inputs=itself)], 1)
    assert made_of(second.event) == first.seq


def test_numbering_inputs_adds_what_was_made() -> None:
    made_before: dict[Slot, int] = {("up", None): 4}
    inputs = number_inputs(made("a", inputs=(Input("up", None, "v", None),)), 9, made_before)
    assert inputs == (Input("up", None, "v", 4),)
    assert made_before == {("up", None): 4, ("a", None): 9}
    assert number_inputs(run_started(), 10, made_before) == ()


def test_a_log_in_memory_hands_out_copies() -> None:
    log = MemoryLog()
    log.append([made()])
    log.read().clear()
    log.latest("asset_materialized").clear()
    assert len(log.read()) == len(log.latest("asset_materialized")) == 1


def made_of(event: object) -> int | None:
    inputs: tuple[Input, ...] = getattr(event, "inputs", ())
    return inputs[0].seq
