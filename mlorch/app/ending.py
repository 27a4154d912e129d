"""The verb end: say how a run ended that waited in the queue and did not begin."""

from __future__ import annotations

import time

from mlorch.errors import AlreadyDoneError
from mlorch.events import BackfillFinished, Event, RunFinished, RunQueued
from mlorch.instance import Instance
from mlorch.planning.once import run_began, run_ended


def end(instance: Instance, queued: RunQueued, status: str, reason: str) -> bool:
    """Say how a run that never began ended; False where it began, or somebody said so before.

    A backfill that began and says nothing of its end has ended so as well.
    """
    fact: Event
    if queued.is_backfill:
        # A backfill begins again under its name where it is resumed, so that no name can keep it from ending.
        if instance.log.read(run_id=queued.run_id, kinds={BackfillFinished.kind}, limit=1):
            return False
        fact = BackfillFinished(run_id=queued.run_id, at=time.time(), status=status, reason=reason)
    else:
        fact = RunFinished(run_id=queued.run_id, at=time.time(), status=status, reason=reason)
    try:
        instance.log.append([fact], once=[run_began(queued.run_id), run_ended(queued.run_id)])
    except AlreadyDoneError:
        return False
    return True
