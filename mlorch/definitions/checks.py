"""Checks of assets: what is promised of a value, and whether it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text


class AssetCheckSeverity(StrEnum):
    """What a failed check means; only an ERROR can block."""

    WARN = "WARN"
    ERROR = "ERROR"


class AssetCheckKey(NamedTuple):
    """Names a check: its asset and its name there."""

    asset_key: AssetKey
    name: str


@dataclass(frozen=True, slots=True, init=False)
class AssetCheckSpec:
    """A check of an asset. A blocking one stops the steps below where it fails with ERROR."""

    name: str
    asset_key: AssetKey
    description: str | None = None
    additional_deps: tuple[str, ...] = ()
    blocking: bool = False
    metadata: Mapping[str, Any] | None = None

    def __init__(
        self,
        name: str,
        *,
        asset: object,
        description: str | None = None,
        additional_deps: Iterable[object] | None = None,
        blocking: bool = False,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        given = {
            "name": name,
            "asset_key": AssetKey.from_user_string(key_text(asset)),
            "description": description,
            "additional_deps": tuple(map(key_text, additional_deps or ())),
            "blocking": blocking,
            "metadata": metadata,
        }
        for attribute, value in given.items():
            object.__setattr__(self, attribute, value)

    @property
    def key(self) -> AssetCheckKey:
        return AssetCheckKey(self.asset_key, self.name)


@dataclass(frozen=True, slots=True)
class AssetCheckResult:
    """What a check came to. `asset_key` and `check_name` may be left out where only one can be meant."""

    passed: bool
    asset_key: CoercibleToAssetKey | None = None
    check_name: str | None = None
    metadata: Mapping[str, Any] | None = None
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR
    description: str | None = None
