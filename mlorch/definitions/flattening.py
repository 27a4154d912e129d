"""From graphs within graphs to one list of ops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol, cast

from mlorch.definitions.nodes import (
    Constant,
    FanIn,
    GraphInput,
    Node,
    OpNode,
    OpOutput,
    Source,
    Wiring,
    outputs_of,
)
from mlorch.definitions.ops import In, Nothing, OpDefinition
from mlorch.definitions.results import NO_VALUE
from mlorch.errors import InvalidDefinitionError


class Graph(Protocol):
    """What is asked of a graph in the place of a node."""

    ins: Mapping[str, In]
    output_sources: Mapping[str, OpOutput]

    def flatten(self) -> tuple[OpNode, ...]: ...


def flatten(wiring: Wiring, where: str) -> tuple[OpNode, ...]:
    """Return the ops of a graph and of the graphs within, each after all that it waits for.

    Raises InvalidDefinitionError, naming `where`, for an op below two dynamic outputs, and for an input that
    waits for a value where none is passed.
    """
    found: dict[str, OpNode] = {}
    for node in wiring.nodes.values():
        for one in _expanded(node, wiring.nodes, where):
            found[one.path] = placed = replace(one, mapped_over=_mapped_over(one, found, where))
            _check_values(placed, found, where)
    return tuple(found.values())


def resolve_outputs(wiring: Wiring) -> Mapping[str, OpOutput]:
    """Return the outputs of ops that stand behind the outputs of a graph."""
    return {name: _op_output(output, wiring.nodes) for name, output in wiring.returned.items()}


def is_dynamic(output: OpOutput, found: Mapping[str, OpNode]) -> bool:
    """Tell whether an output has a value per mapping key."""
    producer = found[output.path]
    return producer.mapped_over is not None or producer.op.outs[output.output].is_dynamic


def _expanded(node: Node, nodes: Mapping[str, Node], where: str) -> Iterator[OpNode]:
    """Yield the ops that a node comes to, with paths and sources as the graph around it knows them."""
    inputs = {name: _resolved(source, nodes) for name, source in node.inputs.items()}
    definition = node.definition
    if isinstance(definition, OpDefinition):
        yield OpNode(
            node.name,
            definition,
            inputs,
            retry_policy=node.retry_policy or definition.retry_policy,
            hooks=definition.hooks | node.hooks,
            tags={**definition.tags, **node.tags},
            pool=definition.pool,
        )
        return
    graph = cast("Graph", definition)
    defaults = {name: one.default_value for name, one in graph.ins.items()}
    given = {name: Constant(value) for name, value in defaults.items() if value is not NO_VALUE} | inputs
    for one in graph.flatten():
        moved = {name: _moved(source, node.name, given) for name, source in one.inputs.items()}
        yield replace(
            one,
            path=f"{node.name}.{one.path}",
            inputs={name: source for name, source in moved.items() if source is not None},
            retry_policy=one.retry_policy or node.retry_policy,
            hooks=one.hooks | node.hooks,
        )


def _resolved(source: Source, nodes: Mapping[str, Node]) -> Source:
    match source:
        case OpOutput():
            return _op_output(source, nodes)
        case FanIn(sources):
            return FanIn(tuple(_resolved(one, nodes) for one in sources))
    return source


def _op_output(output: OpOutput, nodes: Mapping[str, Node]) -> OpOutput:
    definition = nodes[output.path].definition
    if isinstance(definition, OpDefinition):
        return output
    inner = cast("Graph", definition).output_sources[output.output]
    return replace(output, path=f"{output.path}.{inner.path}", output=inner.output)


def _moved(source: Source, node: str, given: Mapping[str, Source]) -> Source | None:
    """Return the source as the graph around `node` knows it, None where that connects nothing."""
    match source:
        case OpOutput(path):
            return replace(source, path=f"{node}.{path}")
        case GraphInput(name):
            return given.get(name)
        case FanIn(sources):
            return FanIn(tuple(_item(one, node, given) for one in sources))
    return source


def _item(source: Source, node: str, given: Mapping[str, Source]) -> Source:
    moved = _moved(source, node, given)
    if moved is None:
        raise InvalidDefinitionError(
            f"graph {node!r} puts its inputs into a list, so each has to be connected or needs a default; "
            f"nothing is connected to {getattr(source, 'name', source)!r}"
        )
    return moved


def _mapped_over(node: OpNode, found: Mapping[str, OpNode], where: str) -> tuple[str, str] | None:
    """Return the dynamic output that `node` runs once per key of; `found` has all that it waits for."""
    over: set[tuple[str, str]] = set()
    for source in outputs_of(node.inputs.values()):
        producer = found[source.path]
        if source.is_collected:
            continue
        if producer.op.outs[source.output].is_dynamic:
            over.add((source.path, source.output))
        elif producer.mapped_over is not None:
            over.add(producer.mapped_over)
    if len(over) > 1:
        shown = " and ".join(f"{path!r} ({output!r})" for path, output in sorted(over))
        raise InvalidDefinitionError(
            f"{where}: op {node.path!r} is mapped over two dynamic outputs, of {shown}, and it can't be told "
            "which of their keys belong together; collect() one of them"
        )
    if over and node.op.dynamic_outputs:
        raise InvalidDefinitionError(
            f"{where}: op {node.path!r} has a dynamic output and is mapped over that of {min(over)[0]!r}; "
            "dynamic outputs can't be nested: collect() the first, or let one op give them all"
        )
    return min(over, default=None)


def _check_values(node: OpNode, found: Mapping[str, OpNode], where: str) -> None:
    for name, source in node.inputs.items():
        if node.op.ins[name].dagster_type is Nothing:
            continue
        for output in outputs_of([source]):
            if found[output.path].op.outs[output.output].dagster_type is Nothing:
                raise InvalidDefinitionError(
                    f"{where}: the input {name!r} of {node.path!r} waits for a value, but {output.path!r} "
                    "passes none (Nothing, or `-> None`); declare the input as In(Nothing), or return a value"
                )
