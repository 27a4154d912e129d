"""Graphs: ops and graphs joined by what they pass on."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, overload

from mlorch.definitions.composition import (
    Argument,
    Call,
    Callee,
    Collected,
    Composition,
    Handle,
    InputHandle,
    plain_tags,
)
from mlorch.definitions.dependencies import wire
from mlorch.definitions.flattening import flatten, is_dynamic, resolve_outputs
from mlorch.definitions.importable import Importable
from mlorch.definitions.keys import AssetKey
from mlorch.definitions.names import check_plain_name
from mlorch.definitions.nodes import (
    AssetValue,
    Constant,
    FanIn,
    GraphIn,
    GraphInput,
    GraphOut,
    Node,
    OpNode,
    OpOutput,
    Source,
    Wiring,
    graph_inputs_of,
)
from mlorch.definitions.ops import In, Nothing
from mlorch.definitions.results import NO_VALUE
from mlorch.definitions.signature import EMPTY, Signature, read_signature
from mlorch.errors import InvalidDefinitionError, nearest

if TYPE_CHECKING:
    from mlorch.definitions.dependencies import Dependencies, InputMapping, OutputMapping

__all__ = [
    "AssetValue",
    "Constant",
    "FanIn",
    "GraphDefinition",
    "GraphIn",
    "GraphInput",
    "GraphOptions",
    "GraphOut",
    "Node",
    "OpNode",
    "OpOutput",
    "Source",
    "compose",
    "graph",
]


class GraphDefinition(Importable, Callee):
    """Ops and graphs joined by what they pass on. Called while another is composed it becomes a node of it.

    Made by `@graph`, or from `node_defs` and `dependencies`. Raises InvalidDefinitionError where inputs and
    outputs don't fit.
    """

    kind = "graph"

    def __init__(
        self,
        name: str,
        *,
        description: str | None = None,
        node_defs: Sequence[Callee] = (),
        dependencies: Dependencies | None = None,
        input_mappings: Sequence[InputMapping] = (),
        output_mappings: Sequence[OutputMapping] = (),
        config: Any = None,
        tags: Mapping[str, Any] | None = None,
        wiring: Wiring | None = None,
    ) -> None:
        check_plain_name(name, f"a {self.kind}")
        self.name = name
        self.description = description
        self.config = config
        self.tags = plain_tags(tags)
        self.wiring = wiring or wire(
            str(self), node_defs, dependencies or {}, input_mappings, output_mappings
        )
        self.nodes = self.wiring.nodes
        self.ins = self.wiring.ins
        self.outs = self.wiring.outs
        self.output_sources = resolve_outputs(self.wiring)
        """What fills each output of the graph: an output of one of the ops that it comes to."""
        self._flat = flatten(self.wiring, str(self))
        self.op_nodes = {node.path: node for node in self._flat}
        """The ops that the graph comes to, by path."""

    def flatten(self) -> tuple[OpNode, ...]:
        """Return the ops of the graph and of the graphs within, each after all that it waits for."""
        return self._flat

    @property
    def positional(self) -> tuple[str, ...]:
        return tuple(self.ins)

    @property
    def dynamic_outputs(self) -> frozenset[str]:
        found = {node.path: node for node in self._flat}
        sources = self.output_sources.items()
        return frozenset(name for name, source in sources if is_dynamic(source, found))

    def call_outside(self, *args: Any, **kwargs: Any) -> Any:
        raise InvalidDefinitionError(
            f"{self} is called outside of a graph or job, so that there is nothing it could become part of; "
            "make a job of it, or call it in the function of a @graph or @job"
        )

    def output_behind(self, path: str, output: str) -> OpOutput | None:
        """Return the op's output that fills an output of a graph within; "" is the graph itself."""
        name, _, rest = path.partition(".")
        if not name:
            return self.output_sources.get(output)
        inner = self.nodes[name].definition if name in self.nodes else None
        found = inner.output_behind(rest, output) if isinstance(inner, GraphDefinition) else None
        return None if found is None else replace(found, path=f"{name}.{found.path}")

    def takers(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the inputs of ops, by path and name, that an input of the graph fills by itself."""
        for node in self.nodes.values():
            for taken, source in node.inputs.items():
                if source != GraphInput(name):
                    continue
                if isinstance(node.definition, GraphDefinition):
                    yield from ((f"{node.name}.{path}", one) for path, one in node.definition.takers(taken))
                else:
                    yield node.name, taken

    def unfilled_inputs(self) -> Mapping[tuple[str, str], In]:
        """Return the inputs by path and name that no output, graph input or default fills: the run has to."""
        return {
            (node.path, name): one
            for node in self._flat
            for name, one in node.op.ins.items()
            if name not in node.inputs
            and one.default_value is NO_VALUE
            and one.dagster_type is not Nothing
            and one.input_manager_key is None
        }

    def check_inputs(self, given: Collection[str] = ()) -> None:
        """Check that a run can fill every input: those of the graph in `given`, others from its config.

        Raises InvalidDefinitionError for one that waits for an object which config can't write down.
        """
        own = {("", name): one for name, one in self.ins.items() if name not in given}
        for (path, name), one in {**self.unfilled_inputs(), **own}.items():
            if one.default_value is NO_VALUE and not _is_written(one.dagster_type):
                where = f"{self}, op {path!r}" if path else str(self)
                raise InvalidDefinitionError(
                    f"{where}: nothing fills the input {name!r}, and config can't write a "
                    f"{one.dagster_type.__name__} down; connect it, or give it a default"
                )

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"


class GraphOptions(TypedDict, total=False):
    """The arguments of `@graph`: names, meaning and defaults as in Dagster."""

    name: str | None
    description: str | None
    ins: Mapping[str, GraphIn] | None
    out: GraphOut | Mapping[str, GraphOut] | None
    tags: Mapping[str, Any] | None
    config: Any


@overload
def graph(function: Callable[..., Any], /) -> GraphDefinition: ...


@overload
def graph(**options: Unpack[GraphOptions]) -> Callable[[Callable[..., Any]], GraphDefinition]: ...


def graph(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare that a function composes a graph of ops and graphs by calling them; it is called once, here.

    Its parameters are the inputs of the graph, what it returns the outputs: one, or a dict or tuple of those
    that `out` names. `GraphOptions` has the arguments. Raises InvalidDefinitionError, naming the graph.
    """
    namespace = sys._getframe(1).f_locals
    if function is not None:
        return compose(function, {}, GraphDefinition, namespace)
    return lambda decorated: compose(decorated, options, GraphDefinition, namespace)


G = TypeVar("G", bound=GraphDefinition)


def compose(
    function: Callable[..., Any], options: Mapping[str, Any], cls: type[G], namespace: Mapping[str, Any]
) -> G:
    """Return the graph that `function` composes.

    `namespace` has the names around the function, for annotations that are text. Raises
    InvalidDefinitionError, naming the graph.
    """
    kind = cls.kind
    unknown = options.keys() - GraphOptions.__annotations__.keys()
    if unknown:
        name = sorted(unknown)[0]
        meant = nearest(name, GraphOptions.__annotations__)
        raise InvalidDefinitionError(f"@{kind} has no argument {name!r}{meant}")
    name = options.get("name") or function.__name__
    check_plain_name(name, f"a {kind}")
    composition = Composition(kind, name)
    ins = _ins(
        str(composition), read_signature(function, str(composition), namespace), options.get("ins") or {}
    )
    with composition.going_on():
        result = function(**{one: InputHandle(composition, one) for one in ins})
    nodes = {call.name: _node(call) for call in composition.calls.values()}
    _refuse_unused(str(composition), ins, nodes)
    returned = _returned(composition, result, options.get("out"))
    made = cls(
        name,
        description=options.get("description") or inspect.getdoc(function),
        config=options.get("config"),
        tags=options.get("tags"),
        wiring=Wiring(nodes, ins, _outs(options.get("out"), returned), returned),
    )
    made.stand_for(function, name)
    return made


def _is_written(annotation: Any) -> bool:
    """Tell whether YAML may hold a value of this type; what is no class is left to the run to find out."""
    return annotation in _WRITTEN or not isinstance(annotation, type)


_WRITTEN = (EMPTY, Nothing, object, str, int, float, bool, type(None), list, dict, tuple, set)


def _ins(where: str, signature: Signature, given: Mapping[str, GraphIn]) -> dict[str, In]:
    other = signature.context or (signature.config and "config") or next(iter(signature.resources), None)
    if other is not None:
        raise InvalidDefinitionError(
            f"{where}: the parameter {other!r} is no input; a graph only joins ops, which take the context, "
            "config and resources themselves"
        )
    unknown = given.keys() - signature.arguments.keys()
    if unknown and not signature.takes_any:
        name = sorted(unknown)[0]
        raise InvalidDefinitionError(
            f"{where}: ins names {name!r}, which is no parameter of it{nearest(name, signature.arguments)}"
        )
    found = {}
    for name in dict.fromkeys((*signature.arguments, *given)):
        check_plain_name(name, f"{where}, an input")
        found[name] = In(
            signature.arguments.get(name, EMPTY),
            description=given[name].description if name in given else None,
            default_value=signature.defaults.get(name, NO_VALUE),
        )
    return found


def _node(call: Call) -> Node:
    invocation = call.invocation
    return Node(
        call.name,
        invocation.callee,
        {name: _source(argument) for name, argument in call.arguments.items()},
        retry_policy=invocation.retry_policy,
        hooks=invocation.hooks,
        tags=invocation.tags,
    )


def _source(argument: Argument) -> Source:
    if isinstance(argument, list):
        return FanIn(tuple(_source(one) for one in argument))
    if isinstance(argument, InputHandle):
        return GraphInput(argument.name)
    if isinstance(argument, AssetKey):
        return AssetValue(argument)
    return OpOutput(argument.node, argument.output, is_collected=isinstance(argument, Collected))


def _refuse_unused(where: str, ins: Collection[str], nodes: Mapping[str, Node]) -> None:
    used = {name for node in nodes.values() for name in graph_inputs_of(node.inputs.values())}
    for name in ins:
        if name not in used:
            raise InvalidDefinitionError(f"{where} gives its input {name!r} to no op; do so, or remove it")


def _outs(
    declared: GraphOut | Mapping[str, GraphOut] | None, returned: Collection[str]
) -> dict[str, GraphOut]:
    if isinstance(declared, Mapping):
        return dict(declared)
    return {name: declared or GraphOut() for name in returned}


def _returned(composition: Composition, result: Any, declared: Any) -> dict[str, OpOutput]:
    """Return what fills each output, by name."""
    names = list(declared) if isinstance(declared, Mapping) else ["result"]
    for name in names:
        check_plain_name(name, f"{composition}, an output")
    if result is None:
        given: Mapping[str, Any] = {}
        names = names if declared else []
    elif isinstance(result, Mapping):
        given = result
    else:
        several = list(result) if isinstance(result, tuple) else [result]
        if len(several) != len(names):
            raise InvalidDefinitionError(
                f"{composition} returns {len(several)} outputs, but has {len(names)} ({', '.join(names)}); "
                "declare each by out={'name': GraphOut(), …}"
            )
        given = dict(zip(names, several, strict=True))
    for name in (*given, *names):
        if name not in names:
            raise InvalidDefinitionError(
                f"{composition} returns {name!r}, which is no output of it{nearest(name, names)} "
                f"(it has: {', '.join(names)}); declare it by out={{{name!r}: GraphOut()}}"
            )
        if name not in given:
            raise InvalidDefinitionError(f"{composition} returns nothing for its output {name!r}")
    return {name: _output(composition, name, given[name]) for name in names}


def _output(composition: Composition, name: str, handle: Any) -> OpOutput:
    if not isinstance(handle, Handle) or isinstance(handle, Collected):
        raise InvalidDefinitionError(
            f"{composition} returns {handle!r} for its output {name!r}; return an output of an op or graph "
            "that it calls"
        )
    composition.check_own(handle, f"{composition}, output {name!r}")
    return OpOutput(handle.node, handle.output)
