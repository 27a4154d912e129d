"""Facts removed from a log in a database: what is left is as it was, and numbers are never given twice."""

from __future__ import annotations

from mlorch.errors import AlreadyDoneError
from mlorch.events import (
    AssetMaterialized,
    OutputCaptured,
    RunFinished,
    RunStarted,
    StepFailed,
    StepStarted,
    TickEvaluated,
)
from mlorch.storage.retention import (
    Size,
    captured_runs,
    remove_facts,
    remove_logs,
    remove_runs,
    remove_tick_names,
    size_of_facts,
    size_of_logs,
    size_of_runs,
)
from mlorch.storage.sql import SqlLog, open_log
from tests.facts import made, run_started


def run_of(log: SqlLog, run_id: str) -> None:
    log.append([
        run_started(run_id),
        OutputCaptured(run_id=run_id, at=1.0, step="a", asset="a", stdout="x" * 100),
        StepFailed(run_id=run_id, at=1.0, step="b", asset="b", error={}),
        made("a", run_id=run_id),
        RunFinished(run_id=run_id, at=2.0, status="FAILURE"),
    ])  # fmt: skip


def runs_in(log: SqlLog) -> list[str | None]:
    return [one.event.run_id for one in log.read(kinds={RunStarted.kind})]


def test_runs_go_whole_and_others_stay(place: str):
    log = open_log(place)
    for run_id in ("one", "two"):
        run_of(log, run_id)
    assert size_of_runs(log, ["one"]).rows == 5
    assert remove_runs(log, ["one"], 10) == 1
    assert log.read(run_id="one") == []
    assert len(log.read(run_id="two")) == 5
    assert log.latest(AssetMaterialized.kind)["a", None].seq == 9
    assert log.latest(StepFailed.kind)["b", None].seq == 8
    log.close()


def test_a_failure_that_went_is_the_latest_no_more(place: str):
    log = open_log(place)
    run_of(log, "one")
    log.append([run_started("two")])
    remove_runs(log, ["one"], 6)
    assert log.latest(StepFailed.kind) == {}
    log.close()


def test_nothing_goes_where_a_run_has_begun_since_it_was_decided(place: str):
    log = open_log(place)
    run_of(log, "one")
    log.append([run_started("two")])
    assert remove_runs(log, ["one"], 5) == 0
    assert len(log.read(run_id="one")) == 5
    log.close()


def test_the_newest_fact_stays_so_that_its_number_is_not_given_again(place: str):
    log = open_log(place)
    run_of(log, "one")
    remove_runs(log, ["one"], 5)
    remove_facts(log, [5])
    assert log.append([run_started("two")]) == [6]
    log.close()


def test_logs_go_and_the_rest_of_their_run_stays(place: str):
    log = open_log(place)
    run_of(log, "one")
    run_of(log, "two")
    assert captured_runs(log, 1.0) == set()
    assert captured_runs(log, 1.5) == {"one", "two"}
    size = size_of_logs(log, ["one"])
    assert (size.rows, size.bytes > 100) == (1, True)
    remove_logs(log, ["one"])
    assert captured_runs(log, 1.5) == {"two"}
    assert [one.event.kind for one in log.read(run_id="one")][:2] == [RunStarted.kind, StepFailed.kind]
    log.close()


def test_facts_go_by_their_numbers(place: str):
    log = open_log(place)
    log.append([StepStarted(run_id="r", at=1.0, step=str(one), asset="a") for one in range(1_200)])
    numbers = list(range(1, 1_101))
    assert size_of_facts(log, numbers).rows == 1_100
    remove_facts(log, numbers)
    assert [one.seq for one in log.read()] == list(range(1_101, 1_201))
    assert size_of_facts(log, numbers) == Size(0, 0)
    log.close()


def test_names_of_ticks_go_and_those_of_run_keys_and_schedules_stay(place: str):
    log = open_log(place)
    staying = ["tick:schedule/s@1.000", "run_key:sensor/s:k", "start:r"]
    for number in range(1, 601):
        fact = TickEvaluated(at=1.0, name="sensor/s", number=number, status="SKIPPED")
        log.append([fact], once=[f"tick:sensor/s#{number}"])
    log.append([], once=staying)
    assert remove_tick_names(log, 599, {"tick:sensor/s#3"}) == 598
    assert log.used(staying) == set(staying)
    assert log.used([f"tick:sensor/s#{one}" for one in (1, 3, 599, 600)]) == {
        "tick:sensor/s#3",
        "tick:sensor/s#600",
    }
    try:
        log.append([], once=["tick:sensor/s#3"])
    except AlreadyDoneError:
        pass
    else:
        raise AssertionError("a name that was kept was used a second time")
    log.close()
