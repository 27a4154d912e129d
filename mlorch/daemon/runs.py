"""The runs of the queue: begun when there is room, reaped when their process died, and run again."""

from __future__ import annotations

import logging
import socket
import time
from collections import Counter
from collections.abc import Collection
from multiprocessing.connection import Connection

from mlorch.app.ending import end
from mlorch.app.holding import TTL
from mlorch.app.limits import claims_of
from mlorch.app.reaping import again, ask_to_hand_over, is_to_go_on, reap
from mlorch.daemon.code import Child, Code
from mlorch.daemon.orders import BEGUN
from mlorch.errors import StorageError, UserError
from mlorch.events import BACKFILL_TAG, BackfillFinished, RunFinished
from mlorch.instance import Instance
from mlorch.log import Record
from mlorch.planning.once import worker_of
from mlorch.planning.queue import RunQueue, is_alive
from mlorch.settings import Settings

logger = logging.getLogger(__name__)

LOOK = 2.0
"""Seconds between two looks for runs whose process died."""

_STARTS = 3
"""How often a run is given to a worker that ends before it has begun."""

_OVERTIME = 60.0
"""Seconds after its time limit in which a run may end itself."""


class Runs:
    """Begins runs, watches over them, and says how those ended that can't say it themselves."""

    def __init__(self, instance: Instance, settings: Settings) -> None:
        self._instance = instance
        self._settings = settings
        self.queue = RunQueue()
        self.workers: dict[str, Child] = {}
        self._begun: set[str] = set()
        """Runs with a worker that said something: they have begun, or wait for somebody."""
        self._starts: Counter[str] = Counter()
        self._lost: dict[str, Child] = {}
        """Workers that ended; whether their runs did as well, the log says."""
        self._reaped: set[str] = set()
        self._ended: list[Record] = []
        self._handed_over: set[str] = set()
        self._looked = 0.0
        self._sure_at = time.monotonic() + TTL
        """When a lease of another machine that ran out says that its process died."""

    def was_away(self) -> None:
        """Take note that the database was away: other machines may not have renewed their leases yet."""
        self._sure_at = time.monotonic() + TTL

    def learn(self, record: Record) -> None:
        """Take note of a fact about a run."""
        fact = record.event
        if isinstance(fact, RunFinished | BackfillFinished) and is_to_go_on(fact):
            if fact.run_id in self.queue.asked or fact.run_id in self._reaped:
                self._ended.append(record)
            self._reaped.discard(fact.run_id)
        self.queue.learn(record)
        if fact.run_id not in self.queue.waiting:
            self._starts.pop(fact.run_id or "", None)

    def begin(self, code: Code) -> None:
        """Have the runs carried out for which there is room."""
        if not self.queue.waiting:
            return
        limits = self._settings.limits
        starting = self._starting()
        held = self._held() if limits.runs >= 0 or limits.tags else {}
        # Some go on from an earlier daemon.
        busy = {*self.workers, *starting, *(self.queue.asked & self.queue.going.keys())}
        room = self._settings.daemon_runs - len(busy)
        for run in list(self.queue.next_runs(limits, held, room, starting)):
            child = code.fork(run)
            self.workers[run.run_id] = child
            logger.info("run %s begins", run.run_id[:8])

    def hear(self) -> None:
        """Take in what workers say of themselves."""
        for run_id, child in self.workers.items():
            try:
                while not child.connection.closed and child.connection.poll():
                    said = child.connection.recv()
                    self._begun.add(run_id)
                    if said != BEGUN:
                        logger.info("%s", said)
            except (EOFError, OSError):
                # It is told at once when it ends; until then, there is nothing to wait for here.
                child.connection.close()

    def ended(self, child: Child) -> None:
        """Take note that a worker ended; `look` finds out what became of its run."""
        if child.run is not None and self.workers.get(child.run.run_id) is child:
            run_id = child.run.run_id
            del self.workers[run_id]
            self._begun.discard(run_id)
            self._lost[run_id] = child
            child.close()

    @property
    def is_to_look(self) -> bool:
        """Tell whether it is time to look for what died."""
        return bool(self._lost) or time.monotonic() - self._looked >= LOOK

    def look(self) -> None:
        """Find runs whose process died, and workers that take too long; call it after the log was read."""
        self._looked = time.monotonic()
        for run_id, child in list(self.workers.items()):
            self._watch(run_id, child)
        while self._lost:
            run_id, child = self._lost.popitem()
            self._fail_start(run_id, f"its worker ended before it began (exit code {child.exit_code})")
        if self.queue.going:
            self._reap()

    def retry(self) -> None:
        """Ask for what failed again, as often as the settings and the runs say."""
        while self._ended:
            fact = self._ended[0].event
            assert isinstance(fact, RunFinished | BackfillFinished)
            try:
                asked = again(self._instance, self._settings, fact)
            except StorageError:
                raise
            except UserError as error:
                logger.error("run %s is not run again: %s", fact.run_id[:8], error)
            else:
                if asked is not None:
                    logger.info("run %s is gone on with as %s", fact.run_id[:8], asked.run_id[:8])
            self._ended.pop(0)

    def connections(self) -> list[Connection]:
        return [one.connection for one in self.workers.values() if not one.connection.closed]

    def settled(self, seq: int) -> int:
        """Return the number up to which all runs have ended and nothing is left to be done for them."""
        return min([self.queue.settled(seq), *(one.seq - 1 for one in self._ended)])

    def hand_over(self) -> None:
        """Ask the runs that go to end; what they leave is asked for when the log says that they have.

        Called again, it asks those that have begun since.
        """
        for run_id in self.workers:
            if run_id in self.queue.going and run_id not in self._handed_over:
                logger.info("run %s is handed over to the next daemon", run_id[:8])
                ask_to_hand_over(self._instance, run_id)
                self._handed_over.add(run_id)

    def _watch(self, run_id: str, child: Child) -> None:
        """See to a worker that has not begun its run, or that takes longer than the run may."""
        seconds = time.monotonic() - child.since
        limit = self._settings.daemon.start_timeout_seconds
        if run_id not in self._begun and run_id in self.queue.waiting and seconds > limit:
            logger.error("run %s did not begin within %g s and is ended", run_id[:8], limit)
            child.kill()
        longest = self._settings.daemon.max_runtime_seconds
        if longest and seconds > longest + _OVERTIME:
            logger.error("run %s takes longer than its limit of %g s and is ended", run_id[:8], longest)
            child.kill()

    def _fail_start(self, run_id: str, reason: str) -> None:
        self._starts[run_id] += 1
        queued = self.queue.waiting.get(run_id)
        if queued is not None and self._starts[run_id] >= _STARTS:
            end(self._instance, queued, "FAILURE", f"{reason}, {_STARTS} times")

    def _reap(self) -> None:
        living, host = self._instance.living(), socket.gethostname()
        for run in [one for one in self.queue.going.values() if not is_alive(one, living)]:
            if run.source.get("host") != host and time.monotonic() < self._sure_at:
                continue
            # What a dead backfill was at ends with it, and is made when it is gone on with.
            if run.tags.get(BACKFILL_TAG) not in self.queue.going and reap(self._instance, run):
                self._reaped.add(run.run_id)
                logger.error("run %s failed: its process died", run.run_id[:8])

    def _starting(self) -> Collection[str]:
        """Return the runs that wait and have a worker already, of this daemon or of another."""
        living = self._instance.living()
        workers = {one.rpartition("/")[0] for one in living if one.startswith("worker/")}
        return {one for one in self.queue.waiting if one in self.workers or worker_of(one) in workers}

    def _held(self) -> Counter[str]:
        claims = claims_of(self._instance)
        found = claims.all(time.time()) if claims is not None else []
        return Counter(one.name for one in found if one.is_held)
