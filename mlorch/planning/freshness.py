"""Whether an asset was made recently enough."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from mlorch.definitions.freshness import CronFreshnessPolicy, FreshnessPolicy, TimeWindowFreshnessPolicy


class FreshnessState(StrEnum):
    """What an asset's freshness policy says of it now."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    """It was never made."""
    NOT_APPLICABLE = "NOT_APPLICABLE"
    """It has no policy."""


def freshness_state(policy: FreshnessPolicy | None, made_at: float | None, now: datetime) -> FreshnessState:
    """Return the state at the moment `now`; `made_at` is in seconds since the epoch, UTC."""
    if policy is None:
        return FreshnessState.NOT_APPLICABLE
    if made_at is None:
        return FreshnessState.UNKNOWN
    if isinstance(policy, TimeWindowFreshnessPolicy):
        age = now.timestamp() - made_at
        if age > policy.fail_window.total_seconds():
            return FreshnessState.FAIL
        is_late = policy.warn_window is not None and age > policy.warn_window.total_seconds()
        return FreshnessState.WARN if is_late else FreshnessState.PASS
    assert isinstance(policy, CronFreshnessPolicy)
    deadline = policy.grid.floor(now).timestamp()
    is_there = made_at >= deadline - policy.lower_bound_delta.total_seconds()
    return FreshnessState.PASS if is_there else FreshnessState.FAIL
