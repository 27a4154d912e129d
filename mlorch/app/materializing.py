"""The verb materialize: from what is asked for to a finished run."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlorch.app.checking import Wanted, resolve_selection
from mlorch.app.holding import holding
from mlorch.app.limits import admitted, pools_of
from mlorch.app.loading import tools_of
from mlorch.app.partitions import resolved
from mlorch.app.performing import executor_for
from mlorch.app.preparing import Owner, in_hand, owners_of, prepare_run, settle_owners
from mlorch.app.results import ExecutionResult
from mlorch.app.targets import Partitions
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.executors import ExecutorDefinition, in_process_executor
from mlorch.definitions.graph import AssetGraph
from mlorch.definitions.limits import NO_LIMITS, Limits
from mlorch.definitions.tags import tag_of
from mlorch.events import AssetMaterialized, AssetObserved, Event
from mlorch.execution.hand import RunResult
from mlorch.execution.pools import NoPools, Pools
from mlorch.execution.remembering import Memory
from mlorch.execution.run import Run
from mlorch.execution.runner import carry_out
from mlorch.instance import Instance
from mlorch.log import EventLog, History, Slot
from mlorch.planning.checking import with_checks
from mlorch.planning.plan import Plan, make_plan
from mlorch.planning.staleness import Assessment
from mlorch.planning.versions import Declarations
from mlorch.storage.bodies import no_collection

if TYPE_CHECKING:
    from mlorch.definitions.assets import AssetsDefinition
    from mlorch.definitions.config import RunConfig
    from mlorch.definitions.selections import CoercibleToAssetSelection
    from mlorch.definitions.specs import AssetSpec, RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for; the defaults are those of `materialize`."""

    selection: CoercibleToAssetSelection | None = None
    partitions: Partitions = field(default_factory=Partitions)
    only_stale: bool = False
    run_config: RunConfig | Mapping[str, Any] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    op_retry_policy: RetryPolicy | None = None
    """For steps that have none of their own."""
    hooks: frozenset[Any] = frozenset()
    """For every step, beside its own."""
    job: str | None = None
    wanted: Wanted | None = None
    """What the selection and partitions mean, where that is known already."""
    memory: Memory | None = None
    """What earlier runs have done of it."""
    executor: str | None = None
    """Goes before what the run config, the job and the definitions say."""
    workers: int | None = None
    """Steps at once; None leaves it to the executor: as many as cores, or as a cluster has threads."""
    declared: ExecutorDefinition | None = None
    """What the job or the definitions say."""
    otherwise: ExecutorDefinition = in_process_executor
    """What the project's settings say, where nobody else does."""
    address: str = ""
    """Of a Dask scheduler; without one a cluster is started on this machine."""
    auto: bool = False
    """Fingerprint the code of assets that declare no code version."""
    project: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    git: Mapping[str, Any] | None = None
    run_id: str = ""
    """The run's id, where it has one already; of a backfill its own."""
    patience: float | None = None
    """Seconds to wait for a limit, and for who makes the same partitions; None waits as long as it takes."""
    limits: Limits = NO_LIMITS
    """How many runs and steps go at once, over all processes that see the instance."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told while a run goes: the plan, each fact, and whom it waits for."""

    planned: Callable[[Plan], None] = lambda _: None
    happened: Callable[[Event], None] | None = None
    waiting: Callable[[str], None] = lambda _: None


def materialize(
    assets: Iterable[AssetsDefinition | AssetSpec],
    *,
    partition_key: str | None = None,
    run_config: RunConfig | Mapping[str, Any] | None = None,
    resources: Mapping[str, Any] | None = None,
    instance: Instance | None = None,
    only_stale: bool = False,
    selection: CoercibleToAssetSelection | None = None,
    tags: Mapping[str, str] | None = None,
    raise_on_error: bool = True,
) -> ExecutionResult:
    """Make the assets in this process, without a project; `instance` defaults to one in memory.

    With `only_stale`, make what is missing or stale, of every partition unless `partition_key` names one.
    Raises what the first failed step raised unless `raise_on_error` is False, and UserErrors before any
    step runs: an unknown name, partition, config field or environment variable.
    """
    definitions = Definitions(assets, resources=resources)
    request = Request(
        selection=selection,
        partitions=_meant(partition_key, tags or {}),
        only_stale=only_stale,
        run_config=run_config,
        tags=tags or {},
    )
    result = run_request(definitions, instance or Instance.ephemeral(), request)
    if raise_on_error:
        result.raise_failure()
    return result


def _meant(partition_key: str | None, tags: Mapping[str, str]) -> Partitions:
    """Return the partition, or the range of them that tags name, as people write it for Dagster."""
    if not tags:
        return Partitions(key=partition_key)
    first, last = (tag_of(tags, f"mlorch/asset_partition_range_{end}") for end in ("start", "end"))
    if partition_key is None and first is not None and last is not None:
        return Partitions(range=(first, last))
    return Partitions(key=partition_key)


def run_request(
    definitions: Definitions,
    instance: Instance,
    request: Request,
    listener: Listener = Listener(),
) -> ExecutionResult:
    """Plan and carry out a request. Raises UserErrors before any step runs; failures are in the result."""
    now = datetime.now(UTC)
    graph = _now(definitions, instance)
    only_stale = request.only_stale
    wanted = request.wanted or resolve_selection(
        graph, request.selection, request.partitions, now, only_stale=only_stale
    )
    run_id = request.run_id or new_run_id()
    # Asked for outright, it is settled before anybody is waited for; what is stale is known only later.
    owners = (*owners_of(graph, wanted.keys), *wanted.checkers)
    run = None if only_stale else _settled(definitions, graph, request, run_id, owners)
    asked = _Asked(request, listener, run_id, run, graph, wanted, now)
    if not wanted.targets and not wanted.checks:
        return _carry_out(definitions, instance, asked, Admission())
    with admission(instance, request, run_id, wanted.targets, listener) as admitted_as:
        return _carry_out(definitions, instance, asked, admitted_as)


@dataclass(frozen=True, slots=True)
class Admission:
    """What a run has from those that see to all runs."""

    pools: Pools = field(default_factory=NoPools)
    why_canceled: Callable[..., str | None] = lambda *_: None


@contextmanager
def admission(
    instance: Instance, request: Request, run_id: str, targets: Sequence[Slot], listener: Listener
) -> Iterator[Admission]:
    """Let the block run as the limits allow, while nobody else makes the targets.

    Raises BusyError after the request's patience, and RunCanceledError where it is asked to end meanwhile.
    """
    if instance.leases is None:
        yield Admission()
        return
    patience, tell = request.patience, listener.waiting
    with (
        admitted(instance, request.limits, run_id, request.tags, patience=patience, waiting=tell),
        pools_of(instance, request.limits, run_id, request.tags) as pools,
        holding(instance.leases, targets, run_id, patience, tell) as held,
    ):
        yield Admission(pools, held.why_canceled)


def plan_request(definitions: Definitions, instance: Instance, request: Request) -> Plan:
    """Return what `run_request` would do now, and change nothing."""
    now = datetime.now(UTC)
    graph = _now(definitions, instance)
    only_stale = request.only_stale
    wanted = resolve_selection(graph, request.selection, request.partitions, now, only_stale=only_stale)
    plan, _ = _planned(instance, request, graph, wanted, now)
    settle_owners(list(plan.owners), graph, request.run_config)
    return plan


def _planned(
    instance: Instance, request: Request, graph: AssetGraph, wanted: Wanted, now: datetime
) -> tuple[Plan, Assessment]:
    log, targets = instance.log, wanted.targets
    with no_collection():
        assessment = assess(
            graph,
            log,
            wanted.keys,
            targets,
            now,
            auto=request.auto,
            also=wanted.read,
            outright=not request.only_stale,
        )
        plan = make_plan(assessment, targets, only_stale=request.only_stale)
    if graph.checks:
        plan = with_checks(plan, assessment, wanted.checks, wanted.alone)
    return plan.with_defaults(request.op_retry_policy, request.hooks), assessment


FEW = 1_000
"""Asset partitions whose facts are asked for one by one; of more, those of whole assets are read."""


def assess(
    graph: AssetGraph,
    log: EventLog,
    keys: Sequence[str],
    targets: Sequence[Slot],
    now: datetime,
    *,
    auto: bool = False,
    also: Collection[Slot] = (),
    outright: bool = False,
) -> Assessment:
    """Return the assessment of the targets, having read the latest facts of them and of what they read.

    `also` are slots to be known besides; None stands for every partition of an asset. Where the targets are
    made `outright`, nothing is asked of what they were before.
    """
    assessment = Assessment(graph, History({}), Declarations(graph, auto=auto), now)
    nodes = graph.nodes
    names = {*(up for key in keys for up in nodes[key].upstream), *(slot[0] for slot in also)}
    if not outright:
        names.update(keys)
    if not names:
        return assessment
    wanted: dict[str, Any] = {"assets": None if len(names) == len(nodes) else names}
    is_whole = any(slot[1] is None and nodes[slot[0]].partitions_def is not None for slot in also)
    are_few = len(targets) <= FEW and len(also) <= FEW and not is_whole
    if are_few and any(nodes[name].partitions_def is not None for name in names):
        above = {one for slot in targets for read in assessment.reads(slot) for one in read.slots}
        if len(above) <= FEW:
            wanted = {"slots": above.union(also, () if outright else targets)}
    assessment.history = History(
        log.latest(AssetMaterialized.kind, **wanted), log.latest(AssetObserved.kind, **wanted)
    )
    return assessment


def new_run_id() -> str:
    """Return a name that no other run has: 32 hex digits."""
    return os.urandom(16).hex()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request after its names were resolved."""

    request: Request
    listener: Listener
    run_id: str
    run: Run | None
    graph: AssetGraph
    wanted: Wanted
    now: datetime


def _carry_out(
    definitions: Definitions, instance: Instance, asked: _Asked, admitted_as: Admission
) -> ExecutionResult:
    """Read the history, which stands still while the targets are held, and make what is to be made."""
    request = asked.request
    plan, assessment = _planned(instance, request, asked.graph, asked.wanted, asked.now)
    run = asked.run or _settled(definitions, asked.graph, request, asked.run_id, plan.owners)
    asked.listener.planned(plan)
    if not plan.steps:
        return ExecutionResult(RunResult("", "SUCCESS"), plan, instance, definitions.resources)
    hand = in_hand(
        run,
        plan.steps,
        selection=asked.wanted.keys,
        project=request.project,
        source=request.source,
        git=request.git,
        only="stale" if request.only_stale else "",
    )
    with executor_for(request, instance, definitions.executor) as executor:
        carry_out(
            plan,
            [hand],
            assessment=assessment,
            tools=tools_of(instance),
            log=instance.log,
            executor=executor,
            listen=asked.listener.happened,
            pools=admitted_as.pools,
            why=admitted_as.why_canceled,
            memory=request.memory,
        )
    return ExecutionResult(hand.result, plan, instance, run.resources)


def _now(definitions: Definitions, instance: Instance) -> AssetGraph:
    graph = definitions.graph
    return resolved(graph, instance.log) if graph.divided else graph


def _settled(
    definitions: Definitions, graph: AssetGraph, request: Request, run_id: str, owners: Iterable[Owner]
) -> Run:
    return prepare_run(
        run_id,
        owners,
        graph,
        definitions.resources,
        run_config=request.run_config,
        job=request.job,
        tags=request.tags,
        hooks=request.hooks,
    )
