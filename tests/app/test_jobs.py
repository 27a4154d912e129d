"""Jobs of ops: what they are given, which of their ops run, and what they give."""

from __future__ import annotations

import logging

import pytest

from mlorch import (
    Config,
    ConfigurableResource,
    Definitions,
    DynamicOut,
    DynamicOutput,
    Failure,
    GraphOut,
    Instance,
    RunConfig,
    StaticPartitionsDefinition,
    asset,
    config_mapping,
    get_dagster_logger,
    graph,
    graph_asset,
    job,
    materialize,
    op,
)
from mlorch.app.launching import launch
from mlorch.app.materializing import Request
from mlorch.errors import InvalidConfigError, InvalidSelectionError, NotFoundError, UserError
from mlorch.events import OutputCaptured, RunFinished, StepSucceeded
from mlorch.execution.context import OpExecutionContext


class Factor(Config):
    factor: int


@op
def number(x: int) -> int:
    return x


@op
def times(config: Factor, x: int) -> int:
    return x * config.factor


@op
def ten() -> int:
    return 10


@graph(config={"times": {"config": {"factor": 3}}})
def tripled(x):
    return times(number(x))


class Unit(Config):
    unit: str = "cm"


@config_mapping
def by_unit(config: Unit):
    return {"times": Factor(factor={"cm": 1, "m": 100}[config.unit])}


@graph(config=by_unit)
def scaled(x):
    return times(number(x))


@graph
def within(x):
    return scaled(tripled(x))


@job
def measuring():
    within(ten())


def test_a_graph_gives_its_ops_their_config():
    assert measuring.execute_in_process().output_for_node("within") == 30
    given = {"ops": {"within": {"ops": {"scaled": {"config": {"unit": "m"}}}}}}
    result = measuring.execute_in_process(run_config=given)
    assert result.output_for_node("within") == 3000
    assert result.output_for_node("within.tripled") == 30


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tripled": {"config": {"factor": 2}}}, "'within.tripled'"),
        ({"scaled": {"config": {"unti": "m"}}}, "no field 'unti'; did you mean 'unit'"),
        ({"scaled": {"ops": {"times": {"config": {"factor": 1}}}}}, "the graph gives its ops their config"),
    ],
)
def test_what_a_graph_decides_itself_a_run_can_not_give(given, message):
    with pytest.raises(InvalidConfigError, match=message):
        measuring.execute_in_process(run_config={"ops": {"within": {"ops": given}}})


def test_the_graph_of_a_job_and_of_an_asset_take_a_config_as_well():
    metres = {"config": {"unit": "m"}}
    result = scaled.to_job("top").execute_in_process(run_config={"ops": metres}, input_values={"x": 2})
    assert result.output_value() == 200

    @graph_asset(config=by_unit)
    def length():
        return times(ten())

    assert materialize([length]).asset_value("length") == 10
    made = materialize([length], run_config=RunConfig(ops={"length": metres}))
    assert made.asset_value("length") == 1000


@job
def waiting():
    number()
    number.alias("other")(ten())


@graph
def taking(x):
    return number(x)


@job
def deeper():
    taking()


@op
def named(d: dict) -> dict:
    return d


@job
def mapping():
    named()


@pytest.mark.parametrize(
    ("one", "given", "node", "value"),
    [
        (waiting, {"ops": {"number": {"inputs": {"x": 5}}}}, "number", 5),
        (waiting, {"ops": {"number": {"inputs": {"x": {"value": 5}}}}}, "number", 5),
        (waiting, RunConfig(ops={"number": {"inputs": {"x": 5}}}), "number", 5),
        (deeper, {"ops": {"taking": {"inputs": {"x": 6}}}}, "taking", 6),
        (taking.to_job(), {"inputs": {"x": 7}}, "number", 7),
        (mapping, {"ops": {"named": {"inputs": {"d": {"value": 1}}}}}, "named", {"value": 1}),
    ],
)
def test_a_run_config_gives_inputs_that_nothing_fills(one, given, node, value):
    assert one.execute_in_process(run_config=given).output_for_node(node) == value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "nothing fills the input 'x' of op 'number'; give it as ops.number.inputs.x"),
        ({"ops": {"number": {"inputs": {"y": 1}}}}, "'y', which is no input of it"),
        ({"ops": {"other": {"inputs": {"x": 1}}}}, "'x', which is connected"),
        ({"ops": {"numbr": {"inputs": {"x": 1}}}}, "graph 'numbr' has no input 'x'"),
        ({"inputs": {"z": 1}}, "has no input 'z'"),
    ],
)
def test_an_input_that_a_run_can_not_give_or_lacks_is_named_before_any_op_runs(given, message):
    instance = Instance.ephemeral()
    with pytest.raises(InvalidConfigError, match=message):
        waiting.execute_in_process(run_config=given, instance=instance)
    assert instance.log.read() == []


@op(out=DynamicOut())
def parts(x):
    for key in range(x):
        yield DynamicOutput(key, f"k{key}")


@op
def total(xs) -> int:
    return sum(xs)


@job
def chain():
    total(parts(number(ten())).map(number.alias("each")).collect())


@pytest.mark.parametrize(
    ("selection", "steps"),
    [
        (["ten"], {"ten"}),
        (["ten+"], {"ten", "number"}),
        (["*parts"], {"ten", "number", "parts"}),
        (["+number", "ten"], {"ten", "number"}),
    ],
)
def test_a_selection_of_ops_runs_alone(selection, steps):
    result = chain.execute_in_process(op_selection=selection)
    assert {one.step for one in result.all_events if isinstance(one, StepSucceeded)} == steps


def test_what_an_op_took_from_one_left_out_the_run_has_to_give():
    given = {"ops": {"parts": {"inputs": {"x": 3}}}}
    result = chain.execute_in_process(op_selection=["parts*"], run_config=given)
    assert result.output_for_node("total") == 3
    with pytest.raises(InvalidConfigError, match="nothing fills the input 'x' of op 'parts'"):
        chain.execute_in_process(op_selection=["parts*"])


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (["prts"], "no op 'prts'; did you mean 'parts'"),
        (["a b"], "'a b' does not parse"),
        ("ten", r"a list of texts, such as \['ten'\]"),
    ],
)
def test_a_selection_that_means_nothing_is_refused(selection, message):
    with pytest.raises(InvalidSelectionError, match=message):
        chain.execute_in_process(op_selection=selection)


def test_a_run_with_dynamic_outputs_ends():
    instance = Instance.ephemeral()
    chain.execute_in_process(instance=instance)
    assert isinstance(instance.log.read()[-1].event, RunFinished)


def test_a_job_gives_what_its_graph_gives():
    @graph(out={"small": GraphOut(), "large": GraphOut()})
    def both(x):
        return {"small": number(x), "large": number.alias("again")(ten())}

    result = both.to_job().execute_in_process(input_values={"x": 1})
    assert (result.output_value("small"), result.output_value("large")) == (1, 10)
    with pytest.raises(NotFoundError, match="no output 'medium'"):
        result.output_value("medium")
    with pytest.raises(UserError, match="has no input 'y'"):
        both.to_job().execute_in_process(input_values={"x": 1, "y": 2})


class Shop(ConfigurableResource):
    name: str


def test_a_job_has_resources_tags_and_partitions():
    seen: dict[str, object] = {}

    @op
    def buying(context, shop: Shop):
        seen.update(shop=shop.name, key=context.partition_key, team=context.get_tag("team"))

    letters = StaticPartitionsDefinition(["a", "b"])

    @job(resource_defs={"shop": Shop(name="corner")}, tags={"team": "ml"}, partitions_def=letters)
    def shopping():
        buying()

    assert shopping.execute_in_process(partition_key="b").success
    assert seen == {"shop": "corner", "key": "b", "team": "ml"}
    with pytest.raises(UserError, match="'z'"):
        shopping.execute_in_process(partition_key="z")


def test_what_an_op_raises_is_raised_or_told():
    @op
    def failing():
        raise Failure("no")

    @job
    def broken():
        number(failing())

    with pytest.raises(Failure):
        broken.execute_in_process()
    result = broken.execute_in_process(raise_on_error=False)
    assert (result.success, result.get_failed_step_keys()) == (False, {"failing"})
    assert result.is_node_skipped("number")


def test_ops_reach_their_context_log_and_instance_from_anywhere():
    found: dict[str, object] = {}

    def deep():
        context = OpExecutionContext.get()
        get_dagster_logger().info("kept")
        get_dagster_logger().debug("left out")
        found.update(name=context.op.name, instance=context.instance, itself=context.op_execution_context)
        return context

    @op
    def telling(context):
        assert deep() is context

    @job
    def speaking():
        telling()

    instance = Instance.ephemeral()
    told = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}
    speaking.execute_in_process(instance=instance, run_config=told)
    assert (found["name"], found["instance"]) == ("telling", instance)
    (output,) = (one.event for one in instance.log.read() if isinstance(one.event, OutputCaptured))
    assert [(level, text) for _, level, text in output.log] == [("INFO", "kept")]
    with pytest.raises(UserError, match="where no such step runs"):
        OpExecutionContext.get()
    assert get_dagster_logger() is logging.getLogger("mlorch")


def test_an_asset_says_what_it_was_made_from():
    found = []

    @asset(code_version="1")
    def upper() -> int:
        return 1

    @asset(code_version="2")
    def lower(context, upper) -> int:
        found.append(context.get_asset_provenance("lower"))
        return 2

    instance = Instance.ephemeral()
    materialize([upper, lower], instance=instance)
    materialize([upper, lower], instance=instance)
    first, second = found
    assert first is None
    assert second.code_version == "2"
    assert [str(key) for key in second.input_data_versions] == ["upper"]


@op
def asking(context, x: int) -> int:
    return x + len(context.instance.get_dynamic_partitions("letters"))


@job
def everywhere():
    total(parts(ten()).map(asking).collect())


@pytest.mark.parametrize(
    ("executor", "workers"), [("in_process", 1), ("threads", 3), ("processes", 2), ("dask", 2)]
)
def test_the_same_job_runs_with_every_executor(executor, workers, tmp_path):
    with Instance.local(tmp_path) as instance:
        instance.add_dynamic_partitions("letters", ["a"])
        request = Request(executor=executor, workers=workers)
        result = launch(Definitions(jobs=[everywhere]), instance, everywhere, request)
        result.raise_failure()
        assert result.output_for_node("total") == sum(range(10)) + 10
        assert sorted(result.output_for_node("asking")) == [f"k{key}" for key in range(10)]
        assert not (tmp_path / "data").exists() or not any((tmp_path / "data").iterdir())
