"""The verb materialize: from what is asked for to a finished run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlorch.app.holding import holding
from mlorch.app.loading import load_value
from mlorch.app.targets import Partitions, resolve_targets
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.keys import key_text
from mlorch.errors import NotFoundError, RunFailedError, UserError
from mlorch.events import AssetMaterialized, AssetObserved, Event, RunStarted, StepFailed, StepSkipped
from mlorch.execution.context import plain
from mlorch.execution.executors import open_executor
from mlorch.execution.run import Run, settle_configs, settle_resources, settle_secrets
from mlorch.execution.runner import RunResult, carry_out
from mlorch.execution.step import Tools
from mlorch.instance import Instance
from mlorch.iomanagers.kinds import KINDS
from mlorch.iomanagers.memory import MemoryStore
from mlorch.log import History, Slot, slot_name
from mlorch.planning.plan import Plan, make_plan
from mlorch.planning.selection import select
from mlorch.planning.staleness import Assessment
from mlorch.planning.versions import Declarations

if TYPE_CHECKING:
    from mlorch.definitions.assets import AssetsDefinition
    from mlorch.definitions.config import RunConfig
    from mlorch.definitions.specs import AssetSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for; the defaults are those of `materialize`."""

    selection: str | Sequence[str] | None = None
    partitions: Partitions = field(default_factory=Partitions)
    only_stale: bool = False
    run_config: RunConfig | Mapping[str, Any] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    job: str | None = None
    executor: str = "in_process"
    workers: int = 1
    auto: bool = False
    """Fingerprint the code of assets that declare no code version."""
    project: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    git: Mapping[str, Any] | None = None
    patience: float | None = None
    """Seconds to wait for somebody who makes the same partitions; None waits as long as it takes."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told while a run goes: the plan, each fact, and whom it waits for."""

    planned: Callable[[Plan], None] = lambda _: None
    happened: Callable[[Event], None] | None = None
    waiting: Callable[[str], None] = lambda _: None


class ExecutionResult:
    """What a run came to, and the values it left behind."""

    def __init__(self, result: RunResult, plan: Plan, definitions: Definitions, instance: Instance) -> None:
        self._result = result
        self._definitions = definitions
        self._instance = instance
        self.plan = plan

    @property
    def success(self) -> bool:
        return self._result.status == "SUCCESS"

    @property
    def run_id(self) -> str:
        """The run's name in the log; "" where nothing had to run."""
        return self._result.run_id

    @property
    def materializations(self) -> list[AssetMaterialized]:
        """What was made, in the order it was made."""
        return self._result.materializations

    @property
    def skipped(self) -> list[StepSkipped]:
        return self._result.skipped

    @property
    def failures(self) -> list[StepFailed]:
        return self._result.failures

    @property
    def exit_code(self) -> int:
        """0; 1 where a step failed; 2 where every failure was the user's mistake."""
        codes = {failure.error["exit_code"] for failure in self.failures}
        return max(codes, default=0) if len(codes) < 2 else 1

    def asset_value(self, key: object, partition_key: str | None = None) -> Any:
        """Return the value of an asset as it is now, read back from where it is kept.

        Without `partition_key`, that of the partition made in this run, or asked for and fresh. Raises
        NotFoundError where nothing was made, and IntegrityError where its bytes were changed.
        """
        name = key_text(key)
        if partition_key is None:
            mine = [one for one in self.materializations if one.asset == name]
            if mine:
                return load_value(mine[-1], self._instance, self._definitions)
            asked = [slot[1] for slot in self.plan.targets if slot[0] == name]
            partition_key = asked[0] if len(asked) == 1 else None
        latest = History(self._instance.log.latest(AssetMaterialized.kind, [name]))
        made = latest.made((name, partition_key))
        if made is None:
            raise NotFoundError(f"{slot_name((name, partition_key))} was never materialized")
        return load_value(made, self._instance, self._definitions)

    def raise_failure(self) -> None:
        """Raise what the first failed step raised, or RunFailedError where that was in another process."""
        if self._result.exceptions:
            raise self._result.exceptions[0]
        if self.failures:
            names = ", ".join(one.step for one in self.failures)
            raise RunFailedError(f"run {self.run_id} failed at {names}: {self.failures[0].error['message']}")


def materialize(
    assets: Iterable[AssetsDefinition | AssetSpec],
    *,
    partition_key: str | None = None,
    run_config: RunConfig | Mapping[str, Any] | None = None,
    resources: Mapping[str, Any] | None = None,
    instance: Instance | None = None,
    only_stale: bool = False,
    selection: str | Sequence[str] | None = None,
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
        partitions=Partitions(key=partition_key),
        only_stale=only_stale,
        run_config=run_config,
        tags=tags or {},
    )
    result = run_request(definitions, instance or Instance.ephemeral(), request)
    if raise_on_error:
        result.raise_failure()
    return result


def run_request(
    definitions: Definitions,
    instance: Instance,
    request: Request,
    listener: Listener = Listener(),
) -> ExecutionResult:
    """Plan and carry out a request. Raises UserErrors before any step runs; failures are in the result."""
    now = datetime.now(UTC)
    graph = definitions.graph
    keys = select(request.selection, graph)
    targets = resolve_targets(graph, keys, request.partitions, now, every=request.only_stale)
    if request.executor == "processes" and isinstance(instance.store, MemoryStore):
        raise UserError("worker processes need values on disk; use Instance.local(path)")
    run_id = new_run_id()
    # Asked for outright, it is settled before anybody is waited for; what is stale is known only later.
    run = None if request.only_stale else _settled(definitions, request, run_id, keys)
    asked = _Asked(request, listener, run_id, run, keys, targets, now)
    if instance.leases is None or not targets:
        return _carry_out(definitions, instance, asked)
    with holding(instance.leases, targets, run_id, request.patience, listener.waiting):
        return _carry_out(definitions, instance, asked)


def plan_request(definitions: Definitions, instance: Instance, request: Request) -> Plan:
    """Return what `run_request` would do now, and change nothing."""
    now = datetime.now(UTC)
    graph = definitions.graph
    keys = select(request.selection, graph)
    targets = resolve_targets(graph, keys, request.partitions, now, every=request.only_stale)
    history = read_history(instance, definitions, keys)
    assessment = Assessment(graph, history, Declarations(graph, auto=request.auto), now)
    plan = make_plan(assessment, targets, only_stale=request.only_stale)
    settle_configs(graph, plan.assets, request.run_config)
    return plan


def read_history(instance: Instance, definitions: Definitions, keys: Sequence[str]) -> History:
    """Read the latest facts of the assets and of what is directly above them, at once."""
    nodes = definitions.graph.nodes
    wanted = {*keys, *(up for key in keys for up in nodes[key].upstream)}
    names = None if len(wanted) == len(nodes) else wanted
    return History(
        instance.log.latest(AssetMaterialized.kind, names),
        instance.log.latest(AssetObserved.kind, names),
    )


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
    keys: Sequence[str]
    targets: Sequence[Slot]
    now: datetime


def _carry_out(definitions: Definitions, instance: Instance, asked: _Asked) -> ExecutionResult:
    """Read the history, which stands still while the targets are held, and make what is to be made."""
    request, graph = asked.request, definitions.graph
    history = read_history(instance, definitions, asked.keys)
    assessment = Assessment(graph, history, Declarations(graph, auto=request.auto), asked.now)
    plan = make_plan(assessment, asked.targets, only_stale=request.only_stale)
    run = asked.run or _settled(definitions, request, asked.run_id, plan.assets)
    asked.listener.planned(plan)
    if not plan.steps:
        return ExecutionResult(RunResult("", "SUCCESS"), plan, definitions, instance)
    with open_executor(request.executor, request.workers) as executor:
        result = carry_out(
            plan,
            run,
            _started(run, plan, request, asked.keys),
            assessment=assessment,
            tools=Tools(instance.store, KINDS),
            log=instance.log,
            executor=executor,
            listen=asked.listener.happened,
        )
    return ExecutionResult(result, plan, definitions, instance)


def _settled(definitions: Definitions, request: Request, run_id: str, keys: Iterable[str]) -> Run:
    configs = settle_configs(definitions.graph, keys, request.run_config)
    resources, secrets = settle_resources(definitions.graph, keys, definitions.resources)
    return Run(
        run_id=run_id,
        job=request.job,
        tags=request.tags,
        configs=configs,
        resources=resources,
        secrets=settle_secrets(secrets, *(one.secrets for one in configs.values())),
    )


def _started(run: Run, plan: Plan, request: Request, keys: Sequence[str]) -> RunStarted:
    config = request.run_config
    given = config if config is None or isinstance(config, Mapping) else config.to_config_dict()
    partitions = dict.fromkeys(step.slot[1] for step in plan.steps if step.slot[1] is not None)
    return RunStarted(
        run_id=run.run_id,
        at=time.time(),
        job=run.job,
        partitions=tuple(partitions),
        selection=tuple(keys),
        steps=len(plan.steps),
        tags=run.tags,
        config=plain(given) if given else {},
        project=request.project,
        source=request.source,
        git=request.git,
    )
