"""The verb report: an asset was made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlorch.app.partitions import resolved
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.reports import CODE_VERSION, DATA_VERSION, AssetMaterialization
from mlorch.errors import UserError
from mlorch.instance import Instance


def report_materialization(
    definitions: Definitions,
    instance: Instance,
    asset: str,
    *,
    partition: str | None = None,
    data_version: str | None = None,
    code_version: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> AssetMaterialization:
    """Record that an asset of the project was made elsewhere; without a data version it is a new one.

    Raises InvalidDefinitionError for an unknown asset, UnknownPartitionError for an unknown partition, and
    UserError where one is needed or there are none.
    """
    node = resolved(definitions.graph, instance.log).get(asset)
    if node.partitions_def is None and partition is not None:
        raise UserError(f"{node.key!r} has no partitions; leave --partition out")
    if node.partitions_def is not None:
        if partition is None:
            raise UserError(f"{node.key!r} is partitioned; say which partition was made")
        node.partitions_def.validate_partition_key(partition)
    tags = {DATA_VERSION: data_version, CODE_VERSION: code_version}
    made = AssetMaterialization(
        node.spec.key,
        metadata=metadata or {},
        partition=partition,
        tags={name: value for name, value in tags.items() if value is not None},
    )
    instance.report_runless_asset_event(made)
    return made
