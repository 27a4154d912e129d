"""What an asset's function may return beside its plain value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mlorch.definitions.checks import AssetCheckResult
from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey
from mlorch.errors import TypeCheckError

T = TypeVar("T")


class _NoValue:
    """Stands for "no value was given", as None is a value."""

    def __repr__(self) -> str:
        return "NO_VALUE"

    def __reduce__(self) -> str:
        return "NO_VALUE"  # by its name: there is one, in every process


NO_VALUE: Any = _NoValue()


@dataclass(frozen=True, slots=True)
class DataVersion:
    """A data version that the user gives; taken as it is. Raises TypeCheckError for anything but text."""

    value: str

    def __post_init__(self) -> None:
        if not isinstance(self.value, str):
            raise TypeCheckError(
                f"a data version is text, not {self.value!r}; write DataVersion({str(self.value)!r})"
            )


@dataclass(frozen=True, slots=True)
class Output(Generic[T]):
    """A value with what is to be recorded about it."""

    value: T
    output_name: str = "result"
    metadata: Mapping[str, Any] | None = None
    data_version: DataVersion | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class MaterializeResult(Generic[T]):
    """Says that the asset was made; `value`, if given, goes to the IO manager."""

    asset_key: CoercibleToAssetKey | None = None
    metadata: Mapping[str, Any] | None = None
    check_results: Sequence[AssetCheckResult] = ()
    data_version: DataVersion | None = None
    tags: Mapping[str, str] | None = None
    value: T = NO_VALUE


@dataclass(frozen=True, slots=True)
class ObserveResult:
    """Says which data version something outside has now."""

    asset_key: CoercibleToAssetKey | None = None
    metadata: Mapping[str, Any] | None = None
    check_results: Sequence[AssetCheckResult] = ()
    data_version: DataVersion | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class DataVersionsByPartition:
    """The data version of each partition of something outside, by partition key."""

    data_versions_by_partition: Mapping[str, str | DataVersion]


@dataclass(frozen=True, slots=True)
class DataProvenance:
    """What a materialization was made from: its code, and the data version of each asset that it read."""

    code_version: str
    input_data_versions: Mapping[AssetKey, DataVersion]
    is_user_provided: bool
