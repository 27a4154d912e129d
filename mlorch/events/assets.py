"""What happens to assets and their partitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from mlorch.events.values import Json


class Input(NamedTuple):
    """One upstream asset partition that was read, and the fact it was read from."""

    asset: str
    partition: str | None
    data_version: str
    seq: int | None
    """Number of the fact in the log; None while it waits in the same batch, or where nothing was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetMaterialized:
    """A value is whole and kept, with everything that it came from (design: versions)."""

    run_id: str
    at: float
    step: str
    asset: str
    partition: str | None = None
    started_at: float = 0.0
    attempt: int = 1
    code_version: str = ""
    is_code_declared: bool = False
    """False where the code version is the run id because nothing was declared."""
    config: Mapping[str, Json] | None = None
    config_digest: str | None = None
    default_config_digest: str | None = None
    """Digest of the config that the code declared; `config_digest` differs where a run overrode it."""
    data_version: str = ""
    is_user_provided: bool = False
    content_hash: str | None = None
    """md5 of the bytes kept, 32 hex digits; None where nothing was kept."""
    size: int | None = None
    """Bytes kept."""
    uri: str | None = None
    """Where the bytes are: relative to the project ("data/…") or an absolute URL."""
    io_manager: str | None = None
    inputs: tuple[Input, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """{"python": version, distribution: version, …} of what the asset's code imports."""
    definition: Mapping[str, Json] = field(default_factory=dict)
    """{"group", "kinds", "tags", "owners", "description", "deps", "partitions", "source", "metadata",
    "value"} as declared; "value" names the kind: "model", "frame", "array", "json", "object" or "nothing".
    "together" has the keys of all that can only be made with it, where there are more."""
    metadata: Mapping[str, Json] = field(default_factory=dict)
    """The user's, and what the IO manager adds: "rows", "columns" ([[name, dtype], …]), …"""
    metrics: Mapping[str, Json] = field(default_factory=dict)
    """{name: number} or {name: [[step, number], …]} for a series."""
    kind: ClassVar[str] = "asset_materialized"

    @property
    def materialization_id(self) -> str:
        """Names this fact for good: an asset partition is made at most once in a run."""
        slot = self.asset if self.partition is None else f"{self.asset}[{self.partition}]"
        return f"{self.run_id}:{slot}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetObserved:
    """Something outside of mlorch has this data version now."""

    at: float
    asset: str
    data_version: str
    partition: str | None = None
    run_id: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    kind: ClassVar[str] = "asset_observed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionsAdded:
    """Keys were added to a set of dynamic partitions; those it had already keep their place."""

    at: float
    name: str
    keys: tuple[str, ...] = ()
    run_id: str | None = None
    kind: ClassVar[str] = "partitions_added"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionsDeleted:
    """Keys were taken out of a set of dynamic partitions; what was made of them stays."""

    at: float
    name: str
    keys: tuple[str, ...] = ()
    run_id: str | None = None
    kind: ClassVar[str] = "partitions_deleted"
