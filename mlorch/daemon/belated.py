"""Ticks of schedules that were missed, made up for by hand: evaluated and recorded as the daemon does."""

from __future__ import annotations

import time

from mlorch.app.ticking import evaluate
from mlorch.daemon.recording import record
from mlorch.definitions.definitions import Definitions
from mlorch.instance import Instance
from mlorch.planning.agenda import TickState
from mlorch.planning.ticks import TickAsked, TickOutcome


def make_up(
    definitions: Definitions, instance: Instance, project: str, name: str, due: float
) -> TickOutcome | None:
    """Evaluate a tick, and record it with the runs that it asks for; None where somebody was faster.

    One that fails is not recorded, and stays missed.
    """
    outcome = evaluate(definitions, instance, TickAsked(name=name, number=0, due=due))
    if outcome.status == "FAILURE":
        return outcome
    before = record(instance.log, [outcome], {name: TickState()}, time.time(), project)
    return None if before else outcome
