"""Sensors that evaluate the automation conditions of assets and checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from mlorch.definitions.automation import AutomationCondition, require_condition
from mlorch.definitions.sensors import SensorDefinition, Status
from mlorch.definitions.ticks import DefaultSensorStatus
from mlorch.errors import UserError

DEFAULT_NAME = "default_automation_condition_sensor"
"""The sensor of what no other evaluates."""


class AutomationConditionSensorDefinition(SensorDefinition):
    """Evaluate the conditions of the `target`, and request the runs that they ask for.

    `run_tags` are put on each run. With a `default_condition`, assets without one have that. Several
    partitions of the same assets are one backfill, or runs of their own without `emit_backfills`. Conditions
    are always evaluated where the project's code is, `use_user_code_server` or not.
    """

    def __init__(
        self,
        name: str,
        *,
        target: Any,
        tags: Mapping[str, Any] | None = None,
        run_tags: Mapping[str, Any] | None = None,
        default_status: Status = DefaultSensorStatus.STOPPED,
        minimum_interval_seconds: float | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        emit_backfills: bool = True,
        use_user_code_server: bool = True,
        default_condition: AutomationCondition | None = None,
        time_limit: float = 60.0,
    ) -> None:
        super().__init__(
            name,
            evaluation_fn=_evaluate,
            target=target,
            tags=tags,
            default_status=default_status,
            minimum_interval_seconds=minimum_interval_seconds,
            description=description,
            metadata=metadata,
            time_limit=time_limit,
        )
        if default_condition is not None:
            require_condition(str(self), default_condition)
        self.default_condition = default_condition
        self.emit_backfills = emit_backfills
        self.run_tags = {str(key): str(value) for key, value in (run_tags or {}).items()}


def implicit_sensor(sensors: Iterable[SensorDefinition]) -> AutomationConditionSensorDefinition | None:
    """Return the sensor of what no other evaluates, off until it is started; None where one has its name."""
    if any(one.name == DEFAULT_NAME for one in sensors):
        return None
    made = AutomationConditionSensorDefinition(
        DEFAULT_NAME, target="*", description="Evaluates the automation conditions that no other sensor does."
    )
    made.is_implicit = True
    return made


def _evaluate(context: Any) -> NoReturn:
    raise UserError(
        "automation conditions are evaluated by the daemon; in a test, call evaluate_automation_conditions"
    )
