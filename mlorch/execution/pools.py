"""What lets steps and runs begin: how many go at once over all processes, whoever runs them."""

from __future__ import annotations

from collections.abc import Mapping
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


class NoPools:
    """Pools without limits, as of an instance that no other process sees."""

    def acquire(self, pool: str, step: str) -> bool:
        return True

    def release(self, pool: str, step: str) -> None:
        pass


class Gate(Protocol):
    """The limits of runs at once, for one who carries out many runs and waits for none."""

    def try_admit(self, run_id: str, tags: Mapping[str, str]) -> bool:
        """Let a run begin, or take its place in the queue and return False; never waits."""

    def leave(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Say that a run has ended, or waits no longer."""


POLL = 0.25
"""Seconds after which what was full is worth asking again."""
