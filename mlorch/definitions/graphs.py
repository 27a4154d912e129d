"""Graphs: ops and graphs joined by what they pass on, and the flat list of ops that they come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlorch.definitions.ops import In, OpDefinition

if TYPE_CHECKING:
    from mlorch.definitions.specs import RetryPolicy


@dataclass(frozen=True, slots=True)
class GraphInput:
    """The source of an input: what the graph itself is given under this name."""

    name: str


@dataclass(frozen=True, slots=True)
class OpOutput:
    """The source of an input: an output of an op; collected, the list of it over all mapping keys."""

    path: str
    output: str
    is_collected: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    """The source of an input: a value that stands in the graph, the default of an inner graph's input."""

    value: Any


@dataclass(frozen=True, slots=True)
class FanIn:
    """The source of an input: the list of what its sources give."""

    sources: tuple[GraphInput | OpOutput | Constant, ...]


Source = GraphInput | OpOutput | Constant | FanIn


@dataclass(frozen=True, slots=True)
class GraphIn:
    """An input of a graph."""

    description: str | None = None


@dataclass(frozen=True, slots=True)
class GraphOut:
    """An output of a graph."""

    description: str | None = None


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


class GraphDefinition:
    """Ops and graphs joined by what they pass on."""

    name: str
    description: str | None
    ins: Mapping[str, In]
    outs: Mapping[str, GraphOut]
    config: Any
    tags: Mapping[str, str]

    def flatten(self) -> tuple[OpNode, ...]:
        """Return the ops of the graph and of the graphs within, each after all that it waits for."""
        raise NotImplementedError

    @property
    def output_sources(self) -> Mapping[str, OpOutput]:
        """What fills each output of the graph."""
        raise NotImplementedError
