"""The verb backfill: make many partitions by many runs, which one process carries out together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlorch.app.choosing import Choice, Only, chosen_slots
from mlorch.app.holding import Held, holding
from mlorch.app.limits import Gate, pools_of
from mlorch.app.loading import tools_of
from mlorch.app.materializing import Listener, Request, assess, new_run_id
from mlorch.app.partitions import resolved
from mlorch.app.performing import executor_for
from mlorch.app.preparing import in_hand, owners_of, prepare_run
from mlorch.app.results import ExecutionResult
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.graph import AssetGraph
from mlorch.events import BACKFILL_TAG, BackfillFinished, BackfillStarted
from mlorch.execution.hand import RunInHand, RunResult
from mlorch.execution.pools import Pools
from mlorch.execution.run import Run
from mlorch.execution.runner import carry_out
from mlorch.instance import Instance
from mlorch.log import Slot
from mlorch.planning import narrowing
from mlorch.planning.backfill import assign, divide, steps_by_run
from mlorch.planning.check_selection import select_checks
from mlorch.planning.checking import checkers, slots_read, with_checks
from mlorch.planning.once import run_began
from mlorch.planning.plan import Plan, PlannedStep, make_plan
from mlorch.planning.selection import select
from mlorch.planning.staleness import Assessment
from mlorch.queries.partitions import failed_slots
from mlorch.storage.bodies import no_collection

if TYPE_CHECKING:
    from mlorch.definitions.assets import AssetsDefinition
    from mlorch.definitions.config import RunConfig
    from mlorch.definitions.selections import CoercibleToAssetSelection
    from mlorch.definitions.specs import AssetSpec

PARTITION_TAG = "mlorch/partition"
FIRST_TAG, LAST_TAG = "mlorch/asset_partition_range_start", "mlorch/asset_partition_range_end"


class BackfillResult(ExecutionResult):
    """What a backfill came to, all its runs together; `run_id` is the backfill's id."""

    def __init__(
        self,
        backfill_id: str,
        runs: Sequence[RunResult],
        plan: Plan,
        instance: Instance,
        resources: Mapping[str, Any],
    ) -> None:
        together = RunResult(backfill_id, "SUCCESS")
        for run in runs:
            together.add(run)
        super().__init__(together, plan, instance, resources)
        self.runs = tuple(runs)
        """What each run came to."""

    @property
    def backfill_id(self) -> str:
        """Its name in the log; "" where nothing had to be made."""
        return self.run_id

    @property
    def status(self) -> str:
        """SUCCESS, or FAILURE where a run failed."""
        return self._result.status


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill on its way: who it is, and what it is to make."""

    backfill_id: str
    keys: tuple[str, ...]
    """The selected assets."""
    slots: Sequence[Slot]
    only: Only = ""


def backfill(
    definitions: Definitions | Iterable[AssetsDefinition | AssetSpec],
    *,
    partitions: str | Iterable[str] | None = None,
    selection: CoercibleToAssetSelection | None = None,
    only: Only = "",
    all_partitions: bool = False,
    run_config: RunConfig | Mapping[str, Any] | None = None,
    resources: Mapping[str, Any] | None = None,
    instance: Instance | None = None,
    tags: Mapping[str, str] | None = None,
    executor: str | None = None,
    workers: int | None = None,
    raise_on_error: bool = True,
) -> BackfillResult:
    """Make many partitions of assets, by as many runs as their BackfillPolicy says.

    `partitions` are keys or ranges "FIRST...LAST" of the first selected assets, the others follow; `only`
    narrows to what is "missing", "stale" or "failed". `instance` defaults to one in memory. Raises what the
    first failed step raised unless `raise_on_error` is False, and UserErrors before any step runs.
    """
    if not isinstance(definitions, Definitions):
        definitions = Definitions(definitions, resources=resources)
    request = Request(
        selection=selection, run_config=run_config, tags=tags or {}, executor=executor, workers=workers
    )
    words = (partitions,) if isinstance(partitions, str) else tuple(partitions or ())
    choice = Choice(words, only, all_partitions)
    result = run_backfill(definitions, instance or Instance.ephemeral(), request, choice)
    if raise_on_error:
        result.raise_failure()
    return result


def run_backfill(
    definitions: Definitions,
    instance: Instance,
    request: Request,
    choice: Choice,
    listener: Listener | None = None,
) -> BackfillResult:
    """Plan and carry out a backfill; the choice stands for the request's partitions and `only_stale`.

    Raises UserErrors before any step runs; failures are in the result.
    """
    found = _found(definitions, instance, request, choice, request.run_id or new_run_id())
    return carry_out_backfill(definitions, instance, request, found, listener)


def plan_backfill(definitions: Definitions, instance: Instance, request: Request, choice: Choice) -> Plan:
    """Return what `run_backfill` would do now, divided among runs, and change nothing."""
    found = _found(definitions, instance, request, choice, new_run_id())
    return _Work(definitions, instance, request, found).plan()


def carry_out_backfill(
    definitions: Definitions,
    instance: Instance,
    request: Request,
    found: Backfill,
    listener: Listener | None = None,
) -> BackfillResult:
    """Make what a backfill is to make, while nobody else makes it. Raises as `run_backfill`."""
    listener = listener or Listener()
    work = _Work(definitions, instance, request, found)
    if instance.leases is None or not found.slots:
        return work.carry_out(listener, Held(found.backfill_id))
    name, patience = found.backfill_id, request.patience
    with (
        pools_of(instance, request.limits, name, request.tags) as pools,
        holding(instance.leases, found.slots, name, patience, listener.waiting) as held,
    ):
        return work.carry_out(listener, held, pools)


def slots_of_backfill(
    definitions: Definitions, instance: Instance, request: Request, choice: Choice
) -> Sequence[Slot]:
    """Return the asset partitions among which a backfill would choose. Raises as `run_backfill`."""
    return _found(definitions, instance, request, choice, "").slots


def _found(
    definitions: Definitions, instance: Instance, request: Request, choice: Choice, backfill_id: str
) -> Backfill:
    graph = resolved(definitions.graph, instance.log)
    keys = select(request.selection, graph)
    slots = chosen_slots(graph, keys, choice, datetime.now(UTC))
    return Backfill(backfill_id, tuple(keys), slots, choice.only)


class _Work:
    """What it takes to carry out one backfill."""

    def __init__(
        self, definitions: Definitions, instance: Instance, request: Request, found: Backfill
    ) -> None:
        self._definitions = definitions
        self._instance = instance
        self._request = request
        self._found = found
        self._graph: AssetGraph = resolved(definitions.graph, instance.log)
        self._checks = select_checks(request.selection or found.keys, self._graph)
        self._checkers = tuple(checkers(self._graph, self._checks))
        # A config that does not fit is told before anybody is waited for.
        self._run = self._prepared()

    def plan(self) -> Plan:
        with no_collection():
            return self._planned(self._assessed())

    def carry_out(self, listener: Listener, held: Held, pools: Pools | None = None) -> BackfillResult:
        with no_collection():
            assessment = self._assessed()
            plan = self._planned(assessment)
        listener.planned(plan)
        resources = self._definitions.resources
        if not plan.steps:
            return BackfillResult("", (), plan, self._instance, resources)
        hands = [self._in_hand(steps) for steps in steps_by_run(plan)]
        request = self._request
        performing = executor_for(request, self._instance, self._definitions.executor)
        with self._recording(plan, hands, held), performing as executor:
            carry_out(
                plan,
                hands,
                assessment=assessment,
                tools=tools_of(self._instance),
                log=self._instance.log,
                executor=executor,
                listen=listener.happened,
                pools=pools,
                gate=self._gate(),
                why=held.why_canceled,
                why_of=held.why_canceled,
                memory=request.memory,
            )
        results = [hand.result for hand in hands]
        return BackfillResult(self._found.backfill_id, results, plan, self._instance, self._run.resources)

    def _gate(self) -> Gate | None:
        """Return what lets the runs begin, where there are limits."""
        limits = self._request.limits
        is_free = limits.runs < 0 and not limits.tags
        return None if is_free else Gate(self._instance, limits, self._found.backfill_id)

    def _prepared(self) -> Run:
        request = self._request
        return prepare_run(
            self._found.backfill_id,
            (*owners_of(self._graph, self._found.keys), *self._checkers),
            self._graph,
            self._definitions.resources,
            run_config=request.run_config,
            job=request.job,
            tags={**request.tags, BACKFILL_TAG: self._found.backfill_id},
            hooks=request.hooks,
        )

    def _assessed(self) -> Assessment:
        found, log, auto = self._found, self._instance.log, self._request.auto
        read = slots_read(self._graph, self._checkers, found.slots)
        return assess(self._graph, log, found.keys, found.slots, datetime.now(UTC), auto=auto, also=read)

    def _planned(self, assessment: Assessment) -> Plan:
        only, slots = self._found.only, self._found.slots
        if only == "missing":
            slots = narrowing.missing(assessment, slots)
        elif only == "failed":
            slots = narrowing.failed(assessment, slots, failed_slots(self._instance.log, self._found.keys))
        elif only == "stale":
            slots = narrowing.stale(assessment, slots)
        division = divide(assessment, slots)
        plan = make_plan(assessment, slots, only_stale=only == "stale", chunks=division.chunks)
        if only == "stale":
            wanted = set(slots)
            fresh = [slot for slot in self._found.slots if slot not in wanted]
            plan = replace(plan, fresh=(*fresh, *plan.fresh))
        request = self._request
        plan = assign(with_checks(plan, assessment, self._checks), division)
        return plan.with_defaults(request.op_retry_policy, request.hooks)

    def _in_hand(self, steps: Sequence[PlannedStep]) -> RunInHand:
        request = self._request
        tags = {**self._run.tags, **_partition_tags(steps)}
        return in_hand(
            replace(self._run, run_id=new_run_id(), tags=tags),
            steps,
            selection=_assets(steps),
            project=request.project,
            source=request.source,
            git=request.git,
        )

    @contextmanager
    def _recording(self, plan: Plan, hands: Sequence[RunInHand], held: Held) -> Iterator[None]:
        """Record that the backfill began, and whatever happens, how it ended."""
        # One that was asked for begins once; gone on with, it begins again under the same id.
        is_new = self._request.run_id == self._found.backfill_id
        once = [run_began(self._found.backfill_id)] if is_new else []
        self._instance.log.append([self._started(plan)], once=once)
        status, reason = "CANCELED", "interrupted"
        try:
            yield
            status, reason = "SUCCESS", ""
            if any(hand.result.status != "SUCCESS" for hand in hands):
                status = "FAILURE"
        except KeyboardInterrupt:
            reason = held.why_canceled() or reason
            raise
        except BaseException as error:
            status, reason = "FAILURE", f"{type(error).__name__}: {error}"
            raise
        finally:
            self._instance.log.append([_finished(self._found.backfill_id, hands, status, reason)])

    def _started(self, plan: Plan) -> BackfillStarted:
        request = self._request
        targets: dict[str, Any] = {}
        for key, partition in plan.slots:
            if partition is None:
                targets[key] = None
            else:
                targets.setdefault(key, []).append(partition)
        return BackfillStarted(
            run_id=self._found.backfill_id,
            at=time.time(),
            selection=self._found.keys,
            targets=targets,
            only=self._found.only,
            tags=dict(request.tags),
            config=self._run.run_config,
            project=request.project,
            source=request.source,
        )


def _assets(steps: Sequence[PlannedStep]) -> tuple[str, ...]:
    """Return what a run makes, or only checks."""
    slots = [slot for step in steps for slot in (step.unit.slots or step.unit.checked)]
    return tuple(dict.fromkeys(key for key, _ in slots))


def _partition_tags(steps: Sequence[PlannedStep]) -> dict[str, str]:
    partitions = list(dict.fromkeys(key for step in steps for key in step.unit.partitions))
    if len(partitions) < 2:
        return {PARTITION_TAG: partitions[0]} if partitions else {}
    return {FIRST_TAG: partitions[0], LAST_TAG: partitions[-1]}


def _finished(backfill_id: str, hands: Sequence[RunInHand], status: str, reason: str) -> BackfillFinished:
    skipped = [one for hand in hands for one in hand.result.skipped]
    counts = {
        "runs": sum(hand.has_begun for hand in hands),
        "made": sum(len(hand.result.materializations) for hand in hands),
        "skipped": sum(not one.is_blocked for one in skipped),
        "failed": sum(len(hand.result.failures) for hand in hands),
        "blocked": sum(one.is_blocked for one in skipped),
    }
    return BackfillFinished(run_id=backfill_id, at=time.time(), status=status, counts=counts, reason=reason)
