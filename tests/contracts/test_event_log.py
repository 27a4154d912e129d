"""What every EventLog promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlorch.errors import AlreadyDoneError
from mlorch.events import (
    KINDS,
    AssetMaterialized,
    AssetObserved,
    Event,
    FreshnessChanged,
    Input,
    RunFinished,
    StepFailed,
    StepStarted,
    TickEvaluated,
)
from mlorch.log import EventLog, MemoryLog, Record, Slot, follow, number, slots_of
from mlorch.storage.sql import open_log
from tests import facts
from tests.facts import made, run_started, started
from tests.postgres import schemas

NewLog = Callable[[], EventLog]

# Each example makes a log of its own.
any_log = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def new_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewLog]:
    """Makes an empty log, each time another one."""
    if request.param == "memory":
        yield MemoryLog
        return
    numbers = count()
    with ExitStack() as stack:
        new_schema = None
        if request.param == "postgresql":
            new_schema = stack.enter_context(schemas(request.getfixturevalue("postgres")))

        def new() -> EventLog:
            log = open_log(new_schema() if new_schema is not None else tmp_path / f"{next(numbers)}.db")
            stack.callback(log.close)
            return log

        yield new


@pytest.fixture
def log(new_log: NewLog) -> EventLog:
    return new_log()


def tick(name: str, number: int) -> TickEvaluated:
    return TickEvaluated(at=float(number), name=name, number=number, status="SKIPPED", reason="nothing new")


def test_an_empty_log_has_nothing(log: EventLog) -> None:
    assert log.read() == []
    assert log.latest("asset_materialized") == {}
    assert log.position("mlflow") == 0


def test_appending_nothing_keeps_nothing(log: EventLog) -> None:
    assert log.append([]) == []
    assert log.read() == []


def test_numbers_begin_at_one_and_have_no_gaps(log: EventLog) -> None:
    assert log.append([started("a"), started("b")]) == [1, 2]
    assert log.append([started("c")]) == [3]
    assert [record.seq for record in log.read()] == [1, 2, 3]


@any_log
@given(batches=st.lists(st.lists(facts.events, min_size=1, max_size=6), max_size=4))
def test_what_was_appended_is_read_as_it_was(new_log: NewLog, batches: list[list[Event]]) -> None:
    log, expected = new_log(), list[Record]()
    for batch in batches:
        expected += number(batch, len(expected) + 1)
        log.append(batch)
    assert log.read() == expected
    assert repr(log.read()) == repr(expected)


def test_long_lists_of_inputs_and_shared_mappings_come_back_whole(log: EventLog) -> None:
    inputs = tuple(Input("up", f"2013-{day:03}", f"v{day}", day) for day in range(1, 366))
    shared = {"python": "3.11.7", "scikit-learn": "1.6.1"}
    declared = {"group": "ml", "deps": ["up"]}
    events = [
        made("model", month, inputs=inputs, environment=shared, definition=declared)
        for month in "0123456789AB"
    ]
    log.append(events[:6])
    log.append(events[6:])
    assert [record.event for record in log.read()] == events
    assert [record.event for record in log.latest("asset_materialized").values()] == events


def test_inputs_made_in_the_same_batch_get_their_number(log: EventLog) -> None:
    log.append([made("up", data_version="1")])
    log.append(
        [
            made("down", inputs=(Input("up", None, "1", 1), Input("late", None, "2", None))),
            made("up", data_version="2"),
            made("other", "p"),
            made("down", inputs=(Input("up", None, "2", None), Input("other", None, "", None))),
            made("down", inputs=tuple(Input("other", "p", "", None) for _ in range(20))),
        ]
    )
    inputs = [record.event.inputs for record in log.read() if isinstance(record.event, AssetMaterialized)]
    assert inputs[1] == (Input("up", None, "1", 1), Input("late", None, "2", None))
    assert inputs[4] == (Input("up", None, "2", 3), Input("other", None, "", None))
    assert inputs[5] == (Input("other", "p", "", 4),) * 20


@pytest.mark.parametrize("size", [1, 9, 20, 50])
def test_inputs_of_equal_facts_in_one_batch_keep_their_own_numbers(log: EventLog, size: int) -> None:
    waiting = tuple(Input("up", None, "v", None) for _ in range(size))
    log.append([one for _ in range(50) for one in (made("up"), made("down", inputs=waiting))])
    for seq, event in log.read():
        if isinstance(event, AssetMaterialized) and event.asset == "down":
            assert {one.seq for one in event.inputs} == {seq - 1}


def test_reading_filters(log: EventLog) -> None:
    log.append([run_started("r1"), started("a", run_id="r1")])
    log.append([made("a", run_id="r1"), made("b", "p", run_id="r1")])
    log.append([run_started("r2"), made("a", run_id="r2")])
    log.append([AssetObserved(at=1.0, asset="a", data_version="v")])
    log.append([RunFinished(run_id="r1", at=2.0, status="SUCCESS")])

    def numbers(*args: int, **filters: Any) -> list[int]:
        return [record.seq for record in log.read(*args, **filters)]

    assert numbers(6) == [7, 8]
    assert numbers(100) == []
    assert numbers(kinds={"run_started", "run_finished"}) == [1, 5, 8]
    assert numbers(kinds=[]) == []
    assert numbers(run_id="r1") == [1, 2, 3, 4, 8]
    assert numbers(run_id="nobody") == []
    assert numbers(asset="a") == [2, 3, 6, 7]
    assert numbers(asset="a", kinds=["asset_materialized"], newest_first=True) == [6, 3]
    assert numbers(2, run_id="r1", asset="a") == [3]
    assert numbers(limit=2) == [1, 2]
    assert numbers(limit=0) == []
    assert numbers(3, limit=2, newest_first=True) == [8, 7]


@any_log
@given(
    events=st.lists(facts.events, max_size=20),
    after=st.integers(0, 20),
    kinds=st.none() | st.sets(st.sampled_from(sorted(KINDS))),
    limit=st.none() | st.integers(0, 20),
    newest_first=st.booleans(),
)
def test_reading_is_filtering_then_ordering_then_cutting(
    new_log: NewLog,
    events: list[Event],
    after: int,
    kinds: set[str] | None,
    limit: int | None,
    newest_first: bool,
) -> None:
    log = new_log()
    log.append(events)
    expected = [
        record
        for record in number(events, 1)
        if record.seq > after and (kinds is None or record.event.kind in kinds)
    ]
    if newest_first:
        expected.reverse()
    found = log.read(after, kinds=kinds, limit=limit, newest_first=newest_first)
    assert found == expected[:limit]


def test_latest_is_the_newest_fact_of_each_slot(log: EventLog) -> None:
    log.append([made("a"), made("a", "p"), made("a", "q"), made("b")])
    log.append([made("a", "p", data_version="2"), made("a", "p", data_version="3"), started("a", "q")])
    latest = log.latest("asset_materialized")
    assert {slot: record.seq for slot, record in latest.items()} == {
        ("a", None): 1,
        ("a", "p"): 6,
        ("a", "q"): 3,
        ("b", None): 4,
    }
    assert latest["a", "p"].event == made("a", "p", data_version="3")


def test_latest_keeps_kinds_apart(log: EventLog) -> None:
    failed = StepFailed(run_id="r", at=1.0, step="a", asset="a", error={"type": "ValueError"})
    seen = AssetObserved(at=1.0, asset="a", data_version="v")
    log.append([made("a"), failed, seen])
    assert log.latest("asset_materialized") == {("a", None): Record(1, made("a"))}
    assert log.latest("step_failed") == {("a", None): Record(2, failed)}
    assert log.latest("asset_observed") == {("a", None): Record(3, seen)}


def test_latest_is_kept_of_some_kinds_only(log: EventLog) -> None:
    log.append([started("a")])
    with pytest.raises(KeyError, match="step_started"):
        log.latest("step_started")


def test_latest_of_some_assets(log: EventLog) -> None:
    log.append([made(f"a{number}", partition) for number in range(1200) for partition in (None, "p")])
    wanted = [f"a{number}" for number in range(0, 1200, 2)]
    found = log.latest("asset_materialized", [*wanted, "unknown"])
    assert found.keys() == {(name, partition) for name in wanted for partition in (None, "p")}
    assert log.latest("asset_materialized", []) == {}


@any_log
@given(events=st.lists(facts.events, max_size=20))
def test_latest_agrees_with_reading(new_log: NewLog, events: list[Event]) -> None:
    log = new_log()
    log.append(events)
    for cls in (AssetMaterialized, AssetObserved, StepFailed, TickEvaluated, FreshnessChanged):
        expected: dict[Slot, Record] = {}
        for record in log.read(kinds={cls.kind}):
            expected |= dict.fromkeys(slots_of(record.event), record)
        assert log.latest(cls.kind) == expected


def test_latest_of_some_slots(log: EventLog) -> None:
    partitions = [None, *(f"p{number}" for number in range(1500))]
    log.append([made(asset, partition) for asset in ("a", "b") for partition in partitions])
    every_other: list[Slot] = [("a", partition) for partition in partitions[::2]]
    found = log.latest("asset_materialized", slots=[*every_other, ("a", "later"), ("unknown", None)])
    everything = log.latest("asset_materialized")
    assert found == {slot: everything[slot] for slot in every_other}
    assert log.latest("asset_materialized", ["b"], [("a", None), ("b", "p7")]).keys() == {("b", "p7")}
    assert log.latest("asset_materialized", slots=[]) == {}


def test_a_failure_is_the_latest_of_every_slot_that_its_step_was_to_make(log: EventLog) -> None:
    several: tuple[Slot, ...] = (("a", "p"), ("a", "q"), ("b", None))
    one = StepFailed(run_id="r", at=1.0, step="a[p]", asset="a", partition="p", error={})
    more = StepFailed(run_id="r", at=2.0, step="a,b", asset="a", error={}, slots=several)
    op = StepFailed(run_id="r", at=3.0, step="op", asset="", error={})
    log.append([one, more, op])
    assert log.latest("step_failed") == dict.fromkeys(several, Record(2, more))
    assert log.latest("step_failed", ["b"]) == {("b", None): Record(2, more)}
    assert log.latest("step_failed", slots=[("a", "q")]) == {("a", "q"): Record(2, more)}


def test_the_latest_tick_is_kept_of_each_schedule_and_sensor(log: EventLog) -> None:
    first, second = (tick("schedule/nightly", number) for number in (1, 2))
    sensed = tick("sensor/arrivals", 1)
    log.append([first, sensed])
    log.append([second])
    assert log.latest("tick_evaluated") == {
        ("schedule/nightly", None): Record(3, second),
        ("sensor/arrivals", None): Record(2, sensed),
    }
    assert log.latest("tick_evaluated", ["sensor/arrivals"]).keys() == {("sensor/arrivals", None)}
    assert log.latest("tick_evaluated", slots=[("schedule/nightly", None), ("schedule/x", None)]) == {
        ("schedule/nightly", None): Record(3, second)
    }


def test_a_name_is_used_a_single_time_with_all_that_was_appended_for_it(log: EventLog) -> None:
    assert log.append([started("a")], once=["start:r1"]) == [1]
    with pytest.raises(AlreadyDoneError, match="'start:r1'") as raised:
        log.append([started("b"), made("b")], once=["start:r1", "start:r2"])
    assert raised.value.names == ("start:r1",)
    assert log.read() == [Record(1, started("a"))]
    assert log.latest("asset_materialized") == {}
    assert log.used(["start:r1", "start:r2"]) == {"start:r1"}
    assert log.append([started("b")], once=["start:r2"]) == [2]
    assert log.used(["start:r1", "start:r2", "start:r3"]) == {"start:r1", "start:r2"}


def test_the_error_says_all_names_that_were_used(log: EventLog) -> None:
    names = [f"tick:{number:04}" for number in range(1200)]
    log.append([], once=names[:1100])
    with pytest.raises(AlreadyDoneError) as raised:
        log.append([], once=names)
    assert raised.value.names == tuple(names[:1100])
    assert log.used(names) == set(names[:1100])
    assert log.used([]) == set()


def test_names_are_used_without_any_event_too(log: EventLog) -> None:
    assert log.append([], once={"retry:r"}) == []
    assert log.used(["retry:r"]) == {"retry:r"}
    with pytest.raises(AlreadyDoneError):
        log.append([], once=["retry:r"])
    assert log.append([started()]) == [1]


def test_a_name_given_twice_is_one_name(log: EventLog) -> None:
    assert log.append([started()], once=["end:r", "end:r"]) == [1]
    assert log.used(["end:r"]) == {"end:r"}


def test_of_threads_that_want_one_name_exactly_one_has_it(log: EventLog) -> None:
    ready, won = Barrier(4), list[tuple[int, int]]()

    def race(runner: int) -> None:
        ready.wait()
        for turn in range(20):
            with suppress(AlreadyDoneError):
                log.append([started(f"a{turn}", run_id=f"r{runner}")], once=[f"start:{turn}"])
                won.append((turn, runner))

    threads = [Thread(target=race, args=(runner,)) for runner in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for number, _ in won) == list(range(20))
    kept = [(record.event.asset, record.event.run_id) for record in log.read()]
    assert sorted(kept) == sorted((f"a{number}", f"r{runner}") for number, runner in won)


def test_positions_never_go_back(log: EventLog) -> None:
    log.advance("mlflow", 5)
    log.advance("dvc", 2)
    log.advance("mlflow", 3)
    assert (log.position("mlflow"), log.position("dvc"), log.position("other")) == (5, 2, 0)
    log.advance("mlflow", 6)
    assert log.position("mlflow") == 6


def test_following_hands_over_everything_once_and_in_order(log: EventLog) -> None:
    log.append([started(f"a{number}") for number in range(7)])
    seen: list[Record] = []
    assert list(follow(log, "mirror", seen.extend, batch=3)) == [3, 6, 7]
    log.append([started("late")])
    assert list(follow(log, "mirror", seen.extend, batch=3)) == [8]
    assert seen == log.read()
    assert list(follow(log, "mirror", seen.extend)) == []


def test_a_follower_that_dies_is_handed_the_same_batch_again(log: EventLog) -> None:
    log.append([started(f"a{number}") for number in range(5)])
    told: dict[int, Event] = {}

    def tell_then_die(records: list[Record]) -> None:
        told.update(records)
        if 3 in told:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(follow(log, "mirror", tell_then_die, batch=2))
    assert log.position("mirror") == 2
    assert list(follow(log, "mirror", told.update, batch=2)) == [4, 5]
    assert told == dict(log.read())


def test_threads_share_a_log(log: EventLog) -> None:
    ready, returned = Barrier(4), list[list[int]]()

    def append() -> None:
        ready.wait()
        for _ in range(10):
            returned.append(log.append([started(), made()]))

    threads = [Thread(target=append) for _ in range(3)]
    for thread in threads:
        thread.start()
    ready.wait()
    seen: list[int] = []
    while any(thread.is_alive() for thread in threads):
        seen += [record.seq for record in log.read(seen[-1] if seen else 0)]
    for thread in threads:
        thread.join()
    seen += [record.seq for record in log.read(seen[-1] if seen else 0)]
    assert seen == list(range(1, 61))
    assert sorted(returned) == [[seq, seq + 1] for seq in range(1, 61, 2)]
    assert all(isinstance(record.event, StepStarted) == bool(record.seq % 2) for record in log.read())
