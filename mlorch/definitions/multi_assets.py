"""The decorator `@multi_asset`: one function that makes several assets."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.checks import check_specs_of
from mlorch.definitions.declaring import (
    Dependency,
    arguments_of,
    content_of,
    make_op,
    orders_of,
    refuse_unknown,
)
from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text
from mlorch.definitions.ops import Out
from mlorch.definitions.signature import EMPTY, Signature, read_signature
from mlorch.definitions.specs import (
    AUTO,
    CONTENT,
    IO_MANAGER_KEY,
    AssetDep,
    AssetIn,
    AssetSpec,
    BackfillPolicy,
    RetryPolicy,
)
from mlorch.errors import InvalidDefinitionError, nearest

if TYPE_CHECKING:
    from mlorch.definitions.automation import AutomationCondition
    from mlorch.definitions.freshness import FreshnessPolicy
    from mlorch.definitions.partitions import PartitionsDefinition


@dataclass(frozen=True, slots=True)
class AssetOut:
    """One of the assets that a function makes; its name among `outs` is its key, unless it has one here."""

    key_prefix: str | Sequence[str] | None = None
    key: CoercibleToAssetKey | None = None
    dagster_type: Any = EMPTY
    description: str | None = None
    is_required: bool = True
    io_manager_key: str | None = None
    metadata: Mapping[str, Any] | None = None
    group_name: str | None = None
    code_version: str | type[AUTO] | None = None
    owners: Iterable[str] | None = None
    tags: Mapping[str, str] | None = None
    kinds: Iterable[str] | None = None
    freshness_policy: FreshnessPolicy | None = None
    automation_condition: AutomationCondition | None = None

    def spec(self, name: str, **given: Any) -> AssetSpec:
        """Return the asset; `given` stands where the out says nothing."""
        key = AssetKey.from_user_string(key_text(self.key)) if self.key is not None else AssetKey(name)
        named = (
            "description", "metadata", "group_name", "code_version", "owners", "tags", "kinds",
            "freshness_policy", "automation_condition",
        )  # fmt: skip
        own = {one: getattr(self, one) for one in named if getattr(self, one) is not None}
        return AssetSpec(key.with_prefix(self.key_prefix) if self.key_prefix else key, **{**given, **own})

    def out(self, annotation: Any) -> Out:
        """Return the output of the op."""
        kind = annotation if self.dagster_type is EMPTY else self.dagster_type
        return Out(kind, self.description, self.is_required, self.io_manager_key, self.metadata)


class MultiAssetOptions(TypedDict, total=False):
    """The arguments of `@multi_asset`: names, meaning and defaults as in Dagster."""

    outs: Mapping[str, AssetOut] | None
    specs: Iterable[AssetSpec] | None
    name: str | None
    ins: Mapping[str, AssetIn] | None
    deps: Iterable[object] | None
    description: str | None
    config_schema: Any
    required_resource_keys: Iterable[str] | None
    internal_asset_deps: Mapping[str, Iterable[CoercibleToAssetKey]] | None
    partitions_def: PartitionsDefinition | None
    op_tags: Mapping[str, Any] | None
    can_subset: bool
    group_name: str | None
    retry_policy: RetryPolicy | None
    code_version: str | None
    data_version: type[CONTENT] | None
    backfill_policy: BackfillPolicy | None
    check_specs: Iterable[Any] | None
    hooks: Iterable[Any] | None
    pool: str | None
    timeout: float | None


def multi_asset(**options: Unpack[MultiAssetOptions]) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """Declare that a function makes several assets: `outs` by name, or `specs`.

    With `outs` the function returns a tuple, or yields `Output(value, output_name=…)`; with `specs` it yields
    `MaterializeResult(asset_key=…)`, or returns nothing. With `can_subset` it makes what
    `context.selected_asset_keys` asks for. Raises InvalidDefinitionError, naming the function.
    """
    namespace = sys._getframe(1).f_locals
    refuse_unknown(options, MultiAssetOptions.__annotations__, "@multi_asset")
    return lambda function: _define(function, namespace, options)


def _define(
    function: Callable[..., Any], namespace: Mapping[str, Any], options: Mapping[str, Any]
) -> AssetsDefinition:
    name = options.get("name") or function.__name__
    owner = f"multi_asset {name!r}"
    if bool(options.get("outs")) == bool(options.get("specs")):
        raise InvalidDefinitionError(f"{owner}: give outs={{NAME: AssetOut(…)}} or specs=[AssetSpec(…)]")
    signature = read_signature(function, owner, namespace)
    if options.get("outs"):
        specs, outs = _of_outs(options["outs"], signature, function, options)
    else:
        specs, outs = _of_specs(options["specs"], options)
    _refuse_differences(owner, specs)
    shared = [
        *arguments_of(owner, signature, options.get("ins") or {}),
        *orders_of(AssetDep.of(one) for one in options.get("deps") or ()),
    ]
    dependencies, own = _edges(owner, specs, shared, options)
    return AssetsDefinition(
        make_op(function, name, signature, outs, options),
        specs,
        dependencies,
        own_dependencies=own,
        can_subset=options.get("can_subset", False),
        backfill_policy=options.get("backfill_policy"),
        data_version=content_of(owner, options),
        check_specs=check_specs_of(owner, options.get("check_specs"), [spec.name for spec in specs.values()]),
    )


def _of_outs(
    given: Mapping[str, AssetOut],
    signature: Signature,
    function: Callable[..., Any],
    options: Mapping[str, Any],
) -> tuple[dict[str, AssetSpec], dict[str, Out]]:
    kinds = _kinds(signature.returns, len(given))
    about = {one: options.get(one) for one in ("group_name", "partitions_def", "code_version")}
    about["description"] = options.get("description") or inspect.getdoc(function)
    specs = {name: out.spec(name, **about) for name, out in given.items()}
    return specs, {name: out.out(kind) for (name, out), kind in zip(given.items(), kinds, strict=True)}


def _of_specs(
    given: Iterable[AssetSpec], options: Mapping[str, Any]
) -> tuple[dict[str, AssetSpec], dict[str, Out]]:
    specs = {}
    for spec in given:
        changed = {}
        if options.get("partitions_def") is not None and spec.partitions_def is None:
            changed["partitions_def"] = options["partitions_def"]
        if options.get("group_name") and spec.group_name == "default":
            changed["group_name"] = options["group_name"]
        if options.get("code_version") is not None and spec.code_version is None:
            changed["code_version"] = options["code_version"]
        name = "__".join(spec.key.path)
        if name in specs:
            raise InvalidDefinitionError(f"two specs have the key {spec.name!r}; rename one")
        specs[name] = spec.replace_attributes(**changed) if changed else spec
    outs = {
        name: Out(
            None,
            is_required=not spec.skippable,
            io_manager_key=spec.metadata.get(IO_MANAGER_KEY),
            metadata=spec.metadata,
        )
        for name, spec in specs.items()
    }
    return specs, outs


def _kinds(returns: Any, count: int) -> Sequence[Any]:
    """Return the type of each output: of `tuple[A, B]` its parts."""
    parts = typing.get_args(returns)
    if typing.get_origin(returns) is tuple and len(parts) == count:
        return parts
    return [EMPTY] * count


def _refuse_differences(owner: str, specs: Mapping[str, AssetSpec]) -> None:
    keys = [spec.name for spec in specs.values()]
    for key in keys:
        if keys.count(key) > 1:
            raise InvalidDefinitionError(f"{owner} makes {key!r} twice; rename one")
    if len({spec.partitions_def for spec in specs.values()}) > 1:
        raise InvalidDefinitionError(
            f"{owner}: all its assets are made together and need one partitions_def; give it to the decorator"
        )


def _edges(
    owner: str, specs: Mapping[str, AssetSpec], shared: list[Dependency], options: Mapping[str, Any]
) -> tuple[list[Dependency], dict[str, set[str]]]:
    """Return all edges, and by asset those that it has, where they are not the same for all."""
    by_key = {one.key: one for one in shared}
    siblings = {spec.name for spec in specs.values()}
    own: dict[str, set[str]] = {}
    internal = options.get("internal_asset_deps") or {}
    unknown = internal.keys() - specs.keys()
    if unknown:
        name = sorted(unknown)[0]
        raise InvalidDefinitionError(f"{owner}: internal_asset_deps names {name!r}{nearest(name, specs)}")
    for name, spec in specs.items():
        deps = [*spec.deps, *(AssetDep(one) for one in internal.get(name, ()))]
        for dep in deps[len(spec.deps) :]:
            if dep.key not in siblings and dep.key not in by_key:
                raise InvalidDefinitionError(
                    f"{owner}: internal_asset_deps of {name!r} names {dep.key!r}, which it neither reads nor "
                    f"makes{nearest(dep.key, {*by_key, *siblings})}"
                )
        if name not in internal and not any(one.deps for one in specs.values()):
            continue
        for dep in deps:
            by_key.setdefault(dep.key, Dependency(dep.key, partition_mapping=dep.partition_mapping))
            if dep.partition_mapping is not None:
                by_key[dep.key] = replace(by_key[dep.key], partition_mapping=dep.partition_mapping)
        own[spec.name] = {dep.key for dep in deps}
    if any(spec.deps for spec in specs.values()):
        named = {dep.key for spec in specs.values() for dep in spec.deps}
        for key in own:
            own[key] |= {one.key for one in shared if one.key not in named}
    elif internal:
        for spec in specs.values():
            own.setdefault(spec.name, {one.key for one in by_key.values()} - siblings)
    return list(by_key.values()), own
