"""The values that a run itself gives to ops: of inputs that nothing is connected to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_origin

from mlorch.definitions.graphs import GraphDefinition
from mlorch.definitions.jobs import JobDefinition
from mlorch.definitions.nodes import GraphInput, OpNode
from mlorch.definitions.ops import In, Nothing
from mlorch.definitions.results import NO_VALUE
from mlorch.errors import InvalidConfigError, UserError, nearest
from mlorch.execution.sections import Path, read_sections

Place = tuple[str, str]
"""An input: the path of its op, "" for the graph itself, and its name."""


def given_inputs(
    job: JobDefinition, run_config: Any = None, input_values: Mapping[str, Any] | None = None
) -> dict[Place, Any]:
    """Return what the job, a run config and the caller give, the last of them first.

    Raises UserError for an input that there is not, and InvalidConfigError where an op would lack one.
    """
    job.graph.check_inputs({**job.input_values, **(input_values or {})})
    defaults = {name: one.default_value for name, one in job.graph.ins.items()}
    given: dict[Place, Any] = {("", name): one for name, one in defaults.items() if one is not NO_VALUE}
    for path, values in read_sections(run_config).inputs.items():
        for name, value in values.items():
            given.update(_placed(job, path, name, value))
    for name, value in {**job.input_values, **(input_values or {})}.items():
        if name not in job.graph.ins:
            known = ", ".join(job.graph.ins) or "none"
            raise UserError(f"{job!r} has no input {name!r} (it has: {known})")
        given["", name] = value
    missing = [place for node in job.op_nodes.values() for place in _lacking(node, given)]
    if missing:
        raise InvalidConfigError("\n".join(f"{job!r}: {_how(path, name)}" for path, name in missing))
    return given


def _placed(job: JobDefinition, path: Path, name: str, value: Any) -> Iterator[tuple[Place, Any]]:
    """Yield what one value of a run config fills. Raises InvalidConfigError."""
    whole = job.whole or job
    dotted = ".".join(path)
    if dotted in whole.op_nodes:
        node = whole.op_nodes[dotted]
        if name not in node.op.ins or name in job.op_nodes.get(dotted, node).inputs:
            what = "is connected" if name in node.op.ins else f"is no input of it{nearest(name, node.op.ins)}"
            raise InvalidConfigError(f"{job!r}, op {dotted!r}: a run can't give {name!r}, which {what}")
        yield (dotted, name), _plain(value, node.op.ins[name])
        return
    graph = _graph_at(job.graph, path)
    if graph is None or name not in graph.ins:
        where = f"graph {dotted!r}" if path else repr(job)
        known = graph.ins if graph is not None else ()
        raise InvalidConfigError(f"{where} has no input {name!r}{nearest(name, known)}")
    found = _plain(value, graph.ins[name])
    if not path:
        yield ("", name), found
    for taker, one in graph.takers(name) if path else ():
        yield (f"{dotted}.{taker}", one), found


def _graph_at(graph: GraphDefinition, path: Path) -> GraphDefinition | None:
    for name in path:
        node = graph.nodes.get(name)
        if node is None or not isinstance(node.definition, GraphDefinition):
            return None
        graph = node.definition
    return graph


def _plain(value: Any, declared: In) -> Any:
    """Return a value out of {"value": …}, the longer form that run configs have for it."""
    kind = get_origin(declared.dagster_type) or declared.dagster_type
    if isinstance(value, list):
        return [_plain(one, In()) for one in value]
    if isinstance(value, Mapping) and value.keys() == {"value"} and kind is not dict:
        return value["value"]
    return value


def _lacking(node: OpNode, given: Mapping[Place, Any]) -> Iterator[Place]:
    for name, one in node.op.ins.items():
        source = node.inputs.get(name)
        if one.dagster_type is Nothing or one.default_value is not NO_VALUE or one.input_manager_key:
            continue
        if isinstance(source, GraphInput) and ("", source.name) not in given:
            yield "", source.name
        elif source is None and (node.path, name) not in given:
            yield node.path, name


def _how(path: str, name: str) -> str:
    if not path:
        return f"nothing gives the input {name!r}; give input_values={{{name!r}: …}}"
    section = ".ops.".join(path.split("."))
    return f"nothing fills the input {name!r} of op {path!r}; give it as ops.{section}.inputs.{name}"
