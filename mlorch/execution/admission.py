"""Letting the runs of a plan begin, where only some may go at once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from mlorch.execution.pools import POLL
from mlorch.execution.run import Run


class Gate(Protocol):
    """The limits of runs, shared with all other processes."""

    def try_admit(self, run_id: str, tags: Mapping[str, str]) -> bool:
        """Let a run begin, or note that it waits and return False; never waits."""

    def leave(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Say that a run has ended, or waits no longer."""


class Entrance:
    """Lets runs in by their numbers; each waits only for lower ones, so none that is in for one outside.

    Without a gate every run is in.
    """

    def __init__(self, gate: Gate | None, runs: Sequence[Run]) -> None:
        self._gate = gate
        self._runs = runs
        self._next = len(runs) if gate is None else 0
        self._inside: set[int] = set()
        self._outside: dict[int, list[int]] = {}
        self._again = 0.0

    def __bool__(self) -> bool:
        """Tell whether some step waits outside."""
        return bool(self._outside)

    def admits(self, run: int, step: int) -> bool:
        """Tell whether a step may begin; if not it waits outside with its run."""
        if run < self._next:
            return True
        self._outside.setdefault(run, []).append(step)
        return False

    def let_in(self) -> list[int]:
        """Return the steps that may begin from now on: those of the next run, if there is room for it."""
        if self._gate is None or not self._outside or time.monotonic() < self._again:
            return []
        while self._next < len(self._runs):
            run = self._runs[self._next]
            if not self._gate.try_admit(run.run_id, run.tags):
                self._again = time.monotonic() + POLL
                return []
            self._inside.add(self._next)
            self._next += 1
            if self._next - 1 in self._outside:
                return self._outside.pop(self._next - 1)
        return []

    def leave(self, run: int) -> None:
        """Say that a run is over."""
        if self._gate is not None and run in self._inside:
            self._inside.discard(run)
            self._gate.leave(self._runs[run].run_id, self._runs[run].tags)
            self._again = 0.0

    def close(self) -> None:
        """Say that the runs which are in, or ask to be, are over."""
        for run in list(self._inside):
            self.leave(run)
        if self._gate is not None and self._next < len(self._runs):
            self._gate.leave(self._runs[self._next].run_id, self._runs[self._next].tags)
