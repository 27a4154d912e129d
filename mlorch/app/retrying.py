"""The verb retry: a run again, from where it failed or from its start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlorch.app.checking import Wanted
from mlorch.app.groups import Group, group_of
from mlorch.app.jobs import run_job
from mlorch.app.launching import of_job
from mlorch.app.materializing import Listener, Request, run_request
from mlorch.app.partitions import resolved
from mlorch.app.preparing import slots_of
from mlorch.app.results import ExecutionResult
from mlorch.app.running import find_run
from mlorch.app.targets import Partitions
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.graph import AssetGraph
from mlorch.definitions.jobs import JobDefinition
from mlorch.definitions.selections import AssetSelection
from mlorch.definitions.tags import Strategy, max_retries_of, strategy_of
from mlorch.errors import NotFoundError, UserError, nearest
from mlorch.execution.remembering import Memory
from mlorch.instance import Instance
from mlorch.log import Slot
from mlorch.planning.check_selection import select_checks
from mlorch.planning.checking import checkers, slots_read
from mlorch.queries.runs import RecordedRun, RunStatus

if TYPE_CHECKING:
    from mlorch.definitions.config import RunConfig


def retry_run(
    definitions: Definitions | JobDefinition | Iterable[Any],
    instance: Instance,
    run_id: str,
    *,
    from_failure: bool = True,
    run_config: RunConfig | Mapping[str, Any] | None = None,
    raise_on_error: bool = True,
) -> ExecutionResult:
    """Run again what a run was to make, in this process: only what was not made, or all of it.

    `definitions` may be a job or assets; `run_id` may be the beginning of one, or "last". Raises what the
    first failed step raised unless `raise_on_error` is False, and otherwise as `retry`.
    """
    if isinstance(definitions, JobDefinition):
        definitions = Definitions(jobs=[definitions])
    elif not isinstance(definitions, Definitions):
        definitions = Definitions(definitions)
    request = Request(run_config=run_config)
    result = retry(definitions, instance, find_run(instance, run_id), request, from_failure=from_failure)
    if raise_on_error:
        result.raise_failure()
    return result


def retry(
    definitions: Definitions,
    instance: Instance,
    run: RecordedRun,
    request: Request,
    listener: Listener | None = None,
    *,
    from_failure: bool = True,
) -> ExecutionResult:
    """Run a run again; the request says how, and may have another run config and more tags.

    Raises as `retried`, and as `run_request`.
    """
    job, again = retried(definitions, instance, run, request, from_failure=from_failure)
    if job is None:
        return run_request(definitions, instance, again, listener or Listener())
    # What was recorded is complete; a job's own simpler form was worked out before.
    is_whole = request.run_config is None
    return run_job(job, instance, again, listener, resources=definitions.resources, is_config_whole=is_whole)


def retried(
    definitions: Definitions,
    instance: Instance,
    run: RecordedRun,
    request: Request,
    *,
    from_failure: bool = True,
) -> tuple[JobDefinition | None, Request]:
    """Return what running a run again means: its job of ops, or None of assets, and the request for it.

    Raises UserError where the run waits or goes, never began, succeeded, or had secrets in its run config,
    NotFoundError where what it made is not declared any more.
    """
    _refuse_unbegun(run)
    group = group_of(instance, run)
    group.refuse_needless(from_failure=from_failure)
    is_told = request.run_config is not None
    config = request.run_config if is_told else _config_of(run)
    tags = {**group.tags(from_failure=from_failure), **request.tags}
    request = replace(request, run_config=config, tags=tags)
    job = definitions.job(run.job_name) if run.job_name is not None else None
    if isinstance(job, JobDefinition):
        key = next(iter(run.started.partitions), None)
        memory = Memory(group.succeeded) if from_failure else None
        return job, replace(request, partitions=Partitions(key=key), memory=memory)
    graph = resolved(definitions.graph, instance.log)
    wanted = _wanted(group, graph, from_failure=from_failure)
    memory = Memory(group.succeeded, frozenset(wanted.targets)) if from_failure else None
    if job is not None:
        request = of_job(job if is_told else replace(job, config=None), request)
    is_stale = group.first.started.only == "stale"
    return None, replace(request, wanted=wanted, memory=memory, only_stale=is_stale)


def next_retry(instance: Instance, run_id: str, most: int) -> tuple[RecordedRun, Strategy] | None:
    """Return the run that is to be retried by itself and how, or None.

    Only what failed is; `most` retries of one run at the most, those by hand counted, unless a tag of the
    run says another number.
    """
    run = instance.get_run_by_id(run_id) if run_id else None
    if run is None or run.status is not RunStatus.FAILURE:
        return None
    given = max_retries_of(run.tags)
    if len(group_of(instance, run).runs) > (most if given is None else given):
        return None
    return run, strategy_of(run.tags)


def _refuse_unbegun(run: RecordedRun) -> None:
    if run.status is RunStatus.QUEUED:
        raise UserError(f"run {run.run_id} waits in the queue; it can't be retried before it ended")
    if not run.has_begun:
        raise UserError(
            f"run {run.run_id} ended before it began; ask for it once more with: "
            f"mlorch runs retry {run.run_id[:8]} --detach"
        )


def _config_of(run: RecordedRun) -> Mapping[str, Any] | None:
    if "***" in repr(run.run_config):
        raise UserError(
            f"the run config of run {run.run_id} has secrets, which are not kept; give it again with "
            "--config (in Python: run_config=…), or let it name environment variables"
        )
    return run.run_config or None


def _wanted(group: Group, graph: AssetGraph, *, from_failure: bool) -> Wanted:
    """Return the asset partitions that are to be made, and the checks of these and of what was made."""
    first = group.first.started
    keys = tuple(first.selection)
    for key in keys:
        if key not in graph.nodes:
            raise NotFoundError(
                f"run {group.run.run_id} was to make {key!r}, which no definition declares"
                f"{nearest(key, graph.nodes)}"
            )
    place = {key: index for index, key in enumerate(graph.nodes)}
    planned = sorted(_planned(group, graph), key=lambda slot: place[slot[0]])
    targets = list(_left(group, graph, planned)) if from_failure else planned
    for key, partition in targets:
        partitions_def = graph.nodes[key].partitions_def
        if partition is not None and partitions_def is not None:
            partitions_def.validate_partition_key(partition)
    if not graph.checks:
        return Wanted(keys, targets)
    checks = select_checks(AssetSelection.assets(*keys), graph)
    found = checkers(graph, checks)
    checked = {key for one in found for key in one.checked}
    made = set(planned).difference(targets)
    alone = tuple(slot for slot in planned if slot in made and slot[0] in checked)
    return Wanted(keys, targets, checks, alone, tuple(found), frozenset(slots_read(graph, found, planned)))


def _planned(group: Group, graph: AssetGraph) -> Iterator[Slot]:
    """Yield what the first attempt was to make. What an older version recorded is less exact."""
    started = group.first.started
    if started.targets or not started.selection:
        yield from slots_of(started.targets)
        return
    for key in started.selection:
        is_divided = graph.nodes[key].partitions_def is not None
        yield from ((key, one) for one in (started.partitions if is_divided else (None,)))


def _left(group: Group, graph: AssetGraph, planned: Iterable[Slot]) -> Iterator[Slot]:
    """Yield what is not done; where a function can't make it alone, with all that it makes."""
    slots = list(planned)
    verdicts = group.verdicts
    together: dict[tuple[int, str | None], list[Slot]] = {}
    for slot in slots:
        together.setdefault((id(graph.nodes[slot[0]].definition), slot[1]), []).append(slot)
    chosen: set[Slot] = set()
    for some in together.values():
        left = [slot for slot in some if verdicts.get(slot) != "done"]
        away = [slot for slot in left if slot not in verdicts and _may_stay_away(slot, graph)]
        if len(left) < len(some) and len(away) == len(left):
            continue
        maker = graph.nodes[some[0][0]].definition
        chosen.update(left if maker is not None and maker.can_subset else some if left else ())
    yield from (slot for slot in slots if slot in chosen)


def _may_stay_away(slot: Slot, graph: AssetGraph) -> bool:
    """Tell whether what makes an asset may leave it out and succeed."""
    node = graph.nodes[slot[0]]
    if node.definition is None:
        return True
    path, output = node.definition.output_places[node.output]
    return not node.definition.op_nodes[path].op.outs[output].is_required
