"""The assets as a graph, checked once when definitions load."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlorch.definitions.asset_checks import AssetChecksDefinition
from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.checks import AssetCheckKey
from mlorch.definitions.declaring import Dependency, orders_of
from mlorch.definitions.inference import default_mapping
from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text
from mlorch.definitions.specs import AUTO, IO_MANAGER_KEY, AssetSpec
from mlorch.errors import InvalidDefinitionError, MissingDefinitionError, nearest

if TYPE_CHECKING:
    from mlorch.definitions.mappings import PartitionMapping
    from mlorch.definitions.partitions import PartitionsDefinition


@dataclass(frozen=True, slots=True)
class AssetNode:
    """One asset with its edges; `definition` is None for an external asset."""

    key: str
    spec: AssetSpec
    definition: AssetsDefinition | None
    dependencies: tuple[Dependency, ...] = ()
    upstream: tuple[str, ...] = ()
    """Keys of the assets it depends on, each once."""
    output: str = "result"
    """The output of its definition that gives it."""

    @property
    def group(self) -> str:
        return self.spec.group_name

    @property
    def tags(self) -> Mapping[str, str]:
        return self.spec.tags

    @property
    def kinds(self) -> tuple[str, ...]:
        return self.spec.kinds

    @property
    def owners(self) -> tuple[str, ...]:
        return self.spec.owners

    @property
    def is_external(self) -> bool:
        """True where it is made elsewhere, though a function here may observe it."""
        return self.definition is None or self.definition.is_observed

    @property
    def is_observable(self) -> bool:
        """True where a function here says which data version it has."""
        return self.definition is not None and self.definition.is_observed

    @property
    def partitions_def(self) -> PartitionsDefinition | None:
        return self.spec.partitions_def

    @property
    def code_version(self) -> str | type[AUTO] | None:
        return self.spec.code_version


@dataclass(frozen=True)
class AssetGraph:
    """Every asset by key, in topological order. Build it with `make_graph`."""

    nodes: Mapping[str, AssetNode]
    downstream: Mapping[str, tuple[str, ...]] = field(repr=False)
    checks: Mapping[AssetCheckKey, AssetsDefinition] = field(default_factory=dict, repr=False)
    """What evaluates each check: the function of the asset itself, or one of its own."""
    _mappings: dict[tuple[str, str], PartitionMapping] = field(default_factory=dict, repr=False)

    @cached_property
    def divided(self) -> Mapping[str, PartitionsDefinition]:
        """The partitions of each asset that has any."""
        found = {key: node.spec.partitions_def for key, node in self.nodes.items()}
        return {key: definition for key, definition in found.items() if definition is not None}

    def get_all_asset_keys(self) -> set[AssetKey]:
        return {node.spec.key for node in self.nodes.values()}

    def get(self, key: CoercibleToAssetKey) -> AssetNode:
        """Return one asset. Raises InvalidDefinitionError, suggesting the nearest."""
        name = key_text(key)
        if name not in self.nodes:
            raise InvalidDefinitionError(f"there is no asset {name!r}{nearest(name, self.nodes)}")
        return self.nodes[name]

    def reader(self, dependency: Dependency) -> str | None:
        """Return the resource that reads an argument in the place of the IO manager that kept the value.

        The consumer names it, or the spec of what is made elsewhere; None where neither does.
        """
        upstream = self.nodes[dependency.key]
        if dependency.input_manager_key is None and upstream.is_external:
            return upstream.spec.metadata.get(IO_MANAGER_KEY)
        return dependency.input_manager_key

    def mapping(self, key: str, dependency: Dependency) -> PartitionMapping:
        """Return the declared partition mapping of an edge, or the one Dagster infers."""
        if dependency.partition_mapping is not None:
            return dependency.partition_mapping
        found = self._mappings.get((key, dependency.key))
        if found is None:
            found = default_mapping(self.nodes[key].partitions_def, self.nodes[dependency.key].partitions_def)
            self._mappings[key, dependency.key] = found
        return found


def make_graph(assets: Iterable[Any], checks: Iterable[AssetChecksDefinition] = ()) -> AssetGraph:
    """Check the assets and the functions that check them, and order the assets.

    Raises InvalidDefinitionError, naming the key, for a duplicate key, an argument that no asset produces,
    a cycle, or a partition mapping that does not fit its two sides.
    """
    nodes = _by_key(assets)
    checkers = tuple(checks)
    edges = [(f"asset {node.key!r}", one) for node in nodes.values() for one in node.dependencies]
    edges += [(f"check {one.name!r}", edge) for one in checkers for edge in one.dependencies]
    for owner, dependency in edges:
        if dependency.key not in nodes:
            _refuse_argument(owner, dependency, nodes)
            nodes[dependency.key] = AssetNode(dependency.key, AssetSpec(dependency.key), None)
    _refuse_one_place(nodes)
    downstream = _reversed(nodes)
    graph = AssetGraph(_ordered(nodes, downstream), downstream, _checks_of(nodes, checkers))
    _check_mappings(graph)
    return graph


def _by_key(assets: Iterable[Any]) -> dict[str, AssetNode]:
    nodes: dict[str, AssetNode] = {}
    for one in assets:
        for node in _nodes_of(one):
            if node.key in nodes and nodes[node.key].spec is not node.spec:
                raise InvalidDefinitionError(
                    f"the asset key {node.key!r} is declared twice; rename one or give it a key_prefix"
                )
            nodes[node.key] = node
    return nodes


def _nodes_of(one: Any) -> Iterator[AssetNode]:
    if isinstance(one, AssetsDefinition) and not one.is_executable:
        for spec in one.specs.values():
            yield from _nodes_of(spec)
    elif isinstance(one, AssetsDefinition):
        for output, spec in one.specs.items():
            dependencies = one.dependencies_of(spec.name) if one.own_dependencies else one.dependencies
            yield AssetNode(spec.name, spec, one, dependencies, _keys(dependencies), output)
    elif isinstance(one, AssetSpec):
        dependencies = tuple(orders_of(one.deps))
        yield AssetNode(one.name, one, None, dependencies, _keys(dependencies))
    else:
        raise InvalidDefinitionError(f"{one!r} is no asset; decorate its function with @asset")


def _keys(dependencies: tuple[Dependency, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(dependency.key for dependency in dependencies))


def _checks_of(
    nodes: Mapping[str, AssetNode], checkers: Iterable[AssetChecksDefinition]
) -> dict[AssetCheckKey, AssetsDefinition]:
    found: dict[AssetCheckKey, AssetsDefinition] = {}
    makers = {id(node.definition): node.definition for node in nodes.values() if node.definition is not None}
    for definition in (*makers.values(), *checkers):
        for spec in definition.check_specs:
            if found.setdefault(spec.key, definition) is not definition:
                raise InvalidDefinitionError(
                    f"the check {spec.name!r} of {str(spec.asset_key)!r} is declared twice; rename one"
                )
            if spec.partitions_def not in (None, nodes[str(spec.asset_key)].partitions_def):
                raise InvalidDefinitionError(
                    f"the check {spec.name!r} has other partitions than its asset {str(spec.asset_key)!r}; "
                    "give both the same partitions_def"
                )
    return found


def _refuse_argument(owner: str, dependency: Dependency, nodes: Mapping[str, AssetNode]) -> None:
    if dependency.argument is not None:
        is_config = dependency.argument == dependency.key == "config"
        hint = "; annotate it with a subclass of Config" if is_config else nearest(dependency.key, nodes)
        raise MissingDefinitionError(
            f"{owner}: no asset produces its argument {dependency.argument!r} (key {dependency.key!r}){hint}"
        )


def _refuse_one_place(nodes: Mapping[str, AssetNode]) -> None:
    """Refuse an asset whose file would lie among the partitions of another."""
    folders = {key for key, node in nodes.items() if node.spec.partitions_def is not None}
    for key in nodes:
        parent = key.rpartition("/")[0]
        if parent in folders:
            raise InvalidDefinitionError(
                f"the partitions of {parent!r} are kept where {key!r} is; rename one of the two"
            )


def _reversed(nodes: Mapping[str, AssetNode]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for node in nodes.values():
        for key in node.upstream:
            if key != node.key:
                found[key].append(node.key)
    return {key: tuple(found[key]) for key in nodes}


def _ordered(
    nodes: Mapping[str, AssetNode], downstream: Mapping[str, tuple[str, ...]]
) -> dict[str, AssetNode]:
    waiting = {key: sum(up != key for up in node.upstream) for key, node in nodes.items()}
    ready = deque(key for key, count in waiting.items() if not count)
    ordered: dict[str, AssetNode] = {}
    while ready:
        key = ready.popleft()
        ordered[key] = nodes[key]
        for below in downstream[key]:
            waiting[below] -= 1
            if not waiting[below]:
                ready.append(below)
    if len(ordered) < len(nodes):
        raise InvalidDefinitionError(f"these assets depend on each other: {_cycle(nodes, set(ordered))}")
    return ordered


def _cycle(nodes: Mapping[str, AssetNode], done: set[str]) -> str:
    key = next(key for key in nodes if key not in done)
    path: list[str] = []
    while key not in path:
        path.append(key)
        key = next(up for up in nodes[key].upstream if up not in done and up != key)
    loop = [*path[path.index(key) :], key]
    return " → ".join(reversed(loop))


def _check_mappings(graph: AssetGraph) -> None:
    for node in graph.nodes.values():
        for dependency in node.dependencies:
            upstream_def = graph.nodes[dependency.key].partitions_def
            if upstream_def is None and dependency.partition_mapping is None:
                continue
            try:
                graph.mapping(node.key, dependency).validate(node.partitions_def, upstream_def)
            except InvalidDefinitionError as error:
                raise InvalidDefinitionError(
                    f"asset {node.key!r}, upstream {dependency.key!r}: {error}"
                ) from None
        if node.key in node.upstream:
            _check_self(graph, node)


def _check_self(graph: AssetGraph, node: AssetNode) -> None:
    """Refuse an asset that depends on itself unless each of its partitions reads earlier ones."""
    if node.partitions_def is None:
        raise InvalidDefinitionError(f"asset {node.key!r} depends on itself; only a partitioned asset may")
    for dependency in node.dependencies:
        if dependency.key != node.key:
            continue
        if not graph.mapping(node.key, dependency).reads_earlier():
            raise InvalidDefinitionError(
                f"asset {node.key!r} depends on itself; its partitions may read earlier ones only: declare "
                "partition_mapping=TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)"
            )
