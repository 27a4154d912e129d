"""Which runs wait, which go, and which may begin next."""

from __future__ import annotations

from mlorch.definitions.limits import Limits, TagLimit
from mlorch.events import BACKFILL_TAG, RunFinished, RunQueued, RunStarted
from mlorch.log import Record
from mlorch.planning.queue import RunQueue, is_alive

PRIORITY = "mlorch/priority"


def queue_of(*runs: tuple[str, dict[str, str]]) -> RunQueue:
    queue = RunQueue()
    for seq, (run_id, tags) in enumerate(runs, 1):
        queue.learn(Record(seq, RunQueued(run_id=run_id, at=0.0, tags=tags)))
    return queue


def next_of(queue: RunQueue, limits: Limits | None = None, **given: object) -> list[str]:
    arguments = {"held": {}, "room": 10, **given}
    return [one.run_id for one in queue.next_runs(limits or Limits(), **arguments)]  # type: ignore[arg-type]


def test_urgent_runs_go_first_and_then_those_that_wait_longest():
    queue = queue_of(("a", {}), ("b", {PRIORITY: "-1"}), ("c", {PRIORITY: "2"}), ("d", {}))
    assert next_of(queue) == ["c", "a", "d", "b"]
    assert next_of(queue, room=2) == ["c", "a"]
    # What is no number is told when the run begins.
    assert next_of(queue_of(("a", {PRIORITY: "high"}), ("b", {PRIORITY: "1"}))) == ["b", "a"]


def test_a_limit_counts_who_holds_it_and_who_begins_and_holds_up_nobody_else():
    limits = Limits(tags=(TagLimit(key="db", limit=2),))
    queue = queue_of(("a", {"db": "x"}), ("b", {"db": "y"}), ("c", {"db": "x"}), ("d", {}))
    assert next_of(queue, limits) == ["a", "b", "d"]
    assert next_of(queue, limits, held={"tag db": 1}) == ["a", "d"]
    assert next_of(queue, limits, beginning={"a"}) == ["b", "d"]


def test_what_was_said_before_the_oldest_run_that_waits_or_goes_is_settled():
    queue = queue_of(("a", {}), ("b", {}))
    assert queue.settled(9) == 0
    queue.learn(Record(3, RunStarted(run_id="a", at=0.0, selection=())))
    assert queue.settled(9) == 0, "where it was asked for counts"
    queue.learn(Record(4, RunFinished(run_id="a", at=0.0, status="SUCCESS")))
    assert queue.settled(9) == 1
    queue.learn(Record(5, RunFinished(run_id="b", at=0.0, status="CANCELED")))
    assert (queue.settled(9), queue.asked) == (9, set())


def test_a_run_of_a_backfill_lives_as_long_as_the_process_of_the_backfill():
    run = RunStarted(run_id="a", at=0.0, selection=(), tags={BACKFILL_TAG: "all"})
    assert is_alive(run, {"all"})
    assert is_alive(run, {"a"})
    assert not is_alive(run, {"other"})
