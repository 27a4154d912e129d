"""Jobs: a named selection of assets with parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlorch.definitions.config import RunConfig
from mlorch.definitions.keys import check_name

if TYPE_CHECKING:
    from mlorch.definitions.partitions import PartitionsDefinition
    from mlorch.definitions.selections import CoercibleToAssetSelection


@dataclass(frozen=True, slots=True)
class AssetJob:
    """What `define_asset_job` returns; its selection is resolved where a project's definitions load."""

    name: str
    selection: CoercibleToAssetSelection | None = None
    partitions_def: PartitionsDefinition | None = None
    config: RunConfig | Mapping[str, Any] | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def define_asset_job(
    name: str,
    selection: CoercibleToAssetSelection | None = None,
    *,
    partitions_def: PartitionsDefinition | None = None,
    config: RunConfig | Mapping[str, Any] | None = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> AssetJob:
    """Declare a job. A selection of None or "*" means every asset that has a function.

    Each text in it is an expression; it may also be an AssetSelection, assets, keys, or a list of these.
    Raises InvalidDefinitionError for a reserved name.
    """
    check_name(name)
    if isinstance(selection, Sequence) and not isinstance(selection, str):
        selection = tuple(selection)
    return AssetJob(name, selection, partitions_def, config, description, dict(tags or {}))
