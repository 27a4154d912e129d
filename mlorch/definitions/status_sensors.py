"""Sensors of runs: told of each run that began, succeeded, failed or was canceled."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mlorch.definitions.entries import RunEvent, run_event, step_event
from mlorch.definitions.requests import RunRequest, SensorResult, SkipReason
from mlorch.definitions.sensors import SensorDefinition
from mlorch.definitions.targets import read_target
from mlorch.definitions.ticks import Around, Evaluation, SensorEvaluationContext, TickContext, answers
from mlorch.errors import InvalidDefinitionError, TypeCheckError, UserError
from mlorch.events import RunFinished, RunQueued, RunStarted, StepFailed

MOST_AT_ONCE = 50
"""Runs that one tick tells of: their functions share its time limit."""

_KINDS = {
    "QUEUED": RunQueued.kind,
    "STARTED": RunStarted.kind,
    "SUCCESS": RunFinished.kind,
    "FAILURE": RunFinished.kind,
    "CANCELED": RunFinished.kind,
}


class RunStatusSensorContext(TickContext):
    """What the function of a run status sensor is told."""

    def __init__(
        self,
        around: Around,
        name: str = "",
        required: frozenset[str] = frozenset(),
        *,
        dagster_run: Any,
        dagster_event: Any,
    ) -> None:
        super().__init__(around, name, required)
        self.dagster_run = dagster_run
        """The run, as it is recorded."""
        self.dagster_event = dagster_event
        """What became of it."""

    @property
    def sensor_name(self) -> str:
        return self.mlorch_name.removeprefix("sensor ").strip("'")

    @property
    def partition_key(self) -> str | None:
        """The partition that the run was asked for, where it was one."""
        keys = self.dagster_run.started.partitions
        return self.dagster_run.tags.get("mlorch/partition") or (keys[0] if len(keys) == 1 else None)

    def for_run_failure(self) -> RunFailureSensorContext:
        """Return the context of a run that failed."""
        return RunFailureSensorContext(
            self.mlorch_around,
            self.mlorch_name,
            self._required,
            dagster_run=self.dagster_run,
            dagster_event=self.dagster_event,
        )


class RunFailureSensorContext(RunStatusSensorContext):
    """What the function of a run failure sensor is told."""

    @property
    def failure_event(self) -> RunEvent:
        """The end of the run; its message names the steps that failed."""
        return self.dagster_event  # type: ignore[no-any-return]

    def get_step_failure_events(self) -> Sequence[RunEvent]:
        """Return the failures of the run's steps, in order."""
        failed = _failures(self.instance, self.dagster_run.run_id)
        return [step_event(one, self.dagster_run.job_name) for one in failed]


class RunStatusSensorDefinition(SensorDefinition):
    """Call a function for each run that comes to a status, in order; of `monitored_jobs`, or any.

    Runs of backfills, and those without a job, are runs like others. Its cursor is the number of the last
    fact that it told: where the function raises, it stays before that run, which is told again.
    """

    def __init__(
        self,
        name: str | None,
        run_status: str,
        run_status_sensor_fn: Callable[..., Any],
        *,
        monitored_jobs: Sequence[Any] | None = None,
        request_job: Any = None,
        request_jobs: Sequence[Any] | None = None,
        **options: Any,
    ) -> None:
        self.run_status = str(getattr(run_status, "value", run_status))
        super().__init__(
            name, evaluation_fn=run_status_sensor_fn, jobs=[request_job, *(request_jobs or ())], **options
        )
        if self.run_status not in _KINDS:
            raise InvalidDefinitionError(
                f"{self}: no fact says that a run is {self.run_status}; one of {', '.join(_KINDS)} is right"
            )
        jobs = read_target(str(self), jobs=monitored_jobs or ())
        self.monitored_jobs = jobs.names or None
        """Their names; None stands for any."""

    def evaluate_tick(self, context: SensorEvaluationContext) -> Evaluation:
        log, position = context.instance.log, self._position(context)
        runs: list[RunRequest] = []
        told: list[str] = []
        records = log.read(position, kinds={_KINDS[self.run_status]}, limit=10 * MOST_AT_ONCE)
        reached = records[-1].seq if records else position
        for record in records:
            run = self._run_meant(context, record.event)
            if run is None:
                continue
            try:
                runs += list(self._tell(context, run, record.event))
            except Exception as error:  # noqa: BLE001 - what came before it is done, and stays done
                return Evaluation(runs, None, str(record.seq - 1), error=error)
            told.append(run.run_id)
            if len(told) == MOST_AT_ONCE:
                reached = record.seq
                break
        said = f"told of {', '.join(told)}" if told else f"no run has come to {self.run_status} since"
        return Evaluation(runs, None if runs else said, str(reached))

    def _position(self, context: SensorEvaluationContext) -> int:
        """Return the fact after which to look; at first, the last one before the sensor was started."""
        if context.cursor is not None:
            if not context.cursor.isdecimal():
                raise UserError(f"{self}: the cursor {context.cursor!r} is no number of a fact")
            return int(context.cursor)
        log, start = context.instance.log, context.last_sensor_start_time
        newest = log.read(newest_first=True, limit=1)
        position: int = newest[0].seq if newest else 0
        if start is not None:
            some = log.read(kinds={_KINDS[self.run_status]}, newest_first=True, limit=10 * MOST_AT_ONCE)
            later = [record.seq for record in some if record.event.at >= start]
            position = min([position + 1, *later]) - 1
        return position

    def _run_meant(self, context: SensorEvaluationContext, event: Any) -> Any:
        if isinstance(event, RunFinished) and event.status != self.run_status:
            return None
        run = context.instance.get_run_by_id(event.run_id)
        if run is None or (self.monitored_jobs is not None and run.job_name not in self.monitored_jobs):
            return None
        return run

    def _tell(self, context: SensorEvaluationContext, run: Any, event: Any) -> Iterator[RunRequest]:
        """Call the function with a run; yield the runs that it asks for."""
        ended = event if isinstance(event, RunFinished) else None
        began = event if isinstance(event, RunQueued) else run.started
        failures = _failures(context.instance, run.run_id) if self.run_status == "FAILURE" else ()
        own = RunStatusSensorContext(
            context.mlorch_around,
            context.mlorch_name,
            self.required_resource_keys,
            dagster_run=run,
            dagster_event=run_event(began, ended, failures),
        )
        given = self._function(own.for_run_failure() if self.run_status == "FAILURE" else own)
        for one in answers(given, str(self)):
            if isinstance(one, SensorResult) and (one.cursor or one.dynamic_partitions_requests):
                raise TypeCheckError(f"{self} may ask for runs only; give RunRequests or a SkipReason")
            if isinstance(one, SensorResult):
                yield from one.run_requests or ()
            elif not isinstance(one, SkipReason):
                yield one


def run_status_sensor(
    run_status: str,
    name: str | None = None,
    *,
    monitored_jobs: Sequence[Any] | None = None,
    job_selection: Sequence[Any] | None = None,
    **options: Any,
) -> Callable[[Callable[..., Any]], RunStatusSensorDefinition]:
    """Declare that a function is called for each run that comes to a status.

    `options` are those of RunStatusSensorDefinition and SensorDefinition; the name defaults to the
    function's.
    """
    namespace = sys._getframe(1).f_locals
    return _status_sensor(run_status, name, monitored_jobs or job_selection, namespace, options)


def run_failure_sensor(name: Any = None, **options: Any) -> Any:
    """Declare that a function is called for each run that fails; otherwise as `run_status_sensor`."""
    namespace = sys._getframe(1).f_locals
    jobs = options.pop("monitored_jobs", None) or options.pop("job_selection", None)
    if callable(name):
        return _status_sensor("FAILURE", None, jobs, namespace, options)(name)
    return _status_sensor("FAILURE", name, jobs, namespace, options)


def _status_sensor(
    status: str, name: str | None, jobs: Sequence[Any] | None, namespace: Any, options: Mapping[str, Any]
) -> Callable[[Callable[..., Any]], RunStatusSensorDefinition]:
    # All that is recorded is of one project: there is nothing further to monitor.
    own = {key: one for key, one in options.items() if not key.startswith("monitor_all_")}
    return lambda function: RunStatusSensorDefinition(
        name, status, function, monitored_jobs=jobs, namespace=namespace, **own
    )


def _failures(instance: Any, run_id: str) -> list[StepFailed]:
    return [record.event for record in instance.log.read(kinds={StepFailed.kind}, run_id=run_id)]
