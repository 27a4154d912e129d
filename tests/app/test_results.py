"""What a result says of a run."""

from __future__ import annotations

import pytest

from mlorch import (
    AssetKey,
    AssetObservation,
    AssetOut,
    Instance,
    RetryPolicy,
    StaticPartitionsDefinition,
    asset,
    graph,
    materialize,
    multi_asset,
    op,
)
from mlorch.errors import NotFoundError
from mlorch.events import RunFinished, RunStarted, StepStarted


@asset(key_prefix="ml")
def numbers(context):
    context.add_output_metadata({"rows": 2})
    context.log_event(AssetObservation("outside", tags={"dagster/data_version": "7"}))
    return [1, 2]


@asset(retry_policy=RetryPolicy(max_retries=2))
def broken():
    raise ValueError("no")


@asset
def below(broken):
    return 1


def test_a_result_tells_what_each_step_made():
    result = materialize([numbers])
    (made,) = result.asset_materializations_for_node("ml__numbers")
    assert (made.asset_key, made.metadata, made.partition) == (AssetKey(["ml", "numbers"]), {"rows": 2}, None)
    assert result.asset_materializations_for_node("ml/numbers") == [made]
    assert result.asset_materializations_for_node("other") == []
    assert result.is_node_success("ml__numbers")
    assert not result.is_node_failed("ml__numbers")


def test_partitions_of_an_asset_are_of_one_step():
    @asset(partitions_def=StaticPartitionsDefinition(["a", "b"]))
    def letters(context):
        return context.partition_key

    (made,) = materialize([letters], partition_key="b").asset_materializations_for_node("letters")
    assert made.partition == "b"


def test_a_result_tells_what_went_wrong():
    result = materialize([numbers, broken, below], raise_on_error=False)
    assert result.get_failed_step_keys() == {"broken"}
    assert (result.is_node_failed("broken"), result.is_node_success("broken")) == (True, False)
    assert result.is_node_skipped("below")
    assert result.retry_attempts_for_node("broken") == 2
    assert result.retry_attempts_for_node("ml__numbers") == 0


def test_every_fact_of_the_run_is_there_in_order():
    instance = Instance.ephemeral()
    materialize([broken], instance=instance, raise_on_error=False)
    result = materialize([numbers], instance=instance)
    events = result.all_events
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunFinished)
    assert {one.run_id for one in events} == {result.run_id}
    assert [type(one) for one in result.events_for_node("ml__numbers")][:1] == [StepStarted]
    assert materialize([], instance=instance).all_events == []


def test_ops_of_a_job_are_asked_by_name():
    @op
    def one():
        return 1

    @op
    def two(one):
        return one + 1

    @graph
    def both():
        two(one())

    result = both.to_job().execute_in_process()
    assert result.is_node_success("one")
    assert result.output_for_node("two") == 2
    assert result.events_for_node("two")


def test_outputs_of_a_multi_asset_are_told_apart():
    @multi_asset(outs={"small": AssetOut(), "large": AssetOut(key_prefix="ml")})
    def sizes():
        return 1, 2

    result = materialize([sizes])
    assert result.output_for_node("sizes", "small") == 1
    assert result.output_for_node("sizes", output_name="large") == 2
    assert len(result.asset_materializations_for_node("sizes")) == 2
    with pytest.raises(NotFoundError, match="no step 'sizes' gave 'result'"):
        result.output_for_node("sizes")
