"""The decorator `@asset` and what makes assets."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from mlorch.definitions.calling import call_directly
from mlorch.definitions.checks import AssetCheckSpec, check_specs_of
from mlorch.definitions.declaring import (
    Dependency,
    arguments_of,
    chosen,
    content_of,
    key_of,
    make_op,
    orders_of,
    refuse_unknown,
)
from mlorch.definitions.graphs import GraphDefinition, GraphInput, OpNode
from mlorch.definitions.importable import Importable
from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text
from mlorch.definitions.node_assets import NodeOptions, read_node
from mlorch.definitions.ops import OpDefinition, Out
from mlorch.definitions.signature import read_signature
from mlorch.definitions.specs import AUTO, CONTENT, AssetIn, AssetSpec, BackfillPolicy, RetryPolicy
from mlorch.errors import InvalidDefinitionError, nearest

if TYPE_CHECKING:
    from mlorch.definitions.automation import AutomationCondition
    from mlorch.definitions.freshness import FreshnessPolicy
    from mlorch.definitions.partitions import PartitionsDefinition


class AssetsDefinition(Importable):
    """An op or a graph that makes assets, each from an output of its own.

    Calling it calls the function, as in a test. `AssetsDefinition(specs=[…])` declares assets that are made
    elsewhere.
    """

    kind = "asset"
    """What messages call it."""

    def __init__(
        self,
        node: OpDefinition | GraphDefinition | None = None,
        specs: Mapping[str, AssetSpec] | Iterable[AssetSpec] = (),
        dependencies: Iterable[Dependency] = (),
        *,
        own_dependencies: Mapping[str, Iterable[str]] | None = None,
        can_subset: bool = False,
        is_observed: bool = False,
        backfill_policy: BackfillPolicy | None = None,
        data_version: type[CONTENT] | None = None,
        check_specs: Iterable[AssetCheckSpec] = (),
    ) -> None:
        self._node = node
        self.is_executable = node is not None
        """False of assets that are made elsewhere."""
        by_output = specs if isinstance(specs, Mapping) else {"__".join(one.key.path): one for one in specs}
        self.specs: dict[str, AssetSpec] = dict(by_output)
        """By the name of the output that gives the asset: "result" where there is one."""
        self.dependencies = tuple(dependencies)
        self.own_dependencies = {key: frozenset(keys) for key, keys in (own_dependencies or {}).items()}
        """By asset, the keys among the dependencies that it has; those left out have all."""
        self.can_subset = can_subset
        self.is_observed = is_observed
        """True where the function says which data version something outside has now."""
        self.backfill_policy = backfill_policy
        self.data_version = data_version
        self.check_specs = tuple(check_specs)
        if node is None:
            self.__name__ = ""
        else:
            self.stand_for(node.__wrapped__, node.name)

    @staticmethod
    def from_op(op_def: OpDefinition, **options: Unpack[NodeOptions]) -> AssetsDefinition:
        """Return the assets that the outputs of an op are; `NodeOptions` has the arguments."""
        return AssetsDefinition(op_def, **read_node(op_def, options))

    @staticmethod
    def from_graph(graph_def: GraphDefinition, **options: Unpack[NodeOptions]) -> AssetsDefinition:
        """Return the assets that the outputs of a graph are; `NodeOptions` has the arguments."""
        return AssetsDefinition(graph_def, **read_node(graph_def, options))

    @property
    def node(self) -> OpDefinition | GraphDefinition:
        """What makes its assets. Raises InvalidDefinitionError where they are made elsewhere."""
        if self._node is None:
            raise InvalidDefinitionError(f"{self!r} is made elsewhere; there is no function to run")
        return self._node

    @property
    def name(self) -> str:
        """What names its steps and its section of a run config: the key of one asset, else the op's name."""
        return next(iter(self.specs.values())).name if len(self.specs) == 1 else self.node.name

    @property
    def function(self) -> Callable[..., Any]:
        return self.node.__wrapped__

    @cached_property
    def op_nodes(self) -> Mapping[str, OpNode]:
        """Its ops by path; that of a plain function has the path ""."""
        return {one.path: one for one in _op_nodes(self.node)}

    @property
    def spec(self) -> AssetSpec:
        """That of its one asset. Raises InvalidDefinitionError where it makes several."""
        if len(self.specs) != 1:
            raise InvalidDefinitionError(f"{self!r} makes several assets; ask for one of its specs")
        return next(iter(self.specs.values()))

    @property
    def key(self) -> AssetKey:
        return self.spec.key

    @property
    def keys(self) -> set[AssetKey]:
        return {spec.key for spec in self.specs.values()}

    @property
    def keys_by_output_name(self) -> Mapping[str, AssetKey]:
        return {name: spec.key for name, spec in self.specs.items()}

    @property
    def group_names_by_key(self) -> Mapping[AssetKey, str]:
        return {spec.key: spec.group_name for spec in self.specs.values()}

    def get_asset_spec(self, key: CoercibleToAssetKey | None = None) -> AssetSpec:
        """Return what is said of one of its assets. Raises InvalidDefinitionError, suggesting the nearest."""
        if key is None:
            return self.spec
        known = {spec.name: spec for spec in self.specs.values()}
        name = key_text(key)
        if name not in known:
            raise InvalidDefinitionError(f"{self!r} does not make {name!r}{nearest(name, known)}")
        return known[name]

    @property
    def op(self) -> OpDefinition:
        """The op of a plain function. Raises InvalidDefinitionError where a graph makes the asset."""
        if not isinstance(self.node, OpDefinition):
            raise InvalidDefinitionError(f"{self!r} is made by a graph, not by one op")
        return self.node

    @property
    def partitions_def(self) -> PartitionsDefinition | None:
        return next(iter(self.specs.values())).partitions_def

    @cached_property
    def output_places(self) -> Mapping[str, tuple[str, str]]:
        """For each of its outputs the path of the op that gives it, and the name that it has there."""
        if isinstance(self.node, OpDefinition):
            return {name: ("", name) for name in self.specs}
        sources = self.node.output_sources
        return {name: (sources[name].path, sources[name].output) for name in self.specs}

    def checks_at(self, path: str) -> tuple[AssetCheckSpec, ...]:
        """Return the checks of which one of its ops gives the results."""
        if isinstance(self.node, OpDefinition):
            return self.check_specs
        sources = self.node.output_sources
        return tuple(one for one in self.check_specs if sources[one.python_identifier].path == path)

    def dependencies_of(self, key: str) -> tuple[Dependency, ...]:
        """Return the edges of one of its assets."""
        own = self.own_dependencies.get(key)
        return self.dependencies if own is None else tuple(d for d in self.dependencies if d.key in own)

    def placed(self, renamed: Mapping[str, AssetKey], group_name: str | None) -> AssetsDefinition:
        """Return a copy under the new names of assets and dependencies, in a group if one is given."""

        def new(key: str) -> str:
            return str(renamed.get(key, key))

        # Not copy(): what can be imported is copied as itself.
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        made.specs = {name: spec.placed(renamed, group_name) for name, spec in self.specs.items()}
        made.check_specs = tuple(spec.placed(renamed) for spec in self.check_specs)
        made.dependencies = tuple(replace(one, key=new(one.key)) for one in self.dependencies)
        made.own_dependencies = {
            new(key): frozenset(map(new, keys)) for key, keys in self.own_dependencies.items()
        }
        return made

    def map_asset_specs(self, fn: Callable[[AssetSpec], AssetSpec]) -> AssetsDefinition:
        """Return a copy with what the function makes of each of its specs: other names, deps, tags, …"""
        found = {name: fn(spec) for name, spec in self.specs.items()}
        renamed = {spec.name: found[name].key for name, spec in self.specs.items()}
        made = self.placed({old: key for old, key in renamed.items() if old != str(key)}, None)
        made.specs = found
        known = {one.key for one in made.dependencies}
        for spec in found.values():
            new = [one for one in orders_of(spec.deps) if one.key not in known]
            own = made.own_dependencies.get(spec.name)
            if len(found) > 1 or own is not None:
                own = own if own is not None else frozenset(known)
                made.own_dependencies[spec.name] = own.union(one.key for one in new)
            made.dependencies = (*made.dependencies, *new)
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return call_directly(self.op, args, kwargs, owner=self)

    def __repr__(self) -> str:
        return f"<asset {', '.join(spec.name for spec in self.specs.values())}>"


class AssetOptions(TypedDict, total=False):
    """The arguments of `@asset`: names, meaning and defaults as in Dagster."""

    name: str | None
    key: CoercibleToAssetKey | None
    key_prefix: str | Sequence[str] | None
    ins: Mapping[str, AssetIn] | None
    deps: Iterable[object] | None
    metadata: Mapping[str, Any] | None
    tags: Mapping[str, str] | None
    kinds: Iterable[str] | None
    owners: Iterable[str] | None
    description: str | None
    group_name: str | None
    config_schema: Any
    required_resource_keys: Iterable[str] | None
    io_manager_key: str | None
    dagster_type: Any
    partitions_def: PartitionsDefinition | None
    op_tags: Mapping[str, Any] | None
    output_required: bool
    freshness_policy: FreshnessPolicy | None
    automation_condition: AutomationCondition | None
    backfill_policy: BackfillPolicy | None
    code_version: str | type[AUTO] | None
    data_version: type[CONTENT] | None
    retry_policy: RetryPolicy | None
    check_specs: Iterable[Any] | None
    hooks: Iterable[Any] | None
    pool: str | None
    timeout: float | None
    """Seconds that an attempt may take."""


@overload
def asset(function: Callable[..., Any], /) -> AssetsDefinition: ...


@overload
def asset(**options: Unpack[AssetOptions]) -> Callable[[Callable[..., Any]], AssetsDefinition]: ...


def asset(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare that a function makes an asset; `AssetOptions` has the arguments.

    The parameters name the upstream assets, but for `context`, `config` (a Config) and resources (annotated
    with a ConfigurableResource). The return annotation chooses how the value is checked and kept; `-> None`
    keeps nothing. Raises InvalidDefinitionError, naming the asset.
    """
    namespace = sys._getframe(1).f_locals
    if function is not None:
        return _define(function, namespace, {})
    refuse_unknown(options, AssetOptions.__annotations__, "@asset")
    return lambda decorated: _define(decorated, namespace, options)


def map_asset_specs(
    func: Callable[[AssetSpec], AssetSpec], iterable: Iterable[AssetsDefinition | AssetSpec]
) -> list[Any]:
    """Return copies of assets with what the function makes of the specs of each."""
    return [func(one) if isinstance(one, AssetSpec) else one.map_asset_specs(func) for one in iterable]


_SPEC_OPTIONS = (
    "metadata", "tags", "kinds", "owners", "group_name", "partitions_def", "code_version", "freshness_policy",
    "automation_condition",
)  # fmt: skip


def _op_nodes(node: OpDefinition | GraphDefinition) -> Iterable[OpNode]:
    if isinstance(node, GraphDefinition):
        return node.flatten()
    inputs = {name: GraphInput(name) for name in node.ins}
    return [OpNode("", node, inputs, None, node.retry_policy, node.hooks, node.tags, node.pool)]


def _define(
    function: Callable[..., Any], namespace: Mapping[str, Any], options: Mapping[str, Any]
) -> AssetsDefinition:
    key = key_of(function, options)
    owner = f"asset {str(key)!r}"
    signature = read_signature(function, owner, namespace)
    spec = AssetSpec(
        key,
        deps=options.get("deps"),
        description=options.get("description") or inspect.getdoc(function),
        **chosen(options, _SPEC_OPTIONS),
    )
    out = Out(
        signature.returns if options.get("dagster_type") is None else options["dagster_type"],
        is_required=options.get("output_required", True),
        io_manager_key=options.get("io_manager_key"),
        metadata=spec.metadata,
    )
    return AssetsDefinition(
        make_op(function, "__".join(key.path), signature, {"result": out}, options),
        {"result": spec},
        (*arguments_of(owner, signature, options.get("ins") or {}), *orders_of(spec.deps)),
        backfill_policy=options.get("backfill_policy"),
        data_version=content_of(owner, options),
        check_specs=check_specs_of(owner, options.get("check_specs"), [spec.name]),
    )
