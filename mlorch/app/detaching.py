"""The verbs that put runs into the queue. What is wrong with them is found now, not when they begin."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlorch.app.backfilling import plan_backfill
from mlorch.app.choosing import Choice
from mlorch.app.configuring import check_kept_config
from mlorch.app.launching import check_launch
from mlorch.app.materializing import Request, new_run_id, plan_request
from mlorch.app.opening import run_source
from mlorch.app.queueing import enqueue
from mlorch.app.retrying import retried
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.jobs import AssetJob, JobDefinition
from mlorch.definitions.limits import priority_of
from mlorch.definitions.tags import RESUMES, max_runtime_of
from mlorch.errors import InvalidConfigError, UserError
from mlorch.events import RunQueued
from mlorch.instance import Instance
from mlorch.planning.check_selection import select_checks
from mlorch.planning.once import DAEMON
from mlorch.planning.selection import select
from mlorch.queries.runs import RecordedRun, queued_runs
from mlorch.settings import Settings


def queue_materialization(
    definitions: Definitions, instance: Instance, settings: Settings, request: Request
) -> RunQueued:
    """Have the daemon materialize what is asked for. Raises as `run_request` before its first step."""
    plan_request(definitions, instance, request)
    return enqueue(instance, settings, **_asked(definitions, request, None))


def queue_job(
    definitions: Definitions,
    instance: Instance,
    settings: Settings,
    job: AssetJob | JobDefinition,
    request: Request,
) -> RunQueued:
    """Have the daemon carry out a job. Raises as `launch` before its first step."""
    found = check_launch(definitions, instance, job, request)
    given = _asked(definitions, request, job)
    # Limits and priorities go by the tags of what waits.
    return enqueue(instance, settings, **given | {"job": job.name, "tags": dict(found.tags)})


def queue_backfill(
    definitions: Definitions, instance: Instance, settings: Settings, request: Request, choice: Choice
) -> RunQueued | None:
    """Have the daemon make many partitions; None where nothing is to be made. Raises as `run_backfill`."""
    if not plan_backfill(definitions, instance, request, choice).steps:
        return None
    given = _asked(definitions, request, None) | {"partitions": choice.partitions, "only": choice.only}
    return enqueue(instance, settings, **given, is_backfill=True)


def queue_retry(
    definitions: Definitions,
    instance: Instance,
    settings: Settings,
    run: RecordedRun,
    request: Request,
    *,
    from_failure: bool = True,
) -> RunQueued:
    """Have the daemon run a run again; one that never began, as it was asked for. Raises as `retried`."""
    waiting = queued_runs(instance.log, instance.log.position(DAEMON))
    before = next((one for one in waiting.values() if one.retries == run.run_id), None)
    if before is not None:
        raise UserError(f"run {run.run_id} is to be retried already: run {before.run_id} waits in the queue")
    if not run.has_begun and run.finished is not None and run.queued is not None:
        tags = {**run.queued.tags, **_checked(request.tags)}
        again = replace(run.queued, run_id=new_run_id(), at=time.time(), tags=tags, source=run_source())
        instance.log.append([again])
        return again
    retried(definitions, instance, run, request, from_failure=from_failure)
    job = definitions.job(run.job_name) if run.job_name is not None else None
    return enqueue(
        instance,
        settings,
        job=run.job_name,
        selection=tuple(run.started.selection),
        tags={**_checked(request.tags), RESUMES: str(from_failure).lower()},
        config=_kept(definitions, job, request.run_config),
        retries=run.run_id,
    )


def _asked(
    definitions: Definitions, request: Request, job: AssetJob | JobDefinition | None
) -> dict[str, Any]:
    """Return the fields of what is to wait. Raises UserError for what can't wait."""
    if request.partitions.all:
        raise UserError("all partitions at once can't wait in the queue; use: mlorch backfill --all --detach")
    given: dict[str, Any] = {
        "partition": request.partitions.key,
        "only": "stale" if request.only_stale else "",
        "tags": _checked(request.tags),
        "config": _kept(definitions, job, request.run_config),
    }
    if request.partitions.range is not None:
        given["partitions"] = ("...".join(request.partitions.range),)
    if request.selection is not None:
        keys = select(request.selection, definitions.graph)
        brought = set(select_checks(list(keys), definitions.graph)) if keys else set()
        chosen = select_checks(request.selection, definitions.graph)
        given["selection"] = keys
        given["checks"] = tuple(one.to_user_string() for one in chosen if one not in brought)
    return given


def _checked(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags. Raises UserError where one that means something is wrong."""
    max_runtime_of(tags)
    priority_of(tags)
    return dict(tags)


def _kept(definitions: Definitions, job: AssetJob | JobDefinition | None, config: Any) -> Mapping[str, Any]:
    """Return a run config that may be kept until the run begins. Raises InvalidConfigError."""
    if not config:
        return {}
    if "***" in repr(config):
        raise InvalidConfigError(
            "the run config has a secret that was masked; let it name its environment variable instead: "
            "{env: NAME}"
        )
    check_kept_config(definitions, job, config)
    return dict(config)
