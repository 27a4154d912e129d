"""What is being made, or waits to be made, as automation conditions are told."""

from __future__ import annotations

from typing import Any

from mlorch import AutomationCondition, DailyPartitionsDefinition, asset, define_asset_job
from mlorch.app.progress import queued_slots, unmade_slots
from mlorch.events import RunFinished, RunQueued, StepSkipped
from mlorch.log import Slot
from tests.automating import History

DAYS = DailyPartitionsDefinition("2024-03-01")
ASSETS = {"a", "b", "day"}


@asset(automation_condition=AutomationCondition.run_in_progress())
def a() -> int:
    return 1


@asset
def b(a: int) -> int:
    return a


@asset(partitions_def=DAYS)
def day() -> int:
    return 1


def history() -> History:
    return History([a, b, day], jobs=[define_asset_job("both", ["a", "b"])])


def queued(one: History, **given: Any) -> tuple[set[Slot], set[Slot]]:
    fact = RunQueued(run_id="one", at=0.0, **given)
    return queued_slots(one.definitions, one.definitions.graph, [fact], one.instance.log, one.now)


def test_runs_in_the_queue_are_to_make_what_they_name() -> None:
    one = history()
    assert queued(one, selection=("a",)) == ({("a", None)}, set())
    assert queued(one, selection=("a+",)) == ({("a", None), ("b", None)}, set())
    assert queued(one, job="both") == ({("a", None), ("b", None)}, set())
    assert queued(one, selection=("day",), partition="2024-03-02") == ({("day", "2024-03-02")}, set())
    assert queued(one, checks=("a:good",)) == (set(), set())


def test_backfills_in_the_queue_are_to_make_their_partitions() -> None:
    one = history()
    some = queued(one, selection=("day",), partitions=("2024-03-01...2024-03-02",), is_backfill=True)
    assert some == (set(), {("day", "2024-03-01"), ("day", "2024-03-02")})


def test_what_retries_a_run_is_to_make_what_that_was_to_make() -> None:
    one = history()
    before = one.starts("a", "b")
    assert queued(one, retries=before) == ({("a", None), ("b", None)}, set())


def test_what_names_nothing_that_there_is_counts_for_nothing() -> None:
    one = history()
    assert queued(one, job="none") == (set(), set())
    assert queued(one, selection=("none",)) == (set(), set())
    assert queued(one, selection=("day",), partition="1999-01-01") == (set(), set())


def test_a_run_is_done_with_what_it_made_skipped_or_ended_without() -> None:
    one = history()
    run = one.starts("a", "b")
    log, living = one.instance.log, one.leases.living
    assert unmade_slots(log, living, ASSETS) == ({("a", None), ("b", None)}, set())
    assert unmade_slots(log, living, {"b"}) == ({("b", None)}, set())
    one.made("a", run=run)
    assert unmade_slots(log, living, ASSETS) == ({("b", None)}, set())
    log.append([StepSkipped(run_id=run, at=0.0, step="b", asset="b", reason="fresh")])
    assert unmade_slots(log, living, ASSETS) == (set(), set())
    other = one.starts("a")
    log.append([RunFinished(run_id=other, at=0.0, status="FAILURE")])
    assert unmade_slots(log, living, ASSETS) == (set(), set())


def test_the_queue_is_looked_through_from_what_waited_longest() -> None:
    one = history()
    one.queued("a", run_id="first")
    assert one.tick() == {"a": [None]}
    one.queued("b", run_id="second")
    one.ends(one.starts("a", run_id="first"))
    assert one.tick() == {}
    one.ends(one.starts("b", run_id="second"))
    assert one.tick() == {}
    one.queued("a", run_id="third")
    assert one.tick() == {"a": [None]}
    assert one.tick() == {"a": [None]}
