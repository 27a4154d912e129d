"""What happens to a backfill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from mlorch.events.values import Json

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
