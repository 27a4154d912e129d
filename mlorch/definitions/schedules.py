"""Schedules: a job and the times at which it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from mlorch.definitions.config import RunConfig
from mlorch.definitions.cron import cron_fields, find_zone
from mlorch.definitions.importable import Importable
from mlorch.definitions.requests import RunRequest, SkipReason, written_config
from mlorch.definitions.targets import read_target
from mlorch.definitions.ticks import (
    DefaultScheduleStatus,
    Evaluation,
    ScheduleEvaluationContext,
    TickFunction,
    answers,
    evaluated,
    read_status,
)
from mlorch.errors import InvalidDefinitionError, nearest

Status = DefaultScheduleStatus | Literal["RUNNING", "STOPPED"]
Catchup = Literal["all", "latest", "none"]

CATCHUPS = ("all", "latest", "none")


class ScheduleDefinition(Importable):
    """Run a job, or assets, by a cron expression (5 fields or @daily …), or several, in a time zone.

    The name defaults to "<job>_schedule". What a tick runs says `execution_fn`, or `run_config_fn`, `tags_fn`
    and `should_execute`, each a function of the context. `catchup` says which ticks are made up for that were
    missed, `max_catchup_runs` the most of them: the newest. Raises InvalidDefinitionError for a bad cron
    expression or time zone.
    """

    kind: ClassVar[str] = "schedule"

    def __init__(
        self,
        name: str | None = None,
        *,
        cron_schedule: str | Sequence[str] | None = None,
        job: Any = None,
        job_name: str | None = None,
        target: Any = None,
        run_config: RunConfig | Mapping[str, Any] | None = None,
        run_config_fn: Callable[..., Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        tags_fn: Callable[..., Any] | None = None,
        should_execute: Callable[..., Any] | None = None,
        execution_timezone: str | None = None,
        execution_fn: Callable[..., Any] | None = None,
        default_status: Status = DefaultScheduleStatus.STOPPED,
        description: str | None = None,
        required_resource_keys: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        owners: Sequence[str] | None = None,
        catchup: Catchup = "latest",
        max_catchup_runs: int | None = None,
        time_limit: float = 60.0,
        namespace: Mapping[str, Any] | None = None,
    ) -> None:
        owner = f"schedule {name!r}" if name else "the schedule"
        self.target = read_target(owner, jobs=(job, job_name), target=target, required=True)
        self.name = name or _name(self.target.job_name)
        self.run_config = written_config(run_config)
        self.tags = {str(key): str(value) for key, value in (tags or {}).items()}
        self.execution_timezone = execution_timezone or "UTC"
        self.default_status = read_status(owner, DefaultScheduleStatus, default_status)
        self.description = description
        self.required_resource_keys = frozenset(required_resource_keys or ())
        self.metadata = dict(metadata or {})
        self.owners = list(owners or ())
        self.catchup = catchup
        self.max_catchup_runs = max_catchup_runs or 0
        self.time_limit = float(time_limit)
        self._check(execution_fn, run_config, run_config_fn, tags, tags_fn)
        self.cron_schedule = self._find_crons(cron_schedule)
        self.crons = self._read_crons()
        """The cron expressions, each with five fields."""
        self._functions = {
            role: TickFunction(function, f"{self}, {role}", namespace or {})
            for role, function in (
                ("execution_fn", execution_fn),
                ("run_config_fn", run_config_fn),
                ("tags_fn", tags_fn),
                ("should_execute", should_execute),
            )
            if function is not None
        }
        if execution_fn is not None:
            self.stand_for(execution_fn, self.name)

    @property
    def job(self) -> Any:
        """The job, or its name; None where it runs a selection of assets."""
        return self.target.jobs[0] if self.target.jobs else self.target.job_name

    @property
    def job_name(self) -> str | None:
        return self.target.job_name

    @property
    def resource_params(self) -> Mapping[str, Any]:
        """The resources that its functions take by annotation."""
        return {name: kind for one in self._functions.values() for name, kind in one.resources.items()}

    def evaluate_tick(self, context: ScheduleEvaluationContext) -> Evaluation:
        """Return what a tick asks for. Raises what the functions raise, and UserErrors for what they give."""
        functions = self._functions
        should = functions.get("should_execute")
        if should is not None and not should(context):
            return Evaluation((), f"should_execute function for {self.name} returned false.")
        execute = functions.get("execution_fn")
        if execute is not None:
            found = answers(execute(context), str(self), config=True)
        else:
            found = [RunRequest(run_config=self._config(context))]
        if any(not isinstance(one, RunRequest | SkipReason) for one in found):
            raise InvalidDefinitionError(f"{self} gave a SensorResult; a schedule gives RunRequests")
        tags = self._tags(context) if found else {}
        if tags and isinstance(found[0], RunRequest):
            found = [_with_tags(one, tags) for one in found]
        return evaluated(found, "Schedule function returned an empty result")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function of the schedule, as in a test; returns what it returns."""
        execute = self._functions.get("execution_fn")
        if execute is None:
            raise InvalidDefinitionError(f"{self} has no function of its own; ask it with evaluate_tick(…)")
        return execute.call_directly(args, kwargs)

    def _config(self, context: ScheduleEvaluationContext) -> Any:
        made = self._functions.get("run_config_fn")
        return made(context) if made is not None else self.run_config

    def _tags(self, context: ScheduleEvaluationContext) -> Mapping[str, str]:
        made = self._functions.get("tags_fn")
        return (made(context) or {}) if made is not None else self.tags

    def _check(self, execution_fn: Any, config: Any, config_fn: Any, tags: Any, tags_fn: Any) -> None:
        if execution_fn is not None and (config is not None or config_fn is not None):
            raise InvalidDefinitionError(f"{self}: its function says the run config; leave run_config out")
        if config is not None and config_fn is not None:
            raise InvalidDefinitionError(f"{self} has run_config and run_config_fn; give one of them")
        if tags is not None and tags_fn is not None:
            raise InvalidDefinitionError(f"{self} has tags and tags_fn; give one of them")
        if self.catchup not in CATCHUPS:
            raise InvalidDefinitionError(
                f'{self}: catchup should be "all", "latest" or "none", not {self.catchup!r}'
                f"{nearest(str(self.catchup), CATCHUPS)}"
            )
        if self.max_catchup_runs < 0 or self.time_limit <= 0:
            raise InvalidDefinitionError(f"{self}: max_catchup_runs and time_limit should be above 0")

    def _find_crons(self, given: str | Sequence[str] | None) -> str | Sequence[str]:
        if not given:
            raise InvalidDefinitionError(f"{self} needs a cron_schedule, such as '@daily' or '0 6 * * 1'")
        return given if isinstance(given, str) else list(given)

    def _read_crons(self) -> tuple[str, ...]:
        given = self.cron_schedule
        try:
            find_zone(self.execution_timezone)
            return tuple(map(cron_fields, (given,) if isinstance(given, str) else given))
        except InvalidDefinitionError as error:
            raise InvalidDefinitionError(f"{self}: {error}") from None

    def __repr__(self) -> str:
        return f"schedule {self.name!r}"


def schedule(
    cron_schedule: str | Sequence[str], *, name: str | None = None, **options: Any
) -> Callable[[Callable[..., Any]], ScheduleDefinition]:
    """Declare that a function says what runs when a tick is due.

    It returns or yields RunRequests, or returns a SkipReason, a run config or None. `options` are those of
    ScheduleDefinition; the name defaults to the function's.
    """
    namespace = sys._getframe(1).f_locals

    def define(function: Callable[..., Any]) -> ScheduleDefinition:
        called = name or getattr(function, "__name__", None)
        return ScheduleDefinition(
            called, cron_schedule=cron_schedule, execution_fn=function, namespace=namespace, **options
        )

    return define


def _name(job: str | None) -> str:
    if job is None:
        raise InvalidDefinitionError("a schedule needs a name where it has no job; give name=…")
    return f"{job}_schedule"


def _with_tags(request: RunRequest, tags: Mapping[str, str]) -> RunRequest:
    return replace(request, tags={**tags, **(request.tags or {})})
