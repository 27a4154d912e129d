"""What happens to the steps of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from mlorch.events.values import Json


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
