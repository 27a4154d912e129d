"""What automation conditions request, from facts that are written and times that are given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mlorch import (
    AssetDep,
    AssetsDefinition,
    AssetSpec,
    AutomationCondition,
    DailyPartitionsDefinition,
    DynamicPartitionsDefinition,
    StaticPartitionsDefinition,
    TimeWindowPartitionMapping,
    WeeklyPartitionsDefinition,
    asset,
    evaluate_automation_conditions,
)
from mlorch.errors import UserError
from tests.automating import START, History

EAGER = AutomationCondition.eager()
ON_MISSING = AutomationCondition.on_missing()
DAYS = DailyPartitionsDefinition("2024-03-01")
WHOLE = [None]


def declared(
    name: str, condition: AutomationCondition | None = None, deps: Any = (), **given: Any
) -> AssetsDefinition:
    @asset(name=name, deps=deps, automation_condition=condition, **given)
    def one() -> None: ...

    return one


def daily(name: str, condition: AutomationCondition | None = None, deps: Any = ()) -> AssetsDefinition:
    return declared(name, condition, deps, partitions_def=DAYS)


@pytest.fixture
def chain() -> History:
    """`up` has no condition; `mid` and `down` are eager, and all are made."""
    found = History([declared("up"), declared("mid", EAGER, ["up"]), declared("down", EAGER, ["mid"])])
    found.made("up", "mid", "down")
    assert found.tick() == {}
    return found


# eager


def test_eager_requests_what_is_missing_at_first_and_only_once() -> None:
    history = History([declared("root", EAGER)])
    assert history.tick() == {"root": WHOLE}
    assert history.tick() == {}
    history.made("root")
    assert history.tick() == {}


def test_eager_waits_for_what_is_missing_above() -> None:
    history = History([declared("one"), declared("two"), declared("below", EAGER, ["one", "two"])])
    assert history.tick() == {}
    history.made("one")
    assert history.tick() == {}
    history.made("two")
    assert history.tick() == {"below": WHOLE}
    assert history.tick() == {}


def test_eager_requests_everything_below_what_changed_in_one_run(chain: History) -> None:
    history = chain
    history.made("up")
    assert history.tick() == {"mid": WHOLE, "down": WHOLE}
    assert history.result is not None
    (run,) = history.result.runs
    assert run.selection == ("mid", "down")
    assert run.tags["mlorch/why"] == (
        "mid: eager, as any_deps_updated (up); down: eager, as any_deps_updated (mid)"
    )


def test_eager_leaves_alone_what_is_made_again_with_the_same_data_version(chain: History) -> None:
    chain.made("up", version="1")
    assert chain.tick() == {"mid": WHOLE, "down": WHOLE}
    chain.made("mid", "down", run=chain.starts("mid", "down"))
    assert chain.tick() == {}
    chain.made("up", version="1")
    assert chain.tick() == {}
    chain.made("up", version="2")
    chain.made("up", version="1")
    assert chain.tick() == {}
    chain.made("up", version="2")
    assert chain.tick() == {"mid": WHOLE, "down": WHOLE}


def test_eager_leaves_alone_what_the_run_that_changed_something_makes_too(chain: History) -> None:
    run = chain.starts("up", "mid", "down")
    chain.made("up", run=run)
    assert chain.tick() == {}
    chain.made("mid", run=run)
    assert chain.tick() == {}
    chain.ends(run)
    assert chain.tick() == {}


def test_eager_does_not_lose_what_changed_while_it_was_being_made(chain: History) -> None:
    run = chain.starts("mid")
    chain.passes(minutes=1)
    chain.made("up")
    assert chain.tick() == {}
    chain.passes(minutes=1)
    chain.made("mid", run=run, took=150)
    chain.ends(run)
    assert chain.tick() == {"mid": WHOLE, "down": WHOLE}


def test_eager_is_content_where_the_run_began_after_the_change(chain: History) -> None:
    chain.made("up")
    run = chain.starts("mid", "down")
    assert chain.tick() == {}
    chain.made("mid", "down", run=run, took=10)
    chain.ends(run)
    assert chain.tick() == {}


def test_eager_sees_what_changed_after_the_asset_was_made_between_two_evaluations(chain: History) -> None:
    chain.made("up", "mid", "down")
    chain.passes(seconds=5)
    chain.made("up")
    assert chain.tick() == {"mid": WHOLE, "down": WHOLE}


def test_the_clock_of_another_machine_makes_no_second_run(chain: History) -> None:
    chain.made("up", late=3600)
    assert chain.tick() == {"mid": WHOLE, "down": WHOLE}
    assert chain.tick() == {}
    chain.made("mid", "down", run=chain.starts("mid", "down"))
    assert chain.tick() == {}


def test_a_clock_that_is_slow_hides_no_change(chain: History) -> None:
    chain.made("up")
    assert chain.tick() == {"mid": WHOLE, "down": WHOLE}
    chain.made("up", late=-3600)
    assert chain.tick() == {"mid": WHOLE, "down": WHOLE}


def test_a_clock_that_goes_back_requests_nothing_again(chain: History) -> None:
    chain.made("up")
    assert chain.tick() == {"mid": WHOLE, "down": WHOLE}
    chain.now -= timedelta(days=3)
    assert chain.tick() == {}
    chain.made("mid", "down", run=chain.starts("mid", "down"))
    assert chain.tick() == {}


def test_eager_waits_while_something_above_is_made_or_waits_in_the_queue(chain: History) -> None:
    chain.made("up")
    chain.queued("up")
    assert chain.tick() == {}
    run = chain.starts("up", run_id="queued")
    assert chain.tick() == {}
    chain.made("up", run=run)
    assert chain.tick() == {"mid": WHOLE, "down": WHOLE}
    chain.queued("mid", run_id="other")
    chain.made("up")
    assert chain.tick() == {}


def test_eager_sees_that_something_was_observed_with_another_version() -> None:
    history = History([AssetSpec("source"), declared("copy", EAGER, ["source"])])
    history.observed("source", "1")
    history.made("copy")
    assert history.tick() == {}
    history.observed("source", "1")
    assert history.tick() == {}
    history.observed("source", "2")
    assert history.tick() == {"copy": WHOLE}


# Partitions


def test_of_days_only_the_latest_is_requested() -> None:
    history = History(
        [declared("raw", None, partitions_def=DAYS), declared("day", EAGER, ["raw"], partitions_def=DAYS)]
    )
    assert history.tick() == {}
    history.made("raw", partition="2024-03-08")
    assert history.tick() == {}
    history.made("raw", partition="2024-03-09")
    assert history.tick() == {"day": ["2024-03-09"]}
    history.tick(days=1)
    history.made("raw", partition="2024-03-10")
    assert history.tick() == {"day": ["2024-03-10"]}


def test_a_longer_window_takes_more_days() -> None:
    window = AutomationCondition.in_latest_time_window(timedelta(days=3))
    condition = EAGER.replace(AutomationCondition.in_latest_time_window(), window)
    history = History([declared("day", condition, partitions_def=DAYS)])
    assert history.tick() == {"day": ["2024-03-07", "2024-03-08", "2024-03-09"]}
    assert history.result is not None
    assert [run.partitions for run in history.result.runs] == [("2024-03-07...2024-03-09",)]
    assert history.tick(days=1) == {"day": ["2024-03-10"]}


def test_a_week_waits_for_each_of_its_days() -> None:
    weeks = WeeklyPartitionsDefinition("2024-03-03")
    history = History(
        [declared("day", partitions_def=DAYS), declared("week", EAGER, ["day"], partitions_def=weeks)]
    )
    for day in range(3, 9):
        history.made("day", partition=f"2024-03-0{day}")
        assert history.tick() == {}
    history.made("day", partition="2024-03-09")
    assert history.tick() == {"week": ["2024-03-03"]}
    history.made("week", partition="2024-03-03")
    assert history.tick() == {}
    history.made("day", partition="2024-03-05")
    assert history.tick() == {"week": ["2024-03-03"]}


def test_what_reads_the_day_before_waits_until_that_is_made() -> None:
    before = TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
    dep = AssetDep("day", partition_mapping=before)
    history = History(
        [declared("day", EAGER, partitions_def=DAYS), declared("next", EAGER, [dep], partitions_def=DAYS)]
    )
    assert history.tick() == {"day": ["2024-03-09"]}
    history.made("day", partition="2024-03-08")
    assert history.tick() == {"next": ["2024-03-09"]}


def test_a_model_of_all_days_is_trained_again_after_any_of_them() -> None:
    history = History([declared("day", partitions_def=DAYS), declared("model", EAGER, ["day"])])
    history.made("model")
    for number in range(1, 10):
        assert history.tick() == {}
        history.made("day", partition=f"2024-03-0{number}")
    assert history.tick() == {"model": WHOLE}
    history.made("model")
    assert history.tick() == {}
    history.made("day", partition="2024-03-02")
    assert history.tick() == {"model": WHOLE}


def test_dynamic_partitions_come_and_go_and_come_again() -> None:
    users = DynamicPartitionsDefinition(name="users")
    history = History(
        [declared("raw", partitions_def=users), declared("user", ON_MISSING, ["raw"], partitions_def=users)]
    )
    history.instance.add_dynamic_partitions("users", ["ann"])
    history.made("raw", partition="ann")
    assert history.tick() == {}
    history.instance.add_dynamic_partitions("users", ["bob", "cid"])
    history.made("raw", partition="cid")
    assert history.tick() == {"user": ["cid"]}
    history.made("user", partition="cid")
    history.instance.delete_dynamic_partition("users", "ann")
    assert history.tick() == {}
    history.made("raw", partition="bob")
    assert history.tick() == {"user": ["bob"]}
    history.made("user", partition="bob")
    history.instance.delete_dynamic_partition("users", "cid")
    assert history.tick() == {}
    history.instance.add_dynamic_partitions("users", ["cid", "dan"])
    history.made("raw", partition="dan")
    assert history.tick() == {"user": ["dan"]}


def test_listed_partitions_may_be_put_in_another_order() -> None:
    def declare(*keys: str) -> AssetsDefinition:
        return declared("one", EAGER, partitions_def=StaticPartitionsDefinition(keys))

    history = History([declare("a", "b")])
    assert history.tick() == {"one": ["a", "b"]}
    history.made("one", partition="a")
    history.redeclare(declare("c", "b", "a"))
    assert history.tick() == {"one": ["c"]}


def test_partitions_that_begin_earlier_are_what_they_were() -> None:
    window = AutomationCondition.in_latest_time_window(timedelta(days=300))
    condition = EAGER.replace(AutomationCondition.in_latest_time_window(), window)
    history = History([declared("one", condition, partitions_def=DailyPartitionsDefinition("2024-03-08"))])
    assert history.tick() == {"one": ["2024-03-08", "2024-03-09"]}
    history.redeclare(declared("one", condition, partitions_def=DailyPartitionsDefinition("2024-03-06")))
    assert history.tick() == {"one": ["2024-03-06", "2024-03-07"]}
    history.redeclare(declared("one", condition, partitions_def=DailyPartitionsDefinition("2024-03-09")))
    assert history.tick() == {}


# on_missing


def test_on_missing_leaves_what_was_missing_before_it() -> None:
    history = History([declared("one", ON_MISSING), declared("day", ON_MISSING, partitions_def=DAYS)])
    assert history.tick() == {}
    assert history.tick(days=1) == {"day": ["2024-03-10"]}
    assert history.tick() == {}


# on_cron


def test_on_cron_waits_for_a_tick_and_for_what_is_above() -> None:
    daily = AutomationCondition.on_cron("0 0 * * *")
    history = History([declared("up"), declared("below", daily, ["up"]), declared("alone", daily)])
    history.made("up")
    assert history.tick() == {}
    assert history.tick(hours=12) == {"alone": WHOLE}
    history.made("up")
    assert history.tick() == {"below": WHOLE}
    history.made("up")
    assert history.tick() == {}
    assert history.tick(days=1) == {"alone": WHOLE}


def test_on_cron_takes_several_missed_ticks_for_one() -> None:
    history = History([declared("alone", AutomationCondition.on_cron("@hourly"))])
    assert history.tick() == {}
    assert history.tick(hours=9) == {"alone": WHOLE}
    assert history.tick(minutes=1) == {}


@pytest.mark.parametrize(
    ("cron", "day", "hours"),
    [
        ("30 2 * * *", "2024-03-31", [3]),
        ("30 2 * * *", "2024-10-27", [2]),
        ("0 * * * *", "2024-03-31", [0, 1, *range(3, 24)]),
        ("0 * * * *", "2024-10-27", [0, 1, 2, *range(2, 24)]),
    ],
    ids=["skipped", "twice", "hours of the short day", "hours of the long day"],
)
def test_on_cron_where_clocks_change(cron: str, day: str, hours: list[int]) -> None:
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime.fromisoformat(day).replace(tzinfo=zone)
    history = History(
        [declared("one", AutomationCondition.on_cron(cron, "Europe/Berlin"))], begin.astimezone(UTC)
    )
    history.passes(minutes=-20)
    history.tick()
    found = []
    while history.now.astimezone(zone).date() <= begin.date():
        if history.tick(minutes=10):
            found.append(history.now.astimezone(zone))
    assert [one.hour for one in found if one.date() == begin.date()] == hours


# Declarations and cursors


def test_a_condition_that_is_another_begins_anew() -> None:
    history = History([declared("one", ON_MISSING), declared("two", EAGER)])
    assert history.tick() == {"two": WHOLE}
    first = AutomationCondition.initial_evaluation()
    history.redeclare(declared("one", first), declared("two", EAGER.with_label("mine")))
    assert history.tick() == {"one": WHOLE}
    assert history.tick() == {}


def test_an_asset_that_comes_later_is_evaluated_as_at_first() -> None:
    history = History([declared("one", EAGER)])
    assert history.tick() == {"one": WHOLE}
    history.redeclare(declared("one", EAGER), declared("two", EAGER))
    assert history.tick() == {"two": WHOLE}


def test_a_time_needs_a_zone_and_a_selection_narrows() -> None:
    history = History([declared("one", EAGER), declared("two", EAGER)])
    found = evaluate_automation_conditions(
        history.definitions, history.instance, asset_selection="two", evaluation_time=START
    )
    assert found.total_requested == 1
    assert found.get_num_requested("two") == 1
    assert found.get_requested_partitions("one") == set()
    with pytest.raises(UserError, match="time zone"):
        evaluate_automation_conditions(
            history.definitions, history.instance, evaluation_time=START.replace(tzinfo=None)
        )


def test_an_evaluation_explains_itself(chain: History) -> None:
    chain.made("up")
    chain.tick()
    assert chain.result is not None
    found = chain.result.explain("mid")
    assert (found["condition"], found["true"]) == ("eager", 1)
    assert found["parts"][0]["condition"] == "in_latest_time_window"
    with pytest.raises(UserError, match="no automation condition"):
        chain.result.explain("up")
