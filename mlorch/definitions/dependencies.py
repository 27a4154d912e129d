"""Graphs from lists: what is joined, said with names in place of calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from mlorch.definitions.composition import Callee, plain_tags
from mlorch.definitions.names import check_plain_name
from mlorch.definitions.nodes import FanIn, GraphInput, GraphOut, Node, OpOutput, Source, Wiring, outputs_of
from mlorch.definitions.ops import In
from mlorch.errors import InvalidDefinitionError, nearest

if TYPE_CHECKING:
    from mlorch.definitions.specs import RetryPolicy


@dataclass(frozen=True, slots=True)
class NodeInvocation:
    """A node of a graph: the op or graph of this name, called by an alias."""

    name: str
    alias: str | None = None
    tags: Mapping[str, Any] = field(default_factory=dict, hash=False)
    hook_defs: frozenset[Any] = frozenset()
    retry_policy: RetryPolicy | None = None


@dataclass(frozen=True, slots=True)
class DependencyDefinition:
    """An input comes from an output of a node."""

    node: str
    output: str = "result"
    description: str | None = None


@dataclass(frozen=True, slots=True)
class DynamicCollectDependencyDefinition:
    """An input is the list of a dynamic output, or of what was mapped over one."""

    node_name: str
    output_name: str = "result"


@dataclass(frozen=True, slots=True)
class MultiDependencyDefinition:
    """An input is the list of several outputs."""

    dependencies: Sequence[DependencyDefinition]


@dataclass(frozen=True, slots=True)
class InputMapping:
    """An input of the graph goes to an input of a node."""

    graph_input_name: str
    mapped_node_name: str
    mapped_node_input_name: str


@dataclass(frozen=True, slots=True)
class OutputMapping:
    """An output of a node becomes an output of the graph."""

    graph_output_name: str
    mapped_node_name: str
    mapped_node_output_name: str = "result"


Dependency = DependencyDefinition | DynamicCollectDependencyDefinition | MultiDependencyDefinition
Dependencies = Mapping[str | NodeInvocation, Mapping[str, Dependency]]


def wire(
    where: str,
    node_defs: Sequence[Callee],
    dependencies: Dependencies,
    input_mappings: Sequence[InputMapping],
    output_mappings: Sequence[OutputMapping],
) -> Wiring:
    """Return the nodes that the lists describe, in an order in which each follows all that it waits for.

    Raises InvalidDefinitionError, naming `where`, for an unknown node, input or output, and for a cycle.
    """
    calls = _calls(where, {one.name: one for one in node_defs}, dependencies)
    inputs: dict[str, dict[str, Source]] = {name: {} for name in calls}
    for name, (_, callee, given) in calls.items():
        for one, dependency in given.items():
            _check(f"{where}, {callee}", "input", one, callee.ins)
            inputs[name][one] = _source(f"{where}, {callee}, input {one!r}", dependency, calls)
    ins: dict[str, In] = {}
    for to in input_mappings:
        _check(where, "node", to.mapped_node_name, calls)
        callee = calls[to.mapped_node_name][1]
        _check(f"{where}, {callee}", "input", to.mapped_node_input_name, callee.ins)
        inputs[to.mapped_node_name][to.mapped_node_input_name] = GraphInput(to.graph_input_name)
        ins.setdefault(to.graph_input_name, In(callee.ins[to.mapped_node_input_name].dagster_type))
    returned = {
        one.graph_output_name: _output(where, one.mapped_node_name, one.mapped_node_output_name, calls)
        for one in output_mappings
    }
    nodes = {name: _node(name, *calls[name][:2], inputs[name]) for name in _in_order(where, inputs)}
    return Wiring(nodes, ins, dict.fromkeys(returned, GraphOut()), returned)


_Calls = Mapping[str, tuple[NodeInvocation, Callee, Mapping[str, Dependency]]]


def _calls(where: str, callees: Mapping[str, Callee], dependencies: Dependencies) -> _Calls:
    """Return the nodes by name: those that are said to depend on something, then the other ops and graphs."""
    found: dict[str, tuple[NodeInvocation, Callee, Mapping[str, Dependency]]] = {}
    said = {
        one if isinstance(one, NodeInvocation) else NodeInvocation(one): of
        for one, of in dependencies.items()
    }
    called = {one.name for one in said}
    for one, given in {**said, **{NodeInvocation(n): {} for n in callees if n not in called}}.items():
        _check(where, "op or graph in node_defs", one.name, callees)
        name = one.alias or one.name
        check_plain_name(name, f"{where}, a node")
        if name in found:
            raise InvalidDefinitionError(
                f"{where} has two nodes named {name!r}; give one of them another alias"
            )
        found[name] = (one, callees[one.name], given)
    return found


def _source(where: str, dependency: Dependency, calls: _Calls) -> Source:
    match dependency:
        case MultiDependencyDefinition(several):
            return FanIn(tuple(_source(where, one, calls) for one in several))
        case DynamicCollectDependencyDefinition(node, output):
            return replace(_output(where, node, output, calls), is_collected=True)
        case DependencyDefinition(node, output):
            return _output(where, node, output, calls)
    raise InvalidDefinitionError(f"{where}: {dependency!r} is no DependencyDefinition('node', 'output')")


def _output(where: str, node: str, output: str, calls: _Calls) -> OpOutput:
    _check(where, "node", node, calls)
    callee = calls[node][1]
    _check(f"{where}, {callee}", "output", output, callee.outs)
    return OpOutput(node, output)


def _check(where: str, what: str, name: str, known: Iterable[str]) -> None:
    known = list(known)
    if name not in known:
        meant = f"{nearest(name, known)} (there is: {', '.join(known) or 'none'})"
        raise InvalidDefinitionError(f"{where}: there is no {what} {name!r}{meant}")


def _node(name: str, said: NodeInvocation, callee: Callee, inputs: Mapping[str, Source]) -> Node:
    tags = plain_tags(said.tags)
    return Node(
        name, callee, inputs, retry_policy=said.retry_policy, hooks=frozenset(said.hook_defs), tags=tags
    )


def _in_order(where: str, inputs: Mapping[str, Mapping[str, Source]]) -> Iterable[str]:
    graph = {name: [one.path for one in outputs_of(given.values())] for name, given in inputs.items()}
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise InvalidDefinitionError(f"{where} has a cycle: {circle}; no order can run it") from None
