"""How recently an asset was made, against what its freshness policy wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessChanged:
    """An asset went from one state of freshness to another: "PASS", "WARN", "FAIL" or "UNKNOWN"."""

    at: float
    asset: str
    state: str
    was: str
    """"UNKNOWN" where it had no state before."""
    policy: str = ""
    """For people: "at most 1 day, 0:00:00 old"."""
    made_at: float | None = None
    """When it, or the newest of its partitions, was made or seen."""
    partition: None = None
    """The asset as a whole is meant."""
    run_id: str | None = None
    kind: ClassVar[str] = "freshness_changed"
