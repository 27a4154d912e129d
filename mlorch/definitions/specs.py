"""What is said about an asset and its dependencies, apart from the function that makes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, key_text
from mlorch.definitions.signature import EMPTY
from mlorch.errors import InvalidDefinitionError

if TYPE_CHECKING:
    from mlorch.definitions.automation import AutomationCondition
    from mlorch.definitions.freshness import FreshnessPolicy
    from mlorch.definitions.mappings import PartitionMapping
    from mlorch.definitions.partitions import PartitionsDefinition


class AUTO:
    """`code_version=AUTO`: a fingerprint of the function and of the project's code that it reaches."""


class CONTENT:
    """`data_version=CONTENT`: equal bytes are the same version, however they were made."""


@dataclass(frozen=True, slots=True)
class AssetIn:
    """How an argument finds its upstream asset, where its name alone does not say it."""

    key: CoercibleToAssetKey | None = None
    key_prefix: str | Sequence[str] | None = None
    metadata: Mapping[str, Any] | None = None
    partition_mapping: PartitionMapping | None = None
    dagster_type: Any = EMPTY
    """The type of the argument where it has no annotation; `Nothing` orders and loads nothing."""
    input_manager_key: str | None = None

    def resolve(self, name: str) -> str:
        """Return the key of the upstream asset of the argument `name`."""
        if self.key is not None:
            return key_text(self.key)
        return key_text(AssetKey(name).with_prefix(self.key_prefix) if self.key_prefix else name)


class AssetDep:
    """A dependency that orders and versions but loads nothing."""

    __slots__ = ("key", "partition_mapping")

    def __init__(self, asset: object, *, partition_mapping: PartitionMapping | None = None) -> None:
        self.key = key_text(asset)
        self.partition_mapping = partition_mapping

    @staticmethod
    def of(one: object) -> AssetDep:
        """Return the dependency that an element of `deps` stands for."""
        return one if isinstance(one, AssetDep) else AssetDep(one)


class Backoff(StrEnum):
    """How the wait between attempts grows."""

    EXPONENTIAL = "EXPONENTIAL"
    LINEAR = "LINEAR"


class Jitter(StrEnum):
    """What chance does to the wait between attempts."""

    FULL = "FULL"
    PLUS_MINUS = "PLUS_MINUS"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Try a failed step again: `max_retries` times, `delay` seconds apart.

    `backoff` EXPONENTIAL waits (2^attempt - 1) · delay, LINEAR attempt · delay; `jitter` FULL waits a random
    part of that, PLUS_MINUS up to `delay` more or less, as Dagster does. Both may be given as text.
    Raises InvalidDefinitionError for a negative number, an unknown backoff or jitter, or one without a delay.
    """

    max_retries: int = 1
    delay: float | None = None
    backoff: Backoff | str | None = None
    jitter: Jitter | str | None = None

    def __post_init__(self) -> None:
        if self.max_retries < 0 or (self.delay or 0) < 0:
            raise InvalidDefinitionError("RetryPolicy: max_retries and delay must not be negative")
        for name, given, known in (("backoff", self.backoff, Backoff), ("jitter", self.jitter, Jitter)):
            if given is not None and given not in known.__members__:
                choices = " or ".join(map(repr, known.__members__))
                raise InvalidDefinitionError(f"RetryPolicy: {name} {given!r} should be {choices}")
            if given is not None and self.delay is None:
                raise InvalidDefinitionError(f"RetryPolicy: {name} needs a delay in seconds")

    def wait(self, attempt: int, chance: float = 1.0) -> float:
        """Return the seconds to wait after the failed attempt number `attempt`, counted from 1.

        `chance`, from 0 to 1, is what jitter takes for chance.
        """
        delay = self.delay or 0.0
        factors = {"EXPONENTIAL": 2.0**attempt - 1, "LINEAR": float(attempt)}
        waits = delay * factors.get(self.backoff or "", 1.0)
        if self.jitter == Jitter.FULL:
            return chance * waits
        return max(0.0, waits + (2 * chance - 1) * delay) if self.jitter else waits


@dataclass(frozen=True, slots=True)
class BackfillPolicy:
    """How many partitions of an asset one step makes when several are asked for.

    Made by `single_run()` and `multi_run(n)`; Dagster's default is `multi_run(1)`.
    """

    max_partitions_per_run: int | None = 1

    @staticmethod
    def single_run() -> BackfillPolicy:
        """All of them at once: the function reads `context.partition_keys`."""
        return BackfillPolicy(None)

    @staticmethod
    def multi_run(max_partitions_per_run: int = 1) -> BackfillPolicy:
        """At most so many at once. Raises InvalidDefinitionError for less than one."""
        if max_partitions_per_run < 1:
            raise InvalidDefinitionError("BackfillPolicy.multi_run: max_partitions_per_run is at least 1")
        return BackfillPolicy(max_partitions_per_run)


IO_MANAGER_KEY = "dagster/io_manager_key"
"""In the metadata of an asset that is made elsewhere, the resource that reads it."""


@dataclass(frozen=True, slots=True, init=False)
class AssetSpec:
    """An asset without a function: alone in `Definitions` it is external, made elsewhere.

    Raises InvalidDefinitionError where a key is no name, or a text stands for a list.
    """

    key: AssetKey
    deps: tuple[AssetDep, ...] = ()
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    group_name: str = "default"
    code_version: str | type[AUTO] | None = None
    partitions_def: PartitionsDefinition | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    skippable: bool = False
    """True where a function that makes several assets may leave it out."""
    freshness_policy: FreshnessPolicy | None = None
    automation_condition: AutomationCondition | None = None
    """When it is made by itself."""
    name: str = field(default="", init=False)
    """The key as text: "prefix/name"."""

    def __init__(
        self,
        key: CoercibleToAssetKey,
        *,
        deps: Iterable[object] | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        group_name: str | None = None,
        code_version: str | type[AUTO] | None = None,
        partitions_def: PartitionsDefinition | None = None,
        tags: Mapping[str, str] | None = None,
        kinds: Iterable[str] | None = None,
        owners: Iterable[str] | None = None,
        skippable: bool = False,
        freshness_policy: FreshnessPolicy | None = None,
        automation_condition: AutomationCondition | None = None,
    ) -> None:
        name = key_text(key)
        for what, several in (("deps", deps), ("kinds", kinds), ("owners", owners)):
            if isinstance(several, str):
                raise InvalidDefinitionError(f"asset {name!r}: {what} is a list; write [{several!r}]")
        given = {
            "name": name,
            "key": key if isinstance(key, AssetKey) else AssetKey.from_user_string(name),
            "deps": tuple(map(AssetDep.of, deps or ())),
            "description": description,
            "metadata": dict(metadata or {}),
            "group_name": group_name or "default",
            "code_version": code_version,
            "partitions_def": partitions_def,
            "tags": {str(name): str(value) for name, value in (tags or {}).items()},
            "kinds": tuple(sorted(kinds or ())),
            "owners": tuple(owners or ()),
            "skippable": skippable,
            "freshness_policy": freshness_policy,
            "automation_condition": automation_condition,
        }
        if automation_condition is not None:
            from mlorch.definitions.automation import require_condition

            require_condition(f"asset {name!r}", automation_condition)
        for attribute, value in given.items():
            object.__setattr__(self, attribute, value)

    def replace_attributes(self, **attributes: Any) -> AssetSpec:
        """Return a copy with other attributes."""
        return replace(self, **attributes)

    def merge_attributes(
        self,
        *,
        deps: Iterable[object] = (),
        metadata: Mapping[str, Any] | None = None,
        owners: Iterable[str] = (),
        tags: Mapping[str, str] | None = None,
        kinds: Iterable[str] = (),
    ) -> AssetSpec:
        """Return a copy with these attributes beside its own."""
        return replace(
            self,
            deps=(*self.deps, *map(AssetDep.of, deps)),
            metadata={**self.metadata, **(metadata or {})},
            owners=(*self.owners, *owners),
            tags={**self.tags, **(tags or {})},
            kinds=tuple({*self.kinds, *kinds}),
        )

    def with_io_manager_key(self, io_manager_key: str) -> AssetSpec:
        """Return a copy that names the resource which keeps or reads the value."""
        return self.merge_attributes(metadata={IO_MANAGER_KEY: io_manager_key})

    def placed(self, renamed: Mapping[str, AssetKey], group_name: str | None) -> AssetSpec:
        """Return a copy under the new names of itself and of its dependencies, in a group if one is given."""
        deps = (AssetDep(renamed.get(d.key, d.key), partition_mapping=d.partition_mapping) for d in self.deps)
        return replace(
            self,
            key=renamed.get(str(self.key), self.key),
            deps=tuple(deps),
            group_name=group_name or self.group_name,
        )


def SourceAsset(
    key: CoercibleToAssetKey,
    metadata: Mapping[str, Any] | None = None,
    io_manager_key: str | None = None,
    *,
    description: str | None = None,
    partitions_def: PartitionsDefinition | None = None,
    group_name: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> AssetSpec:
    """Return the spec of an asset that is made elsewhere, by the name that it had before AssetSpec."""
    spec = AssetSpec(
        key,
        metadata=metadata,
        description=description,
        partitions_def=partitions_def,
        group_name=group_name,
        tags=tags,
    )
    return spec if io_manager_key is None else spec.with_io_manager_key(io_manager_key)
