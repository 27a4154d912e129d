"""Graphs and jobs of ops that can be run: what `mlorch.graph` and `mlorch.job` make."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, overload

from mlorch.app.inputs import given_inputs
from mlorch.app.loading import tools_of
from mlorch.app.materializing import Listener, Request, admission, new_run_id
from mlorch.app.performing import executor_for
from mlorch.app.preparing import in_hand, prepare_run
from mlorch.app.results import ExecutionResult
from mlorch.app.targets import Partitions
from mlorch.definitions import graphs, jobs
from mlorch.definitions.graph import make_graph
from mlorch.definitions.mapped import config_of
from mlorch.definitions.nodes import AssetValue
from mlorch.events import AssetMaterialized
from mlorch.execution.runner import carry_out
from mlorch.instance import Instance
from mlorch.log import EventLog, History
from mlorch.planning.plan import plan_graph
from mlorch.planning.staleness import Assessment
from mlorch.planning.subsets import select_ops
from mlorch.planning.versions import Declarations


class GraphDefinition(graphs.GraphDefinition):
    """A graph of ops that can be run, or made into a job."""

    def to_job(self, name: str | None = None, **options: Any) -> JobDefinition:
        """Return a job of the graph; the arguments are those of JobDefinition."""
        return JobDefinition(self, name=name, **options)

    def execute_in_process(self, **given: Any) -> ExecutionResult:
        """Run the graph in this process; the arguments are those of `JobDefinition.execute_in_process`."""
        return self.to_job().execute_in_process(**given)


class JobDefinition(jobs.JobDefinition):
    """A job of ops that can be run."""

    def execute_in_process(
        self,
        *,
        run_config: Any = None,
        instance: Instance | None = None,
        partition_key: str | None = None,
        raise_on_error: bool = True,
        run_id: str | None = None,
        input_values: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        resources: Mapping[str, Any] | None = None,
        op_selection: Iterable[str] | None = None,
    ) -> ExecutionResult:
        """Run the job, or the ops of a selection, in this process; `instance` defaults to one in memory.

        Raises what the first failed op raised unless `raise_on_error` is False, and UserErrors before any op
        runs.
        """
        request = Request(
            partitions=Partitions(key=partition_key),
            run_config=run_config,
            tags=tags or {},
            executor="in_process",
        )
        chosen = None if op_selection is None else select_ops(op_selection, self.op_nodes)
        result = run_job(
            self if chosen is None else self.subset(chosen),
            instance or Instance.ephemeral(),
            request,
            run_id=run_id,
            input_values=input_values,
            resources=resources,
        )
        if raise_on_error:
            result.raise_failure()
        return result


def run_job(
    job: jobs.JobDefinition,
    instance: Instance,
    request: Request,
    listener: Listener | None = None,
    *,
    run_id: str | None = None,
    input_values: Mapping[str, Any] | None = None,
    resources: Mapping[str, Any] | None = None,
    is_config_whole: bool = False,
) -> ExecutionResult:
    """Carry out a job of ops; the request's run config is laid over the job's unless it is whole.

    Raises UserErrors before any op runs; failures are in the result.
    """
    told = listener or Listener()
    key = request.partitions.key
    config = request.run_config if is_config_whole else config_of(job.config, key, request.run_config)
    request = replace(request, run_config=config, tags={**job.tags, **request.tags})
    given = given_inputs(job, config, input_values)
    if key is not None and job.partitions_def is not None:
        job.partitions_def.validate_partition_key(key)
    run = prepare_run(
        run_id or request.run_id or new_run_id(),
        [job],
        None,
        {**(resources or {}), **job.resource_defs},
        run_config=config,
        job=job.name,
        tags=request.tags,
    )
    plan = plan_graph(job, (key,) if key is not None else ())
    facts = {"project": request.project, "source": request.source, "git": request.git}
    hand = in_hand(run, plan.steps, **facts)
    told.planned(plan)
    with (
        admission(instance, request, run.run_id, (), told) as admitted_as,
        executor_for(request, instance, job.executor_def) as performing,
    ):
        carry_out(
            plan,
            [hand],
            assessment=_assessment(job, instance.log),
            tools=tools_of(instance),
            log=instance.log,
            executor=performing,
            listen=told.happened,
            given=given,
            pools=admitted_as.pools,
            why=admitted_as.why_canceled,
            memory=request.memory,
        )
    return ExecutionResult(hand.result, plan, instance, run.resources)


def _assessment(job: jobs.JobDefinition, log: EventLog) -> Assessment:
    """Return an assessment without assets of its own, which knows those that ops take as they are."""
    sources = [one for node in job.op_nodes.values() for one in node.inputs.values()]
    slots = [(str(one.key), None) for one in sources if isinstance(one, AssetValue)]
    made = log.latest(AssetMaterialized.kind, slots=slots) if slots else {}
    graph = make_graph(())
    return Assessment(graph, History(made), Declarations(graph), datetime.now(UTC))


@overload
def graph(function: Callable[..., Any], /) -> GraphDefinition: ...


@overload
def graph(**options: Any) -> Callable[[Callable[..., Any]], GraphDefinition]: ...


def graph(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare a graph of ops, as `mlorch.definitions.graphs.graph` does, that can be made into a job."""
    namespace = sys._getframe(1).f_locals
    if function is not None:
        return graphs.compose(function, {}, GraphDefinition, namespace)
    return lambda decorated: graphs.compose(decorated, options, GraphDefinition, namespace)


_OF_GRAPH = ("name", "description", "ins", "out")


@overload
def job(function: Callable[..., Any], /) -> JobDefinition: ...


@overload
def job(**options: Any) -> Callable[[Callable[..., Any]], JobDefinition]: ...


def job(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare that a function composes a job of ops by calling them; it is called once, here.

    `options` are the arguments of JobDefinition, and `name`, `description`, `ins` and `out` of the graph.
    Raises InvalidDefinitionError, naming the job.
    """
    namespace = sys._getframe(1).f_locals

    def define(decorated: Callable[..., Any]) -> JobDefinition:
        of_graph = {name: options[name] for name in _OF_GRAPH if name in options}
        composed = graphs.compose(decorated, of_graph, GraphDefinition, namespace)
        rest = {name: value for name, value in options.items() if name not in _OF_GRAPH}
        made = JobDefinition(composed, **rest)
        made.stand_for(decorated, made.name)
        return made

    return define if function is None else define(function)
