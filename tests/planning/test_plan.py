"""Plans: which steps, in which order, waiting for what; and what is refused before anything runs."""

from __future__ import annotations

import pytest

from mlorch import (
    AllPartitionMapping,
    AssetIn,
    AssetOut,
    AssetSpec,
    BackfillPolicy,
    DailyPartitionsDefinition,
    Definitions,
    Instance,
    StaticPartitionsDefinition,
    TimeWindowPartitionMapping,
    asset,
    graph_asset,
    materialize,
    multi_asset,
    op,
)
from mlorch.app.status import assess
from mlorch.errors import NotFoundError, UnknownPartitionError
from mlorch.log import Slot
from mlorch.planning.plan import Plan, make_plan

DAYS = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-04")


def named(name, *upstream, code="1", **options):
    ins = {f"x{i}": one if isinstance(one, AssetIn) else AssetIn(one) for i, one in enumerate(upstream)}
    return asset(name=name, ins=ins, code_version=code, **options)(lambda **given: 1)


def planned(assets, targets: list[Slot] | None = None, instance=None, *, only_stale=False) -> Plan:
    definitions = Definitions(assets)
    assessment = assess(definitions, instance or Instance.ephemeral(), auto=False)
    everything = [slot for key in definitions.graph.nodes for slot in assessment.slots(key)]
    return make_plan(assessment, everything if targets is None else targets, only_stale=only_stale)


def names(plan):
    return [step.name for step in plan.steps]


def test_inputs_come_first_and_each_step_knows_what_it_waits_for():
    plan = planned([named("c", "a", "b"), named("b", "a"), named("a")])
    assert names(plan) == ["a", "b", "c"]
    assert [step.waits_for for step in plan.steps] == [(), (0,), (0, 1)]


def test_nothing_waits_for_what_is_not_planned():
    instance = Instance.ephemeral()
    assets = [named("a"), named("b", "a")]
    materialize(assets, instance=instance)
    (step,) = planned(assets, [("b", None)], instance).steps
    assert (step.name, step.waits_for) == ("b", ())


def test_an_upstream_read_in_two_ways_is_waited_for_once():
    plan = planned([named("a"), named("b", "a", "a", deps=["a"])])
    assert [step.waits_for for step in plan.steps] == [(), (0,)]


def test_an_early_partition_is_made_all_the_way_down_before_a_later_one_begins():
    daily = {"partitions_def": DAYS}
    plan = planned([named("a", **daily), named("b", "a", **daily), named("total", "b")])
    assert names(plan) == [
        "a[2024-01-01]",
        "b[2024-01-01]",
        "a[2024-01-02]",
        "b[2024-01-02]",
        "a[2024-01-03]",
        "b[2024-01-03]",
        "total",
    ]
    assert plan.steps[-1].waits_for == (1, 3, 5)


def test_partitions_that_read_the_one_before_wait_for_it():
    before = AssetIn("a", partition_mapping=TimeWindowPartitionMapping(start_offset=-1, end_offset=-1))
    plan = planned([named("a", before, partitions_def=DAYS)])
    assert [step.waits_for for step in plan.steps] == [(), (0,), (1,)]


def test_the_whole_graph_waits_for_unpartitioned_inputs():
    plan = planned([named("a"), named("b", "a", partitions_def=DAYS)])
    assert names(plan)[0] == "a"
    assert [step.waits_for for step in plan.steps] == [(), (0,), (0,), (0,)]


def test_only_stale_leaves_out_what_is_fresh_and_says_so():
    instance = Instance.ephemeral()
    materialize([named("a"), named("b", "a"), named("c")], instance=instance)
    plan = planned([named("a"), named("b", "a"), named("c", code="2")], instance=instance, only_stale=True)
    assert names(plan) == ["c"]
    assert plan.fresh == (("a", None), ("b", None))
    assert [cause.category for cause in plan.steps[0].unit.causes] == ["CODE"]


def test_what_is_below_a_stale_asset_is_asked_again_and_says_why_if_it_is_stale_by_itself():
    instance = Instance.ephemeral()
    materialize([named("a"), named("b", "a"), named("c", "a")], instance=instance)
    changed = [named("a", code="2"), named("b", "a"), named("c", "a", code="2"), named("d", "a")]
    plan = planned(changed, instance=instance, only_stale=True)
    assert [(step.name, step.unit.is_conditional, len(step.unit.causes)) for step in plan.steps] == [
        ("a", False, 1),
        ("b", True, 0),
        ("c", True, 1),
        ("d", False, 0),
    ]


def test_going_back_makes_again_only_what_changed_and_not_what_it_left_behind():
    """`b` was made from the first `a`, then only `a` was made anew, then its code went back."""

    def graph(code):
        return [named("a", code=code), named("b", "a")]

    instance = Instance.ephemeral()
    materialize(graph("1"), instance=instance)
    materialize(graph("2"), instance=instance, selection="a")
    again = materialize(graph("1"), instance=instance, only_stale=True)
    assert [one.step for one in again.materializations] == ["a"]
    assert [one.step for one in again.skipped] == ["b"]


def test_a_value_that_is_read_and_was_never_made_is_named_with_what_to_do():
    with pytest.raises(NotFoundError, match=r"^b reads a, never materialized; materialize 'a' first"):
        planned([named("a"), named("b", "a")], [("b", None)])


def test_many_missing_values_are_counted():
    days = StaticPartitionsDefinition([f"p{i}" for i in range(9)])
    with pytest.raises(NotFoundError, match=r"a\[p0\], .*a\[p4\] and 4 more, never materialized"):
        planned([named("a", partitions_def=days), named("b", "a")], [("b", None)])


def test_what_only_orders_need_not_be_there():
    plan = planned([named("a"), named("b", deps=["a"])], [("b", None)])
    assert names(plan) == ["b"]


def test_an_external_value_need_not_be_recorded():
    assert names(planned([AssetSpec("table"), named("b", "table")], [("b", None)])) == ["b"]


def test_a_partition_that_its_mapping_cannot_give_is_refused():
    late = DailyPartitionsDefinition(start_date="2024-01-02", end_date="2024-01-04")
    assets = [named("a", partitions_def=late), named("b", "a", partitions_def=DAYS)]
    with pytest.raises(UnknownPartitionError, match=r"^b\[2024-01-01\] reads partitions of 'a'.*2024-01-01"):
        planned(assets, [("b", "2024-01-01")])


def test_a_plan_of_ten_thousand_partitions_names_each_input():
    parts = StaticPartitionsDefinition([f"{i:05}" for i in range(10_000)])
    every = AssetIn("a", partition_mapping=AllPartitionMapping())
    plan = planned([named("a", partitions_def=parts), named("b", every)])
    assert len(plan.steps) == 10_001
    assert len(plan.steps[-1].waits_for) == 10_000


def test_what_one_call_makes_is_one_unit_and_waits_for_all_that_any_of_it_reads():
    @multi_asset(outs={"small": AssetOut(), "large": AssetOut()}, ins={"x": AssetIn("a"), "y": AssetIn("b")})
    def sizes(x, y):
        return 1, 2

    plan = planned([named("c", "large"), sizes, named("a"), named("b")])
    assert names(plan) == ["a", "b", "sizes", "c"]
    assert plan.steps[2].waits_for == (0, 1)
    assert plan.steps[3].waits_for == (2,)
    assert [unit.slots for unit in plan.units][2] == (("small", None), ("large", None))


def test_a_policy_puts_neighbouring_partitions_into_one_unit():
    policy = BackfillPolicy.multi_run(max_partitions_per_run=2)
    plan = planned([named("a", partitions_def=DAYS, backfill_policy=policy)])
    assert names(plan) == ["a[2024-01-01...2024-01-02]", "a[2024-01-03]"]
    assert [unit.partitions for unit in plan.units] == [("2024-01-01", "2024-01-02"), ("2024-01-03",)]


def test_ops_of_a_graph_wait_for_what_the_asset_reads_and_readers_for_the_op_that_gives_it():
    @op
    def one(x):
        return x

    @op
    def two(x):
        return x

    @graph_asset(ins={"x": AssetIn("a")})
    def made(x):
        first = one(x)
        two(first)
        return first

    plan = planned([named("b", "made"), made, named("a")])
    assert names(plan) == ["a", "made.one", "made.two", "b"]
    assert [step.waits_for for step in plan.steps] == [(), (0,), (1,), (1,)]
    assert len(plan.units) == 3
