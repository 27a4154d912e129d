"""What a step is called with: where each argument comes from, and in which order."""

from __future__ import annotations

import pytest

from mlorch import (
    AssetExecutionContext,
    AssetIn,
    Config,
    Definitions,
    DynamicOut,
    DynamicOutput,
    In,
    InputManager,
    Instance,
    Nothing,
    Out,
    StaticPartitionsDefinition,
    asset,
    graph,
    graph_asset,
    job,
    materialize,
    op,
)
from mlorch.app.launching import launch
from mlorch.app.materializing import Request
from mlorch.definitions.mappings import AllPartitionMapping

LETTERS = StaticPartitionsDefinition(["a", "b"])


@op
def one() -> int:
    return 1


@op
def two() -> int:
    return 2


@op
def listed(several: list[int]) -> list[int]:
    return several


@op
def plus(x: int, y: int = 10) -> int:
    return x + y


def test_lists_have_what_their_sources_give_in_their_order():
    @job
    def listing():
        listed([two(), one(), two.alias("again")()])

    assert listing.execute_in_process().output_for_node("listed") == [2, 1, 2]


def test_a_list_does_without_what_stayed_away():
    @op(out=Out(is_required=False))
    def silent():
        yield from ()

    @job
    def listing():
        listed([silent(), one()])

    assert listing.execute_in_process().output_for_node("listed") == [1]


def test_an_input_that_nothing_fills_has_its_default():
    @job
    def adding():
        plus(one())

    assert adding.execute_in_process().output_for_node("plus") == 11


def test_an_inner_graph_passes_its_inputs_and_defaults_on():
    @graph
    def inner(x, y=5):
        return plus(x, y)

    @graph
    def outer(x):
        return inner(inner.alias("first")(x, one()))

    @job
    def nested():
        outer(two())

    result = nested.execute_in_process()
    assert result.output_for_node("outer.first") == 3
    assert result.output_for_node("outer") == 8


def test_an_op_takes_the_latest_value_of_an_asset():
    @asset
    def base() -> int:
        return 40

    @job
    def reading():
        plus(base, two())

    instance = Instance.ephemeral()
    materialize([base], instance=instance)
    assert reading.execute_in_process(instance=instance).output_for_node("plus") == 42


def test_an_input_that_orders_carries_no_value():
    order = []

    @op(out=Out(Nothing))
    def before():
        order.append("before")

    @op(ins={"start": In(Nothing)})
    def after():
        order.append("after")

    @job
    def ordered():
        after(start=before())

    assert ordered.execute_in_process().success
    assert order == ["before", "after"]


@op(out=DynamicOut(int))
def parts():
    for number in (3, 1, 2):
        yield DynamicOutput(number, f"part_{number}")


@op
def slow_first(x: int) -> int:
    import time

    time.sleep(0.05 if x == 3 else 0)
    return x


@job
def collecting():
    listed(parts().map(slow_first).collect())


@pytest.mark.parametrize(("executor", "workers"), [("in_process", 1), ("threads", 3)])
def test_what_is_collected_is_in_the_order_of_the_keys_whoever_is_done_first(executor, workers):
    request = Request(executor=executor, workers=workers)
    result = launch(Definitions(jobs=[collecting]), Instance.ephemeral(), collecting, request)
    assert result.output_for_node("listed") == [3, 1, 2]
    assert result.output_for_node("slow_first") == {"part_3": 3, "part_1": 1, "part_2": 2}
    assert result.output_for_node("slow_first[part_1]") == 1


def test_ops_of_a_graph_take_the_partitions_that_the_asset_reads():
    @asset(partitions_def=LETTERS)
    def letters(context: AssetExecutionContext) -> str:
        return context.partition_key

    @op
    def joined(context, letters) -> str:
        assert context.asset_partition_keys_for_input("letters") == ["a", "b"]
        return "".join(letters[key] for key in sorted(letters))

    some = AssetIn(partition_mapping=AllPartitionMapping())

    @graph_asset(ins={"letters": some})
    def word(letters):
        return joined(letters)

    instance = Instance.ephemeral()
    for key in ("a", "b"):
        materialize([letters], partition_key=key, instance=instance)
    result = materialize([letters, word], selection="word", instance=instance)
    assert result.asset_value("word") == "ab"


def test_what_only_orders_an_asset_can_be_asked_about_and_loaded():
    seen = []

    @asset(partitions_def=LETTERS)
    def letters(context: AssetExecutionContext) -> str:
        return context.partition_key.upper()

    @asset(deps=[letters], partitions_def=LETTERS)
    def below(context) -> int:
        seen.append(context.asset_partition_key_for_input("letters"))
        seen.append(context.asset_partitions_def_for_input("letters"))
        seen.append(context.load_asset_value("letters", partition_key="b"))
        return 1

    assert materialize([letters, below], partition_key="b").success
    assert seen == ["b", LETTERS, "B"]


class Size(Config):
    size: int = 1


def test_the_same_op_twice_in_a_graph_has_a_config_for_each():
    @op
    def sized(config: Size) -> int:
        return config.size

    @job
    def both():
        sized()
        sized.alias("other")()

    result = both.execute_in_process(run_config={"ops": {"other": {"config": {"size": 7}}}})
    assert (result.output_for_node("sized"), result.output_for_node("other")) == (1, 7)


def test_one_op_takes_its_own_value_and_the_list_of_all():
    @op
    def share(x: int, all_of_them: list[int]) -> float:
        return x / sum(all_of_them)

    @job
    def sharing():
        each = parts().map(slow_first)
        each.map(lambda x: share(x, each.collect()))

    found = sharing.execute_in_process().output_for_node("share")
    assert found == {"part_3": 3 / 6, "part_1": 1 / 6, "part_2": 2 / 6}


class Shouting(InputManager):
    """Reads what was kept in capitals; where nothing is connected it has a word of its own."""

    def load_input(self, context):
        upstream = context.upstream_output
        return "ALONE" if upstream is None else f"{upstream.name} of {upstream.step_key}".upper()


def test_an_input_is_read_by_the_manager_that_its_op_names_also_where_nothing_is_connected():
    heard: dict[str, str] = {}

    @op
    def say() -> str:
        return "something"

    @op(ins={"text": In(input_manager_key="loud"), "other": In(input_manager_key="loud")})
    def hear(text: str, other: str) -> None:
        heard.update(text=text, other=other)

    @job(resource_defs={"loud": Shouting()})
    def talk():
        hear(say())

    assert talk.execute_in_process().success
    assert heard == {"text": "RESULT OF SAY", "other": "ALONE"}
