"""The process in which the functions of schedules and sensors are called, so that it can be ended."""

from __future__ import annotations

import time
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
    with Instance.of(settings) as instance:
        while True:
            try:
                asked = daemon.recv()
            except (EOFError, OSError):
                return
            for one in asked:
                daemon.send(_answer(one, definitions, instance))


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
