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

from mlorch.definitions.config import mask
from mlorch.errors import BusyError
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
    keeper = threading.Thread(target=_keep, args=(leases, holder, stop), daemon=True)
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


def _keep(leases: Leases, holder: Holder, stop: threading.Event) -> None:
    while not stop.wait(TTL / 3):
        leases.renew(holder, TTL, time.time())


def _holder(run_id: str) -> Holder:
    from mlorch.storage.leases import Holder

    return Holder(run_id, socket.gethostname(), os.getpid(), command_line(), time.time())
