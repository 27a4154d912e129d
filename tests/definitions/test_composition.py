"""Calls in the function of a graph: what they are named, what they may be given, what they return."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mlorch import AssetKey, AssetSpec, DynamicOut, In, Nothing, Out, RetryPolicy, asset, graph, op
from mlorch.definitions.composition import Invocation
from mlorch.definitions.graphs import AssetValue, FanIn, OpOutput
from mlorch.errors import InvalidDefinitionError


@op
def one():
    return 1


@op
def inc(x):
    return x + 1


@op
def add(a, b):
    return a + b


@op(out={"low": Out(), "high": Out()})
def split():
    return 1, 2


@op(out=DynamicOut())
def parts():
    return []


@op(out={})
def quiet():
    return None


def composed(function) -> Any:
    return graph(name="g")(function)


# Names


def test_calls_of_one_op_are_numbered():
    def function():
        one()
        one()
        one.alias("first")()
        one()

    assert list(composed(function).nodes) == ["one", "one_2", "first", "one_3"]


@pytest.mark.parametrize("alias", ["one", "one_2"])
def test_an_alias_that_is_taken_is_refused(alias):
    def function():
        one.alias(alias)()
        one()
        one()

    with pytest.raises(InvalidDefinitionError, match=f"graph 'g' has two nodes named '{alias}'"):
        composed(function)


def test_an_alias_is_a_name():
    with pytest.raises(InvalidDefinitionError, match="op 'one' can't be called 'a b'"):
        one.alias("a b")


def made(value: int):
    @op
    def step():
        return value

    return step


def test_two_ops_of_one_name_are_told_apart_by_an_alias():
    first, second = made(1), made(2)

    def ambiguous():
        first()
        second()

    def told_apart():
        first()
        second.alias("other")()

    with pytest.raises(InvalidDefinitionError, match=r"two different ops that are both named 'step'.*alias"):
        composed(ambiguous)
    assert [one.definition for one in composed(told_apart).nodes.values()] == [first, second]


def test_what_a_call_adds_reaches_its_node_only():
    policy = RetryPolicy(max_retries=3)

    def function():
        one.tag({"team": "ml"}).tag({"size": 2}).with_hooks({"a"}).with_hooks(["b"]).alias("first")()
        one.with_retry_policy(policy)()

    first, second = composed(function).nodes.values()
    assert (first.name, first.tags, first.hooks) == ("first", {"team": "ml", "size": "2"}, {"a", "b"})
    assert (first.retry_policy, second.retry_policy, second.tags) == (None, policy, {})


# What a call returns


def test_a_call_returns_one_handle_a_named_tuple_or_none():
    def function():
        low, high = split()
        again = split()
        add(low, high)
        add(b=again.low, a=again.high)
        assert quiet() is None

    nodes = composed(function).nodes
    assert {name: (one.path, one.output) for name, one in nodes["add"].inputs.items()} == {
        "a": ("split", "low"),
        "b": ("split", "high"),
    }
    assert {name: (one.path, one.output) for name, one in nodes["add_2"].inputs.items()} == {
        "a": ("split_2", "high"),
        "b": ("split_2", "low"),
    }


def test_outputs_that_begin_with_an_underscore_are_had_by_their_place():
    two = op(name="two", out={"_a": Out(), "b": Out()})(lambda: (1, 2))

    def function():
        inc(two()[0])

    (source,) = composed(function).nodes["inc"].inputs.values()
    assert source.output == "_a"


@pytest.mark.parametrize(
    "use",
    [
        list,
        lambda value: value[0],
        lambda value: value + 1,
        lambda value: 2 * value,
        lambda value: value > 1,
        lambda value: 1 if value else 2,
        len,
        lambda value: value(),
        lambda value: value.alias("x"),
    ],
    ids=["iterated", "indexed", "added", "multiplied", "compared", "asked", "measured", "called", "aliased"],
)
def test_what_is_known_only_in_a_run_cannot_be_used_before(use):
    def output():
        use(one())

    def dynamic():
        use(parts())

    def given(x):
        use(x)

    with pytest.raises(
        InvalidDefinitionError, match="graph 'g': the output 'result' of 'one' is known only when"
    ):
        composed(output)
    with pytest.raises(
        InvalidDefinitionError, match="graph 'g': the dynamic output 'result' of 'parts' is known"
    ):
        composed(dynamic)
    with pytest.raises(InvalidDefinitionError, match="graph 'g': the input 'x' is known only when"):
        composed(given)


# What a call may be given


@asset
def table():
    return 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: inc(5), "graph 'g', op 'inc', input 'x': got 5, which is no output .* op's config"),
        (lambda: inc(one), r"input 'x': got the op 'one' itself, not its output; call it: one\(\)"),
        (lambda: inc(one.alias("other")), "input 'x': got the op 'one' itself"),
        (lambda: inc(split()), r"input 'x': got 2 outputs at once \(low, high\)"),
        (lambda: inc(quiet()), "input 'x': got None"),
        (
            lambda: inc(parts()),
            r"input 'x': the dynamic output 'result' of 'parts' has a value per mapping key",
        ),
        (lambda: inc([one(), 5]), "input 'x': got 5, which is no output"),
        (
            lambda: inc([parts()]),
            "input 'x': the dynamic output 'result' of 'parts' has a value per mapping key",
        ),
        (lambda: inc(one(), one()), r"op 'inc' takes 1 inputs \(x\), not 2"),
        (lambda: one(inc), r"op 'one' takes 0 inputs \(none\), not 1"),
        (lambda: add(one(), c=one()), r"op 'add' has no input 'c' \(it has: a, b\)"),
        (lambda: add(one(), a=one()), "op 'add': the input 'a' is given twice"),
    ],
    ids=[
        "fixed value",
        "op",
        "invocation",
        "several outputs",
        "none",
        "dynamic",
        "fixed in list",
        "dynamic in list",
        "too many",
        "to nothing",
        "unknown",
        "twice",
    ],
)
def test_what_is_no_output_is_refused_with_where_and_what_would_be_right(call, message):
    with pytest.raises(InvalidDefinitionError, match=message):
        composed(lambda: call() and None)


def test_an_unknown_input_is_named_with_the_nearest():
    join = op(name="join")(lambda features, labels: (features, labels))
    with pytest.raises(InvalidDefinitionError, match="did you mean 'features'"):
        composed(lambda: join(feature=one()) and None)


def test_an_output_of_another_graph_is_refused():
    kept: list[Any] = []

    def first():
        kept.append(one())

    def second():
        inc(kept[0])

    graph(name="first")(first)
    with pytest.raises(
        InvalidDefinitionError, match=r"graph 'second', op 'inc', input 'x': .* belongs to graph 'first'"
    ):
        graph(name="second")(second)


def test_inputs_that_order_only_follow_the_parameters():
    @op(ins={"start": In(Nothing)})
    def last(x):
        return x

    def function():
        last(one(), quiet_but_there())
        last(start=[one(), quiet_but_there()], x=one())

    @op
    def quiet_but_there() -> None: ...

    first, second = (one for one in composed(function).nodes.values() if one.definition is last)
    assert first.inputs["start"].path == "quiet_but_there"
    assert [one.path for one in second.inputs["start"].sources] == ["one_2", "quiet_but_there_2"]


def test_an_asset_stands_for_its_latest_value():
    def function():
        inc(table)
        add(AssetSpec("raw/rows"), [AssetKey("raw"), one()])

    nodes = composed(function).nodes
    assert nodes["inc"].inputs == {"x": AssetValue(AssetKey("table"))}
    assert nodes["add"].inputs == {
        "a": AssetValue(AssetKey(["raw", "rows"])),
        "b": FanIn((AssetValue(AssetKey("raw")), OpOutput("one", "result"))),
    }


# Mapping


def test_a_map_returns_what_its_function_does_made_dynamic():
    def function():
        assert parts().map(lambda x: None) is None
        mapped = parts().map(inc)
        assert repr(mapped) == "the dynamic output 'result' of 'inc'"
        left, right = parts().map(lambda x: (inc(x), inc(x)))
        assert repr(right.map(inc).collect()) == "the collected output 'result' of 'inc_4'"
        both = parts().map(divide)
        inc([both.low.collect(), both.high.collect(), left.collect()])

    divide = op(name="divide", out={"low": Out(), "high": Out()})(lambda x: (x, x))
    assert list(composed(function).nodes)[-2:] == ["divide", "inc_5"]


@pytest.mark.parametrize("result", [5, "x", [1], {}], ids=str)
def test_a_map_that_returns_no_output_is_refused(result):
    with pytest.raises(
        InvalidDefinitionError, match=r"the function that maps the dynamic output .* returned"
    ):
        composed(lambda: parts().map(lambda x: result))


def test_a_map_takes_what_can_be_called():
    with pytest.raises(
        InvalidDefinitionError, match="map of the dynamic output 'result' of 'parts' takes an op"
    ):
        composed(lambda: parts().map(5))


# Outside


def test_outside_of_a_graph_an_op_is_its_function_and_a_graph_is_refused():
    assert inc(1) == inc.alias("other")(x=1) == 2
    inner = graph(name="inner")(lambda: inc(one()))
    with pytest.raises(InvalidDefinitionError, match="graph 'inner' is called outside of a graph or job"):
        inner()


def test_a_graph_that_fails_to_compose_leaves_nothing_behind():
    def function():
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        composed(function)
    assert inc(1) == 2


def test_graphs_that_are_declared_in_the_function_of_another_stay_apart():
    def function():
        inner = graph(name="inner")(lambda: inc(one()))
        inc(inner())

    assert list(composed(function).nodes) == ["inner", "inc"]


def test_threads_compose_side_by_side():
    both = threading.Barrier(2, timeout=10)
    found = {}

    def compose(name):
        def function():
            first = one()
            both.wait()
            inc(first)

        found[name] = list(graph(name=name)(function).nodes)

    threads = [threading.Thread(target=compose, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"a": ["one", "inc"], "b": ["one", "inc"]}


def test_what_is_called_may_be_kept_and_called_again():
    retried = one.with_retry_policy(RetryPolicy())
    assert isinstance(retried, Invocation)

    def function():
        retried()
        retried()

    assert [node.retry_policy for node in composed(function).nodes.values()] == [RetryPolicy()] * 2
