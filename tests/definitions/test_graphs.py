"""@graph: names, inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mlorch import (
    Config,
    ConfigurableResource,
    DynamicOut,
    GraphDefinition,
    GraphIn,
    GraphOut,
    In,
    Out,
    graph,
    op,
)
from mlorch.definitions.graphs import GraphInput, OpOutput, Source
from mlorch.errors import InvalidDefinitionError


@op
def one() -> int:
    return 1


@op
def inc(x: int) -> int:
    return x + 1


@op
def add(a: int, b: int) -> int:
    return a + b


@op(out={"low": Out(), "high": Out()})
def split() -> tuple[int, int]:
    return 1, 2


@op(out=DynamicOut())
def parts():
    return []


def result(path: str, output: str = "result") -> OpOutput:
    return OpOutput(path, output)


def inputs(definition: GraphDefinition) -> dict[str, Mapping[str, Source]]:
    return {node.path: node.inputs for node in definition.flatten()}


# What is declared


def test_the_function_gives_name_and_description():
    @graph(tags={"team": "ml", "size": 2}, config={"one": {}})
    def features():
        """Makes features."""
        return one()

    assert (features.name, features.description) == ("features", "Makes features.")
    assert (features.tags, features.config) == ({"team": "ml", "size": "2"}, {"one": {}})
    assert str(features) == "graph 'features'"


@pytest.mark.parametrize("name", ["a b", "a-b", "config"])
def test_a_name_that_cannot_be_one_is_refused(name):
    with pytest.raises(InvalidDefinitionError, match=f"a graph can't be called '{name}'"):
        graph(name=name)(lambda: None)


def test_an_unknown_argument_is_named_with_the_nearest():
    with pytest.raises(InvalidDefinitionError, match="@graph has no argument 'outs'; did you mean 'out'"):
        graph(outs={})(lambda: None)


# Inputs


def test_parameters_are_the_inputs_of_the_graph():
    @graph(ins={"a": GraphIn(description="First.")})
    def around(a: int, b=5):
        return add(a, b)

    assert around.ins == {"a": In(int, description="First."), "b": In(default_value=5)}
    assert inputs(around) == {"add": {"a": GraphInput("a"), "b": GraphInput("b")}}


def test_keyword_arguments_take_every_input_that_ins_names():
    @graph(ins={"a": GraphIn(), "b": GraphIn()})
    def around(**given: Any):
        return add(**given)

    assert inputs(around) == {"add": {"a": GraphInput("a"), "b": GraphInput("b")}}


class Rate(Config):
    rate: float = 0.1


class Api(ConfigurableResource):
    url: str = "x"


def with_context(context, x):
    return inc(x)


def with_config(config: Rate):
    return inc(config)


def with_resource(api: Api):
    return inc(api)


@pytest.mark.parametrize(
    ("function", "name"),
    [(with_context, "context"), (with_config, "config"), (with_resource, "api")],
    ids=["context", "config", "resource"],
)
def test_a_graph_takes_inputs_only(function, name):
    with pytest.raises(
        InvalidDefinitionError, match=f"the parameter '{name}' is no input; a graph only joins ops"
    ):
        graph(function)


def test_an_input_that_no_op_takes_is_refused():
    with pytest.raises(InvalidDefinitionError, match="graph 'around' gives its input 'y' to no op"):

        @graph
        def around(x, y):
            return inc(x)


def test_an_input_that_is_no_parameter_is_refused():
    with pytest.raises(
        InvalidDefinitionError, match="graph 'around': ins names 'z', which is no parameter of it"
    ):

        @graph(ins={"z": GraphIn()})
        def around(x):
            return inc(x)


# Outputs


def test_what_the_function_returns_is_the_output():
    @graph
    def around():
        return inc(one())

    assert around.outs == {"result": GraphOut()}
    assert around.output_sources == {"result": result("inc")}


def test_a_graph_may_return_nothing():
    @graph
    def around():
        one()

    assert (around.outs, around.output_sources) == ({}, {})


@pytest.mark.parametrize(
    "returned",
    [
        lambda: {"a": one(), "b": inc.alias("more")(one())},
        lambda: (one(), inc.alias("more")(one())),
    ],
    ids=["dict", "tuple"],
)
def test_several_outputs_are_returned_by_name_or_in_order(returned):
    around = graph(name="around", out={"a": GraphOut("First."), "b": GraphOut()})(returned)
    assert around.outs == {"a": GraphOut("First."), "b": GraphOut()}
    assert around.output_sources == {"a": result("one"), "b": result("more")}


def test_the_outputs_of_one_op_fill_those_of_the_graph():
    around = graph(name="around", out={"a": GraphOut(), "b": GraphOut()})(lambda: (*split(),))
    assert around.output_sources == {"a": result("split", "low"), "b": result("split", "high")}


def test_one_output_may_have_a_name_of_its_own():
    around = graph(name="around", out={"rows": GraphOut()})(lambda: inc(one()))
    assert around.output_sources == {"rows": result("inc")}


AB = {"a": GraphOut(), "b": GraphOut()}


@pytest.mark.parametrize(
    ("out", "function", "message"),
    [
        (GraphOut(), lambda: one() and None, "is known only when"),
        (GraphOut(), lambda: None, "graph 'g' returns nothing for its output 'result'"),
        (AB, lambda: {"a": one()}, "graph 'g' returns nothing for its output 'b'"),
        (AB, lambda: inc(one()), r"graph 'g' returns 1 outputs, but has 2 \(a, b\)"),
        (
            None,
            lambda: (one(), one()),
            r"graph 'g' returns 2 outputs, but has 1 \(result\); declare each by out=",
        ),
        (None, lambda: {"a": one()}, r"graph 'g' returns 'a', which is no output of it \(it has: result\)"),
        (AB, lambda: {"a": one(), "bb": one()}, "returns 'bb', which is no output of it; did you mean 'b'"),
        (None, lambda: 5, "graph 'g' returns 5 for its output 'result'; return an output of an op"),
        (None, lambda: [one()], r"graph 'g' returns \[the output .*\] for its output 'result'"),
        (None, lambda: parts().collect(), "graph 'g' returns the collected output 'result' of 'parts'"),
        ({"a b": GraphOut()}, lambda: inc(one()), "graph 'g', an output can't be called 'a b'"),
    ],
    ids=[
        "asked",
        "none",
        "one missing",
        "too few",
        "too many",
        "undeclared",
        "misspelt",
        "no output",
        "list",
        "collected",
        "name",
    ],
)
def test_outputs_that_do_not_fit_are_refused(out, function, message):
    with pytest.raises(InvalidDefinitionError, match=message):
        graph(name="g", out=out)(function)


def test_an_input_cannot_be_an_output():
    def function(x):
        inc(x)
        return x

    with pytest.raises(InvalidDefinitionError, match="returns the input 'x' for its output 'result'"):
        graph(function)


def test_an_output_of_another_graph_is_refused():
    kept: list[Any] = []
    graph(name="first")(lambda: kept.append(one()))
    with pytest.raises(
        InvalidDefinitionError, match=r"graph 'second', output 'result': .* belongs to graph 'first'"
    ):
        graph(name="second")(lambda: kept[0])


# What a run has to give


class Model:
    """What no config can hold."""


@op
def evaluate(model: Model, rows: list[int], limit: int, anything=None):
    return model, rows, limit, anything


def test_inputs_that_config_can_write_may_be_left_to_the_run():
    @graph
    def around(x, y: dict[str, int], z: int):
        add(x, y)
        inc(z)
        return inc()

    around.check_inputs()


def test_an_object_has_to_come_from_somewhere():
    @graph
    def inner():
        return evaluate()

    @graph
    def given(model: Model, other):
        return evaluate(model, other)

    with pytest.raises(
        InvalidDefinitionError, match="graph 'inner', op 'evaluate': nothing fills the input 'model'"
    ):
        inner.check_inputs()
    with pytest.raises(
        InvalidDefinitionError, match=r"graph 'given': nothing fills .* can't write a Model down"
    ):
        given.check_inputs()
    given.check_inputs(["model"])
