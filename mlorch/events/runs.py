"""What happens to a whole run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from mlorch.events.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQueued:
    """A run was asked for; the daemon has it carried out when there is room.

    What is given stands for what `mlorch job run` and `mlorch materialize` are told.
    """

    run_id: str
    at: float
    job: str | None = None
    selection: tuple[str, ...] = ()
    partition: str | None = None
    partitions: tuple[str, ...] = ()
    """Keys, or ranges "FIRST...LAST", of a backfill, all where none are named; one range of another run."""
    checks: tuple[str, ...] = ()
    """"asset:check" of the checks that alone are to run."""
    only: str = ""
    """"stale" where what turns out fresh is left out; of a backfill also "missing" or "failed"."""
    tags: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Json] = field(default_factory=dict)
    """The run config as it was given; secrets are named by their environment variables."""
    retries: str | None = None
    """The run that it goes on with: only what that one did not make."""
    is_backfill: bool = False
    project: str = ""
    source: Mapping[str, Json] = field(default_factory=dict)
    """Who asked: {"schedule" | "sensor": name, "tick": number}, or {"user", "host", "pid", "command"}."""
    kind: ClassVar[str] = "run_queued"


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
class RunFinished:
    """A run ended. `status` is SUCCESS, FAILURE or CANCELED; `counts` has made, skipped, failed, blocked."""

    run_id: str
    at: float
    status: str
    counts: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    kind: ClassVar[str] = "run_finished"
