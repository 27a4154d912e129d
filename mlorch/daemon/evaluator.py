"""The process in which the functions of schedules and sensors are called, so that it can be ended."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection

from mlorch.app.ticking import evaluate
from mlorch.daemon.orders import Evaluated, Freshness
from mlorch.definitions.definitions import Definitions
from mlorch.errors import MlorchError
from mlorch.instance import Instance
from mlorch.planning.ticks import TickAsked, TickOutcome
from mlorch.settings import Settings


def evaluate_for(daemon: Connection, settings: Settings, definitions: Definitions) -> None:
    """Answer what the daemon asks, one after the other, until it asks no more."""
    answers = _Answers(daemon)
    with Instance.of(settings) as instance:
        while True:
            try:
                asked = daemon.recv()
            except (EOFError, OSError):
                return
            for one in asked:
                answers.add(_answer(one, definitions, instance))
            answers.send()


class _Answers:
    """Answers on their way: some go together, as thousands take hardly longer than one."""

    def __init__(self, daemon: Connection) -> None:
        self._daemon = daemon
        self._waiting: list[TickOutcome | Evaluated] = []
        self._lock = threading.Lock()
        self._has_some = threading.Event()
        threading.Thread(target=self._keep_sending, name="mlorch-answers", daemon=True).start()

    def add(self, answer: TickOutcome | Evaluated) -> None:
        with self._lock:
            self._waiting.append(answer)
            self._has_some.set()

    def send(self) -> None:
        """Send what waits."""
        with self._lock:
            self._has_some.clear()
            if self._waiting:
                waiting, self._waiting = self._waiting, []
                self._daemon.send(waiting)

    def _keep_sending(self) -> None:
        with suppress(OSError):
            while self._has_some.wait():
                time.sleep(_TOGETHER)
                self.send()


_TOGETHER = 0.1
"""Seconds within which answers are sent together."""


def _answer(
    asked: TickAsked | Freshness, definitions: Definitions, instance: Instance
) -> TickOutcome | Evaluated:
    if isinstance(asked, TickAsked):
        return _outcome(asked, definitions, instance)
    from mlorch.app.freshness import evaluate_freshness

    try:
        return Evaluated(tuple(evaluate_freshness(definitions, instance, asked.now)))
    except MlorchError as error:
        return Evaluated(error=str(error))


def _outcome(asked: TickAsked, definitions: Definitions, instance: Instance) -> TickOutcome:
    begun = time.perf_counter()
    try:
        return evaluate(definitions, instance, asked)
    except MlorchError as error:
        about = {"type": type(error).__name__, "message": str(error), "traceback": ""}
        return TickOutcome(
            name=asked.name,
            number=asked.number,
            due=asked.due,
            status="FAILURE",
            cursor=asked.cursor,
            error=about,
            seconds=time.perf_counter() - begun,
        )
