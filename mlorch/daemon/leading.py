"""Which daemon is at work, where several were started: the one that holds a lease in the database."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

from mlorch.app.holding import command_line
from mlorch.planning.once import DAEMON

if TYPE_CHECKING:
    from mlorch.storage.leases import Holder, Leases

TTL = 15.0
"""Seconds after which another daemon takes over where nobody can tell whether this one lives.

On one machine that can be told: there the other takes over at once.
"""


class Leading:
    """The lease that says which daemon is at work."""

    def __init__(self, leases: Leases) -> None:
        from mlorch.storage.leases import Holder

        self._leases = leases
        host, pid, since = socket.gethostname(), os.getpid(), time.time()
        # The name says all, as living leases are known by their names alone.
        self._me = Holder(f"{DAEMON}/{host}/{pid}/{since:.0f}", host, pid, command_line(), since)
        self._renewed = -TTL
        self.is_mine = False
        self.other: Holder | None = None
        """Who is at work where this daemon is not."""

    def hold(self) -> bool:
        """Take the lease, or keep it; return whether it is held. Raises StorageError."""
        now = time.monotonic()
        if self.is_mine and now - self._renewed < TTL / 3:
            return True
        if self.is_mine and self._leases.renew(self._me, TTL, time.time()):
            self._renewed = now
            return True
        held = self._leases.acquire([DAEMON], self._me, TTL, time.time())
        self.is_mine = not held
        self.other = next(iter(held.values()), None)
        self._renewed = now
        return self.is_mine

    def leave(self) -> None:
        """Let another daemon take over."""
        if self.is_mine:
            self._leases.release(self._me)
            self.is_mine = False
