"""MLflow, DVC and people are told what happens by a process of its own, there while there is news."""

from __future__ import annotations

import subprocess
import time

from mlorch.app.mirroring import follow_beside, is_told
from mlorch.events import Event, TickEvaluated
from mlorch.settings import Settings

QUIET = 30.0
"""Seconds without news after which the process ends: MLflow alone takes 190 MB."""

_FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 600.0
"""Seconds after which a process that could not tell everything is followed by another."""


class Mirrors:
    """Starts the process that tells others, and lets it end when there is nothing to tell."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._is_on = settings.daemon.mirror and is_told(settings)
        self._since = time.time()
        self._process: subprocess.Popen[bytes] | None = None
        self._ending: subprocess.Popen[bytes] | None = None
        self._news = time.monotonic()
        self._pause = _FIRST_PAUSE
        self._again: float | None = 0.0

    def learn(self, fact: Event) -> None:
        """Take note of a fact that others may want to know."""
        if not isinstance(fact, TickEvaluated) or fact.status == "FAILURE":
            self._news = time.monotonic()
            self._again = self._news if self._again is None else self._again

    def look(self, *, has_runs: bool) -> None:
        """Start the process where there is news, or let it end; `has_runs` tells whether some go."""
        if not self._is_on:
            return
        now = time.monotonic()
        self._collect(now)
        if has_runs and self._process is not None:
            self._news = now
        if self._process is not None and (self._process.poll() is not None or now - self._news > QUIET):
            self._leave()
        elif (
            self._process is None and self._ending is None and self._again is not None and now >= self._again
        ):
            self._again = None
            self._process = follow_beside(self._settings, since=self._since, is_silent=True)

    def close(self) -> None:
        """Let the process tell what is left, and end."""
        if self._process is not None:
            self._leave()

    def _leave(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._ending, self._process = self._process, None

    def _collect(self, now: float) -> None:
        if self._ending is None or self._ending.poll() is None:
            return
        if self._ending.returncode == 0:
            self._pause = _FIRST_PAUSE
        else:
            self._again = now + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._ending = None
