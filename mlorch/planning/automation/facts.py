"""What has to be known of the history to evaluate conditions.

Assets are called by their keys, checks "asset:check"; times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Keys = Collection[str | None]
"""Partition keys; None of what has no partitions."""


class Update(NamedTuple):
    """That something was made or observed since the evaluation before."""

    started_at: float
    at: float
    runs: tuple[str, ...]
    """The runs that did it, the last one last."""
    is_changed: bool
    """Whether its data version is another than it was before."""


class KnownRun(NamedTuple):
    """What a run was to make, by asset its partitions or None, and its tags."""

    targets: Mapping[str, Sequence[str] | None]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What happened up to the fact numbered `seq`, since the evaluation that left a state behind."""

    seq: int = 0
    queue_from: int = 0
    """A number before which nothing waits in the queue any more."""
    made: Mapping[str, Keys] = field(default_factory=dict)
    """What was ever made or observed, of whatever the state does not know."""
    updates: Mapping[str, Mapping[str | None, Update]] = field(default_factory=dict)
    running: Mapping[str, Keys] = field(default_factory=dict)
    """What runs that go or wait in the queue have still to make."""
    backfilling: Mapping[str, Keys] = field(default_factory=dict)
    """What backfills that go or wait in the queue have still to make."""
    failed: Mapping[str, Keys] = field(default_factory=dict)
    """Where the last attempt failed."""
    runs: Mapping[str, KnownRun] = field(default_factory=dict)
    """Those of the updates."""
    code_versions: Mapping[str, str] = field(default_factory=dict)
    freshness: Mapping[str, str] = field(default_factory=dict)
    """The state by the freshness policy of each asset that has one."""
    verdicts: Mapping[str, Mapping[str | None, bool]] = field(default_factory=dict)
    """Whether checks passed, where that holds of the latest materialization."""
