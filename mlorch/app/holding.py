"""One asset partition is made by one run at a time."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlorch.definitions.fields import mask
from mlorch.errors import BusyError, StorageError
from mlorch.log import Slot, slot_name

if TYPE_CHECKING:
    from mlorch.storage.leases import Holder, Leases

TTL = 60.0
"""Seconds that a lease lasts without being renewed."""


@contextmanager
def holding(
    leases: Leases,
    slots: Sequence[Slot],
    run_id: str,
    patience: float | None,
    waiting: Callable[[str], None],
) -> Iterator[None]:
    """Hold the slots while the block runs, waiting for others that hold some of them.

    `waiting` is told once whom it waits for. Raises BusyError, saying who holds what, after `patience`
    seconds; None waits as long as it takes.
    """
    holder = _holder(run_id)
    names = [slot_name(slot) for slot in slots]
    _acquire(leases, names, holder, patience, waiting)
    stop = threading.Event()
    keep = _Keeper(leases, names, holder, waiting)
    keeper = threading.Thread(target=keep, args=(stop,), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join()
        leases.release(holder)


def command_line() -> str:
    """Return the command of this process, at most 200 characters, passwords in URLs masked."""
    text: str = mask(shlex.join([os.path.basename(sys.argv[0]), *sys.argv[1:]]))
    return text[:200]


def _acquire(
    leases: Leases,
    names: Sequence[str],
    holder: Holder,
    patience: float | None,
    waiting: Callable[[str], None],
) -> None:
    deadline = None if patience is None else time.monotonic() + patience
    told = False
    while held := leases.acquire(names, holder, TTL, time.time()):
        name, other = next(iter(held.items()))
        who = f"run {other.run_id} (process {other.pid} on {other.host}: {other.command})"
        if deadline is not None and time.monotonic() >= deadline:
            raise BusyError(f"{name} is being made by {who}; try again when it is done")
        if not told:
            waiting(f"{name} is being made by {who}; waiting for it")
            told = True
        time.sleep(0.1)


class _Keeper:
    """Renews the leases of a run while it goes; takes them again where they ran out, as after a sleep."""

    def __init__(
        self, leases: Leases, names: Sequence[str], holder: Holder, tell: Callable[[str], None]
    ) -> None:
        self._leases = leases
        self._names = names
        self._holder = holder
        self._tell = tell

    def __call__(self, stop: threading.Event) -> None:
        while not stop.wait(TTL / 3):
            try:
                self._renew()
            except StorageError as error:
                self._tell(f"the leases of this run were not renewed, trying again: {error}")

    def _renew(self) -> None:
        if self._leases.renew(self._holder, TTL, time.time()):
            return
        held = self._leases.acquire(self._names, self._holder, TTL, time.time())
        for name, other in held.items():
            self._tell(f"{name} was taken over by run {other.run_id} while this one stood still")


def _holder(run_id: str) -> Holder:
    from mlorch.storage.leases import Holder

    return Holder(run_id, socket.gethostname(), os.getpid(), command_line(), time.time())
