"""The decorators for assets that are made elsewhere and looked at from here."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.declaring import arguments_of, chosen, key_of, make_op, refuse_unknown
from mlorch.definitions.keys import CoercibleToAssetKey
from mlorch.definitions.ops import Out
from mlorch.definitions.signature import read_signature
from mlorch.definitions.specs import AssetSpec

if TYPE_CHECKING:
    from mlorch.definitions.partitions import PartitionsDefinition


class ObservableOptions(TypedDict, total=False):
    """The arguments of `@observable_source_asset`: names, meaning and defaults as in Dagster."""

    name: str | None
    key: CoercibleToAssetKey | None
    key_prefix: str | Sequence[str] | None
    metadata: Mapping[str, Any] | None
    io_manager_key: str | None
    description: str | None
    group_name: str | None
    required_resource_keys: Iterable[str] | None
    partitions_def: PartitionsDefinition | None
    op_tags: Mapping[str, Any] | None
    tags: Mapping[str, str] | None


@overload
def observable_source_asset(function: Callable[..., Any], /) -> AssetsDefinition: ...


@overload
def observable_source_asset(
    **options: Unpack[ObservableOptions],
) -> Callable[[Callable[..., Any]], AssetsDefinition]: ...


def observable_source_asset(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare an asset that is made elsewhere; the function says which data version it has now.

    It returns a DataVersion, an ObserveResult or, for partitions, DataVersionsByPartition. Raises
    InvalidDefinitionError, naming the asset.
    """
    namespace = sys._getframe(1).f_locals
    if function is not None:
        return _define(function, namespace, {})
    refuse_unknown(options, ObservableOptions.__annotations__, "@observable_source_asset")
    return lambda decorated: _define(decorated, namespace, options)


def multi_observable_source_asset(
    *,
    specs: Iterable[AssetSpec],
    name: str | None = None,
    description: str | None = None,
    partitions_def: PartitionsDefinition | None = None,
    can_subset: bool = False,
    required_resource_keys: Iterable[str] | None = None,
    group_name: str | None = None,
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """Declare several assets that are made elsewhere; the function yields an ObserveResult for each."""
    namespace = sys._getframe(1).f_locals
    changed = {
        one: value
        for one, value in (("partitions_def", partitions_def), ("group_name", group_name))
        if value is not None
    }
    known = {"__".join(spec.key.path): spec.replace_attributes(**changed) for spec in specs}

    def define(function: Callable[..., Any]) -> AssetsDefinition:
        own = name or function.__name__
        signature = read_signature(function, f"multi_observable_source_asset {own!r}", namespace)
        outs = {one: Out(None, is_required=not spec.skippable) for one, spec in known.items()}
        options = {"required_resource_keys": required_resource_keys}
        op = make_op(function, own, signature, outs, options)
        return AssetsDefinition(op, known, can_subset=can_subset, is_observed=True)

    return define


def _define(
    function: Callable[..., Any], namespace: Mapping[str, Any], options: Mapping[str, Any]
) -> AssetsDefinition:
    key = key_of(function, options, "observable_source_asset")
    owner = f"asset {str(key)!r}"
    signature = read_signature(function, owner, namespace)
    named = ("metadata", "group_name", "partitions_def", "tags")
    description = options.get("description") or inspect.getdoc(function)
    spec = AssetSpec(key, description=description, **chosen(options, named))
    if options.get("io_manager_key") is not None:
        spec = spec.with_io_manager_key(options["io_manager_key"])
    out = Out(None, metadata=spec.metadata)
    return AssetsDefinition(
        make_op(function, "__".join(key.path), signature, {"result": out}, options),
        {"result": spec},
        tuple(arguments_of(owner, signature, {})),
        is_observed=True,
    )
