"""Retention, once an hour in a process of its own, so that nothing waits for it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time

from mlorch.settings import Settings

logger = logging.getLogger(__name__)

FIRST, EVERY = 300.0, 3_600.0
"""Seconds from the daemon's beginning to the first time, and from one time to the next."""

_DONE = ("runs", "logs", "ticks", "values")


class Pruning:
    """Starts the process that removes what retention does not keep, and says what it did."""

    def __init__(self, settings: Settings, *, first: float = FIRST, every: float = EVERY) -> None:
        one = settings.retention
        self._settings = settings
        self._is_on = any(each is not None for each in (one.runs, one.logs, one.ticks, one.values))
        self._every = every
        self._due = time.monotonic() + first
        self._process: subprocess.Popen[str] | None = None

    def look(self) -> None:
        """Start the process where it is time to, or take in what it said."""
        if self._process is not None and self._process.poll() is not None:
            self._hear(self._process)
            self._process = None
        if self._is_on and self._process is None and time.monotonic() >= self._due:
            self._due = time.monotonic() + self._every
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mlorch.app.pruning", str(self._settings.project)],
                cwd=self._settings.project,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
            )

    def close(self) -> None:
        """End the process, wherever it is; the next one goes on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _hear(self, process: subprocess.Popen[str]) -> None:
        said, _ = process.communicate()
        if process.returncode != 0:
            logger.error("retention failed and is tried again in %.0f min", self._every / 60)
            return
        done = json.loads(said) if said.strip() else {}
        counts = ", ".join(f"{done[name]} {name}" for name in _DONE if done.get(name))
        if counts:
            logger.info("retention removed %s", counts)
        if done.get("postponed"):
            logger.warning("retention removed no run and no value: %s", done["postponed"])
