"""What retention removed."""

from __future__ import annotations

import time

from mlorch.events import AssetMaterialized, RetentionApplied
from mlorch.log import EventLog, slot_name


def last_applied(log: EventLog) -> RetentionApplied | None:
    """Return what retention did last; None where it never removed a run or a value."""
    found = log.read(kinds={RetentionApplied.kind}, newest_first=True, limit=1)
    return found[0].event if found else None  # type: ignore[return-value]


def why_gone(log: EventLog, fact: AssetMaterialized) -> str:
    """Return what retention has to do with bytes that are gone; "" where that is nothing."""
    applied = last_applied(log)
    before = applied.values_before if applied is not None else None
    if before is None or fact.at >= before:
        return ""
    name = slot_name((fact.asset, fact.partition))
    return (
        f"{name}: retention removed the bytes of version {fact.data_version[:16]}, which was superseded. "
        "Materialize it again; [tool.mlorch.retention] values says how long such versions are kept"
    )


def why_unknown(log: EventLog) -> str:
    """Return a hint for what the log does not have; "" where retention never removed a run."""
    applied = last_applied(log)
    if applied is None or applied.runs_before is None:
        return ""
    day = time.strftime("%Y-%m-%d", time.gmtime(applied.runs_before))
    return f"; retention removed runs that ended before {day}, with what they made that was superseded"
