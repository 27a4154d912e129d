"""From graphs within graphs to one list of ops: paths, sources, what is mapped over what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import DynamicOut, GraphDefinition, GraphIn, GraphOut, In, Nothing, Out, RetryPolicy, graph, op
from mlorch.definitions.graphs import Constant, FanIn, GraphInput, OpOutput, Source
from mlorch.definitions.nodes import outputs_of
from mlorch.definitions.results import NO_VALUE
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


@op
def total(values: list[int]) -> int:
    return sum(values)


@op(out={"low": Out(), "high": Out()})
def split() -> tuple[int, int]:
    return 1, 2


@op(out=DynamicOut())
def parts(x=0):
    return []


@op
def clean() -> None: ...


@op(ins={"start": In(Nothing)})
def last() -> int:
    return 3


def result(path: str, output: str = "result") -> OpOutput:
    return OpOutput(path, output)


def inputs(definition: GraphDefinition) -> dict[str, Mapping[str, Source]]:
    return {node.path: node.inputs for node in definition.flatten()}


def mapped(definition: GraphDefinition) -> dict[str, tuple[str, str] | None]:
    return {node.path: node.mapped_over for node in definition.flatten()}


# Graphs within graphs


@graph
def twice(x):
    return inc(inc(x))


def test_ops_of_inner_graphs_are_named_by_their_path():
    @graph
    def middle(x, y):
        return add(twice(x), y)

    @graph
    def outer():
        return inc(middle(one(), twice.alias("again")(one())))

    assert inputs(outer) == {
        "one": {},
        "one_2": {},
        "again.inc": {"x": result("one_2")},
        "again.inc_2": {"x": result("again.inc")},
        "middle.twice.inc": {"x": result("one")},
        "middle.twice.inc_2": {"x": result("middle.twice.inc")},
        "middle.add": {"a": result("middle.twice.inc_2"), "b": result("again.inc_2")},
        "inc": {"x": result("middle.add")},
    }
    assert outer.output_sources == {"result": result("inc")}


def test_an_output_of_an_inner_graph_is_that_of_its_op():
    @graph(out={"up": GraphOut(), "down": GraphOut()})
    def inner():
        low, high = split()
        return {"down": low, "up": high}

    @graph
    def outer():
        up, down = inner()
        return add(up, down)

    assert inputs(outer)["add"] == {"a": result("inner.split", "high"), "b": result("inner.split", "low")}
    assert graph(name="around")(lambda: inc(outer())).flatten()[-1].inputs == {"x": result("outer.add")}


def test_the_default_of_an_inner_input_stands_where_nothing_is_connected():
    @graph
    def inner(x=5, y=6):
        return add(x, y)

    @graph
    def outer():
        return inner(y=one())

    assert inputs(outer)["inner.add"] == {"a": Constant(5), "b": result("one")}


def test_an_inner_input_without_a_default_leaves_the_op_its_own():
    @op
    def scaled(x=3):
        return x

    @graph
    def inner(x):
        return scaled(x)

    @graph
    def outer():
        return inner()

    assert inputs(outer) == {"inner.scaled": {}}
    assert outer.unfilled_inputs() == {}


def test_a_list_of_outputs_fans_in():
    @graph
    def inner(x):
        return total([x, one()])

    @graph
    def outer(y):
        return total([inner(one()), y, inner([y])])

    assert inputs(outer) == {
        "one": {},
        "inner.one": {},
        "inner.total": {"values": FanIn((result("one"), result("inner.one")))},
        "inner_2.one": {},
        "inner_2.total": {"values": FanIn((FanIn((GraphInput("y"),)), result("inner_2.one")))},
        "total": {"values": FanIn((result("inner.total"), GraphInput("y"), result("inner_2.total")))},
    }


def test_a_list_of_inputs_needs_each_of_them():
    @graph
    def inner(x, y):
        return total([x, y])

    with pytest.raises(InvalidDefinitionError, match=r"graph 'inner' puts its inputs into a list.* to 'y'"):
        graph(name="outer")(lambda: inner(one()))


def test_an_order_reaches_into_inner_graphs():
    @graph
    def inner(start):
        return last(start)

    around = graph(name="around")(lambda: inner(clean()))
    assert inputs(around)["inner.last"] == {"start": result("clean")}


def test_a_value_cannot_come_from_what_passes_none():
    @graph
    def inner():
        return clean()

    with pytest.raises(
        InvalidDefinitionError,
        match=r"the input 'x' of 'inc' waits for a value, but 'inner.clean' passes none .*In\(Nothing\)",
    ):
        graph(name="around")(lambda: inc(inner()))


# What ops are given by the graphs around them


def test_policies_hooks_tags_and_pools_come_from_the_op_its_call_and_the_graph():
    own, called, around = (RetryPolicy(max_retries=n) for n in (1, 2, 3))
    work = op(name="work", retry_policy=own, tags={"a": "op", "b": "op"}, pool="gpu")(lambda: 1)

    @graph
    def inner():
        work.with_retry_policy(called).tag({"b": "call"}).with_hooks({"hook"})()
        work.alias("plain")()
        one()

    @graph
    def outer():
        inner.with_retry_policy(around).with_hooks({"outer hook"}).tag({"b": "graph"})()

    first, second, third = outer.flatten()
    assert [node.retry_policy for node in (first, second, third)] == [called, own, around]
    assert [node.hooks for node in (first, second)] == [{"hook", "outer hook"}, {"outer hook"}]
    assert [node.tags for node in (first, second)] == [{"a": "op", "b": "call"}, {"a": "op", "b": "op"}]
    assert [node.pool for node in (first, third)] == ["gpu", None]


def test_inputs_that_nothing_fills_are_named():
    @graph
    def inner(x):
        inc(x)
        last()

    @graph
    def outer(y):
        inner()
        add(y, b=one())
        add(b=one())

    assert outer.unfilled_inputs() == {("inner.inc", "x"): In(int), ("add_2", "a"): In(int)}
    assert all(one.default_value is NO_VALUE for one in outer.unfilled_inputs().values())


# Dynamic outputs

OVER = ("parts", "result")


def test_what_is_mapped_runs_once_per_key_until_it_is_collected():
    @graph
    def around():
        more = parts().map(inc).map(inc)
        more.map(lambda x: add(x, one()))
        return inc(total(more.collect()))

    assert mapped(around) == {
        "parts": None,
        "inc": OVER,
        "inc_2": OVER,
        "one": None,
        "add": OVER,
        "total": None,
        "inc_3": None,
    }
    assert inputs(around)["inc"] == {"x": result("parts")}
    assert inputs(around)["inc_2"] == {"x": result("inc")}
    assert inputs(around)["total"] == {"values": OpOutput("inc_2", "result", is_collected=True)}
    assert around.dynamic_outputs == frozenset()


def test_several_outputs_are_collected_apart():
    divide = op(name="divide", out={"low": Out(), "high": Out()})(lambda x: (x, x))

    @graph
    def around():
        both = parts().map(divide)
        return add(total(both.low.collect()), total(both.high.collect()))

    assert [node.inputs["values"] for node in around.flatten() if node.op is total] == [
        OpOutput("divide", "low", is_collected=True),
        OpOutput("divide", "high", is_collected=True),
    ]


def test_one_dynamic_output_stands_beside_another():
    both = op(name="both", out={"left": DynamicOut(), "right": DynamicOut(), "count": Out()})(lambda: None)

    @graph
    def around():
        left, right, count = both()
        left.map(lambda x: add(x, count))
        right.map(inc)

    assert mapped(around) == {"both": None, "add": ("both", "left"), "inc": ("both", "right")}


def test_only_what_hangs_on_the_mapped_value_is_mapped_within_a_graph():
    @graph
    def inner(x):
        return add(inc(x), one())

    @graph
    def around():
        return total(parts().map(inner).collect())

    assert mapped(around) == {
        "parts": None,
        "inner.inc": OVER,
        "inner.one": None,
        "inner.add": OVER,
        "total": None,
    }
    assert inputs(around)["total"] == {"values": OpOutput("inner.add", "result", is_collected=True)}


def test_a_mapped_value_may_stand_in_a_list():
    around = graph(name="around")(lambda: parts().map(lambda x: total([x, one()])))
    assert mapped(around)["total"] == OVER


def test_a_graph_passes_dynamic_outputs_on():
    @graph(out={"all": GraphOut(), "more": GraphOut()})
    def inner():
        every = parts()
        return {"all": every, "more": every.map(inc)}

    @graph
    def outer():
        every, more = inner()
        every.map(inc)
        return total(more.map(inc).collect())

    over = ("inner.parts", "result")
    assert inner.dynamic_outputs == {"all", "more"}
    assert mapped(outer) == {
        "inner.parts": None,
        "inner.inc": over,
        "inc": over,
        "inc_2": over,
        "total": None,
    }


def test_what_was_collected_can_be_divided_again():
    around = graph(name="around")(lambda: parts(parts().map(inc).collect()).map(inc))
    assert mapped(around) == {"parts": None, "inc": OVER, "parts_2": None, "inc_2": ("parts_2", "result")}


def test_a_dynamic_output_within_another_is_refused():
    with pytest.raises(
        InvalidDefinitionError,
        match=r"op 'parts_2' has a dynamic output and is mapped over that of 'parts'; .* can't be nested",
    ):
        graph(name="around")(lambda: parts().map(parts))


def test_an_op_mapped_over_two_dynamic_outputs_is_refused():
    def function():
        other = parts()
        parts().map(lambda x: other.map(lambda y: add(x, y)))

    with pytest.raises(
        InvalidDefinitionError, match=r"op 'add' is mapped over two .* 'parts' .* and 'parts_2'"
    ):
        graph(function)


# Any graph

join = op(name="join")(lambda values: values)


@given(st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=12), st.data())
def test_any_graph_flattens_to_the_edges_that_were_declared(edges, data):
    """Each node takes a list of outputs of nodes before it; the last ones stand in a graph of their own."""
    edges = [sorted({i % at for i in given}) if at else [] for at, given in enumerate(edges)]
    cut = data.draw(st.integers(0, len(edges)))

    def function():
        made = [join.alias(f"n{at}") for at in range(len(edges))]
        outputs: list[Any] = []
        for at, before in enumerate(edges[:cut]):
            outputs.append(made[at]([outputs[i] for i in before]))
        if cut < len(edges):

            @graph(ins={f"i{at}": GraphIn() for at in needed})
            def inner(**given):
                known = {at: given[f"i{at}"] for at in needed}
                for at, before in enumerate(edges[cut:], cut):
                    known[at] = made[at]([known[i] for i in before])

            inner(**{f"i{at}": outputs[at] for at in needed})

    needed = sorted({i for before in edges[cut:] for i in before if i < cut})
    nodes = graph(function).flatten()
    assert [node.path for node in nodes] == [
        f"n{at}" if at < cut else f"inner.n{at}" for at in range(len(edges))
    ]
    for at, node in enumerate(nodes):
        assert [source.path for source in outputs_of(node.inputs.values())] == [
            nodes[i].path for i in edges[at]
        ]
