"""A project in a folder, and its daemon as a process of its own with a clock that may run faster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

from mlorch.events import Event, RunFinished, RunQueued
from mlorch.instance import Instance
from mlorch.settings import Settings, read_settings

NOON = 1_767_268_800.0
"""2026-01-01 12:00 UTC, when the clocks of such projects begin."""

SETTINGS = """
[project]
name = "tried"
version = "0"

[tool.mlorch]
definitions = "defs.py"
mlflow.enabled = false
dvc.enabled = false
"""


class Project:
    """A project with a daemon that can be killed."""

    def __init__(self, folder: Path, definitions: str, settings: str = "", *, pace: float = 1.0) -> None:
        self.folder = folder
        self.pace = pace
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pyproject.toml").write_text(SETTINGS + dedent(settings))
        self.write(definitions)
        self.began = time.time()
        self._daemons: list[subprocess.Popen[bytes]] = []

    def write(self, definitions: str) -> None:
        """Change the code, as an editor does that writes beside and renames."""
        beside = self.folder / ".defs.py"
        beside.write_text(dedent(definitions))
        beside.rename(self.folder / "defs.py")

    @property
    def settings(self) -> Settings:
        return read_settings(self.folder)

    def now(self) -> float:
        """Return the time that the daemon's clock shows."""
        return NOON + (time.time() - self.began) * self.pace

    def start(self, *, until: float = float("inf")) -> subprocess.Popen[bytes]:
        """Start a daemon; its clock stands still at `until`."""
        numbers = (NOON, self.began, self.pace, until)
        arguments = [str(self.folder), *map(repr, numbers)]
        with (self.folder / "daemon.log").open("ab") as log:
            started = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("serving.py")), *arguments],
                stderr=log,
                stdout=log,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
                start_new_session=True,
            )
        self._daemons.append(started)
        return started

    def stop(self) -> None:
        """End whatever was started, the forked ones too."""
        for one in self._daemons:
            if one.poll() is None:
                one.kill()
                one.wait()
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def processes(self, kind: str = "mlorch.daemon.host") -> list[int]:
        """Return the processes that have the project's code: the one that forks, and the forked ones."""
        return processes_of(f"{kind}\0{self.folder}")

    def said(self) -> str:
        return (self.folder / "daemon.log").read_text()

    def facts(self, *kinds: str) -> list[Event]:
        with Instance.of(self.settings) as instance:
            return [one.event for one in instance.log.read(kinds=kinds or None)]

    def wait(self, is_so: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until something is so. Raises AssertionError, with what the daemon said, where it is not."""
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                raise AssertionError(f"it did not come true within {seconds:g} s:\n{self.said()[-5_000:]}")
            time.sleep(0.05)

    def is_quiet(self) -> bool:
        """Tell whether every run that was asked for has ended."""
        ended = {one.run_id for one in self.facts(RunFinished.kind, "backfill_finished")}
        return all(one.run_id in ended for one in self.facts(RunQueued.kind))


def processes_of(words: str) -> list[int]:
    """Return the processes in whose command line the words stand, arguments divided by NUL."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if words.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found
