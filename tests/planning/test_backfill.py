"""Dividing what is to be made among runs."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import (
    AllPartitionMapping,
    AssetIn,
    BackfillPolicy,
    DailyPartitionsDefinition,
    Definitions,
    Instance,
    MonthlyPartitionsDefinition,
    StaticPartitionsDefinition,
    TimeWindowPartitionMapping,
    asset,
)
from mlorch.app.status import assess
from mlorch.planning.backfill import assign, divide, steps_by_run
from mlorch.planning.chunks import chunked
from mlorch.planning.plan import make_plan

DAYS = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-07")
MONTHS = MonthlyPartitionsDefinition(start_date="2024-01-01", end_date="2024-02-01")
DAILY = {"partitions_def": DAYS}
SINGLE = BackfillPolicy.single_run()
BEFORE = TimeWindowPartitionMapping(start_offset=-1, end_offset=0)


def named(name, *upstream, **options):
    ins = {f"x{i}": one if isinstance(one, AssetIn) else AssetIn(one) for i, one in enumerate(upstream)}
    return asset(name=name, ins=ins, code_version="1", **options)(lambda **given: 1)


def divided(assets, targets=None):
    definitions = Definitions(assets)
    assessment = assess(definitions, Instance.ephemeral(), auto=False)
    every = [slot for key in definitions.graph.nodes for slot in assessment.slots(key)]
    slots = every if targets is None else [slot for slot in every if targets(slot)]
    division = divide(assessment, slots)
    return assign(make_plan(assessment, slots, chunks=division.chunks), division)


def runs(assets, targets=None):
    """The runs by number: of each its assets and its days."""
    return [
        (
            "".join(dict.fromkeys(slot[0] for step in steps for slot in step.unit.slots)),
            "".join(dict.fromkeys((key or "")[-1:] for step in steps for key in step.unit.partitions)),
        )
        for steps in steps_by_run(divided(assets, targets))
    ]


def test_without_a_policy_each_partition_of_all_assets_is_a_run():
    assert runs([named("a", **DAILY), named("b", "a", **DAILY)])[:2] == [("ab", "1"), ("ab", "2")]


def test_a_policy_makes_a_run_of_so_many_partitions():
    policy = BackfillPolicy.multi_run(4)
    assert runs([named("a", backfill_policy=policy, **DAILY)]) == [("a", "1234"), ("a", "56")]


def test_a_single_run_makes_all_by_one_call():
    plan = divided([named("a", backfill_policy=SINGLE, **DAILY)])
    assert [len(step.unit.slots) for step in plan.steps] == [6]


def test_of_several_assets_the_least_policy_wins_and_none_counts_as_one():
    two = BackfillPolicy.multi_run(2)
    both = [
        named("a", backfill_policy=SINGLE, **DAILY),
        named("b", "a", backfill_policy=two, **DAILY),
    ]
    assert runs(both) == [("ab", "12"), ("ab", "34"), ("ab", "56")]
    assert len(runs([*both, named("c", "b", **DAILY)])) == 6


def test_no_run_spans_a_gap():
    days = {"1", "2", "4", "6"}
    assets = [named("a", backfill_policy=SINGLE, **DAILY)]
    assert runs(assets, lambda slot: slot[1][-1] in days) == [("a", "12"), ("a", "4"), ("a", "6")]


def test_what_is_divided_otherwise_has_runs_of_its_own_after_what_it_reads():
    assets = [named("a", partitions_def=JANUARY), named("m", "a", partitions_def=MONTHS), named("t", "m")]
    found = runs(assets)
    assert found[-2:] == [("m", "1"), ("t", "")]
    assert [one for one, _ in found[:-2]] == ["a"] * 31


def test_what_has_no_partitions_and_nothing_partitioned_above_does_not_divide_the_rest():
    assets = [named("u"), named("a", **DAILY), named("b", "a", "u", **DAILY)]
    assert runs(assets)[:2] == [("u", ""), ("ab", "1")]


def test_partitions_that_read_earlier_ones_share_runs():
    read = AssetIn("a", partition_mapping=BEFORE)
    assert runs([named("a", **DAILY), named("b", read, **DAILY)])[0] == ("ab", "1")


def test_an_asset_that_reads_later_partitions_has_runs_of_its_own():
    ahead = TimeWindowPartitionMapping(start_offset=0, end_offset=1)
    whole = AllPartitionMapping()
    for mapping in (ahead, whole):
        read = AssetIn("a", partition_mapping=mapping)
        found = runs([named("a", **DAILY), named("b", read, **DAILY), named("c", "b", **DAILY)])
        assert {assets for assets, _ in found} == {"a", "bc"}


def test_partitions_that_wait_for_each_other_are_made_one_by_one_in_one_run():
    earlier = TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
    assets = [named("a", AssetIn("a", partition_mapping=earlier), backfill_policy=SINGLE, **DAILY)]
    plan = divided(assets)
    assert [len(step.unit.slots) for step in plan.steps] == [1] * 6
    assert {step.run for step in plan.steps} == {0}


def test_static_partitions_keep_the_order_of_the_list():
    letters = StaticPartitionsDefinition(["z", "b", "y"])
    policy = BackfillPolicy.multi_run(2)
    assert runs([named("a", partitions_def=letters, backfill_policy=policy)]) == [("a", "zb"), ("a", "y")]


@given(st.sets(st.integers(0, 40)), st.none() | st.integers(1, 5))
def test_chunks_are_neighbours_in_order_and_as_large_as_they_may_be(places, most):
    positions = {str(place): place for place in range(41)}
    numbers = chunked([str(place) for place in places], positions, most)
    assert sorted(map(int, numbers)) == sorted(places)
    ordered = sorted(places)
    for one, after in pairwise(ordered):
        grown = numbers[str(after)] - numbers[str(one)]
        size = sum(number == numbers[str(one)] for number in numbers.values())
        assert grown in (0, 1)
        assert grown == (after != one + 1 or (most is not None and size == most and grown))
    if most is not None:
        assert all(list(numbers.values()).count(number) <= most for number in numbers.values())


JANUARY = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-02-01")
_MAPPINGS = st.sampled_from([None, BEFORE, AllPartitionMapping()])
_POLICIES = st.sampled_from([None, SINGLE, BackfillPolicy.multi_run(2), BackfillPolicy.multi_run(4)])


@given(st.data())
def test_a_run_waits_only_for_runs_numbered_lower(data):
    assets = []
    kinds = {}
    for index in range(data.draw(st.integers(1, 5))):
        name = "abcde"[index]
        kinds[name] = data.draw(st.sampled_from([None, JANUARY, MONTHS]))
        reads = []
        for up in data.draw(st.sets(st.sampled_from("abcde"[:index]), max_size=2)) if index else ():
            same = kinds[name] is JANUARY and kinds[up] is JANUARY
            reads.append(AssetIn(up, partition_mapping=data.draw(_MAPPINGS) if same else None))
        policy = data.draw(_POLICIES)
        assets.append(named(name, *reads, partitions_def=kinds[name], backfill_policy=policy))
    plan = divided(assets)
    for step in plan.steps:
        assert all(plan.steps[above].run <= step.run for above in step.waits_for)
    made = [slot for step in plan.steps for slot in step.unit.slots]
    assert len(made) == len(set(made))


def test_a_plan_of_nothing_has_no_runs():
    assert runs([named("a", **DAILY)], lambda slot: False) == []


@pytest.mark.parametrize("policy", [None, BackfillPolicy.multi_run(1)])
def test_one_partition_a_run_is_planned_as_single_partitions(policy):
    plan = divided([named("a", backfill_policy=policy, **DAILY)])
    assert [step.name for step in plan.steps][:2] == ["a[2024-01-01]", "a[2024-01-02]"]
