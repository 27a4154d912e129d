"""The verbs about runs that can't go on: say how they ended, free what they held, ask for what is left."""

from __future__ import annotations

import time
from dataclasses import replace

from mlorch.app.backfills import close_backfill, find_backfill
from mlorch.app.limits import claims_of
from mlorch.app.materializing import new_run_id
from mlorch.app.retrying import next_retry
from mlorch.definitions.tags import RESUMES
from mlorch.errors import AlreadyDoneError
from mlorch.events import BackfillFinished, BackfillStarted, RunFinished, RunQueued, RunStarted
from mlorch.instance import Instance
from mlorch.planning.once import run_ended, run_retried
from mlorch.settings import Settings

HANDED_OVER = "handed over: the daemon stopped before it was done"
"""The reason of a run whose rest is made by the next daemon."""

DIED = "its process died"


def reap(instance: Instance, run: RunStarted | BackfillStarted) -> bool:
    """Say of a run whose process died that it failed, and free what it held; False where it had ended.

    What it has made stays.
    """
    kinds = {RunFinished.kind, BackfillFinished.kind}
    ends = instance.log.read(run_id=run.run_id, kinds=kinds, newest_first=True, limit=1)
    begun = instance.log.read(run_id=run.run_id, kinds={run.kind}, newest_first=True, limit=1)
    is_over = bool(ends) and (not begun or ends[0].seq > begun[0].seq)
    if not is_over and isinstance(run, BackfillStarted):
        close_backfill(find_backfill(instance, run.run_id), "FAILURE", DIED)
    elif not is_over:
        pid, host = run.source.get("pid"), run.source.get("host")
        reason = f"{DIED}: {pid} on {host}" if pid else DIED
        fact = RunFinished(run_id=run.run_id, at=time.time(), status="FAILURE", reason=reason)
        try:
            instance.log.append([fact], once=[run_ended(run.run_id)])
        except AlreadyDoneError:
            is_over = True
    _free(instance, run.run_id)
    return not is_over


def ask_to_hand_over(instance: Instance, run_id: str) -> None:
    """Ask a run to end, so that the next daemon makes what it leaves."""
    if instance.leases is not None:
        instance.leases.cancel(run_id, HANDED_OVER, time.time())


def again(instance: Instance, settings: Settings, fact: RunFinished | BackfillFinished) -> RunQueued | None:
    """Put into the queue what a run that ended so has left, if it may be tried again; None where not."""
    asked: RunQueued | None
    if isinstance(fact, BackfillFinished):
        asked = _resumed(fact)
    elif fact.status == "CANCELED":
        asked = _rest_of(instance, fact.run_id)
    else:
        asked = _retry_of(instance, settings, fact.run_id)
    if asked is None:
        return None
    asked = replace(asked, project=settings.name)
    try:
        instance.log.append([asked], once=[run_retried(fact.run_id)])
    except AlreadyDoneError:
        return None
    return asked


def is_to_go_on(fact: RunFinished | BackfillFinished) -> bool:
    """Tell whether somebody may have to ask for what a queued run that ended so has left."""
    if isinstance(fact, BackfillFinished):
        return fact.reason in (HANDED_OVER, DIED)
    return fact.status == "FAILURE" or fact.reason == HANDED_OVER


def _resumed(fact: BackfillFinished) -> RunQueued:
    return RunQueued(
        run_id=new_run_id(),
        at=time.time(),
        retries=fact.run_id,
        is_backfill=True,
        source={"backfill": fact.run_id},
    )


def _retry_of(instance: Instance, settings: Settings, run_id: str) -> RunQueued | None:
    found = next_retry(instance, run_id, settings.run_retries.max_retries)
    if found is None:
        return None
    queued = _rest_of(instance, run_id)
    return queued and replace(queued, tags={RESUMES: str(found[1] == "FROM_FAILURE").lower()})


def _rest_of(instance: Instance, run_id: str) -> RunQueued | None:
    run = instance.get_run_by_id(run_id)
    if run is None or not run.has_begun:
        return None
    return RunQueued(
        run_id=new_run_id(),
        at=time.time(),
        job=run.job_name,
        selection=run.started.selection,
        tags={RESUMES: "true"},
        retries=run_id,
        source={"retry": run_id},
    )


def _free(instance: Instance, run_id: str) -> None:
    """Give back what a dead run held; others need not wait until they find out themselves."""
    if instance.leases is not None:
        from mlorch.storage.leases import Holder

        instance.leases.release(Holder(run_id, "", 0, "", 0.0))
    claims = claims_of(instance)
    if claims is not None:
        claims.give_back(run_id, None, time.time())
