"""The one writer of a run: collects facts and appends them in batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Self

from mlorch.errors import AlreadyDoneError, StorageError
from mlorch.events import AssetMaterialized, Event
from mlorch.execution.patience import patiently
from mlorch.log import EventLog, History, Record
from mlorch.planning.once import of_runs

FLUSH_SECONDS = 0.25
"""Facts wait about this long for their transaction, at most twice as long."""

FLUSH_FACTS = 2_000


class Writer:
    """Collects facts and appends them in batches; tells a listener each of them at once.

    While it is entered no fact waits long, though a step of an hour may run in this thread.
    """

    def __init__(self, log: EventLog, history: History, listen: Callable[[Event], None] | None) -> None:
        self._log = log
        self._history = history
        self._listen = listen
        self._waiting: list[Event] = []
        self._flushed_at = time.monotonic()
        self._doubtful = 0
        """Facts at the head that were given to the log, which did not say whether it has them."""
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._clock = threading.Thread(target=self._keep_flushing, name="mlorch-writer", daemon=True)

    def add(self, *facts: Event) -> None:
        self._waiting.extend(facts)
        if self._listen is not None:
            for fact in facts:
                self._listen(fact)

    def flush(self, *, only_if_due: bool = False) -> None:
        """Append what waits in one transaction; `only_if_due` leaves a batch that is young and small.

        What could not be appended stays, for the next time.
        """
        with self._lock:
            now = time.monotonic()
            if only_if_due and now - self._flushed_at < FLUSH_SECONDS and len(self._waiting) < FLUSH_FACTS:
                return
            self._flushed_at = now
            while self._waiting:
                facts = [self._numbered(fact) for fact in self._waiting[: self._doubtful or None]]
                numbers = patiently(partial(self._append, facts))
                del self._waiting[: len(facts)]
                for seq, fact in zip(numbers, facts, strict=True):
                    self._history.add(Record(seq, fact))

    def __enter__(self) -> Self:
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._clock.join()

    def _append(self, facts: list[Event]) -> list[int]:
        last = facts[-1]
        if self._doubtful:
            # The database went away as it was to keep these, and they may be there.
            newest = self._log.read(run_id=last.run_id, newest_first=True, limit=1)
            if newest and (newest[0].event.kind, newest[0].event.at) == (last.kind, last.at):
                self._doubtful = 0
                return list(range(newest[0].seq - len(facts) + 1, newest[0].seq + 1))
        self._doubtful = len(facts)
        try:
            numbers = self._log.append(facts, once=tuple(of_runs(facts)))
        except AlreadyDoneError:
            self._doubtful = 0
            raise
        self._doubtful = 0
        return numbers

    def _keep_flushing(self) -> None:
        while not self._stopped.wait(FLUSH_SECONDS):
            # The runner meets the same error when it flushes next, or it has passed by then.
            with suppress(StorageError, OSError, AlreadyDoneError):
                self.flush(only_if_due=True)

    def _numbered(self, fact: Event) -> Event:
        """Give inputs the numbers of facts that were appended after they were read."""
        if not isinstance(fact, AssetMaterialized) or all(one.seq is not None for one in fact.inputs):
            return fact
        numbers = [one.seq or self._history.current((one.asset, one.partition)).seq for one in fact.inputs]
        if not any(numbers):
            return fact
        inputs = (one._replace(seq=seq) for one, seq in zip(fact.inputs, numbers, strict=True))
        return replace(fact, inputs=tuple(inputs))
