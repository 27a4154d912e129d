"""@op: inputs, outputs, config and names, from the function and from what is declared."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from mlorch import (
    AssetExecutionContext,
    Config,
    ConfigurableResource,
    DynamicOut,
    DynamicOutput,
    In,
    Nothing,
    OpDefinition,
    Out,
    Output,
    RetryPolicy,
    op,
)
from mlorch.definitions.results import NO_VALUE
from mlorch.definitions.signature import EMPTY
from mlorch.errors import InvalidDefinitionError


class Rate(Config):
    rate: float = 0.1


class Api(ConfigurableResource):
    url: str = "x"


def types(definition: OpDefinition) -> dict[str, Any]:
    return {name: out.dagster_type for name, out in definition.outs.items()}


# Names and the rest


def test_the_function_gives_the_name_and_the_description_and_stays_callable():
    @op
    def load(x: int) -> int:
        """Loads."""
        return x + 1

    assert (load.name, load.description) == ("load", "Loads.")
    assert load(1) == load(x=1) == 2
    assert str(load) == "op 'load'"


def test_what_is_declared_is_kept():
    policy = RetryPolicy(max_retries=2)

    @op(
        name="other",
        description="Does.",
        tags={"team": "ml", "size": {"cpu": 2}},
        retry_policy=policy,
        code_version="1",
        pool="gpu",
        required_resource_keys={"api"},
    )
    def load():
        """Loads."""

    assert (load.name, load.description, load.code_version, load.pool) == ("other", "Does.", "1", "gpu")
    assert load.retry_policy is policy
    assert load.required_resource_keys == {"api"}
    assert load.tags == {"team": "ml", "size": '{"cpu": 2}'}


@pytest.mark.parametrize("name", ["has space", "a/b", "a-b", "config", "type"])
def test_a_name_that_cannot_be_one_is_refused(name):
    with pytest.raises(InvalidDefinitionError, match=f"an op can't be called '{name}'"):
        op(name=name)(lambda: 1)


def test_an_unknown_argument_is_named_with_the_nearest():
    with pytest.raises(InvalidDefinitionError, match="@op has no argument 'outs'; did you mean 'out'"):
        op(outs={})  # type: ignore[call-overload]


def test_what_is_an_op_already_is_refused():
    with pytest.raises(InvalidDefinitionError, match="@op decorates a function, not the op 'one'"):
        op(op(name="one")(lambda: 1))


# Inputs


def test_parameters_are_inputs_but_for_context_config_and_resources():
    @op
    def train(context, config: Rate, api: Api, features: list[int], labels, limit: int = 3):
        return features, labels, limit

    assert list(train.ins) == ["features", "labels", "limit"]
    assert [one.dagster_type for one in train.ins.values()] == [list[int], EMPTY, int]
    assert [one.default_value for one in train.ins.values()] == [NO_VALUE, NO_VALUE, 3]
    assert train.config is Rate
    assert dict(train.signature.resources) == {"api": Api}


@pytest.mark.parametrize("first", ["context", "_context", "context_", "_"])
def test_the_context_comes_first_under_several_names(first):
    namespace: dict[str, Any] = {"op": op}
    exec(f"@op\ndef load({first}, x): return x", namespace)
    load = namespace["load"]
    assert (load.signature.context, list(load.ins)) == (first, ["x"])


def test_the_context_may_be_known_by_its_annotation():
    @op
    def load(ctx: AssetExecutionContext, x):
        return x

    assert (load.signature.context, list(load.ins)) == ("ctx", ["x"])


def test_ins_complete_what_the_parameters_say():
    @op(
        ins={
            "b": In(str, description="Second.", default_value="z"),
            "start": In(Nothing),
            "a": In(metadata={"unit": "m"}),
        }
    )
    def load(a: int, b, c: float = 0.5):
        return a, b, c

    assert list(load.ins) == ["b", "start", "a", "c"]
    assert load.ins["a"] == In(int, metadata={"unit": "m"})
    assert load.ins["b"] == In(str, description="Second.", default_value="z")
    assert load.ins["c"] == In(float, default_value=0.5)
    assert load.positional == ("a", "b", "c", "start")


def test_keyword_arguments_take_every_input_that_ins_names():
    @op(ins={"a": In(int), "b": In()})
    def total(**given):
        return sum(given.values())

    assert list(total.ins) == ["a", "b"]
    assert total(a=1, b=2) == 3


@pytest.mark.parametrize(
    ("ins", "message"),
    [
        ({"y": In()}, r"op 'load': ins names 'y', which is no parameter of it \(it has: x\).*In\(Nothing\)"),
        ({"x": In(Nothing)}, "op 'load': the input 'x' is Nothing and passes no value; remove the parameter"),
        ({"x": int}, r"op 'load': ins\['x'\] is an In\(…\), not <class 'int'>"),
        ({"a b": In(Nothing)}, "op 'load', an input can't be called 'a b'"),
    ],
    ids=["unknown", "nothing", "no In", "name"],
)
def test_inputs_that_do_not_fit_the_function_are_refused(ins, message):
    def load(x):
        return x

    with pytest.raises(InvalidDefinitionError, match=message):
        op(ins=ins)(load)


def test_a_parameter_that_passes_nothing_is_refused():
    with pytest.raises(InvalidDefinitionError, match=r"'start' is annotated with Nothing.*ins=\{'start': In"):

        @op
        def load(start: Nothing):
            return start


def test_a_config_without_its_class_is_refused():
    with pytest.raises(InvalidDefinitionError, match="annotate the parameter 'config' with a Config class"):

        @op
        def load(config):
            return config


def test_a_config_may_be_declared_as_a_dict_of_types():
    load = op(name="load", config_schema={"rate": float, "path": str})(lambda context: context)
    assert load.config is not None
    assert load.config.model_validate({"rate": 0.5, "path": "x"}).recorded() == {"rate": 0.5, "path": "x"}
    with pytest.raises(InvalidDefinitionError, match="the config_schema of op 'load'"):
        op(name="load", config_schema={"rate": 5})(lambda context: context)


def test_a_config_is_declared_once():
    assert op(name="one", config_schema=Rate)(lambda: 1).config is Rate

    def load(config: Rate):
        return config

    with pytest.raises(
        InvalidDefinitionError, match="op 'load' has a parameter 'config' and a config_schema"
    ):
        op(config_schema=Rate)(load)


# Outputs


def test_one_output_is_named_result_and_typed_by_the_annotation():
    @op
    def untyped():
        return 1

    @op
    def typed() -> int:
        return 1

    @op
    def wrapped() -> Output[int]:
        return Output(1)

    @op
    def yielded() -> Iterator[Output[int]]:
        yield Output(1)

    @op(out=Out(description="One.", io_manager_key="disk"))
    def completed() -> int:
        return 1

    assert types(untyped) == {"result": EMPTY}
    assert types(typed) == types(wrapped) == types(yielded) == {"result": int}
    assert completed.outs == {"result": Out(int, description="One.", io_manager_key="disk")}


def test_a_function_that_returns_none_passes_nothing():
    @op
    def clean() -> None: ...

    assert types(clean) == {"result": Nothing}


def test_a_declared_type_wins_over_the_annotation():
    @op(out=Out(float))
    def load() -> int:
        return 1

    assert types(load) == {"result": float}


def test_one_output_may_have_another_name():
    @op(out={"rows": Out()})
    def load() -> list[int]:
        return [1]

    assert types(load) == {"rows": list[int]}


def test_several_outputs_are_typed_by_a_tuple():
    @op(out={"a": Out(), "b": Out(is_required=False), "c": Out(bytes)})
    def load() -> tuple[int, Output[str], Any]:
        return 1, Output("x", "b"), b""

    assert types(load) == {"a": int, "b": str, "c": bytes}
    assert [out.is_required for out in load.outs.values()] == [True, False, True]


@pytest.mark.parametrize(
    "annotation", [EMPTY, Any, Iterator[Output[int]], Generator[Output[int], None, None]], ids=str
)
def test_several_outputs_need_no_annotation(annotation):
    def load():
        yield Output(1, "a")

    if annotation is not EMPTY:
        load.__annotations__["return"] = annotation
    assert list(op(out={"a": Out(), "b": Out()})(load).outs) == ["a", "b"]


@pytest.mark.parametrize("annotation", [int, tuple[int], tuple, None], ids=str)
def test_several_outputs_and_another_annotation_contradict_each_other(annotation):
    def load():
        return 1, 2

    load.__annotations__["return"] = annotation
    with pytest.raises(InvalidDefinitionError, match="op 'load' has 2 outputs, but is annotated to return"):
        op(out={"a": Out(), "b": Out()})(load)


def test_an_op_may_have_no_outputs():
    assert op(name="none", out={})(lambda: None).outs == {}


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ([Out()], r"op 'load': out is an Out\(…\) or a dict of them"),
        ({"a": int}, r"op 'load': out\['a'\] is an Out\(…\), not <class 'int'>"),
        ({"output": Out()}, "op 'load', an output can't be called 'output'"),
    ],
    ids=["list", "no Out", "name"],
)
def test_outputs_that_are_none_are_refused(out, message):
    def load():
        return 1

    with pytest.raises(InvalidDefinitionError, match=message):
        op(out=out)(load)


# Dynamic outputs


def yielding() -> Iterator[DynamicOutput[int]]:
    yield DynamicOutput(1, "a")


def listing() -> list[DynamicOutput[int]]:
    return [DynamicOutput(1, "a")]


@pytest.mark.parametrize("function", [yielding, listing])
@pytest.mark.parametrize("out", [None, DynamicOut(), {"result": DynamicOut()}], ids=["no", "one", "dict"])
def test_dynamic_outputs_are_declared_or_annotated(function, out):
    parts = op(out=out)(function) if out else op(function)
    assert parts.outs == {"result": DynamicOut(int)}
    assert parts.dynamic_outputs == {"result"}


def test_a_dynamic_output_stands_beside_another():
    @op(out={"parts": DynamicOut(), "count": Out()})
    def split() -> tuple[list[DynamicOutput[str]], int]:
        return [DynamicOutput("x", "a")], 1

    assert types(split) == {"parts": str, "count": int}
    assert split.dynamic_outputs == {"parts"}


def test_one_dynamic_output_by_itself_is_refused():
    def load() -> DynamicOutput[int]:
        return DynamicOutput(1, "a")

    with pytest.raises(InvalidDefinitionError, match="op 'load' is annotated to return one DynamicOutput"):
        op(load)


def test_dynamic_outputs_of_a_plain_output_are_refused():
    with pytest.raises(
        InvalidDefinitionError, match="op 'listing' gives DynamicOutputs, but its output is an Out"
    ):
        op(out=Out())(listing)


@pytest.mark.parametrize("key", ["a b", "a-b", "", "ü", "a.b", "a[0]", 1])
def test_a_mapping_key_names_steps(key):
    with pytest.raises(InvalidDefinitionError, match=r"mapping_key=.* letters, digits and '_'"):
        DynamicOutput(1, mapping_key=key)
    assert DynamicOutput(1, "part_1").mapping_key == "part_1"
