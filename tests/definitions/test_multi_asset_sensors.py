"""Sensors of several assets, and up to where they are done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import (
    AssetKey,
    AssetMaterialization,
    AssetSelection,
    DailyPartitionsDefinition,
    Definitions,
    Instance,
    MonthlyPartitionsDefinition,
    RunRequest,
    SensorResult,
    asset,
    build_multi_asset_sensor_context,
    build_sensor_context,
    define_asset_job,
    multi_asset_sensor,
)
from mlorch.errors import UserError

JOB = define_asset_job("nightly", selection=["a"])
A, B = AssetKey("a"), AssetKey("b")


@asset(partitions_def=DailyPartitionsDefinition("2026-01-01", "2026-02-03"))
def a():
    return 1


@asset(deps=[a], partitions_def=MonthlyPartitionsDefinition("2026-01-01", "2026-03-01"))
def months():
    return 1


@asset(partitions_def=DailyPartitionsDefinition("2026-01-01"))
def b():
    return 1


@asset
def whole():
    return 1


DEFINITIONS = Definitions([a, b, months, whole], jobs=[JOB])


def made(instance, key, partition=None):
    instance.report_runless_asset_event(AssetMaterialization(key, partition=partition))


def told(instance, cursor=None, keys=(A, B), **options):
    return build_multi_asset_sensor_context(
        monitored_assets=list(keys), instance=instance, cursor=cursor, definitions=DEFINITIONS, **options
    )


@multi_asset_sensor(monitored_assets=[A, B], job=JOB)
def both(context):
    """Run when both were made."""
    if all(context.latest_materialization_records_by_key().values()):
        context.advance_all_cursors()
        return RunRequest(partition_key="2026-01-02")


def test_it_runs_when_each_was_made_since_it_last_ran():
    instance = Instance.ephemeral()
    made(instance, "a")
    first = both.evaluate_tick(build_sensor_context(instance))
    assert (first.run_requests, first.cursor) == ((), None)
    made(instance, "b")
    second = both.evaluate_tick(build_sensor_context(instance, first.cursor))
    assert len(second.run_requests) == 1
    made(instance, "a")
    third = both.evaluate_tick(build_sensor_context(instance, second.cursor))
    assert (third.run_requests, third.cursor) == ((), second.cursor)


def test_records_are_those_since_the_cursor():
    instance = Instance.ephemeral()
    for key, partition in [("a", "1"), ("b", "1"), ("a", "2"), ("a", "1")]:
        made(instance, key, partition)
    context = told(instance)
    assert [one.partition_key for one in context.materialization_records_for_key(A)] == ["1", "2", "1"]
    assert [one.partition_key for one in context.materialization_records_for_key("a", limit=1)] == ["1"]
    assert list(context.latest_materialization_records_by_partition(A)) == ["2", "1"]
    by_partition = context.latest_materialization_records_by_partition_and_asset()
    assert {key: set(found) for key, found in by_partition.items()} == {"1": {A, B}, "2": {A}}
    assert context.latest_materialization_records_by_key([B])[B].partition_key == "1"
    later = told(instance, cursor_from_latest_materializations=True)
    assert later.latest_materialization_records_by_key() == {A: None, B: None}
    assert later.get_cursor_partition(A) == "1"


def test_what_is_passed_over_stays_to_be_asked_for():
    instance = Instance.ephemeral()
    for partition in ["1", "2", "3"]:
        made(instance, "a", partition)
    context = told(instance)
    context.advance_cursor({A: context.latest_materialization_records_by_partition(A)["2"], B: None})
    after = told(instance, context.cursor)
    assert [one.partition_key for one in after.get_trailing_unconsumed_events(A)] == ["1"]
    assert list(after.latest_materialization_records_by_partition(A)) == ["1", "3"]
    assert after.get_cursor_partition(A) == "2"
    after.advance_cursor({A: after.get_trailing_unconsumed_events(A)[0]})
    done = told(instance, after.cursor)
    assert (list(done.get_trailing_unconsumed_events(A)), done.get_cursor_partition(A)) == ([], "2")


@given(
    st.lists(st.sampled_from("123"), max_size=8),
    st.lists(st.lists(st.sampled_from("123"), max_size=3), max_size=5),
)
def test_no_latest_materialization_of_a_partition_is_ever_lost(partitions, steps):
    """Whatever is advanced, the rest is what was made last of each partition and not yet taken."""
    instance = Instance.ephemeral()
    left: dict[str, int] = {}
    for number, partition in enumerate(partitions, 1):
        made(instance, "a", partition)
        left[partition] = number
    cursor = None
    for wanted in steps:
        context = told(instance, cursor, [A])
        known = context.latest_materialization_records_by_partition(A)
        assert {key: one.storage_id for key, one in known.items()} == left
        for partition in wanted:
            if partition in known:
                context.advance_cursor({A: known[partition]})
                left.pop(partition, None)
        cursor = context.cursor


def test_partitions_below_one_are_found_by_the_mapping():
    context = told(Instance.ephemeral())
    assert context.get_downstream_partition_keys("2026-01-05", A, AssetKey("months")) == ["2026-01-01"]
    assert context.get_downstream_partition_keys("2026-01-05", A, B) == ["2026-01-05"]
    with pytest.raises(UserError, match="'whole' has no partitions"):
        context.get_downstream_partition_keys("2026-01-05", A, "whole")


def test_it_knows_whether_partitions_were_ever_made():
    instance = Instance.ephemeral()
    made(instance, "a", "2026-01-01")
    context = told(instance)
    assert context.all_partitions_materialized(A, ["2026-01-01"])
    assert not context.all_partitions_materialized(A)
    assert context.assets_defs_by_key[A] is a


def test_a_selection_is_resolved_among_definitions():
    selection = AssetSelection.assets(a).downstream()
    context = build_multi_asset_sensor_context(monitored_assets=selection, definitions=DEFINITIONS)
    assert context.asset_keys == [A, AssetKey("months")]
    with pytest.raises(UserError, match="definitions=…"):
        build_multi_asset_sensor_context(monitored_assets=selection)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (RunRequest(partition_key="2026-01-02"), "leaves its cursor where it was"),
        (SensorResult(cursor="x"), "keeps its cursor itself"),
    ],
    ids=["not advanced", "own"],
)
def test_its_cursor_is_moved_by_advancing(answer, message):
    @multi_asset_sensor([A], job=JOB)
    def wrong(context):
        return answer

    with pytest.raises(UserError, match=message):
        wrong.evaluate_tick(build_sensor_context(Instance.ephemeral()))


@pytest.mark.parametrize("cursor", ["five", "5", '{"a": 5}'])
def test_a_cursor_of_something_else_is_refused(cursor):
    with pytest.raises(UserError, match="none of a sensor of several assets"):
        told(Instance.ephemeral(), cursor)


def test_only_what_is_monitored_can_be_asked_for():
    with pytest.raises(UserError, match="does not monitor the asset 'whole'"):
        told(Instance.ephemeral()).materialization_records_for_key("whole")
    with pytest.raises(UserError, match="give one of them"):
        told(Instance.ephemeral(), "{}", cursor_from_latest_materializations=True)
