"""What a run came to, and the values that it left behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlorch.app.loading import load_value, tools_of
from mlorch.definitions.checks import AssetCheckEvaluation
from mlorch.definitions.entries import EventRecord, RunEvent, run_event
from mlorch.definitions.graphs import GraphDefinition
from mlorch.definitions.jobs import JobDefinition
from mlorch.definitions.keys import key_text
from mlorch.definitions.nodes import OpOutput
from mlorch.definitions.reports import AssetMaterialization, AssetObservation
from mlorch.definitions.signature import EMPTY
from mlorch.errors import NotFoundError, RunFailedError
from mlorch.events import (
    AssetMaterialized,
    AssetObserved,
    CheckEvaluated,
    Event,
    StepFailed,
    StepRetried,
    StepSkipped,
    StepSucceeded,
)
from mlorch.execution.arguments import load
from mlorch.execution.call import Kept
from mlorch.execution.hand import RunResult
from mlorch.instance import Instance
from mlorch.log import History, slot_name
from mlorch.planning.plan import Plan, Unit
from mlorch.queries.checks import evaluation_of
from mlorch.queries.runs import RecordedRun


class ExecutionResult:
    """What a run came to, and the values it left behind."""

    def __init__(
        self, result: RunResult, plan: Plan, instance: Instance, resources: Mapping[str, Any]
    ) -> None:
        self._result = result
        self._instance = instance
        self._resources = resources
        self.plan = plan

    @property
    def success(self) -> bool:
        return self._result.status == "SUCCESS"

    @property
    def run_id(self) -> str:
        """The run's name in the log; "" where nothing had to run."""
        return self._result.run_id

    @property
    def dagster_run(self) -> RecordedRun | None:
        """The run as it is recorded; None where nothing had to run."""
        return self._instance.get_run_by_id(self.run_id) if self.run_id else None

    def get_run_success_event(self) -> RunEvent:
        """Return the end of a run that succeeded. Raises NotFoundError for any other."""
        return self._end("SUCCESS")

    get_job_success_event = get_run_success_event

    def get_run_failure_event(self) -> RunEvent:
        """Return the end of a run that failed. Raises NotFoundError for any other."""
        return self._end("FAILURE")

    get_job_failure_event = get_run_failure_event

    @property
    def materializations(self) -> list[AssetMaterialized]:
        """What was made, in the order it was made."""
        return self._result.materializations

    @property
    def done(self) -> int:
        """How many steps that make no asset did what they were to do."""
        return self._result.done

    @property
    def skipped(self) -> list[StepSkipped]:
        return self._result.skipped

    @property
    def failures(self) -> list[StepFailed]:
        return self._result.failures

    @property
    def exit_code(self) -> int:
        """0; 1 where a step failed or the run was ended; 2 where every failure was the user's mistake."""
        codes = {failure.error["exit_code"] for failure in self.failures}
        return max(codes, default=0 if self.success else 1) if len(codes) < 2 else 1

    def _end(self, status: str) -> RunEvent:
        run = self.dagster_run
        if run is None or run.finished is None or run.finished.status != status:
            raise NotFoundError(f"run {self.run_id} did not end as {status}, but as {self._result.status}")
        return run_event(run.started, run.finished, self.failures)

    def asset_value(self, key: object, partition_key: str | None = None) -> Any:
        """Return the value of an asset as it is now, read back from where it is kept.

        Without `partition_key`, that of the partition made in this run, or asked for and fresh; None where
        nothing is kept of it. Raises NotFoundError where it was never made, and IntegrityError where its
        bytes were changed.
        """
        name = key_text(key)
        if partition_key is None:
            mine = [one for one in self.materializations if one.asset == name]
            if mine:
                return self._asset_value(mine[-1])
            asked = [slot[1] for slot in self.plan.targets if slot[0] == name]
            partition_key = asked[0] if len(asked) == 1 else None
        slot = (name, partition_key)
        made = History(self._instance.log.latest(AssetMaterialized.kind, slots=[slot])).made(slot)
        if made is None:
            raise NotFoundError(f"{slot_name((name, partition_key))} was never materialized")
        return self._asset_value(made)

    def raise_failure(self) -> None:
        """Raise what the first failed step raised, or RunFailedError where that was in another process."""
        if self._result.exceptions:
            raise self._result.exceptions[0]
        if self.failures:
            names = ", ".join(one.step for one in self.failures)
            raise RunFailedError(f"run {self.run_id} failed at {names}: {self.failures[0].error['message']}")
        if not self.success:
            raise RunFailedError(f"run {self.run_id} ended as {self._result.status}: {self._result.reason}")

    def output_for_node(self, node: str, output_name: str = "result") -> Any:
        """Return what an op of the run passed on, or gave as an asset; "graph.op" names one within a graph.

        Of a graph it is what the graph gives, of an op with or below a dynamic output the values by mapping
        key; "op[key]" names one of them. None where the op passes nothing on. Raises NotFoundError where it
        gave nothing.
        """
        place, _, key = node.removesuffix("]").partition("[")
        kept = self._passed(node, output_name) or self._passed(place, output_name)
        if kept is None:
            return self._made_by(node, output_name)
        if key in kept:
            return self._value(kept[key])
        if None in kept:
            return self._value(kept[None])
        return {name: self._value(one) for name, one in kept.items()}

    def output_value(self, output_name: str = "result") -> Any:
        """Return what the graph of a job gave under a name. Raises NotFoundError."""
        sources = getattr(self.plan.units[0].owner, "output_sources", {}) if self.plan.steps else {}
        if output_name not in sources:
            known = ", ".join(sources) or "none"
            raise NotFoundError(f"the job has no output {output_name!r} (it has: {known})")
        return self.output_for_node(sources[output_name].path, sources[output_name].output)

    def _passed(self, node: str, output_name: str) -> Mapping[str | None, Kept] | None:
        """Return what a step passed on, or what stands behind an output of a graph; by mapping key."""
        found = self._result.passed.get((node, output_name))
        if found is not None:
            return found
        for unit in self.plan.units:
            source = _behind(unit, node, output_name)
            if source is not None:
                place = ".".join([one for one in (unit.name, source.path) if one])
                return self._result.passed.get((place, source.output))
        return None

    def _made_by(self, node: str, output_name: str) -> Any:
        """Return the asset that a step made. Raises NotFoundError."""
        specs = [getattr(unit.owner, "specs", {}).get(output_name) for unit in self.plan.units]
        names = {spec.name for spec in specs if spec is not None}
        made = [one for one in self.materializations if one.asset in names and _is_of(one, node)]
        if not made:
            known = ", ".join(sorted({step for step, _ in self._result.passed})) or "none"
            raise NotFoundError(f"no step {node!r} gave {output_name!r} in this run (steps: {known})")
        return self._asset_value(made[-1])

    def _value(self, kept: Kept) -> Any:
        if kept.io_manager is None:
            return None
        return load(kept, EMPTY, tools_of(self._instance), self._resources)

    def _asset_value(self, made: AssetMaterialized) -> Any:
        if made.uri is None and made.io_manager is None:
            return None
        return load_value(made, self._instance, self._resources)

    @property
    def checks(self) -> list[CheckEvaluated]:
        """The checks that were evaluated, in order."""
        return self._result.checks

    def get_asset_check_evaluations(self) -> list[AssetCheckEvaluation]:
        """Return what the checks came to, in order."""
        return [evaluation_of(one) for one in self.checks]

    @property
    def all_events(self) -> list[Event]:
        """Every fact of the run, in order."""
        return [one.event for one in self._instance.log.read(run_id=self.run_id)] if self.run_id else []

    def events_for_node(self, node: str) -> list[Event]:
        """Return the facts of a step, in order; an op within a graph is "graph.op"."""
        return [one for one in self.all_events if _is_of(one, node)]

    def asset_materializations_for_node(self, node: str) -> list[AssetMaterialization]:
        """Return what a step made, in order: its keys, partitions and metadata."""
        made = (EventRecord(0, one) for one in self.materializations if _is_of(one, node))
        return [one.asset_materialization for one in made if one.asset_materialization is not None]

    def asset_observations_for_node(self, node: str) -> list[AssetObservation]:
        """Return what a step told of assets made elsewhere, in order."""
        seen = (EventRecord(0, one) for one in self.events_for_node(node) if isinstance(one, AssetObserved))
        return [one.asset_observation for one in seen if one.asset_observation is not None]

    def is_node_success(self, node: str) -> bool:
        """Say whether a step did what it was to do."""
        return any(isinstance(one, AssetMaterialized | StepSucceeded) for one in self.events_for_node(node))

    def is_node_failed(self, node: str) -> bool:
        return any(_is_of(one, node) for one in self.failures)

    def is_node_skipped(self, node: str) -> bool:
        return any(_is_of(one, node) for one in self.skipped)

    def get_failed_step_keys(self) -> set[str]:
        return {one.step for one in self.failures}

    def retry_attempts_for_node(self, node: str) -> int:
        """Return how often a step was tried again."""
        return sum(isinstance(one, StepRetried) for one in self.events_for_node(node))


ExecuteInProcessResult = ExecutionResult
"""The name that people know."""


def _behind(unit: Unit, node: str, output_name: str) -> OpOutput | None:
    """Return the op's output behind that of a graph, which is the unit itself or stands within it."""
    graph = unit.owner.graph if isinstance(unit.owner, JobDefinition) else unit.owner.node
    name = unit.name.partition("[")[0]
    if not isinstance(graph, GraphDefinition) or not (
        not name or node == name or node.startswith(f"{name}.")
    ):
        return None
    return graph.output_behind(node[len(name) :].removeprefix("."), output_name)


def _is_of(event: Event, node: str) -> bool:
    """Say whether a fact is of a step, whichever partition; "a__b" stands for the asset "a/b"."""
    step = getattr(event, "step", "").partition("[")[0]
    return step in (node, node.replace("__", "/")) or (
        isinstance(event, AssetObserved) and event.asset == node
    )
