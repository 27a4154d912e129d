"""What people say about assets outside of a run: that one was made, or what it looks like now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text
from mlorch.definitions.metadata import with_kinds
from mlorch.errors import TypeCheckError

DATA_VERSION = "dagster/data_version"
CODE_VERSION = "dagster/code_version"


@dataclass(frozen=True, slots=True)
class _Report:
    asset_key: CoercibleToAssetKey
    """An AssetKey, whatever was given."""
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """By name, each a MetadataValue, whatever was given."""
    partition: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    """"dagster/data_version" gives the data version, "dagster/code_version" that of the code."""

    def __post_init__(self) -> None:
        key = self.asset_key
        if not isinstance(key, AssetKey):
            object.__setattr__(self, "asset_key", AssetKey.from_user_string(key_text(key)))
        if self.partition is not None and not isinstance(self.partition, str):
            raise TypeCheckError(f"asset {key_text(key)!r}: a partition key is text, not {self.partition!r}")
        object.__setattr__(self, "metadata", with_kinds(self.metadata))
        object.__setattr__(self, "tags", dict(self.tags or {}))

    @property
    def data_version(self) -> str | None:
        return self.tags.get(DATA_VERSION)


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """Says while a step runs whether something held; it is recorded as a check and stops nothing."""

    success: bool
    label: str | None = None
    description: str | None = None
    metadata: Mapping[str, Any] | None = None


class AssetMaterialization(_Report):
    """Says that an asset was made elsewhere. Raises TypeCheckError for a partition key that is no text."""

    __slots__ = ()


class AssetObservation(_Report):
    """Says what an asset that is made elsewhere looks like now; raises as AssetMaterialization does."""

    __slots__ = ()
