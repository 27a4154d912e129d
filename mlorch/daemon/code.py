"""The user's code, as the daemon sees it: a process that has imported it, and forks others."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from mlorch.daemon.orders import Ended, Fork, Forked, Loaded, Rejected, Stamp
from mlorch.events import RunQueued
from mlorch.settings import Settings

LOADING = 300.0
"""Seconds that the definitions may take to be imported."""

_ENDING = 5.0
"""Seconds in which the process may end that has imported them."""


class Child:
    """A process that was forked for the daemon: it carries out a run, or evaluates."""

    def __init__(self, token: int, connection: Connection, code: Code, run: RunQueued | None) -> None:
        self.token = token
        self.connection = connection
        self.code = code
        self.run = run
        self.since = time.monotonic()
        self.pid: int | None = None
        self.exit_code: int | None = None
        """None while it lives."""

    def kill(self) -> None:
        """End it at once, with what it has started in its session.

        It may outlive the process that forked it, and what is known of its end is then a guess.
        """
        if self.pid is not None and (self.exit_code is None or self.code.is_gone):
            for end in (os.killpg, os.kill):
                with suppress(ProcessLookupError, PermissionError):
                    end(self.pid, 9)

    def close(self) -> None:
        self.connection.close()


class Code:
    """One version of the project's definitions, imported in a process of its own."""

    def __init__(self, settings: Settings) -> None:
        self._stamps: dict[str, Stamp] = {}
        self._children: dict[int, Child] = {}
        self._token = 0
        self._since = time.monotonic()
        ours, theirs = socket.socketpair()
        self._socket = ours
        self.control = Connection(os.dup(ours.fileno()))
        self.loaded: Loaded | None = None
        self.rejected: Rejected | None = None
        self.is_gone = False
        """True where its process ended by itself; what it has forked may go on."""
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-P", "-W", "ignore::DeprecationWarning", "-m", "mlorch.daemon.host",
                    str(settings.project), str(theirs.fileno()),
                ],
                cwd=settings.project,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )  # fmt: skip

    @property
    def is_loading(self) -> bool:
        return self.loaded is None and self.rejected is None and not self.is_gone

    @property
    def is_late(self) -> bool:
        return self.is_loading and time.monotonic() - self._since > LOADING

    @property
    def children(self) -> list[Child]:
        """The processes that it forked and that live."""
        return list(self._children.values())

    def has_changed(self) -> bool:
        """Tell whether a file that the definitions came from is another now."""
        for file, stamp in self._stamps.items():
            try:
                stat = os.stat(file)
            except OSError:
                return True
            if (stat.st_mtime_ns, stat.st_size) != stamp:
                return True
        return False

    def fork(self, run: RunQueued | None = None) -> Child:
        """Have a run carried out by a new process, or without one get a process that evaluates.

        Raises OSError where its process is gone.
        """
        self._token += 1
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.control.send(Fork(self._token, run))
            socket.send_fds(self._socket, [b"\0"], [theirs.fileno()])
            child = Child(self._token, Connection(ours.detach()), self, run)
        self._children[self._token] = child
        return child

    def hear(self) -> Iterator[Child]:
        """Take in what the process says; yield the children that have ended."""
        try:
            while not self.is_gone and self.control.poll():
                child = self._take(self.control.recv())
                if child is not None:
                    yield child
        except (EOFError, OSError):
            self.is_gone = True
            self._process.wait()
            for child in self.children:
                child.exit_code = self._process.returncode or 0
                yield child
            self._children.clear()

    def close(self) -> None:
        """Let its process end; runs that it forked go on."""
        self.control.close()
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            # What the user's code does while it is imported may not heed a signal.
            self._process.kill()
            self._process.wait()

    def _take(self, said: Any) -> Child | None:
        if isinstance(said, Loaded | Rejected):
            self._stamps = dict(said.files)
            if isinstance(said, Loaded):
                self.loaded = said
            else:
                self.rejected = said
        elif isinstance(said, Forked):
            self._children[said.token].pid = said.pid
        elif isinstance(said, Ended):
            child = self._children.pop(said.token)
            child.exit_code = said.code
            return child
        return None
