"""The ticks of a drift sensor: what it compares, what it records, what it asks for, and what never again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from mlorch import Instance, MetricDrop, MonthlyPartitionsDefinition, asset, drift_sensor, op
from mlorch.app.opening import check_selections
from mlorch.app.ticking import evaluate, instigators
from mlorch.errors import InvalidDefinitionError
from mlorch.events import DriftEvaluated, RunStarted
from mlorch.planning.ticks import TickAsked, TickOutcome
from tests.drift.world import Shop

NOW = 4_000_000_000.0


@dataclass
class Watch:
    """A sensor over a shop; each tick goes on where the one before ended, an hour later."""

    shop: Shop
    sensor: Any
    cursor: str | None = None
    number: int = 0

    def tick(self) -> TickOutcome:
        self.number += 1
        asked = TickAsked(
            name=f"sensor/{self.sensor.name}",
            number=self.number,
            due=NOW + 3600 * self.number,
            cursor=self.cursor,
        )
        outcome = evaluate(self.shop.definitions(self.sensor), self.shop.instance, asked)
        assert outcome.status != "FAILURE", outcome.error
        self.cursor = outcome.cursor
        self.shop.instance.log.append(outcome.facts)
        return outcome


def facts(outcome: TickOutcome) -> list[DriftEvaluated]:
    return [one for one in outcome.facts if isinstance(one, DriftEvaluated)]


def verdicts(outcome: TickOutcome) -> dict[str, str]:
    return {(one.partition or "")[:7]: one.verdict for one in facts(outcome)}


def partitions(outcome: TickOutcome) -> list[str | None]:
    return [one.partition[:7] if one.partition else None for one in outcome.runs]


@pytest.fixture
def shop(tmp_path) -> Iterator[Shop]:
    with Instance.local(tmp_path) as instance:
        found = Shop(instance)
        found.make("2024-01", "2024-02", "2024-03")
        yield found


def watch(shop: Shop, **options: Any) -> Watch:
    options = {"watch": ["price"], "job": "retrain", **options}
    if options["job"] is None:
        del options["job"]
    return Watch(shop, drift_sensor("features", **options))


def test_before_anything_arrives_nothing_is_compared(shop):
    seen = watch(shop)
    outcome = seen.tick()
    assert (outcome.status, outcome.runs, outcome.facts) == ("SKIPPED", (), ())
    assert outcome.reason == "nothing new of 'features' has arrived"
    assert seen.cursor is not None


def test_without_a_model_it_waits(tmp_path):
    with Instance.local(tmp_path) as instance:
        shop = Shop(instance)
        shop.arrive("2024-01")
        seen = watch(shop)
        assert seen.tick().reason == "no model was made from 'features' yet"
        shop.make("2024-01")
        shop.arrive("2024-02", moved=1)
        assert verdicts(seen.tick()) == {"2024-02": "drift"}


def test_a_month_that_drifted_is_trained_again_once(shop):
    seen = watch(shop)
    seen.tick()
    shop.arrive("2024-04")
    calm = seen.tick()
    assert (calm.status, verdicts(calm), calm.runs) == ("SKIPPED", {"2024-04": "no drift"}, ())
    assert calm.reason == "no drift in features[2024-04-01]"
    shop.arrive("2024-05", moved=1)
    moved = seen.tick()
    assert (moved.status, verdicts(moved), partitions(moved)) == (
        "SUCCESS", {"2024-05": "drift"}, ["2024-05"],
    )  # fmt: skip
    (run,) = moved.runs
    (fact,) = facts(moved)
    assert run.job == "retrain"
    assert (
        run.run_key == fact.run_key == (f"retrain|2024-05-01|{fact.reference['version']}|{fact.data_version}")
    )
    assert run.tags["mlorch/sensor"] == "features_drift"
    assert run.tags["mlorch/run_key"] == run.run_key
    assert run.tags["mlorch/why"].startswith("drift of price in features[2024-05-01]: effect 1")
    assert fact.reference["asset"] == "model"
    assert [month for month, _ in fact.reference["parts"]] == ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert fact.report["drifted"] == ["price"]
    # The run makes the month as a whole; the reference moves with its model, and nothing asks again.
    shop.make("2024-05")
    again = seen.tick()
    assert (again.status, again.facts, again.runs) == ("SKIPPED", (), ())


def test_what_came_again_as_it_was_is_not_compared_again(shop):
    seen = watch(shop)
    shop.arrive("2024-04", moved=1)
    assert partitions(seen.tick()) == ["2024-04"]
    shop.arrive("2024-04", moved=1)
    assert seen.tick().facts == ()


def test_the_same_data_and_reference_give_the_same_key(shop):
    seen = watch(shop)
    shop.arrive("2024-04", moved=1)
    first = seen.tick()
    shop.arrive("2024-04")
    assert verdicts(seen.tick()) == {"2024-04": "no drift"}
    shop.arrive("2024-04", moved=1)
    assert seen.tick().runs[0].run_key == first.runs[0].run_key
    shop.arrive("2024-04", moved=2)
    assert seen.tick().runs[0].run_key != first.runs[0].run_key


def test_what_the_model_learned_from_is_no_arrival(shop):
    seen = watch(shop)
    shop.moved["2024-04-01"] = 3
    seen.tick()
    shop.make("2024-04")
    outcome = seen.tick()
    assert (outcome.facts, outcome.runs) == ((), ())


def test_a_run_that_goes_on_may_train_with_what_it_made(shop, monkeypatch):
    seen = watch(shop)
    shop.arrive("2024-04", moved=1)
    run = next(one for one in shop.instance.get_runs(limit=1))
    log = shop.instance.log
    made = log.read(run_id=run.run_id, kinds={"asset_materialized"})[0].event
    going_on = RunStarted(run_id="still", at=NOW)
    from dataclasses import replace

    log.append([going_on, replace(made, run_id="still", data_version="newer")])
    monkeypatch.setattr(Instance, "living", lambda _: {"still"})
    assert [one.data_version for one in facts(seen.tick())] == [made.data_version]
    assert seen.tick().facts == ()
    monkeypatch.undo()
    assert [one.data_version for one in facts(seen.tick())] == ["newer"]


def test_partitions_of_a_tick_are_limited_and_the_rest_comes_next(shop):
    seen = watch(shop, max_partitions_per_tick=2)
    for month in ("2024-04", "2024-05", "2024-06"):
        shop.arrive(month, moved=1)
    assert partitions(seen.tick()) == ["2024-04", "2024-05"]
    assert partitions(seen.tick()) == ["2024-06"]
    assert seen.tick().facts == ()


def test_too_few_rows_ask_for_nothing(shop):
    seen = watch(shop)
    shop.arrive("2024-04", moved=9, rows=60)
    outcome = seen.tick()
    assert verdicts(outcome) == {"2024-04": "insufficient"}
    assert outcome.runs == ()


def test_several_in_a_row_have_to_drift(shop):
    seen = watch(shop, consecutive=2)
    shop.arrive("2024-04", moved=1)
    first = seen.tick()
    assert (verdicts(first), first.runs) == ({"2024-04": "drift"}, ())
    assert facts(first)[0].held == "1 of 2 evaluations in a row drifted"
    assert "1 of 2 evaluations" in first.reason
    shop.arrive("2024-05", moved=1, rows=50)
    assert seen.tick().runs == ()
    shop.arrive("2024-06", moved=1)
    assert partitions(seen.tick()) == ["2024-06"]
    shop.arrive("2024-07")
    shop.arrive("2024-08", moved=1)
    assert seen.tick().runs == ()


def test_after_a_run_nothing_is_asked_for_until_the_cooldown_is_over(shop):
    seen = watch(shop, cooldown=timedelta(hours=2.5))
    shop.arrive("2024-04", moved=1)
    shop.arrive("2024-05", moved=1)
    assert partitions(seen.tick()) == ["2024-04", "2024-05"]
    shop.arrive("2024-06", moved=1)
    held = seen.tick()
    assert held.runs == ()
    assert facts(held)[0].held == "the cooldown after the last run goes on for 1:30:00"
    seen.tick()
    shop.arrive("2024-07", moved=1)
    assert partitions(seen.tick()) == ["2024-07"]


def test_a_metric_that_is_known_has_to_be_worse(shop):
    drop = MetricDrop("evaluation", "loss", by=0.2, higher_is_better=False)
    seen = watch(shop, require_metric_drop=drop)
    seen.tick()
    for month, loss in (("2024-04", 1.1), ("2024-05", 1.5)):
        shop.loss[f"{month}-01"] = loss
        shop.arrive(month, moved=1)
        shop.make(month, only="evaluation")
    shop.arrive("2024-06", moved=1)
    outcome = seen.tick()
    assert partitions(outcome) == ["2024-05", "2024-06"]
    assert facts(outcome)[0].held == "loss is 1.1, beside 1 before: no drop that counts"


def test_all_partitions_are_one_backfill(shop):
    seen = watch(shop, retrain="all")
    shop.arrive("2024-04", moved=1)
    shop.arrive("2024-05", moved=1)
    (run,) = seen.tick().runs
    assert (run.is_backfill, run.partitions) == (True, ("2024-01-01...2024-05-01",))
    assert run.run_key.startswith("retrain|all|")


def test_a_sensor_may_only_notify(shop):
    seen = watch(shop, retrain="notify", job=None)
    shop.arrive("2024-04", moved=1)
    outcome = seen.tick()
    assert (verdicts(outcome), outcome.runs) == ({"2024-04": "drift"}, ())
    assert facts(outcome)[0].held == "the sensor only notifies"


def test_many_past_partitions_say_what_is_usual(shop):
    months = [f"2024-{month:02}" for month in range(4, 13)]
    for number, month in enumerate(months):
        shop.arrive(month, moved=(-1) ** number * 0.7)
    seen = watch(shop, max_partitions_per_tick=20)
    few = facts(seen.tick())[0].report["columns"][0]["differences"][0]
    assert few["threshold"] == 0.1
    shop.arrive("2025-01", moved=0.7)
    usual = seen.tick()
    assert verdicts(usual) == {"2025-01": "no drift"}
    assert facts(usual)[0].report["columns"][0]["differences"][0]["threshold"] > 0.7
    shop.arrive("2025-02", moved=5)
    assert verdicts(seen.tick()) == {"2025-02": "drift"}


def test_assets_may_be_the_target(shop):
    seen = watch(shop, job=None, target=["model"])
    shop.arrive("2024-04", moved=1)
    (run,) = seen.tick().runs
    assert (run.job, run.selection, run.partition) == (None, ("model",), "2024-04-01")
    assert run.run_key.startswith("assets|2024-04-01|")


def test_a_partition_that_the_job_does_not_have_holds_up_nothing(shop):
    """Its first partitions are later than those of the asset."""

    @asset(partitions_def=MonthlyPartitionsDefinition(start_date="2024-06-01"), deps=["features"])
    def late() -> int:
        return 1

    shop.assets.append(late)
    seen = watch(shop)
    shop.arrive("2024-04", moved=1)
    shop.arrive("2024-06", moved=1)
    outcome = seen.tick()
    assert partitions(outcome) == ["2024-06"]
    assert facts(outcome)[0].held == "what it runs has no partition '2024-04-01'"


def test_a_reference_that_is_gone_is_told_and_comes_back_with_the_next_model(shop):
    log = shop.instance.log
    learned = log.latest("asset_materialized", slots=[("features", "2024-03-01")]).popitem()[1].event
    shop.arrive("2024-03", moved=0.1)
    assert shop.instance.store.remove(learned.content_hash, NOW) is not None
    one = drift_sensor("features", job="retrain", watch=["price"])
    asked = TickAsked(name="sensor/features_drift", number=1, due=NOW)
    outcome = evaluate(shop.definitions(one), shop.instance, asked)
    assert (outcome.status, outcome.cursor) == ("FAILURE", None)
    assert "what model[2024-03-01] learned from is gone" in outcome.error["message"]
    shop.make("2024-03")
    assert Watch(shop, one).tick().reason == "nothing new of 'features' has arrived"


def test_a_reference_is_kept_from_the_first_tick_on(shop):
    seen = watch(shop)
    seen.tick()
    shop.arrive("2024-03", moved=1)
    assert verdicts(seen.tick()) == {"2024-03": "drift"}


def test_a_job_of_ops_trains_as_a_whole(shop):
    @op
    def train() -> None: ...

    from mlorch import job

    @job
    def whole() -> None:
        train()

    seen = watch(shop, job=whole)
    shop.arrive("2024-04", moved=1)
    shop.arrive("2024-05", moved=1)
    (run,) = seen.tick().runs
    assert (run.job, run.partition) == ("whole", None)
    assert run.tags["mlorch/why"].count("drift of price") == 2


def test_wrong_cursors_and_columns_fail_and_say_so(shop):
    shop.arrive("2024-04")
    for one, words in (
        (Watch(shop, drift_sensor("features", job="retrain"), cursor="x"), "is no number of a fact"),
        (watch(shop, watch=["prize"]), "no column 'prize' to watch or to weigh; did you mean 'price'"),
    ):
        asked = TickAsked(name="sensor/features_drift", number=1, due=NOW, cursor=one.cursor)
        outcome = evaluate(shop.definitions(one.sensor), shop.instance, asked)
        assert outcome.status == "FAILURE"
        assert words in outcome.error["message"]
        assert outcome.cursor == one.cursor


def test_the_assets_have_to_be_there_when_definitions_load(shop):
    definitions = shop.definitions(drift_sensor("feature", job="retrain"))
    with pytest.raises(InvalidDefinitionError, match="no asset 'feature'; did you mean 'features'"):
        check_selections(definitions)


def test_the_daemon_knows_it_as_a_sensor(shop):
    one = drift_sensor(
        "features", job="retrain", name="moved", minimum_interval_seconds=90, default_status="RUNNING"
    )
    (known,) = instigators(shop.definitions(one))
    assert (known.name, known.interval, known.is_running, known.jobs) == (
        "sensor/moved", 90.0, True, ("retrain",),
    )  # fmt: skip
