"""What retention did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionApplied:
    """Old runs or superseded values go. Recorded before they do; of these facts the newest is kept.

    What a process that died left undone, the next one does.
    """

    at: float
    runs_gone: int = 0
    """Runs whose facts go."""
    values_gone: int = 0
    """Versions of values whose bytes go."""
    runs_before: float | None = None
    """Of runs that ended before this time some went, now or earlier; None where none ever did."""
    values_before: float | None = None
    """Likewise of values that were superseded before this time."""
    run_id: str | None = None
    kind: ClassVar[str] = "retention_applied"
