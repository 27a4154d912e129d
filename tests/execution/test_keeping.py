"""What is kept of what steps give, and what is recorded about it."""

from __future__ import annotations

import pytest

from mlorch import (
    CONTENT,
    AssetOut,
    BackfillPolicy,
    Config,
    Definitions,
    Instance,
    IOManager,
    MaterializeResult,
    Output,
    StaticPartitionsDefinition,
    asset,
    graph_asset,
    job,
    materialize,
    multi_asset,
    op,
)
from mlorch.app.materializing import Request, run_request
from mlorch.app.targets import Partitions
from mlorch.errors import TypeCheckError

SOME = StaticPartitionsDefinition(["a", "b", "c"])


class Shelf(IOManager):
    """Keeps values in a dict, and says where."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, ...], object] = {}

    def handle_output(self, context, value):
        self.kept[tuple(context.get_identifier())] = value
        context.add_output_metadata({"place": context.name})

    def load_input(self, context):
        return self.kept[tuple(context.get_identifier())]


def test_ones_own_io_manager_keeps_the_outputs_that_name_it():
    shelf = Shelf()

    @multi_asset(outs={"a": AssetOut(io_manager_key="shelf"), "b": AssetOut()})
    def both():
        return 1, 2

    @asset
    def below(a, b):
        return a + b

    result = materialize([both, below], resources={"shelf": shelf})
    assert (result.asset_value("a"), result.asset_value("below")) == (1, 3)
    assert list(shelf.kept.values()) == [1]
    by_asset = {one.asset: one for one in result.materializations}
    assert (by_asset["a"].io_manager, by_asset["b"].io_manager) == ("resource:shelf", "json")
    assert by_asset["a"].metadata == {"place": "a"}


def test_what_a_function_says_of_one_asset_is_recorded_with_that_asset_only():
    @multi_asset(outs={"a": AssetOut(), "b": AssetOut()})
    def both(context):
        context.add_output_metadata({"x": 1}, output_name="a")
        context.add_output_metadata({"y": 2}, output_name="b")
        yield Output(1, "a", metadata={"x": 3, "z": 4})
        yield Output(2, "b")

    made = materialize([both]).materializations
    assert [one.metadata for one in made] == [{"x": 3, "z": 4}, {"y": 2}]


def single_run(function, **options):
    made = asset(name="it", partitions_def=SOME, backfill_policy=BackfillPolicy.single_run(), **options)(
        function
    )
    instance = Instance.ephemeral()
    result = run_request(Definitions([made]), instance, Request(partitions=Partitions(all=True)))
    result.raise_failure()
    return result


def test_a_call_for_several_partitions_keeps_a_value_for_each():
    result = single_run(lambda context: {key: key * 2 for key in context.partition_keys})
    assert [(one.partition, result.asset_value("it", one.partition)) for one in result.materializations] == [
        ("a", "aa"),
        ("b", "bb"),
        ("c", "cc"),
    ]


@pytest.mark.parametrize("value", [1, {"a": 1}, {"a": 1, "b": 2, "d": 3}, [1, 2, 3]])
def test_what_is_no_value_for_each_partition_is_refused(value):
    with pytest.raises(TypeCheckError, match="made 3 partitions at once"):
        single_run(lambda: value)


def test_nothing_may_be_kept_of_several_partitions():
    result = single_run(lambda: MaterializeResult(metadata={"rows": 3}))
    assert [(one.partition, one.uri, one.metadata) for one in result.materializations] == [
        (key, None, {"rows": 3}) for key in ("a", "b", "c")
    ]


def test_equal_bytes_are_one_version_for_each_of_several_assets():
    @multi_asset(outs={"a": AssetOut(), "b": AssetOut()}, data_version=CONTENT)
    def both():
        return 1, 1

    first, second = materialize([both]).materializations
    assert first.data_version == second.data_version == first.content_hash


class Rate(Config):
    rate: int = 1


def test_the_config_of_the_whole_asset_is_recorded_with_it():
    @op
    def half(config: Rate):
        return config.rate

    @op
    def whole(config: Rate, x):
        return config.rate * x

    @graph_asset
    def total():
        return whole(half())

    config = {"ops": {"total": {"ops": {"half": {"config": {"rate": 3}}}}}}
    (made,) = materialize([total], run_config=config).materializations
    assert made.config == {"half": {"rate": 3}, "whole": {"rate": 1}}


def test_what_ops_pass_on_lies_among_the_outputs_and_is_no_asset():
    @op
    def one():
        return {"a": 1}

    @op
    def below(x):
        return x["a"]

    @job
    def it():
        below(one())

    instance = Instance.ephemeral()
    result = it.execute_in_process(instance=instance)
    assert result.output_for_node("below") == 1
    assert result.materializations == []
    facts = [fact for fact in result.all_events if fact.kind == "step_succeeded"]
    assert all(fact.outputs[0]["uri"] for fact in facts)
