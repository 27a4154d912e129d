"""What can happen: frozen facts, named in the past tense, to and from JSON.

Times are seconds since the epoch, UTC. A `partition` of None means that the asset has no partitions.
A fact carries everything that a mirror needs; nobody has to ask the definitions what it meant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple

Json = Any
"""A value that `json` can write: None, bool, int, float, str, list or dict of these."""


class Input(NamedTuple):
    """One upstream asset partition that was read, and the fact it was read from."""

    asset: str
    partition: str | None
    data_version: str
    seq: int | None
    """Number of the fact in the log; None while it waits in the same batch, or where nothing was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run began. `steps` counts what is planned; `source` is {"user", "host", "pid", "command"}."""

    run_id: str
    at: float
    job: str | None = None
    partitions: tuple[str, ...] = ()
    selection: tuple[str, ...] = ()
    steps: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Json] = field(default_factory=dict)
    """The explicit run config, secrets masked."""
    project: str = ""
    source: Mapping[str, Json] = field(default_factory=dict)
    git: Mapping[str, Json] | None = None
    """{"commit": 40 hex digits, "dirty": bool} where the project is a repository."""
    targets: Mapping[str, Json] = field(default_factory=dict)
    """By asset what is planned: its partition keys, or None where it has no partitions."""
    only: str = ""
    """"stale" where what turns out fresh is left out."""
    kind: ClassVar[str] = "run_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """An attempt at a step began; `attempt` counts from 1.

    `step` is "asset" or "asset[partition]", for the ops of a graph that makes an asset "asset.op", for other
    ops "op", and with a dynamic output above it "op[mapping_key]".
    """

    run_id: str
    at: float
    step: str
    asset: str
    """The first asset that the step makes; "" for an op that makes none, here and in the other facts."""
    partition: str | None = None
    attempt: int = 1
    kind: ClassVar[str] = "step_started"


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
class StepSucceeded:
    """An op is done. Steps whose outputs are assets report those instead."""

    run_id: str
    at: float
    step: str
    asset: str = ""
    """The asset of whose graph the op is a part."""
    partition: str | None = None
    started_at: float = 0.0
    attempt: int = 1
    outputs: tuple[Mapping[str, Json], ...] = ()
    """{"name", "mapping_key", "slot", "uri", "content_hash", "io_manager", "metadata"} of each value that was
    kept for the ops after it; "slot" is its place among the outputs."""
    kind: ClassVar[str] = "step_succeeded"


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
class StepSkipped:
    """A planned step was not needed, or could not be tried; `reason` is for people."""

    run_id: str
    at: float
    step: str
    asset: str
    reason: str
    partition: str | None = None
    is_blocked: bool = False
    """True where something upstream failed; False where the value on disk is fresh."""
    kind: ClassVar[str] = "step_skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRetried:
    """An attempt failed and another follows after `delay` seconds."""

    run_id: str
    at: float
    step: str
    asset: str
    error: Mapping[str, Json]
    partition: str | None = None
    attempt: int = 1
    delay: float = 0.0
    kind: ClassVar[str] = "step_retried"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed:
    """The last attempt failed. `error` is {"type", "message", "traceback", "exit_code"}."""

    run_id: str
    at: float
    step: str
    asset: str
    error: Mapping[str, Json]
    partition: str | None = None
    attempt: int = 1
    slots: tuple[tuple[str, str | None], ...] = ()
    """Every asset partition that the step was to make, where they are several."""
    kind: ClassVar[str] = "step_failed"

    @property
    def failed(self) -> tuple[tuple[str, str | None], ...]:
        """The asset partitions that were not made."""
        return self.slots or (((self.asset, self.partition),) if self.asset else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckEvaluated:
    """A check of a value passed or not. A schema's metadata is the report of SchemaError.

    `severity` is ERROR or WARN; what is blocking stops the steps below where it failed with ERROR.
    """

    run_id: str
    at: float
    step: str
    asset: str
    check: str
    passed: bool
    partition: str | None = None
    severity: str = "ERROR"
    metadata: Mapping[str, Json] = field(default_factory=dict)
    is_blocking: bool = False
    description: str | None = None
    data_version: str | None = None
    """Of the value that was checked."""
    kind: ClassVar[str] = "check_evaluated"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookErrored:
    """A hook of a step raised, which changes nothing. `error` is {"type", "message", "traceback"}."""

    run_id: str
    at: float
    step: str
    asset: str
    hook: str
    error: Mapping[str, Json]
    partition: str | None = None
    kind: ClassVar[str] = "hook_errored"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputCaptured:
    """What an attempt wrote. `log` has [seconds, level, message] of `context.log`; secrets are masked."""

    run_id: str
    at: float
    step: str
    asset: str
    partition: str | None = None
    attempt: int = 1
    stdout: str = ""
    stderr: str = ""
    log: tuple[tuple[float, str, str], ...] = ()
    kind: ClassVar[str] = "output_captured"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """A run ended. `status` is SUCCESS, FAILURE or CANCELED; `counts` has made, skipped, failed, blocked."""

    run_id: str
    at: float
    status: str
    counts: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    kind: ClassVar[str] = "run_finished"


BACKFILL_TAG = "mlorch/backfill"
"""Tag of each run of a backfill: the backfill's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillStarted:
    """Many partitions are to be made, by runs that carry its id as a tag."""

    run_id: str
    """The backfill's own id; leases are held under it."""
    at: float
    selection: tuple[str, ...] = ()
    targets: Mapping[str, Json] = field(default_factory=dict)
    """By asset what is to be made: its partition keys, or None where it has no partitions."""
    only: str = ""
    """"missing", "stale" or "failed" where it was narrowed to these; a stale one is asked again in time."""
    tags: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Json] = field(default_factory=dict)
    """The explicit run config of every run, secrets masked."""
    project: str = ""
    source: Mapping[str, Json] = field(default_factory=dict)
    kind: ClassVar[str] = "backfill_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillFinished:
    """A backfill ended, to be resumed or not. `status` and `counts` are as of RunFinished, and runs."""

    run_id: str
    at: float
    status: str
    counts: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    kind: ClassVar[str] = "backfill_finished"


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


Event = (
    RunStarted
    | StepStarted
    | AssetMaterialized
    | AssetObserved
    | StepSucceeded
    | StepSkipped
    | StepRetried
    | StepFailed
    | CheckEvaluated
    | HookErrored
    | OutputCaptured
    | RunFinished
    | BackfillStarted
    | BackfillFinished
    | PartitionsAdded
    | PartitionsDeleted
)

KINDS: Mapping[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        RunStarted,
        StepStarted,
        AssetMaterialized,
        AssetObserved,
        StepSucceeded,
        StepSkipped,
        StepRetried,
        StepFailed,
        CheckEvaluated,
        HookErrored,
        OutputCaptured,
        RunFinished,
        BackfillStarted,
        BackfillFinished,
        PartitionsAdded,
        PartitionsDeleted,
    )
}

_FIELDS = {name: tuple(f.name for f in fields(cls)) for name, cls in KINDS.items()}


def to_fields(event: Event) -> dict[str, Json]:
    """Return the event's fields by name, ready for `json`; its kind is not among them."""
    return {name: getattr(event, name) for name in _FIELDS[event.kind]}


def from_fields(kind: str, values: Mapping[str, Json]) -> Event:
    """Rebuild an event. Fields that a newer version added take their defaults.

    Raises KeyError for an unknown kind and TypeError for an unknown field.
    """
    known = dict(values)
    for name in ("partitions", "selection", "outputs", "keys"):
        if name in known:
            known[name] = tuple(known[name])
    if "inputs" in known:
        known["inputs"] = tuple(Input(*one) for one in known["inputs"])
    for name in ("log", "slots"):
        if name in known:
            known[name] = tuple(tuple(one) for one in known[name])
    return KINDS[kind](**known)


def to_json(event: Event) -> str:
    """Return the event as one line of JSON with its kind."""
    return json.dumps({"kind": event.kind, **to_fields(event)}, separators=(",", ":"))


def from_json(text: str) -> Event:
    """Read one line written by `to_json`."""
    values = json.loads(text)
    return from_fields(values.pop("kind"), values)
