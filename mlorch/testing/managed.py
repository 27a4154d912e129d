"""Contexts for the methods of IO managers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlorch.definitions.io import InputContext, OutputContext
from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text
from mlorch.execution.arguments import path_of
from mlorch.iomanagers.memory import MemoryStore
from mlorch.testing.resources import GivenResources

if TYPE_CHECKING:
    from mlorch.definitions.io import ValueStore
    from mlorch.definitions.partitions import PartitionKeyRange, PartitionsDefinition


def build_output_context(
    step_key: str | None = None,
    name: str = "result",
    definition_metadata: Mapping[str, Any] | None = None,
    run_id: str = "EPHEMERAL",
    mapping_key: str | None = None,
    *,
    dagster_type: Any = inspect.Parameter.empty,
    resources: Mapping[str, Any] | None = None,
    asset_key: CoercibleToAssetKey | None = None,
    partition_key: str | None = None,
    asset_partitions_def: PartitionsDefinition | None = None,
    asset_partition_key_range: PartitionKeyRange | None = None,
    output_metadata: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    store: ValueStore | None = None,
) -> OutputContext:
    """Return what `handle_output` is given; the value belongs to the asset, or to the step without one."""
    key = _key(asset_key)
    step = step_key or (str(key) if key is not None else "step")
    return OutputContext(
        key,
        partition_key,
        run_id=run_id,
        step_key=step,
        annotation=dagster_type,
        path=path_of((step if key is None else str(key), partition_key)),
        store=store or MemoryStore(),
        definition_metadata={**(metadata or {}), **(definition_metadata or {})},
        output_metadata=dict(output_metadata or {}),
        name=name,
        mapping_key=mapping_key,
        partitions_def=asset_partitions_def,
        partition_keys=_keys(asset_partition_key_range, asset_partitions_def),
        resources=GivenResources(resources or {}),
    )


def build_input_context(
    name: str | None = None,
    definition_metadata: Mapping[str, Any] | None = None,
    upstream_output: OutputContext | None = None,
    dagster_type: Any = inspect.Parameter.empty,
    resources: Mapping[str, Any] | None = None,
    *,
    asset_key: CoercibleToAssetKey | None = None,
    partition_key: str | None = None,
    asset_partition_key_range: PartitionKeyRange | None = None,
    asset_partitions_def: PartitionsDefinition | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> InputContext:
    """Return what `load_input` is given; what is not said is as in `upstream_output`, its store among it."""
    up = upstream_output
    key = _key(asset_key)
    if up is not None:
        key = up.asset_key if key is None and up.has_asset_key else key
        partition_key = up.partition_key if partition_key is None and up.has_partition_key else partition_key
        asset_partitions_def = asset_partitions_def or up.partitions_def
    place = str(key) if key is not None else up.step_key if up is not None else "step"
    return InputContext(
        key,
        partition_key,
        annotation=dagster_type,
        path=path_of((place, partition_key)),
        store=up.store if up is not None else MemoryStore(),
        metadata={**(metadata or {}), **(definition_metadata or {})},
        upstream_output=up,
        name=name,
        partitions_def=asset_partitions_def,
        partition_keys=_keys(asset_partition_key_range, asset_partitions_def),
        resources=GivenResources(resources or {}),
    )


def _key(given: CoercibleToAssetKey | None) -> AssetKey | None:
    return None if given is None else AssetKey.from_user_string(key_text(given))


def _keys(span: PartitionKeyRange | None, partitions_def: PartitionsDefinition | None) -> Sequence[str]:
    if span is None:
        return ()
    return tuple(partitions_def.get_partition_keys_in_range(span) if partitions_def is not None else span)
