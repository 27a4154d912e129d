"""Pools: how many steps that need one thing, such as a GPU, may run at once, whoever runs them."""

from __future__ import annotations

from typing import Protocol


class Pools(Protocol):
    """Slots of pools, shared with all other runs.

    Asking costs next to nothing where a pool has no limit, and little where it was full a moment ago: ask for
    each step that is ready, whenever something is done and at least every POLL seconds.
    """

    def acquire(self, pool: str, step: str) -> bool:
        """Take a slot for a step, or take the step's place in the queue and return False; never waits."""

    def release(self, pool: str, step: str) -> None:
        """Give the step's slot back, or its place in the queue."""


POLL = 0.25
"""Seconds after which a pool that was full is worth asking again."""
