"""One run, carried out by a process of its own, which goes on if the daemon dies."""

from __future__ import annotations

import os
from contextlib import nullcontext, suppress
from multiprocessing.connection import Connection

from mlorch.app.holding import holding
from mlorch.app.materializing import Listener
from mlorch.app.queueing import carry_out_queued
from mlorch.app.requesting import request_of
from mlorch.daemon.orders import BEGUN
from mlorch.definitions.definitions import Definitions
from mlorch.errors import AlreadyDoneError, BusyError
from mlorch.events import BackfillStarted, Event, RunQueued, RunStarted
from mlorch.instance import Instance
from mlorch.planning.once import worker_of
from mlorch.planning.queue import OF_RUNS
from mlorch.settings import Settings


def work(daemon: Connection, settings: Settings, definitions: Definitions, queued: RunQueued) -> None:
    """Carry out a run that waited in the queue, unless another process does or has done so."""
    listener, longest = _listener(daemon), settings.daemon.max_runtime_seconds
    # A run that is asked to end gets a KeyboardInterrupt, and has said so in the log.
    with Instance.of(settings) as instance, suppress(BusyError, AlreadyDoneError, KeyboardInterrupt):
        name = worker_of(queued.run_id)
        # Two daemons may have asked for it; before the run begins, nothing else tells their workers apart.
        with (
            holding(instance.leases, [(name, None)], f"{name}/{os.getpid()}", 0, lambda _: None)
            if instance.leases is not None
            else nullcontext()
        ):
            if not instance.log.read(run_id=queued.run_id, kinds=OF_RUNS - {RunQueued.kind}, limit=1):
                request = request_of(settings)
                carry_out_queued(definitions, instance, queued, request, listener, max_runtime=longest)


def _listener(daemon: Connection) -> Listener:
    """Return who tells the daemon that the run goes, and what it waits for."""

    def tell(word: str) -> None:
        with suppress(OSError):
            daemon.send(word)

    def happened(event: Event) -> None:
        if isinstance(event, RunStarted | BackfillStarted):
            tell(BEGUN)

    return Listener(happened=happened, waiting=tell)
