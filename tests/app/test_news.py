"""What single automation conditions find in a history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mlorch import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetsDefinition,
    AssetSelection,
    AssetSpec,
    AutomationCondition,
    AutomationConditionSensorDefinition,
    DailyPartitionsDefinition,
    Definitions,
    FreshnessPolicy,
    StaticPartitionsDefinition,
    asset,
    asset_check,
    multi_asset,
)
from mlorch.app.automation import covered_by
from mlorch.app.ticking import evaluate, instigators
from mlorch.events import BackfillStarted, RunStarted
from mlorch.planning.ticks import TickAsked
from tests.automating import History

ONE = AutomationCondition
EAGER = ONE.eager()
WHOLE = [None]
DAYS = DailyPartitionsDefinition("2024-03-01")


def declared(
    name: str, condition: AutomationCondition | None = None, deps: Any = (), **given: Any
) -> AssetsDefinition:
    @asset(name=name, deps=deps, automation_condition=condition, **given)
    def one() -> None: ...

    return one


def requested(history: History) -> set[str]:
    return set(history.tick())


# Operands and operators


def test_missing_newly_true_and_since() -> None:
    history = History(
        [
            declared("missing", ONE.missing()),
            declared("newly", ONE.newly_missing()),
            declared("since", ONE.newly_missing().since(ONE.newly_updated())),
            declared("not_missing", ~ONE.missing()),
        ]
    )
    assert requested(history) == {"missing", "newly", "since"}
    assert requested(history) == {"missing", "since"}
    history.made("missing", "newly", "since", "not_missing")
    assert requested(history) == {"not_missing"}


def test_updated_requested_and_changed() -> None:
    history = History(
        [
            declared("updated", ONE.newly_updated()),
            declared("changed", ONE.data_version_changed()),
            declared("again", ONE.initial_evaluation() | ONE.newly_requested()),
        ]
    )
    history.made("updated", "changed", version="1")
    assert requested(history) == {"again"}
    history.made("updated", "changed", version="1")
    assert requested(history) == {"updated", "again"}
    history.made("updated", "changed", version="2")
    assert requested(history) == {"updated", "changed", "again"}


def test_the_data_version_before_is_found_behind_many_others() -> None:
    history = History(
        [declared("day", ONE.data_version_changed(), partitions_def=DailyPartitionsDefinition("2022-01-01"))]
    )
    days = history.definitions.graph.nodes["day"].partitions_def
    assert days is not None
    keys = days.get_partition_keys(history.now)
    for key in keys:
        history.made("day", partition=key, version="1")
    history.now += timedelta(hours=1)
    assert requested(history) == set()
    history.made("day", partition=keys[3], version="1")
    assert history.tick() == {}
    history.made("day", partition=keys[3], version="2")
    assert history.tick() == {"day": [keys[3]]}


def test_code_versions() -> None:
    history = History([declared("one", ONE.code_version_changed(), code_version="1")])
    assert requested(history) == set()
    history.redeclare(declared("one", ONE.code_version_changed(), code_version="2"))
    assert requested(history) == {"one"}
    assert requested(history) == set()


def test_failures_until_the_asset_is_made() -> None:
    history = History([declared("one", ONE.execution_failed())])
    assert requested(history) == set()
    history.failed("one")
    assert requested(history) == {"one"}
    history.made("one")
    assert requested(history) == set()


def test_progress_of_runs_and_backfills() -> None:
    history = History(
        [
            declared("run", ONE.run_in_progress(), partitions_def=DAYS),
            declared("backfill", ONE.backfill_in_progress(), partitions_def=DAYS),
        ]
    )
    run = history.starts("run", "backfill", partition="2024-03-02")
    assert history.tick() == {"run": ["2024-03-02"]}
    history.made("run", partition="2024-03-02", run=run)
    assert history.tick() == {}
    history.ends(run)
    targets = {"backfill": ["2024-03-02", "2024-03-03"]}
    history.instance.log.append(
        [
            BackfillStarted(run_id="many", at=0.0, targets=targets),
            RunStarted(run_id="part", at=0.0, targets=targets, tags={"mlorch/backfill": "many"}),
        ]
    )
    history.leases.living.add("many")
    assert history.tick() == {"backfill": ["2024-03-02", "2024-03-03"]}
    history.made("backfill", partition="2024-03-02", run="part")
    assert history.tick() == {"backfill": ["2024-03-03"]}
    history.queued("backfill", is_backfill=True, partitions=("2024-03-05...2024-03-06",))
    assert history.tick() == {"backfill": ["2024-03-03", "2024-03-05", "2024-03-06"]}
    history.queued("run", run_id="one", partition="2024-03-07")
    history.queued("gone", run_id="wrong", partition="2024-03-07")
    assert history.tick()["run"] == ["2024-03-07"]


def test_dependencies_any_and_all_allowed_and_ignored() -> None:
    updated, first = ONE.newly_updated(), AssetSelection.keys("a")
    deps = ["a", "b"]
    history = History(
        [
            declared("a"),
            declared("b"),
            declared("any", ONE.any_deps_match(updated), deps),
            declared("all", ONE.all_deps_match(updated), deps),
            declared("allowed", ONE.any_deps_match(updated).allow(first), deps),
            declared("ignoring", ONE.any_deps_match(updated).ignore(first), deps),
        ]
    )
    assert requested(history) == set()
    history.made("a")
    assert requested(history) == {"any", "allowed"}
    history.made("b")
    assert requested(history) == {"any", "ignoring"}
    history.made("a", "b")
    assert requested(history) == {"any", "all", "allowed", "ignoring"}


def test_another_asset_above_or_below() -> None:
    history = History(
        [
            declared("up", ONE.asset_matches("down", ONE.missing())),
            declared("down", ONE.asset_matches("up", ONE.newly_updated()), ["up"]),
        ]
    )
    assert requested(history) == {"up"}
    history.made("up", "down")
    assert requested(history) == {"down"}


def test_conditions_from_below() -> None:
    below = ONE.any_downstream_conditions()
    history = History(
        [declared("root", below), declared("mid", below, ["root"]), declared("end", ONE.missing(), ["mid"])]
    )
    assert requested(history) == {"root", "mid", "end"}
    history.made("root")
    assert requested(history) == {"mid", "end"}
    history.made("mid", "end")
    assert requested(history) == set()


def test_tags_of_the_runs_that_updated() -> None:
    history = History(
        [
            declared("any", ONE.any_new_update_has_run_tags(tag_values={"by": "hand"})),
            declared("all", ONE.all_new_updates_have_run_tags(tag_keys={"by"})),
        ]
    )
    assert requested(history) == set()
    history.made("any", "all", run=history.starts(tags={"by": "hand"}))
    assert requested(history) == {"any", "all"}
    history.made("any", "all", run=history.starts(tags={"by": "hand"}))
    history.made("any", "all", run=history.starts())
    assert requested(history) == {"any"}


def test_freshness_as_time_passes() -> None:
    policy = FreshnessPolicy.time_window(timedelta(hours=10), timedelta(hours=4))
    by_name = {
        "pass": ONE.freshness_passed(),
        "warn": ONE.freshness_warned(),
        "fail": ONE.freshness_failed(),
    }
    history = History([declared(name, one, freshness_policy=policy) for name, one in by_name.items()])
    history.redeclare(*history.definitions.assets, declared("none", ONE.freshness_passed()))
    history.made(*by_name, "none")
    assert requested(history) == {"pass"}
    history.passes(hours=5)
    assert requested(history) == {"warn"}
    history.passes(hours=6)
    assert requested(history) == {"fail"}


def test_a_run_that_was_to_make_only_some_of_the_partitions_leaves_the_others_to_be_made() -> None:
    window = ONE.in_latest_time_window(timedelta(days=9))
    condition = EAGER.replace(ONE.in_latest_time_window(), window)
    days = [declared("raw", partitions_def=DAYS), declared("day", condition, ["raw"], partitions_def=DAYS)]
    history = History(days)
    for number in (8, 9):
        history.made("raw", "day", partition=f"2024-03-0{number}")
    history.tick()
    targets = {"raw": ["2024-03-08", "2024-03-09"], "day": ["2024-03-09"]}
    history.instance.log.append([RunStarted(run_id="some", at=0.0, targets=targets)])
    history.made("raw", partition="2024-03-08", run="some")
    history.made("raw", partition="2024-03-09", run="some")
    assert history.tick() == {"day": ["2024-03-08"]}


# What is made together


def test_what_is_made_together_is_requested_together() -> None:
    @multi_asset(
        specs=[AssetSpec("left", deps=["up"], automation_condition=EAGER), AssetSpec("right", deps=["up"])]
    )
    def both() -> None: ...

    history = History([declared("up"), both])
    history.made("up", "left", "right")
    assert history.tick() == {}
    history.made("up")
    assert history.tick() == {"left": WHOLE, "right": WHOLE}


def test_there_is_a_run_for_what_has_no_partitions_and_a_backfill_for_several() -> None:
    missing = ONE.missing() & ONE.in_latest_time_window(timedelta(days=2))
    days = [declared(name, missing, partitions_def=DailyPartitionsDefinition("2024-03-01")) for name in "ab"]
    history = History([*days, declared("c", ONE.missing()), declared("d", ONE.missing())])
    history.tick()
    assert history.result is not None
    assert [(run.selection, run.partition, run.partitions) for run in history.result.runs] == [
        (("c", "d"), None, ()),
        (("a", "b"), None, ("2024-03-08...2024-03-09",)),
    ]
    assert [run.is_backfill for run in history.result.runs] == [False, True]
    assert history.result.total_requested == 6


# Checks


def checked(condition: AutomationCondition | None = None, blocking: bool = False) -> Any:
    @asset_check(asset="raw", automation_condition=condition, blocking=blocking)
    def good() -> AssetCheckResult:
        return AssetCheckResult(passed=True)

    return good


def test_a_check_is_requested_by_its_own_condition() -> None:
    history = History([declared("raw")], asset_checks=[checked(EAGER)])
    assert history.tick() == {}
    history.made("raw")
    history.tick()
    assert history.result is not None
    (run,) = history.result.runs
    assert (run.selection, run.checks) == ((), ("raw:good",))
    history.checked("raw", "good", passed=True)
    history.tick()
    assert history.result.total_requested == 0


def test_a_check_goes_along_with_its_asset() -> None:
    history = History([declared("raw", EAGER)], asset_checks=[checked(EAGER)])
    assert history.tick() == {"raw": WHOLE}
    assert history.result is not None
    (run,) = history.result.runs
    assert (run.selection, run.checks) == (("raw",), ())


def test_conditions_on_the_checks_of_an_asset() -> None:
    history = History(
        [
            declared("raw", ONE.any_checks_match(ONE.check_failed())),
            declared("below", EAGER & ONE.all_deps_blocking_checks_passed(), ["raw"]),
        ],
        asset_checks=[checked(blocking=True)],
    )
    history.made("raw", "below")
    assert requested(history) == set()
    history.made("raw")
    assert requested(history) == set()
    history.checked("raw", "good", passed=False)
    assert requested(history) == {"raw", "below"}
    assert history.result is not None
    history.checked("raw", "good", passed=True)
    history.made("raw")
    assert requested(history) == set()


# Sensors


def tick(definitions: Definitions, name: str, cursor: str | None = None) -> Any:
    history = History([])
    return evaluate(
        definitions, history.instance, TickAsked(name=f"sensor/{name}", number=1, due=0.0, cursor=cursor)
    )


def test_a_sensor_asks_for_what_it_covers_and_the_other_for_the_rest() -> None:
    own = AutomationConditionSensorDefinition(
        "own", target=AssetSelection.keys("one"), run_tags={"team": "ml"}, default_condition=ONE.missing()
    )
    every = Definitions([declared("one"), declared("two", EAGER)], sensors=[own])
    assert covered_by(every, own) == {"one"}
    found = tick(every, "own")
    assert (found.status, [run.selection for run in found.runs]) == ("SUCCESS", [("one",)])
    assert found.runs[0].tags["team"] == "ml"
    assert found.runs[0].tags["mlorch/sensor"] == "own"
    rest = tick(every, "default_automation_condition_sensor")
    assert [run.selection for run in rest.runs] == [("two",)]


def test_a_sensor_without_backfills_asks_for_each_partition() -> None:
    own = AutomationConditionSensorDefinition("own", target="*", emit_backfills=False)
    letters = StaticPartitionsDefinition(["a", "b"])
    every = Definitions([declared("one", EAGER, partitions_def=letters)], sensors=[own])
    assert [(run.partition, run.is_backfill) for run in tick(every, "own").runs] == [
        ("a", False),
        ("b", False),
    ]


def test_the_sensor_that_nobody_declared_is_listed_where_it_has_something_to_do() -> None:
    own = AutomationConditionSensorDefinition("own", target="*")
    assert [one.name for one in instigators(Definitions([declared("one", EAGER)], sensors=[own]))] == [
        "sensor/own"
    ]
    (found,) = instigators(Definitions([declared("one", EAGER)]))
    assert (found.name, found.is_running) == ("sensor/default_automation_condition_sensor", False)


def test_a_tick_that_requests_nothing_says_so_and_goes_on_from_there() -> None:
    every = Definitions([declared("one", ONE.newly_missing())])
    first = tick(every, "default_automation_condition_sensor")
    again = tick(every, "default_automation_condition_sensor", first.cursor)
    assert (first.status, again.status) == ("SUCCESS", "SKIPPED")
    assert "true of anything" in again.reason


def test_a_tick_with_a_cursor_of_something_else_fails_and_keeps_it() -> None:
    found = tick(Definitions([declared("one", EAGER)]), "default_automation_condition_sensor", "of another")
    assert (found.status, found.cursor) == ("FAILURE", "of another")
    assert "cursor" in found.error["message"]


def test_specs_of_what_is_made_elsewhere_request_nothing() -> None:
    history = History([AssetSpec("source", automation_condition=EAGER), declared("one", EAGER)])
    assert history.tick() == {"one": WHOLE}
    assert AssetCheckSpec("good", asset="one").automation_condition is None
