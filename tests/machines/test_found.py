"""What the machines have found, each told as shortly as it can be."""

from __future__ import annotations

import pytest

from mlorch import (
    AssetOut,
    BackfillPolicy,
    DailyPartitionsDefinition,
    DataVersion,
    DynamicOut,
    DynamicOutput,
    Instance,
    Out,
    Output,
    asset,
    graph_multi_asset,
    job,
    materialize,
    multi_asset,
    observable_source_asset,
    op,
)

DAYS = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-02")


def parts(version: str = "1"):
    outs = {"some": AssetOut(code_version="1"), "rest": AssetOut(code_version=version)}

    @multi_asset(outs=outs, can_subset=True)
    def parts(context):
        for name in sorted(context.selected_output_names):
            yield Output(1, name)

    return parts


def test_what_was_observed_in_a_run_is_what_its_later_steps_have_read():
    @observable_source_asset
    def feed():
        return DataVersion("seen")

    instance = Instance.ephemeral()
    reader = asset(name="reader", deps=["feed"], code_version="1")(lambda: 1)
    made = materialize([feed, reader], instance=instance).materializations
    assert [one.data_version for one in made[0].inputs] == ["seen"]
    assert materialize([feed, reader], instance=instance, only_stale=True).plan.steps == ()


def test_of_assets_that_can_be_made_apart_only_the_stale_are_made():
    instance = Instance.ephemeral()
    materialize([parts()], instance=instance)
    again = materialize([parts("2")], instance=instance, only_stale=True)
    assert [one.asset for one in again.materializations] == ["rest"]


def test_what_reads_the_companion_of_something_stale_is_planned_with_it():
    version = {"left": "1"}

    def project(code):
        outs = {"left": AssetOut(code_version="1"), "right": AssetOut(code_version=code)}

        @multi_asset(outs=outs, partitions_def=DAYS)
        def sides():
            yield Output(1, "left", data_version=DataVersion(version["left"]))
            yield Output(2, "right")

        many = BackfillPolicy.single_run()
        reader = asset(name="reader", partitions_def=DAYS, code_version="1", backfill_policy=many)
        return [sides, reader(lambda left: left)]

    instance = Instance.ephemeral()
    materialize(project("1"), instance=instance, partition_key="2024-01-01")
    version["left"] = "2"
    materialize(project("2"), instance=instance, only_stale=True)
    assert materialize(project("2"), instance=instance, only_stale=True).plan.steps == ()


def test_an_op_that_fails_costs_the_assets_below_it_alone():
    @op(out={"under": Out(), "over": Out()})
    def halve():
        return 1, 2

    @op
    def sink(under):
        return under

    @op
    def rise(over):
        raise ValueError(over)

    @graph_multi_asset(outs={"low": AssetOut(), "high": AssetOut()})
    def levels():
        under, over = halve()
        return {"low": sink(under), "high": rise(over)}

    result = materialize([levels], raise_on_error=False)
    assert [one.asset for one in result.materializations] == ["low"]
    assert [one.failed for one in result.failures] == [(("high", None),)]


def test_a_tuple_may_say_more_of_some_of_its_values():
    @multi_asset(outs={"left": AssetOut(), "right": AssetOut()})
    def sides():
        return 1, Output(2, metadata={"rows": 3})

    result = materialize([sides])
    assert [result.asset_value(name) for name in ("left", "right")] == [1, 2]
    assert [sorted(one.metadata) for one in result.materializations] == [[], ["rows"]]


@pytest.mark.parametrize("is_early", [True, False])
def test_what_fails_beside_an_output_without_keys_blocks_nothing(is_early):
    """Whether it fails before the output comes or after it."""

    @op(out=DynamicOut())
    def spread():
        yield from (DynamicOutput(number, f"k{number}") for number in range(0))

    @op
    def fail():
        raise ValueError("beside")

    @op
    def add(one, other):
        return one + other

    @op
    def total(ones):
        return sum(ones)

    @job
    def program():
        other = fail() if is_early else None
        many = spread()
        other = fail() if other is None else other
        total(many.map(lambda one: add(one, other)).collect())

    result = program.execute_in_process(raise_on_error=False)
    assert result.get_failed_step_keys() == {"fail"}
    assert result.output_for_node("total") == 0
