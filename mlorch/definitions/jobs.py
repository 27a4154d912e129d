"""Jobs: a selection of assets, or a graph of ops, with parameters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from mlorch.definitions.graphs import GraphDefinition, OpNode
from mlorch.definitions.importable import Importable
from mlorch.definitions.keys import check_name
from mlorch.definitions.nodes import Node

if TYPE_CHECKING:
    from mlorch.definitions.checks import AssetCheckSpec
    from mlorch.definitions.partitions import PartitionsDefinition
    from mlorch.definitions.selections import CoercibleToAssetSelection
    from mlorch.definitions.specs import AssetSpec, RetryPolicy


@dataclass(frozen=True, slots=True)
class AssetJob:
    """What `define_asset_job` returns; its selection is resolved where a project's definitions load."""

    name: str
    selection: CoercibleToAssetSelection | None = None
    partitions_def: PartitionsDefinition | None = None
    config: Any = None
    """A run config, or what works one out: a PartitionedConfig or a ConfigMapping."""
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    executor_def: Any = None
    hooks: frozenset[Any] = frozenset()
    op_retry_policy: RetryPolicy | None = None


class JobDefinition(Importable):
    """A graph of ops with what a run of it is given."""

    specs: Mapping[str, AssetSpec] = {}
    """None: it makes no assets."""

    check_specs: tuple[AssetCheckSpec, ...] = ()

    def __init__(
        self,
        graph: GraphDefinition,
        *,
        name: str | None = None,
        description: str | None = None,
        config: Any = None,
        resource_defs: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        executor_def: Any = None,
        hooks: Iterable[Any] | None = None,
        op_retry_policy: RetryPolicy | None = None,
        partitions_def: PartitionsDefinition | None = None,
        input_values: Mapping[str, Any] | None = None,
    ) -> None:
        self.graph = graph
        self.name = name or graph.name
        self.description = description or graph.description
        self.config = config
        self.resource_defs = dict(resource_defs or {})
        self.tags = {str(key): str(value) for key, value in (tags or {}).items()}
        self.metadata = dict(metadata or {})
        self.executor_def = executor_def
        self.hooks = frozenset(hooks or ())
        self.op_retry_policy = op_retry_policy
        self.partitions_def = partitions_def or getattr(config, "partitions_def", None)
        self.input_values = dict(input_values or {})
        self.op_nodes = {path: self._own(node) for path, node in graph.op_nodes.items()}
        """The ops of its graph by path, with what the job says of all of them."""
        self.output_sources = graph.output_sources
        self.whole: JobDefinition | None = None
        """The job of which it is only some ops."""

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The ops and graphs that its graph is made of."""
        return tuple(self.graph.nodes.values())

    def subset(self, paths: Collection[str]) -> Self:
        """Return a copy with only some of its ops; what they took from others nothing fills any more."""
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        made.op_nodes = {path: node.cut(paths) for path, node in self.op_nodes.items() if path in paths}
        made.whole = self
        return made

    def with_hooks(self, hook_defs: Iterable[Any]) -> Self:
        """Return a copy whose steps have these hooks besides their own."""
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        made.hooks = self.hooks | frozenset(hook_defs)
        made.op_nodes = {path: made._own(node) for path, node in self.graph.op_nodes.items()}
        return made

    def _own(self, node: OpNode) -> OpNode:
        return replace(
            node, retry_policy=node.retry_policy or self.op_retry_policy, hooks=node.hooks | self.hooks
        )

    def __repr__(self) -> str:
        return f"<job {self.name}>"


def define_asset_job(
    name: str,
    selection: CoercibleToAssetSelection | None = None,
    *,
    config: Any = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    run_tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    partitions_def: PartitionsDefinition | None = None,
    executor_def: Any = None,
    hooks: Iterable[Any] | None = None,
    op_retry_policy: RetryPolicy | None = None,
) -> AssetJob:
    """Declare a job. A selection of None or "*" means every asset that has a function.

    Each text in it is an expression; it may also be an AssetSelection, assets, keys, or a list of these.
    Raises InvalidDefinitionError for a reserved name.
    """
    check_name(name)
    if isinstance(selection, Sequence) and not isinstance(selection, str):
        selection = tuple(selection)
    return AssetJob(
        name,
        selection,
        partitions_def or getattr(config, "partitions_def", None),
        config,
        description,
        {**(tags or {}), **(run_tags or {})},
        dict(metadata or {}),
        executor_def,
        frozenset(hooks or ()),
        op_retry_policy,
    )
