"""Sensors: a function that is asked again and again whether something should run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from mlorch.definitions.importable import Importable
from mlorch.definitions.targets import Target, read_target
from mlorch.definitions.ticks import (
    DefaultSensorStatus,
    Evaluation,
    SensorEvaluationContext,
    TickFunction,
    answers,
    evaluated,
    read_status,
)
from mlorch.errors import InvalidDefinitionError

Status = DefaultSensorStatus | Literal["RUNNING", "STOPPED"]

EMPTY_RESULT = "Sensor function returned an empty result"


class SensorDefinition(Importable):
    """Ask `evaluation_fn` at least `minimum_interval_seconds` apart what should run.

    It may run the job, one of the `jobs`, or assets of the `target`, and has `time_limit` seconds to answer.
    Raises InvalidDefinitionError for an interval or a limit that is not positive.
    """

    kind: ClassVar[str] = "sensor"
    is_implicit = False
    """True of the one that nobody declared, which evaluates the conditions that no other sensor does."""

    arguments: ClassVar[int] = 1
    """What its function may take besides resources."""

    def __init__(
        self,
        name: str | None = None,
        *,
        evaluation_fn: Callable[..., Any],
        job: Any = None,
        jobs: Sequence[Any] | None = None,
        job_name: str | None = None,
        asset_selection: Any = None,
        target: Any = None,
        minimum_interval_seconds: float | None = None,
        default_status: Status = DefaultSensorStatus.STOPPED,
        description: str | None = None,
        required_resource_keys: Iterable[str] | None = None,
        tags: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        owners: Sequence[str] | None = None,
        time_limit: float = 60.0,
        namespace: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name or str(getattr(evaluation_fn, "__name__", "sensor"))
        self.target = self._read_target((job, job_name, *(jobs or ())), target, asset_selection)
        interval = 30 if minimum_interval_seconds is None else minimum_interval_seconds
        if interval <= 0:
            raise InvalidDefinitionError(
                f"{self}: minimum_interval_seconds must be positive, not {minimum_interval_seconds}"
            )
        if time_limit <= 0:
            raise InvalidDefinitionError(f"{self}: time_limit must be positive, not {time_limit}")
        self.minimum_interval_seconds = interval
        self.time_limit = float(time_limit)
        self.default_status = read_status(str(self), DefaultSensorStatus, default_status)
        self.description = description
        self.required_resource_keys = frozenset(required_resource_keys or ())
        self.tags = {str(key): str(value) for key, value in (tags or {}).items()}
        self.metadata = dict(metadata or {})
        self.owners = list(owners or ())
        self._function = TickFunction(evaluation_fn, str(self), namespace or {}, self.arguments)
        self.stand_for(evaluation_fn, self.name)

    @property
    def job(self) -> Any:
        """The job, or its name; None where it runs a selection of assets, or nothing."""
        return self.target.jobs[0] if self.target.jobs else self.target.job_name

    @property
    def job_name(self) -> str | None:
        return self.target.job_name

    @property
    def jobs(self) -> Sequence[Any]:
        return self.target.jobs

    @property
    def asset_selection(self) -> Any:
        return self.target.selection

    @property
    def resource_params(self) -> Mapping[str, Any]:
        """The resources that its function takes by annotation."""
        return self._function.resources

    def evaluate_tick(self, context: SensorEvaluationContext) -> Evaluation:
        """Return what a tick asks for. Raises what the function raises, and UserErrors for what it gives."""
        return evaluated(answers(self._function(context), str(self)), EMPTY_RESULT, context)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function of the sensor, as in a test; returns what it returns."""
        return self._function.call_directly(args, kwargs)

    def _read_target(self, jobs: Sequence[Any], target: Any, selection: Any) -> Target:
        return read_target(str(self), jobs=jobs, target=target, selection=selection)

    def __repr__(self) -> str:
        return f"sensor {self.name!r}"


def sensor(
    job_name: str | None = None, *, name: str | None = None, **options: Any
) -> Callable[[Callable[..., Any]], SensorDefinition]:
    """Declare that a function says, whenever it is asked, what should run.

    It returns or yields RunRequests, or returns a SkipReason, a SensorResult or None. `options` are those of
    SensorDefinition; the name defaults to the function's.
    """
    namespace = sys._getframe(1).f_locals

    def define(function: Callable[..., Any]) -> SensorDefinition:
        return SensorDefinition(
            name, job_name=job_name, evaluation_fn=function, namespace=namespace, **options
        )

    return define
