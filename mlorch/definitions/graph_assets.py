"""The decorators `@graph_asset` and `@graph_multi_asset`: assets that a graph of ops makes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.checks import AssetCheckSpec, check_specs_of
from mlorch.definitions.declaring import chosen, content_of, edges_of, key_of, refuse_unknown
from mlorch.definitions.graphs import GraphDefinition, compose
from mlorch.definitions.hooks import with_hooks
from mlorch.definitions.keys import CoercibleToAssetKey
from mlorch.definitions.multi_assets import AssetOut
from mlorch.definitions.nodes import GraphOut
from mlorch.definitions.specs import AUTO, CONTENT, AssetIn, AssetSpec, BackfillPolicy
from mlorch.errors import InvalidDefinitionError

if TYPE_CHECKING:
    from mlorch.definitions.automation import AutomationCondition
    from mlorch.definitions.freshness import FreshnessPolicy
    from mlorch.definitions.partitions import PartitionsDefinition


class GraphAssetOptions(TypedDict, total=False):
    """The arguments of `@graph_asset`: names, meaning and defaults as in Dagster."""

    name: str | None
    description: str | None
    ins: Mapping[str, AssetIn] | None
    config: Any
    key: CoercibleToAssetKey | None
    key_prefix: str | Sequence[str] | None
    group_name: str | None
    partitions_def: PartitionsDefinition | None
    hooks: Iterable[Any] | None
    metadata: Mapping[str, Any] | None
    tags: Mapping[str, str] | None
    owners: Iterable[str] | None
    kinds: Iterable[str] | None
    freshness_policy: FreshnessPolicy | None
    automation_condition: AutomationCondition | None
    backfill_policy: BackfillPolicy | None
    code_version: str | type[AUTO] | None
    data_version: type[CONTENT] | None
    check_specs: Iterable[Any] | None


class GraphMultiAssetOptions(TypedDict, total=False):
    """The arguments of `@graph_multi_asset`: names, meaning and defaults as in Dagster."""

    outs: Mapping[str, AssetOut]
    name: str | None
    ins: Mapping[str, AssetIn] | None
    config: Any
    group_name: str | None
    partitions_def: PartitionsDefinition | None
    hooks: Iterable[Any] | None
    can_subset: bool
    data_version: type[CONTENT] | None
    backfill_policy: BackfillPolicy | None
    check_specs: Iterable[Any] | None


_SPEC_OPTIONS = (
    "group_name", "partitions_def", "metadata", "tags", "owners", "kinds", "code_version", "freshness_policy",
    "automation_condition",
)  # fmt: skip


@overload
def graph_asset(function: Callable[..., Any], /) -> AssetsDefinition: ...


@overload
def graph_asset(**options: Unpack[GraphAssetOptions]) -> Callable[[Callable[..., Any]], AssetsDefinition]: ...


def graph_asset(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare that the graph of ops which a function composes makes an asset, from what it returns.

    The parameters name the upstream assets. Each op is a step, named "asset.op". With `check_specs` it
    returns a dict of what gives the asset, as "result", and of the ops that check it, each as "asset_check".
    Raises InvalidDefinitionError, naming the graph.
    """
    namespace = sys._getframe(1).f_locals
    if function is not None:
        return _define_one(function, namespace, {})
    refuse_unknown(options, GraphAssetOptions.__annotations__, "@graph_asset")
    return lambda decorated: _define_one(decorated, namespace, options)


def graph_multi_asset(
    **options: Unpack[GraphMultiAssetOptions],
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """Declare that the graph of ops which a function composes makes several assets.

    The function returns a dict of them by the names in `outs`. Raises InvalidDefinitionError, naming it.
    """
    namespace = sys._getframe(1).f_locals
    refuse_unknown(options, GraphMultiAssetOptions.__annotations__, "@graph_multi_asset")
    return lambda function: _define_several(function, namespace, options)


def _define_one(
    function: Callable[..., Any], namespace: Mapping[str, Any], options: Mapping[str, Any]
) -> AssetsDefinition:
    key = key_of(function, options, "graph_asset")
    checks = check_specs_of(f"asset {str(key)!r}", options.get("check_specs"), [str(key)])
    outs = {"result": GraphOut(), **_outs_of(checks)} if checks else None
    graph = _composed(function, "__".join(key.path), outs, namespace, options)
    if not graph.outs:
        raise InvalidDefinitionError(
            f"graph asset {str(key)!r} returns nothing; return the output of one of its ops"
        )
    description = options.get("description") or inspect.getdoc(function)
    spec = AssetSpec(key, description=description, **chosen(options, _SPEC_OPTIONS))
    return _defined(graph, {next(iter(graph.outs)): spec}, checks, options)


def _define_several(
    function: Callable[..., Any], namespace: Mapping[str, Any], options: Mapping[str, Any]
) -> AssetsDefinition:
    name = options.get("name") or function.__name__
    outs = options["outs"]
    about = {one: options.get(one) for one in ("group_name", "partitions_def")}
    specs = {one: out.spec(one, **about) for one, out in outs.items()}
    known = [spec.name for spec in specs.values()]
    checks = check_specs_of(f"graph_multi_asset {name!r}", options.get("check_specs"), known)
    declared = {**{one: GraphOut() for one in outs}, **_outs_of(checks)}
    return _defined(_composed(function, name, declared, namespace, options), specs, checks, options)


def _outs_of(checks: Iterable[AssetCheckSpec]) -> dict[str, GraphOut]:
    """Return the outputs of a graph that give the results of its checks: each the name of its op's output."""
    return {spec.python_identifier: GraphOut() for spec in checks}


def _composed(
    function: Callable[..., Any],
    name: str,
    outs: Mapping[str, GraphOut] | None,
    namespace: Mapping[str, Any],
    options: Mapping[str, Any],
) -> GraphDefinition:
    of_graph = {"name": name, "out": outs, "config": options.get("config")}
    return compose(
        function, {one: value for one, value in of_graph.items() if value}, GraphDefinition, namespace
    )


def _defined(
    graph: GraphDefinition,
    specs: Mapping[str, AssetSpec],
    checks: tuple[AssetCheckSpec, ...],
    options: Mapping[str, Any],
) -> AssetsDefinition:
    made = AssetsDefinition(
        graph,
        specs,
        edges_of(graph, options.get("ins") or {}),
        can_subset=options.get("can_subset", False),
        backfill_policy=options.get("backfill_policy"),
        data_version=content_of(f"graph asset {graph.name!r}", options),
        check_specs=checks,
    )
    return with_hooks(made, options["hooks"]) if options.get("hooks") else made
