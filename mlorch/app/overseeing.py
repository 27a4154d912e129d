"""What goes by itself, as people look at it: the daemon, its queue, its code, schedules and sensors."""

from __future__ import annotations

from dataclasses import dataclass

from mlorch.instance import Instance
from mlorch.planning.once import DAEMON


@dataclass(frozen=True, slots=True)
class AtWork:
    """The daemon that is at work. `since` is in seconds since the epoch."""

    host: str
    pid: int
    since: float


def daemon_at_work(instance: Instance) -> AtWork | None:
    """Return the daemon that holds the lease; None where nobody does."""
    for name in instance.living():
        kind, *rest = name.split("/")
        if kind == DAEMON and len(rest) == 3:
            return AtWork(rest[0], int(rest[1]), float(rest[2]))
    return None
