"""Checks of assets: what is promised of a value, and whether it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text
from mlorch.errors import InvalidDefinitionError, TypeCheckError, nearest

if TYPE_CHECKING:
    from mlorch.definitions.automation import AutomationCondition
    from mlorch.definitions.partitions import PartitionsDefinition


class AssetCheckSeverity(StrEnum):
    """What a failed check means; only an ERROR can block."""

    WARN = "WARN"
    ERROR = "ERROR"


class AssetCheckKey(NamedTuple):
    """Names a check: its asset and its name there."""

    asset_key: AssetKey
    name: str

    def to_user_string(self) -> str:
        """Return "asset:name", the form in which commands show it."""
        return f"{self.asset_key}:{self.name}"


@dataclass(frozen=True, slots=True, init=False)
class AssetCheckSpec:
    """A check of an asset. A blocking one stops the steps below where it fails with ERROR.

    With a `partitions_def` it is evaluated for each partition, without one for the asset as a whole.
    """

    name: str
    asset_key: AssetKey
    description: str | None = None
    additional_deps: tuple[str, ...] = ()
    blocking: bool = False
    metadata: Mapping[str, Any] | None = None
    partitions_def: PartitionsDefinition | None = None
    automation_condition: AutomationCondition | None = None
    """When it is evaluated by itself."""

    def __init__(
        self,
        name: str,
        *,
        asset: object,
        description: str | None = None,
        additional_deps: Iterable[object] | None = None,
        blocking: bool = False,
        metadata: Mapping[str, Any] | None = None,
        partitions_def: PartitionsDefinition | None = None,
        automation_condition: AutomationCondition | None = None,
    ) -> None:
        given = {
            "name": name,
            "asset_key": AssetKey.from_user_string(key_text(asset)),
            "description": description,
            "additional_deps": tuple(map(key_text, additional_deps or ())),
            "blocking": blocking,
            "metadata": metadata,
            "partitions_def": partitions_def,
            "automation_condition": automation_condition,
        }
        if automation_condition is not None:
            from mlorch.definitions.automation import require_condition

            require_condition(f"check {name!r}", automation_condition)
        for attribute, value in given.items():
            object.__setattr__(self, attribute, value)

    @property
    def key(self) -> AssetCheckKey:
        return AssetCheckKey(self.asset_key, self.name)

    @property
    def python_identifier(self) -> str:
        """The check's name among outputs and steps: "asset_check"."""
        return f"{'__'.join(self.asset_key.path)}_{self.name}"

    def placed(self, renamed: Mapping[str, AssetKey]) -> AssetCheckSpec:
        """Return a copy for the new names of assets."""
        return AssetCheckSpec(
            self.name,
            asset=renamed.get(str(self.asset_key), self.asset_key),
            description=self.description,
            additional_deps=[renamed.get(key, key) for key in self.additional_deps],
            blocking=self.blocking,
            metadata=self.metadata,
            partitions_def=self.partitions_def,
            automation_condition=self.automation_condition,
        )


@dataclass(frozen=True, slots=True)
class AssetCheckResult:
    """What a check came to. `asset_key` and `check_name` may be left out where only one can be meant."""

    passed: bool
    asset_key: CoercibleToAssetKey | None = None
    check_name: str | None = None
    metadata: Mapping[str, Any] | None = None
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetCheckEvaluation:
    """What a check came to, as it was recorded."""

    asset_key: AssetKey
    check_name: str
    passed: bool
    metadata: Mapping[str, Any]
    severity: AssetCheckSeverity
    description: str | None
    blocking: bool
    partition: str | None
    data_version: str | None
    """Of the value that was checked."""
    run_id: str
    timestamp: float
    """Seconds since the epoch, UTC."""

    @property
    def asset_check_key(self) -> AssetCheckKey:
        return AssetCheckKey(self.asset_key, self.check_name)


def check_specs_of(
    owner: str, given: Iterable[Any] | None, known: Iterable[str]
) -> tuple[AssetCheckSpec, ...]:
    """Return the specs that a decorator was given, of the assets `known`.

    Raises InvalidDefinitionError, naming the owner, for what is no spec, for another asset, and for two of
    one name.
    """
    specs = tuple(given or ())
    names = list(known)
    seen = set()
    for spec in specs:
        if not isinstance(spec, AssetCheckSpec):
            raise InvalidDefinitionError(f"{owner}: check_specs has {spec!r}; declare AssetCheckSpec(…)")
        asset = str(spec.asset_key)
        if asset not in names:
            raise InvalidDefinitionError(
                f"{owner}: the check {spec.name!r} is of {asset!r}, which it does not make"
                f"{nearest(asset, names)}"
            )
        if spec.key in seen:
            raise InvalidDefinitionError(f"{owner}: the check {spec.name!r} of {asset!r} is declared twice")
        seen.add(spec.key)
    return specs


def spec_meant(result: AssetCheckResult, specs: Iterable[AssetCheckSpec], owner: str) -> AssetCheckSpec:
    """Return the spec that a result is of: what it does not name is meant where only one fits.

    Raises TypeCheckError, naming the owner, where none or several are meant.
    """
    known = list(specs)
    asset = key_text(result.asset_key) if result.asset_key is not None else None
    found = [
        one for one in known if asset in (None, str(one.asset_key)) and result.check_name in (None, one.name)
    ]
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.key.to_user_string() for one in found or known) or "none"
    if found:
        raise TypeCheckError(
            f"{owner} gave a result of one of several checks ({names}); say which, with "
            "AssetCheckResult(check_name=…, asset_key=…)"
        )
    named = f"{asset or ''}:{result.check_name or ''}".strip(":")
    raise TypeCheckError(
        f"{owner} gave a result of the check {named or 'unnamed'!r}, which it does not declare (checks that "
        f"are evaluated: {names}); declare it in check_specs"
    )
