"""Graphs from lists: the same as composed ones, in an order that can be run."""

from __future__ import annotations

import pytest

from mlorch import (
    DependencyDefinition,
    DynamicOut,
    GraphDefinition,
    In,
    InputMapping,
    MultiDependencyDefinition,
    NodeInvocation,
    OutputMapping,
    RetryPolicy,
    graph,
    op,
)
from mlorch.definitions.dependencies import DynamicCollectDependencyDefinition
from mlorch.definitions.graphs import FanIn, GraphInput, OpOutput
from mlorch.errors import InvalidDefinitionError


@op
def one() -> int:
    return 1


@op
def inc(x: int) -> int:
    return x + 1


@op(out=DynamicOut())
def parts():
    return []


def test_nodes_are_joined_by_their_names_in_an_order_that_can_be_run():
    made = GraphDefinition(
        "made",
        node_defs=[inc, one],
        dependencies={
            NodeInvocation("inc", alias="second"): {"x": DependencyDefinition("inc")},
            "inc": {"x": DependencyDefinition("one", "result")},
        },
    )

    @graph
    def composed():
        inc.alias("second")(inc(one()))

    assert {node.path: (node.op, node.inputs) for node in made.flatten()} == {
        node.path: (node.op, node.inputs) for node in composed.flatten()
    }
    assert [node.path for node in made.flatten()] == ["one", "inc", "second"]


def test_inputs_and_outputs_of_the_graph_are_mapped():
    made = GraphDefinition(
        "made",
        node_defs=[inc],
        input_mappings=[InputMapping("start", "inc", "x")],
        output_mappings=[OutputMapping("end", "inc", "result")],
    )
    assert made.ins == {"start": In(int)}
    assert list(made.outs) == ["end"]
    assert made.output_sources == {"end": OpOutput("inc", "result")}
    assert made.flatten()[0].inputs == {"x": GraphInput("start")}

    @graph
    def around():
        return inc(made(one()))

    assert around.flatten()[1].inputs == {"x": OpOutput("one", "result")}


def test_lists_and_dynamic_outputs_can_be_said():
    both = MultiDependencyDefinition([DependencyDefinition("one"), DependencyDefinition("each")])
    made = GraphDefinition(
        "made",
        node_defs=[one, inc, parts],
        dependencies={
            NodeInvocation("inc", "each"): {"x": DependencyDefinition("parts")},
            NodeInvocation("inc", "both"): {"x": both},
            NodeInvocation("inc", "all"): {"x": DynamicCollectDependencyDefinition("each")},
        },
    )
    found = {node.path: (node.inputs.get("x"), node.mapped_over) for node in made.flatten()}
    assert found["each"] == (OpOutput("parts", "result"), ("parts", "result"))
    assert found["both"] == (
        FanIn((OpOutput("one", "result"), OpOutput("each", "result"))),
        ("parts", "result"),
    )
    assert found["all"] == (OpOutput("each", "result", is_collected=True), None)


def test_a_node_has_tags_hooks_and_a_policy_of_its_own():
    policy = RetryPolicy(max_retries=2)
    said = NodeInvocation("one", "mine", tags={"a": 1}, hook_defs=frozenset({"h"}), retry_policy=policy)
    (node,) = GraphDefinition("made", node_defs=[one], dependencies={said: {}}).flatten()
    assert (node.path, node.tags, node.hooks, node.retry_policy) == (
        "mine",
        {"a": "1"},
        frozenset("h"),
        policy,
    )


@pytest.mark.parametrize(
    ("dependencies", "message"),
    [
        (
            {"inc": {"x": DependencyDefinition("onee")}},
            "op 'inc', input 'x': there is no node 'onee'; did you",
        ),
        (
            {"inc": {"x": DependencyDefinition("one", "r")}},
            r"op 'one': there is no output 'r' \(there is: result",
        ),
        ({"inc": {"y": DependencyDefinition("one")}}, r"op 'inc': there is no input 'y' \(there is: x\)"),
        ({"add": {}}, "graph 'g': there is no op or graph in node_defs 'add'"),
        ({"inc": {"x": 5}}, "op 'inc', input 'x': 5 is no DependencyDefinition"),
        ({"one": {}, NodeInvocation("inc", "one"): {}}, "graph 'g' has two nodes named 'one'"),
        ({NodeInvocation("one", "a b"): {}}, "graph 'g', a node can't be called 'a b'"),
    ],
    ids=["node", "output", "input", "op", "no dependency", "twice", "alias"],
)
def test_what_does_not_fit_is_named(dependencies, message):
    with pytest.raises(InvalidDefinitionError, match=message):
        GraphDefinition("g", node_defs=[inc, one], dependencies=dependencies)


def test_a_cycle_is_shown():
    with pytest.raises(InvalidDefinitionError, match=r"graph 'g' has a cycle: (a → b → a|b → a → b)"):
        GraphDefinition(
            "g",
            node_defs=[inc],
            dependencies={
                NodeInvocation("inc", "a"): {"x": DependencyDefinition("b")},
                NodeInvocation("inc", "b"): {"x": DependencyDefinition("a")},
            },
        )


def test_a_mapping_names_what_exists():
    with pytest.raises(InvalidDefinitionError, match="graph 'g': there is no node 'two'"):
        GraphDefinition("g", node_defs=[one], input_mappings=[InputMapping("x", "two", "x")])
    with pytest.raises(InvalidDefinitionError, match="op 'one': there is no input 'x'"):
        GraphDefinition("g", node_defs=[one], input_mappings=[InputMapping("x", "one", "x")])
    with pytest.raises(InvalidDefinitionError, match="op 'one': there is no output 'rest'"):
        GraphDefinition("g", node_defs=[one], output_mappings=[OutputMapping("x", "one", "rest")])
