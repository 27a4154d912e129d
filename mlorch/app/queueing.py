"""The verbs about the queue: put a run into it, and carry out one that waited there."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlorch.app.backfilling import run_backfill
from mlorch.app.backfills import resume_backfill
from mlorch.app.choosing import Choice
from mlorch.app.ending import end
from mlorch.app.launching import launch
from mlorch.app.materializing import Listener, Request, new_run_id, run_request
from mlorch.app.opening import run_source
from mlorch.app.results import ExecutionResult
from mlorch.app.retrying import retry
from mlorch.app.running import find_run
from mlorch.app.targets import Partitions
from mlorch.definitions.checks import AssetCheckKey
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.keys import AssetKey
from mlorch.definitions.selections import AssetSelection
from mlorch.definitions.tags import RESUMES, max_runtime_of, tag_of
from mlorch.errors import AlreadyDoneError, MlorchError, RunCanceledError, UnreachableError
from mlorch.events import RunQueued
from mlorch.instance import Instance
from mlorch.settings import Settings

MAX_RUNTIME = "mlorch/max_runtime"


def enqueue(instance: Instance, settings: Settings, **asked: Any) -> RunQueued:
    """Put a run into the queue, for the daemon to carry out; `asked` are fields of RunQueued."""
    given = {"source": run_source(), "project": settings.name, **asked}
    queued = RunQueued(run_id=new_run_id(), at=time.time(), **given)
    instance.log.append([queued])
    return queued


def carry_out_queued(
    definitions: Definitions,
    instance: Instance,
    queued: RunQueued,
    request: Request,
    listener: Listener | None = None,
    *,
    max_runtime: float = 0.0,
) -> None:
    """Carry out a run that was asked for; the request says what the settings do.

    `max_runtime` is how many seconds it may take where no tag says so; 0 is any number. However it ends, the
    log says so; one that can't begin has failed, and its end says why.
    """
    told = listener or Listener()
    try:
        asked = _of_queue(queued, request, max_runtime)
        _carry_out(definitions, instance, queued, asked, told)
    except (AlreadyDoneError, UnreachableError):
        # Another process began it, the daemon took this one for dead, or nobody can say how it ended.
        raise
    except RunCanceledError as error:
        end(instance, queued, "CANCELED", str(error))
    except MlorchError as error:
        end(instance, queued, "FAILURE", str(error))
    except BaseException as error:
        end(instance, queued, "FAILURE", f"{type(error).__name__}: {error}")
        raise
    else:
        end(instance, queued, "SUCCESS", "nothing was left to make")


def _of_queue(queued: RunQueued, request: Request, max_runtime: float) -> Request:
    """Return a request for what was asked; the process that carries it out is a source of its own."""
    return replace(
        request,
        run_id=queued.run_id,
        run_config=queued.config or None,
        tags=_limited(queued.tags, max_runtime),
        only_stale=queued.only == "stale",
        partitions=_partitions(queued),
        selection=_selection(queued),
        source={**request.source, **queued.source, **_where(request)},
    )


def _where(request: Request) -> dict[str, Any]:
    """Return which process carries it out, which is another than the one that asked."""
    return {name: request.source[name] for name in ("host", "pid") if name in request.source}


def _limited(tags: Mapping[str, str], seconds: float) -> Mapping[str, str]:
    if not seconds or max_runtime_of(tags) is not None:
        return tags
    return {**tags, MAX_RUNTIME: f"{seconds:g}"}


def _partitions(queued: RunQueued) -> Partitions:
    if queued.is_backfill or not queued.partitions:
        return Partitions(key=queued.partition)
    first, _, last = queued.partitions[0].partition("...")
    return Partitions(range=(first, last))


def _selection(queued: RunQueued) -> AssetSelection | Sequence[str] | None:
    if not queued.checks:
        return queued.selection or None
    keys = [_check_key(one) for one in queued.checks]
    found = AssetSelection.checks(*keys)
    return found | AssetSelection.assets(*queued.selection) if queued.selection else found


def _check_key(text: str) -> AssetCheckKey:
    asset, _, name = text.rpartition(":")
    return AssetCheckKey(AssetKey.from_user_string(asset), name)


def _carry_out(
    definitions: Definitions, instance: Instance, queued: RunQueued, request: Request, told: Listener
) -> ExecutionResult:
    if queued.is_backfill and queued.retries is not None:
        return resume_backfill(definitions, instance, queued.retries, request, told)
    if queued.is_backfill:
        every = not queued.partitions and not queued.only
        choice = Choice(queued.partitions, queued.only, every)  # type: ignore[arg-type]
        return run_backfill(definitions, instance, replace(request, only_stale=False), choice, told)
    if queued.retries is not None:
        before = find_run(instance, queued.retries)
        is_resumed = tag_of(queued.tags, RESUMES) != "false"
        return retry(definitions, instance, before, request, told, from_failure=is_resumed)
    if queued.job is not None:
        return launch(definitions, instance, definitions.job(queued.job), request, told)
    return run_request(definitions, instance, request, told)
