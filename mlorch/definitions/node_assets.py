"""The assets that an op or a graph declared elsewhere makes: `AssetsDefinition.from_op` and `from_graph`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from mlorch.definitions.declaring import Dependency, chosen, edges_of, refuse_unknown
from mlorch.definitions.graphs import GraphDefinition
from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text
from mlorch.definitions.ops import OpDefinition
from mlorch.definitions.specs import AssetIn, AssetSpec, BackfillPolicy
from mlorch.errors import InvalidDefinitionError, nearest

if TYPE_CHECKING:
    from mlorch.definitions.automation import AutomationCondition
    from mlorch.definitions.mappings import PartitionMapping
    from mlorch.definitions.partitions import PartitionsDefinition


class NodeOptions(TypedDict, total=False):
    """The arguments of `AssetsDefinition.from_op` and `from_graph`."""

    keys_by_input_name: Mapping[str, AssetKey] | None
    keys_by_output_name: Mapping[str, AssetKey] | None
    key_prefix: str | Sequence[str] | None
    internal_asset_deps: Mapping[str, Iterable[CoercibleToAssetKey]] | None
    partitions_def: PartitionsDefinition | None
    partition_mappings: Mapping[str, PartitionMapping] | None
    group_name: str | None
    metadata_by_output_name: Mapping[str, Mapping[str, Any]] | None
    tags_by_output_name: Mapping[str, Mapping[str, str]] | None
    descriptions_by_output_name: Mapping[str, str] | None
    owners_by_output_name: Mapping[str, Iterable[str]] | None
    code_versions_by_output_name: Mapping[str, str] | None
    automation_conditions_by_output_name: Mapping[str, AutomationCondition] | None
    backfill_policy: BackfillPolicy | None
    can_subset: bool


def read_node(node: OpDefinition | GraphDefinition, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the AssetsDefinition: one output has the name of its node, several their own.

    Raises InvalidDefinitionError for an argument that there is not, and for an unknown input or output.
    """
    refuse_unknown(options, NodeOptions.__annotations__, f"from_{node.kind}")
    keys = {} if len(node.outs) != 1 else {next(iter(node.outs)): AssetKey(node.name)}
    keys.update(_keyed(options.get("keys_by_output_name"), node.outs, node))
    codes = _code_versions(node)
    specs = {
        name: _output_spec(name, keys.get(name, AssetKey(name)), codes.get(name), options)
        for name in node.outs
    }
    named = _keyed(options.get("keys_by_input_name"), node.ins, node)
    mappings = options.get("partition_mappings") or {}
    ins = {
        name: AssetIn(key=named.get(name), partition_mapping=mappings.get(name))
        for name in {*named, *mappings}
    }
    dependencies = edges_of(node, ins)
    inner = _keyed_several(options.get("internal_asset_deps"), node)
    among = {key for keys in inner.values() for key in keys} - {one.key for one in dependencies}
    outside = {one.key for one in dependencies}
    return {
        "specs": specs,
        "dependencies": [*dependencies, *map(Dependency, sorted(among))],
        "own_dependencies": {spec.name: inner.get(name, outside) for name, spec in specs.items() if inner},
        "can_subset": options.get("can_subset", False),
        "backfill_policy": options.get("backfill_policy"),
    }


def _code_versions(node: OpDefinition | GraphDefinition) -> dict[str, str | None]:
    if not isinstance(node, OpDefinition):
        return {}
    return {name: out.code_version or node.code_version for name, out in node.outs.items()}


def _keyed_several(given: Mapping[str, Iterable[Any]] | None, node: Any) -> dict[str, set[str]]:
    _keyed(dict.fromkeys(given or (), "any"), node.outs, node)
    return {name: set(map(key_text, several)) for name, several in (given or {}).items()}


def _keyed(given: Mapping[str, Any] | None, known: Iterable[str], node: Any) -> dict[str, AssetKey]:
    """Return keys by the names of inputs or outputs. Raises InvalidDefinitionError for an unknown name."""
    names = set(known)
    for name in given or ():
        if name not in names:
            raise InvalidDefinitionError(f"{node!r} has no input or output {name!r}{nearest(name, names)}")
    return {name: AssetKey.from_user_string(key_text(key)) for name, key in (given or {}).items()}


def _output_spec(name: str, key: AssetKey, code: str | None, options: Mapping[str, Any]) -> AssetSpec:
    prefix = options.get("key_prefix")
    by_name = ("metadata", "tags", "descriptions", "owners", "code_versions", "automation_conditions")
    said = {one: (options.get(f"{one}_by_output_name") or {}).get(name) for one in by_name}
    return AssetSpec(
        key.with_prefix(prefix) if prefix else key,
        description=said["descriptions"],
        code_version=said["code_versions"] or code,
        metadata=said["metadata"],
        tags=said["tags"],
        owners=said["owners"],
        automation_condition=said["automation_conditions"],
        **chosen(options, ("group_name", "partitions_def")),
    )
