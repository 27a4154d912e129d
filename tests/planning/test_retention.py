"""What retention keeps and removes, decided by facts alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mlorch.events import (
    AssetMaterialized,
    AssetObserved,
    BackfillFinished,
    BackfillStarted,
    CheckEvaluated,
    Event,
    Input,
    RetentionApplied,
    RunFinished,
    RunQueued,
    RunStarted,
    StepFailed,
    StepSucceeded,
    TickEvaluated,
)
from mlorch.log import MemoryLog
from mlorch.planning.retention import Periods, Removal, Retention, Told

DAY = 86_400.0
NOW = 1_000 * DAY
OLD = NOW - 100 * DAY
PERIODS = Periods(runs=30 * DAY, logs=10 * DAY, ticks=7 * DAY, values=20 * DAY)


def made(run_id: str, asset: str, at: float = OLD, inputs: tuple[Input, ...] = (), **more: Any) -> Event:
    digest = more.pop("content_hash", f"{asset}{run_id}")
    return AssetMaterialized(
        run_id=run_id, at=at, step=asset, asset=asset, content_hash=digest, inputs=inputs, **more
    )


def run_of(run_id: str, *facts: Event, at: float = OLD, tags: dict[str, str] | None = None) -> list[Event]:
    return [
        RunStarted(run_id=run_id, at=at, tags=tags or {}),
        *facts,
        RunFinished(run_id=run_id, at=at, status="SUCCESS"),
    ]


def learned(facts: list[Event], periods: Periods = PERIODS, **more: Any) -> Retention:
    log = MemoryLog()
    log.append(facts)
    found = Retention(periods, NOW, **{"settled": len(facts), **more})
    for record in log.read(kinds=periods.kinds):
        found.learn(record)
    return found


def decided(facts: list[Event], periods: Periods = PERIODS, registered: Any = (), **more: Any) -> Removal:
    captured = more.pop("captured", ())
    return learned(facts, periods, **more).decide(registered, captured=captured)


def test_a_run_goes_whose_values_were_all_made_again():
    removal = decided([*run_of("one", made("one", "a")), *run_of("two", made("two", "a"))])
    assert removal.runs == ("one",)
    assert removal.values == {"aone"}


def test_nothing_goes_where_everything_is_kept_for_ever():
    facts = [*run_of("one", made("one", "a")), *run_of("two", made("two", "a"))]
    assert decided(facts, Periods()) == Removal()


def test_young_runs_stay():
    removal = decided([*run_of("one", made("one", "a"), at=NOW - DAY), *run_of("two", made("two", "a"))])
    assert removal.runs == ()


def test_what_the_newest_was_made_from_stays_however_old():
    facts = [
        *run_of("one", made("one", "a")),
        *run_of("two", made("two", "b", inputs=(Input("a", None, "v", 2),))),
        *run_of("three", made("three", "c", inputs=(Input("b", None, "v", 5),))),
        *run_of("four", made("four", "a")),
        *run_of("five", made("five", "b", inputs=(Input("a", None, "v", 11),))),
    ]
    removal = decided(facts)
    assert (removal.runs, removal.values) == ((), frozenset())
    without = decided([*facts, *run_of("six", made("six", "c", inputs=(Input("b", None, "v", 14),)))])
    assert without.runs == ("one", "two", "three")
    assert without.values == {"aone", "btwo", "cthree"}


def test_what_is_registered_stays_with_all_that_it_was_made_from():
    facts = [
        *run_of("one", made("one", "a")),
        *run_of("two", made("two", "model", inputs=(Input("a", None, "v", 2),))),
        *run_of("three", made("three", "a")),
        *run_of("four", made("four", "model", inputs=(Input("a", None, "v", 8),))),
    ]
    assert decided(facts).runs == ("one", "two")
    removal = decided(facts, registered={"two:model"})
    assert (removal.runs, removal.values) == ((), frozenset())


def test_bytes_that_another_version_has_as_well_stay():
    facts = [
        *run_of("one", made("one", "a", content_hash="same")),
        *run_of("two", made("two", "a", content_hash="other")),
        *run_of("three", made("three", "a", content_hash="same")),
    ]
    removal = decided(facts)
    assert removal.runs == ("one", "two")
    assert removal.values == {"other"}


def test_superseded_values_go_and_their_facts_stay_where_only_values_go():
    facts = [*run_of("one", made("one", "a")), *run_of("two", made("two", "a"))]
    removal = decided(facts, Periods(values=20 * DAY))
    assert removal.runs == ()
    assert removal.values == {"aone"}


def test_a_value_stays_as_long_as_it_was_superseded_a_short_time_ago():
    facts = [*run_of("one", made("one", "a")), *run_of("two", made("two", "a", at=NOW - DAY), at=NOW - DAY)]
    assert decided(facts, Periods(values=20 * DAY)).values == frozenset()


def test_runs_that_go_or_wait_stay_with_what_they_go_on_with():
    failed = StepFailed(run_id="one", at=OLD, step="a", asset="a", error={})
    facts = [*run_of("one", failed), *run_of("two", made("two", "a"))]
    assert decided(facts).runs == ("one",)
    assert decided([*facts, RunQueued(run_id="three", at=OLD, retries="one")]).runs == ()
    assert decided([*facts, RunStarted(run_id="three", at=OLD)]).runs == ("one",)
    retry = RunStarted(run_id="three", at=OLD, tags={"mlorch/root_run_id": "one"})
    assert decided([*facts, retry]).runs == ()


def test_a_living_run_keeps_what_was_superseded_since_it_began():
    facts = [
        RunStarted(run_id="long", at=OLD - 1),
        *run_of("one", made("one", "a"), at=OLD),
        *run_of("two", made("two", "a"), at=OLD),
    ]
    assert decided(facts).runs == ("one",)
    assert decided(facts, living={"long"}).runs == ()
    assert decided(facts, living={"long"}).values == frozenset()


def test_a_backfill_goes_or_stays_with_all_of_its_runs():
    tags = {"mlorch/backfill": "all"}
    facts = [
        BackfillStarted(run_id="all", at=OLD),
        *run_of("one", made("one", "a"), tags=tags),
        *run_of("two", made("two", "b"), tags=tags),
    ]
    later = [*run_of("three", made("three", "a")), *run_of("four", made("four", "b"))]
    assert decided([*facts, *later]).runs == ()
    ended = BackfillFinished(run_id="all", at=OLD, status="SUCCESS")
    assert decided([*facts, ended, *later[:3]]).runs == ()
    assert decided([*facts, ended, *later]).runs == ("all", "one", "two")


def test_the_last_failure_stays_until_the_asset_is_made():
    failed = run_of("one", StepFailed(run_id="one", at=OLD, step="a", asset="a", error={}))
    assert decided(failed).runs == ()
    assert decided([*failed, *run_of("two", made("two", "a"))]).runs == ("one",)


def test_the_last_evaluation_of_a_check_stays():
    check = CheckEvaluated(run_id="one", at=OLD, step="a", asset="a", check="is_small", passed=True)
    facts = [*run_of("one", made("one", "a"), check), *run_of("two", made("two", "a"))]
    assert decided(facts).runs == ()


def test_what_somebody_was_not_told_yet_stays():
    facts = [*run_of("one", made("one", "a")), *run_of("two", made("two", "a"))]
    assert decided(facts, told=[Told(1, {AssetMaterialized.kind})]).runs == ()
    assert decided(facts, told=[Told(1, {AssetMaterialized.kind})]).values == frozenset()
    assert decided(facts, told=[Told(2, {AssetMaterialized.kind})]).runs == ("one",)


def test_a_queued_run_stays_until_the_daemon_is_done_with_it():
    facts = [
        RunQueued(run_id="one", at=OLD),
        *run_of("one", made("one", "a")),
        *run_of("two", made("two", "a")),
    ]
    assert decided(facts, settled=3).runs == ()
    assert decided(facts, settled=4).runs == ("one",)


def test_the_outputs_of_ops_go_with_their_run_or_as_values_do():
    done = StepSucceeded(run_id="one", at=OLD, step="op", outputs=({"content_hash": "x"},))
    facts = [*run_of("one", done)]
    assert decided(facts).outputs == ("one",)
    assert decided(facts).values == {"x"}
    assert decided(facts, Periods(values=DAY)).outputs == ("one",)
    assert decided(facts[:-1], Periods(values=DAY)).outputs == ()


def tick(number: int, at: float, *, name: str = "sensor/s", runs: tuple[str, ...] = ()) -> Event:
    return TickEvaluated(at=at, name=name, number=number, status="SKIPPED", runs=runs)


def test_ticks_of_sensors_that_asked_for_nothing_go_but_for_the_last():
    facts = [
        tick(1, OLD), tick(2, OLD, runs=("r",)), tick(3, OLD), tick(4, NOW - DAY),
        tick(1, OLD, name="sensor/t"), tick(1, OLD, name="schedule/n"), tick(2, NOW, name="schedule/n"),
    ]  # fmt: skip
    removal = decided(facts, Periods(ticks=7 * DAY))
    assert removal.facts == (1, 3)
    assert removal.names_before == 6
    assert removal.names_kept == {"tick:sensor/s#4", "tick:sensor/t#1"}


def test_ticks_that_asked_for_runs_go_with_these():
    facts = [
        tick(1, OLD, name="schedule/n", runs=("one",)),
        *run_of("one", made("one", "a")),
        *run_of("two", made("two", "a")),
        tick(2, OLD, name="schedule/n", runs=("two",)),
        tick(3, OLD, name="schedule/n", runs=("two",)),
    ]
    assert decided(facts).facts == (1,)


def test_observations_go_where_there_is_a_newer_one_and_nothing_was_made_from_them():
    facts: list[Event] = [AssetObserved(at=OLD, asset="s", data_version=str(one)) for one in range(3)]
    facts += run_of("one", made("one", "a", inputs=(Input("s", None, "1", 2),)))
    assert decided(facts).facts == (1,)


def test_of_what_retention_did_the_newest_stays():
    facts: list[Event] = [RetentionApplied(at=OLD), RetentionApplied(at=OLD)]
    assert decided(facts, Periods(ticks=DAY)).facts == (1,)


def test_logs_go_where_their_run_ended_long_ago():
    facts = [*run_of("one"), *run_of("two", at=NOW), RunStarted(run_id="three", at=OLD)]
    removal = decided(facts, Periods(logs=DAY), captured=["one", "two", "three", "unknown"])
    assert removal.logs == ("one",)


def test_what_was_to_go_before_goes_unless_somebody_needs_it_now():
    found = learned([*run_of("one", made("one", "a", content_hash="needed"))])
    assert found.decide(left={"needed", "left"}).values == {"left"}


runs = st.lists(
    st.tuples(st.sampled_from("abcd"), st.lists(st.integers(0, 30), max_size=3), st.floats(1, 90)),
    max_size=12,
)


@given(runs, st.sets(st.integers(0, 12)), st.sampled_from([None, 20 * DAY]))
def test_whatever_happened_the_newest_and_all_it_came_from_stays(
    given_runs: list[tuple[str, list[int], float]], registered: set[int], values: float | None
):
    facts: list[Event] = []
    numbers: list[int] = []
    for place, (asset, reads, age) in enumerate(given_runs):
        known = [numbers[one] for one in reads if one < len(numbers)]
        inputs = tuple(Input("x", None, "v", seq) for seq in known)
        numbers.append(len(facts) + 2)
        at = NOW - age * DAY
        facts += run_of(f"r{place}", made(f"r{place}", asset, inputs=inputs, at=at), at=at)
    names = {f"r{one}:{given_runs[one][0]}" for one in registered if one < len(given_runs)}
    removal = decided(facts, Periods(runs=30 * DAY, values=values), registered=names)
    by_number = dict(zip(numbers, (one for one in facts if isinstance(one, AssetMaterialized)), strict=True))
    latest = {one.asset: seq for seq, one in by_number.items()}
    waiting = [*latest.values(), *(seq for seq, one in by_number.items() if one.materialization_id in names)]
    while waiting:
        fact = by_number[waiting.pop()]
        assert fact.run_id not in removal.runs
        assert fact.content_hash not in removal.values
        waiting += [one.seq for one in fact.inputs if one.seq is not None]
