"""One asset partition is made by one run at a time, until the run ends or is asked to."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlorch.app.interrupting import interrupt
from mlorch.definitions.fields import mask
from mlorch.errors import BusyError, RunCanceledError, StorageError
from mlorch.log import Slot, slot_name

if TYPE_CHECKING:
    from mlorch.storage.leases import Holder, Leases

TTL = 60.0
"""Seconds that a lease lasts without being renewed, where nobody can tell whether its process lives."""

LOOK = 0.5
"""Seconds between two looks whether a run was asked to end."""

_WAIT = 0.1
"""Seconds between two attempts to take what somebody else holds."""


class Held:
    """What a run learns while it holds its slots."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.canceled: Mapping[str, str] = {}
        """Runs that were asked to end and why, as of at most a second ago."""

    def why_canceled(self, run_id: str | None = None) -> str | None:
        """Return why this run, or one that it carries out, was asked to end; None where it was not."""
        return self.canceled.get(run_id or self.run_id)


@contextmanager
def holding(
    leases: Leases,
    slots: Sequence[Slot],
    run_id: str,
    patience: float | None,
    waiting: Callable[[str], None],
) -> Iterator[Held]:
    """Hold the slots while the block runs, waiting for others that hold some of them.

    `waiting` is told once whom it waits for. Raises BusyError, saying who holds what, after `patience`
    seconds; None waits as long as it takes. A run that is asked to end gets a KeyboardInterrupt in the block,
    and RunCanceledError before it.
    """
    holder = _holder(run_id)
    names = [slot_name(slot) for slot in slots]

    def ask() -> str | None:
        held = leases.acquire(names, holder, TTL, time.time())
        return _who_makes(held) if held else None

    wait(ask, leases, run_id, patience, waiting)
    keeper = _Keeper(leases, names, holder, waiting)
    try:
        with keeper:
            yield keeper.held
    finally:
        _release(leases, holder)


def wait(
    ask: Callable[[], str | None],
    leases: Leases | None,
    run_id: str,
    patience: float | None,
    waiting: Callable[[str], None],
) -> None:
    """Ask again and again until nothing is in the way; `ask` says what is.

    Raises BusyError after `patience` seconds, and RunCanceledError where the run is asked to end meanwhile.
    """
    deadline = None if patience is None else time.monotonic() + patience
    told, looked = False, time.monotonic()
    while True:
        began = time.monotonic()
        reason = ask()
        if reason is None:
            return
        if deadline is not None and began >= deadline:
            raise BusyError(f"{reason}; try again when it is done")
        if not told:
            waiting(f"{reason}; run {run_id} waits for it")
            told = True
        if leases is not None and began - looked >= LOOK:
            looked = began
            why = leases.canceled().get(run_id)
            if why is not None:
                raise RunCanceledError(f"run {run_id} was canceled while it waited: {why}")
        # Whoever asks for many slots is not to keep the others from writing.
        time.sleep(max(_WAIT, 4 * (time.monotonic() - began)))


def command_line() -> str:
    """Return the command of this process, at most 200 characters, passwords in URLs masked."""
    text: str = mask(shlex.join([os.path.basename(sys.argv[0]), *sys.argv[1:]]))
    return text[:200]


def _who_makes(held: Mapping[str, Holder]) -> str:
    name, other = next(iter(held.items()))
    who = f"run {other.run_id} (process {other.pid} on {other.host}: {other.command})"
    return f"{name} is being made by {who}"


class _Keeper:
    """Renews the leases of a run while it goes, and sees whether somebody asks it to end.

    Leases that were lost, as another machine's are after a sleep, are taken again where they are free.
    """

    def __init__(
        self, leases: Leases, names: Sequence[str], holder: Holder, tell: Callable[[str], None]
    ) -> None:
        self.held = Held(holder.run_id)
        self._leases = leases
        self._names = names
        self._holder = holder
        self._tell = tell
        self._worker = threading.current_thread()
        self._stop = threading.Event()
        self._interrupting = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="mlorch-keeper", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        with self._interrupting:
            self._stop.set()
        self._thread.join()

    def _keep(self) -> None:
        renewed = time.monotonic()
        while not self._stop.wait(LOOK):
            try:
                if time.monotonic() - renewed >= TTL / 3:
                    self._renew()
                    renewed = time.monotonic()
                self._look()
            except (StorageError, OSError) as error:
                self._tell(f"the leases of this run were not renewed, trying again: {error}")

    def _renew(self) -> None:
        if self._leases.renew(self._holder, TTL, time.time()):
            return
        held = self._leases.acquire(self._names, self._holder, TTL, time.time())
        for name, other in held.items():
            self._tell(f"{name} was taken over by run {other.run_id} while this one stood still")

    def _look(self) -> None:
        was_canceled = self.held.why_canceled() is not None
        self.held.canceled = self._leases.canceled()
        why = self.held.why_canceled()
        if why is None or was_canceled:
            return
        self._tell(f"run {self.held.run_id} is asked to end: {why}")
        # Once the block is left, nobody is interrupted.
        with self._interrupting:
            if not self._stop.is_set():
                interrupt(self._worker)


def _release(leases: Leases, holder: Holder) -> None:
    """Give back what is held; where the disk is full or the server away, as soon as it is not."""
    try:
        leases.release(holder)
    except (StorageError, OSError):
        threading.Thread(target=_release_later, args=(leases, holder), daemon=True).start()
        raise


def _release_later(leases: Leases, holder: Holder) -> None:
    pause = 0.5
    while True:
        time.sleep(pause)
        try:
            leases.release(holder)
        except (StorageError, OSError):
            pause = min(2 * pause, TTL / 3)
        else:
            return


def _holder(run_id: str) -> Holder:
    from mlorch.storage.leases import Holder

    return Holder(run_id, socket.gethostname(), os.getpid(), command_line(), time.time())
