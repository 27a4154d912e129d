"""What a graph is made of: nodes, and where each of their inputs comes from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlorch.definitions.composition import Callee
from mlorch.definitions.keys import AssetKey
from mlorch.definitions.ops import In, OpDefinition

if TYPE_CHECKING:
    from mlorch.definitions.specs import RetryPolicy


@dataclass(frozen=True, slots=True)
class GraphInput:
    """The source of an input: what the graph itself is given under this name."""

    name: str


@dataclass(frozen=True, slots=True)
class OpOutput:
    """The source of an input: an output of a node; collected, the list of it over all mapping keys."""

    path: str
    output: str
    is_collected: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    """The source of an input: the default of an inner graph's input that nothing is connected to."""

    value: Any


@dataclass(frozen=True, slots=True)
class AssetValue:
    """The source of an input: the latest value of an asset, given where an output could be."""

    key: AssetKey


@dataclass(frozen=True, slots=True)
class FanIn:
    """The source of an input: the list of what its sources give, in their order."""

    sources: tuple[Source, ...]


Source = GraphInput | OpOutput | Constant | AssetValue | FanIn


@dataclass(frozen=True, slots=True)
class GraphIn:
    """An input of a graph."""

    description: str | None = None


@dataclass(frozen=True, slots=True)
class GraphOut:
    """An output of a graph."""

    description: str | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """An op or a graph in its place within a graph."""

    name: str
    definition: Callee
    inputs: Mapping[str, Source]
    """Only the connected ones; paths are names of nodes of the same graph."""
    retry_policy: RetryPolicy | None = None
    hooks: frozenset[Any] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wiring:
    """The nodes of a graph, each after all that it waits for, and what joins them to the outside."""

    nodes: Mapping[str, Node]
    ins: Mapping[str, In]
    outs: Mapping[str, GraphOut]
    returned: Mapping[str, OpOutput]
    """What fills each output."""


@dataclass(frozen=True, slots=True)
class OpNode:
    """One op of a flattened graph."""

    path: str
    """Its names from the outermost graph inwards, dotted: "inner.op". Unique in the graph."""
    op: OpDefinition
    inputs: Mapping[str, Source] = field(default_factory=dict)
    """Every input that is connected; the others have a default or come from the run."""
    mapped_over: tuple[str, str] | None = None
    """Path and name of the dynamic output once per key of which the op runs."""
    retry_policy: RetryPolicy | None = None
    hooks: frozenset[Any] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)
    pool: str | None = None

    def cut(self, paths: Collection[str]) -> OpNode:
        """Return the node as it is among these ops alone: nothing fills what others would have filled."""
        inputs = {name: _cut(source, paths) for name, source in self.inputs.items()}
        over = self.mapped_over
        return replace(
            self,
            inputs={name: source for name, source in inputs.items() if source is not None},
            mapped_over=over if over is not None and over[0] in paths else None,
        )


def _cut(source: Source, paths: Collection[str]) -> Source | None:
    if isinstance(source, OpOutput):
        return source if source.path in paths else None
    if isinstance(source, FanIn):
        left = [one for one in (_cut(one, paths) for one in source.sources) if one is not None]
        return FanIn(tuple(left)) if left else None
    return source


def outputs_of(sources: Iterable[Source]) -> Iterator[OpOutput]:
    """Yield the outputs that these sources are, those in lists among them."""
    for source in sources:
        if isinstance(source, OpOutput):
            yield source
        elif isinstance(source, FanIn):
            yield from outputs_of(source.sources)


def graph_inputs_of(sources: Iterable[Source]) -> Iterator[str]:
    """Yield the names of the graph's inputs that these sources are, those in lists among them."""
    for source in sources:
        if isinstance(source, GraphInput):
            yield source.name
        elif isinstance(source, FanIn):
            yield from graph_inputs_of(source.sources)
